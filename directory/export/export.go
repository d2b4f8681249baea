// Package export writes a log down as static files, for auditors and mirrors: the
// same paths and bytes that package httpapi serves.
//
//	.well-known/kith.json          the signed provider document
//	log/checkpoint                 the newest signed checkpoint, written last
//	log/tile/0/x001/234.p/5        tiles and bundles of entries, C2SP tlog-tiles
//	log/updates/x001/234           32 AuditorUpdates, each behind its length
//
// What a checkpoint in the target covers is there and is never written again, so
// an export goes on where the one before ended. One that is killed leaves files
// beyond the checkpoint: the next one takes those that are whole.
package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// Errors of an export.
var (
	// ErrOtherLog is a target that holds files of another log.
	ErrOtherLog = errors.New("target holds files of another log")
	// ErrAhead is a target whose checkpoint is larger than the log.
	ErrAhead = errors.New("target is ahead of the log")
	// ErrSource is a log that contradicts itself: nothing of it is published.
	ErrSource = errors.New("log contradicts itself")
)

// A Source is the log that is written down.
type Source interface {
	// Document returns the signed provider document.
	Document(ctx context.Context) ([]byte, error)
	// Checkpoint returns the newest signed checkpoint.
	Checkpoint(ctx context.Context) ([]byte, error)
	// File returns the contents of a tile or bundle, by its path below log/.
	File(ctx context.Context, path string) ([]byte, error)
}

// A Target is where files are kept. Paths have slashes.
type Target interface {
	// Get returns a file of at most limit bytes, or fs.ErrNotExist.
	Get(ctx context.Context, path string, limit int64) ([]byte, error)
	// Size returns the length of a file in bytes, or fs.ErrNotExist.
	Size(ctx context.Context, path string) (int64, error)
	// Put makes a file, or replaces it: a reader sees the old one or the new one.
	// A final file is never replaced by another one.
	Put(ctx context.Context, path string, b []byte, final bool) error
	// Drop removes all files below a path, if it is worth the while.
	Drop(ctx context.Context, path string) error
	// Sync returns when all files that were put are durable.
	Sync(ctx context.Context) error
	// Parallel returns how many files are best written at a time.
	Parallel() int
}

// Options direct Run. The zero value is ready.
type Options struct {
	// Progress is told how many log entries are written, of how many. It is called
	// by one goroutine at a time.
	Progress func(done, all uint64)
}

// A Summary is what an export has done.
type Summary struct {
	Size     uint64 `json:"size"`     // entries under the checkpoint in the target
	Previous uint64 `json:"previous"` // entries that were there before
	Files    uint64 `json:"files"`    // written
	Present  uint64 `json:"present"`  // beyond the checkpoint before, but there already
	Bytes    uint64 `json:"bytes"`    // of files written
}

const maxCheckpoint = 64 << 10 // bytes, cosignatures included

const (
	documentPath   = ".well-known/kith.json"
	checkpointPath = "log/checkpoint"
)

// An export is one run.
type export struct {
	source Source
	target Target
	o      Options
	group  *errgroup.Group

	mu      sync.Mutex
	summary Summary
}

// Run writes to the target what it does not have yet. What could be written before
// an error stays, and the next run goes on from there.
func Run(ctx context.Context, s Source, t Target, o Options) (Summary, error) {
	x := &export{source: s, target: t, o: o}
	err := x.run(ctx)
	return x.summary, err
}

func (x *export) run(ctx context.Context) error {
	document, err := x.source.Document(ctx)
	if err != nil {
		return err
	}
	verifier, err := x.identify(ctx, document)
	if err != nil {
		return err
	}
	note, err := x.source.Checkpoint(ctx)
	if err != nil {
		return err
	}
	signed, err := verifier.Open(note)
	if err != nil {
		return fmt.Errorf("%w: checkpoint: %w", ErrSource, err)
	}
	tree := &tree{ctx: ctx, source: x.source, size: signed.Size}
	before, err := x.before(ctx, verifier, signed, tree)
	if err != nil {
		return err
	}
	x.summary.Previous, x.summary.Size = before.Size, before.Size
	if before.Size < signed.Size {
		if err := x.grow(ctx, before.Size, signed, tree); err != nil {
			return err
		}
	}
	// The newest document, before a checkpoint that may need it.
	if err := x.replace(ctx, documentPath, document, provider.MaxSize); err != nil {
		return err
	}
	if err := x.target.Sync(ctx); err != nil {
		return err
	}
	if _, err := x.before(ctx, verifier, signed, tree); err != nil { // another export may have been faster
		return err
	}
	if err := x.replace(ctx, checkpointPath, note, maxCheckpoint); err != nil {
		return err
	}
	x.summary.Size = signed.Size
	return x.target.Sync(ctx)
}

// identify makes sure that the target is of the log of a document, or of none yet.
func (x *export) identify(ctx context.Context, document []byte) (*checkpoint.Verifier, error) {
	ours, err := provider.Reopen(document)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	verifier, err := checkpoint.NewVerifier(ours.Document.AuditLog.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	there, err := x.target.Get(ctx, documentPath, provider.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := x.target.Size(ctx, checkpointPath); err == nil {
			return nil, fmt.Errorf("%w: there is a checkpoint, but no %s", ErrOtherLog, documentPath)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return verifier, x.replace(ctx, documentPath, document, provider.MaxSize) // it says whose files will follow
	}
	if err != nil {
		return nil, err
	}
	theirs, err := provider.Reopen(there)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrOtherLog, documentPath, err)
	}
	a, err := ours.Document.Fingerprint()
	if err != nil {
		return nil, err
	}
	b, err := theirs.Document.Fingerprint()
	if err != nil || a != b || theirs.Document.AuditLog != ours.Document.AuditLog {
		return nil, fmt.Errorf("%w: %s, fingerprint %s", ErrOtherLog, theirs.Document.Domain, b)
	}
	if theirs.Document.Version > ours.Document.Version {
		return nil, fmt.Errorf("%w: its provider document is of version %d, ours of %d", ErrAhead, theirs.Document.Version, ours.Document.Version)
	}
	return verifier, nil
}

// before returns the checkpoint in the target, which must be of the same log.
func (x *export) before(ctx context.Context, v *checkpoint.Verifier, now *checkpoint.Signed, tree *tree) (c checkpoint.Checkpoint, err error) {
	note, err := x.target.Get(ctx, checkpointPath, maxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	signed, err := v.Open(note)
	if err != nil {
		return c, fmt.Errorf("%w: %s: %w", ErrOtherLog, checkpointPath, err)
	}
	if signed.Size > now.Size {
		return c, fmt.Errorf("%w: it has %d entries, the log %d", ErrAhead, signed.Size, now.Size)
	}
	var proof []checkpoint.Hash
	if signed.Size > 0 && signed.Size < now.Size {
		proof, err = tlog.ProveTree(int64(now.Size), int64(signed.Size), tlog.TileHashReader(tlog.Tree{N: int64(now.Size), Hash: now.Root}, tree))
		if err != nil {
			return c, tree.fault(err)
		}
	}
	if err := checkpoint.CheckConsistency(signed.Checkpoint, now.Checkpoint, proof); err != nil {
		return c, fmt.Errorf("%w: %w: the log does not continue what is there", ErrOtherLog, err)
	}
	return signed.Checkpoint, nil
}

// replace writes a file that changes, if it is not there as it should be.
func (x *export) replace(ctx context.Context, path string, b []byte, limit int64) error {
	there, err := x.target.Get(ctx, path, limit)
	if err == nil && bytes.Equal(there, b) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return x.put(ctx, path, b, false)
}

func (x *export) put(ctx context.Context, path string, b []byte, final bool) error {
	if err := x.target.Put(ctx, path, b, final); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.summary.Files++
	x.summary.Bytes += uint64(len(b))
	return nil
}

// A tree reads tiles of the source; it is a tlog.TileReader.
type tree struct {
	ctx    context.Context
	source Source
	size   uint64
	read   error // that a tile could not be read: no contradiction
}

// Height implements tlog.TileReader.
func (t *tree) Height() int { return checkpoint.TileHeight }

// SaveTiles implements tlog.TileReader.
func (t *tree) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (t *tree) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(want))
	for i, w := range want {
		tile, err := checkpoint.TileOf(w)
		if err == nil {
			out[i], err = t.source.File(t.ctx, tile.Path())
		}
		if err != nil {
			t.read = err
			return nil, err
		}
		if len(out[i]) != w.W*tlog.HashSize {
			return nil, fmt.Errorf("%s has %d bytes", strings.TrimPrefix(tile.Path(), "tile/"), len(out[i]))
		}
	}
	return out, nil
}

func (t *tree) fault(err error) error {
	if t.read != nil {
		return t.read
	}
	return fmt.Errorf("%w: %w", ErrSource, err)
}
