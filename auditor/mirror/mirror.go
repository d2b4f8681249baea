// Package mirror reads a log from static files, as kithd export-audit writes them
// and every file host can serve them:
//
//	.well-known/kith.json          the signed provider document
//	log/checkpoint                 the newest signed checkpoint
//	log/tile/0/x001/234.p/5        tiles and bundles of entries, C2SP tlog-tiles
//	log/updates/x001/234           32 AuditorUpdates, each behind its length
//	log/updates/x001/235.p/5       those at the end of the log
//
// It verifies nothing: package pass does. Whoever keeps the files need not be
// trusted, and is not the provider: what they say wrong is not yet the provider's
// misbehaviour (see Provable).
package mirror

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// Bounds of files, in bytes; those of bundles are pass.MaxBundle.
const (
	maxCheckpoint = 64 << 10
	maxTile       = checkpoint.TileWidth * (2 + checkpoint.LeafSize) // more than its 256 hashes
)

// ErrMalformed is a file that is not cut as its path says.
var ErrMalformed = errors.New("malformed file of a log")

// Files is where the files of one log are kept.
type Files interface {
	// Get returns the file at a path with slashes, of at most limit bytes. A file
	// that is not there is feed.ErrAbsent.
	Get(ctx context.Context, path string, limit int64) ([]byte, error)
	// Address names the place, for people.
	Address() string
	// Close lets go of it.
	Close()
}

// A Mirror is the files of one log. It is safe for concurrent use.
type Mirror struct {
	files Files

	mu    sync.Mutex
	size  uint64 // of the newest checkpoint that was read, not verified
	pages bool   // there are no bundles, but a provider that has pages of updates
}

var _ pass.Source = (*Mirror)(nil)

// New returns the log that lies in files.
func New(files Files) *Mirror { return &Mirror{files: files} }

// Open returns the log at a place: below an http or https address, or in a folder.
func Open(place string, o feed.Options) (*Mirror, error) {
	if !strings.Contains(place, "://") {
		folder, err := OpenFolder(place)
		if err != nil {
			return nil, err
		}
		return New(folder), nil
	}
	files, err := feed.NewFiles(place, o)
	if err != nil {
		return nil, err
	}
	return New(files), nil
}

// Address names the place, for people.
func (m *Mirror) Address() string { return m.files.Address() }

// Close lets go of the place.
func (m *Mirror) Close() { m.files.Close() }

// Document returns the signed provider document.
func (m *Mirror) Document(ctx context.Context) ([]byte, error) {
	return m.files.Get(ctx, strings.TrimPrefix(provider.Path, "/"), provider.MaxSize)
}

// Checkpoint implements pass.Source.
func (m *Mirror) Checkpoint(ctx context.Context) ([]byte, error) {
	note, err := m.files.Get(ctx, "log/checkpoint", maxCheckpoint)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.size = sizeOf(note)
	return note, nil
}

// sizeOf reads the second line of a checkpoint. It is not verified: a wrong size
// leads to files that are not there.
func sizeOf(note []byte) uint64 {
	lines := strings.SplitN(string(note), "\n", 3)
	if len(lines) < 3 {
		return 0
	}
	size, err := strconv.ParseUint(lines[1], 10, 62)
	if err != nil {
		return 0
	}
	return size
}

// Tile implements pass.Source. A partial tile may have gone when the full one
// came: its beginning is the same.
func (m *Mirror) Tile(ctx context.Context, t checkpoint.Tile) ([]byte, error) {
	b, err := m.files.Get(ctx, "log/"+t.Path(), maxTile)
	if t.Width == checkpoint.TileWidth || !errors.Is(err, feed.ErrAbsent) {
		return b, err
	}
	full := t
	full.Width = checkpoint.TileWidth
	whole, e := m.files.Get(ctx, "log/"+full.Path(), maxTile)
	if e != nil {
		return nil, err // of the file that was wanted
	}
	n := t.Width * len(checkpoint.Hash{})
	if t.Level == checkpoint.Entries {
		n = t.Width * (2 + checkpoint.LeafSize)
	}
	return whole[:min(n, len(whole))], nil
}

// Updates implements pass.Source: the updates from start to the end of its bundle.
func (m *Mirror) Updates(ctx context.Context, start uint64) ([]byte, error) {
	m.mu.Lock()
	size, pages := m.size, m.pages
	m.mu.Unlock()
	if start >= size {
		return nil, nil
	}
	if pages {
		return m.page(ctx, start)
	}
	index := start / checkpoint.UpdatesWidth
	first := index * checkpoint.UpdatesWidth
	width := int(min(checkpoint.UpdatesWidth, size-first))
	path := checkpoint.UpdatesPath(index, width)
	b, err := m.files.Get(ctx, "log/"+path, pass.MaxBundle)
	in := width
	if width < checkpoint.UpdatesWidth && errors.Is(err, feed.ErrAbsent) {
		if whole, e := m.files.Get(ctx, "log/"+checkpoint.UpdatesPath(index, checkpoint.UpdatesWidth), pass.MaxBundle); e == nil {
			b, err, in = whole, nil, checkpoint.UpdatesWidth
		}
	}
	if errors.Is(err, feed.ErrAbsent) {
		if b, e := m.page(ctx, start); e == nil {
			m.mu.Lock()
			m.pages = true
			m.mu.Unlock()
			return b, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return cut(b, path, int(start-first), width, in)
}

// page asks for updates as a provider serves them.
func (m *Mirror) page(ctx context.Context, start uint64) ([]byte, error) {
	if p, ok := m.files.(*feed.Files); ok {
		return p.Updates(ctx, start)
	}
	return nil, feed.ErrAbsent
}

// cut returns the updates [lo, hi) of a bundle of n. Where the bundle itself is
// cut off or miscounts, what is there is returned: package pass names the entry.
func cut(b []byte, path string, lo, hi, n int) ([]byte, error) {
	from, to := 0, len(b)
	at := 0
	for i := range n {
		if i == lo {
			from = at
		}
		if i == hi {
			to = at
		}
		if len(b)-at < 4 || uint64(len(b)-at-4) < uint64(binary.BigEndian.Uint32(b[at:])) {
			if i < lo {
				return nil, fmt.Errorf("%s: %w: it ends before update %d", path, ErrMalformed, i)
			}
			return bytes.Clone(b[from:]), nil
		}
		at += 4 + int(binary.BigEndian.Uint32(b[at:]))
	}
	if at != len(b) {
		return nil, fmt.Errorf("%s: %w: %d bytes after its %d updates", path, ErrMalformed, len(b)-at, n)
	}
	return b[from:to], nil
}

// Provable reports whether a misbehaviour that was found in a copy of a log is the
// provider's own: signed checkpoints contradict each other, or a leaf that stands
// under one is wrong by itself. All else may be the fault of who keeps the files.
func Provable(m *pass.Misbehaviour) bool {
	switch m.Kind {
	case pass.Fork, pass.Reconfigured, pass.BadStep, pass.BadRoot:
		return true
	}
	return false
}
