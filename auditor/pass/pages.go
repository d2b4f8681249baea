package pass

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

// pages reads updates one after the other.
type pages struct {
	source Source
	format wire.Format
	ahead  int      // updates that are read, parsed and evaluated before they are taken
	frames [][]byte // read and not begun; they share one page
	begun  []*update
	bytes  uint64 // read so far
}

func newPages(s Source, f wire.Format) *pages {
	return &pages{source: s, format: f, ahead: runtime.GOMAXPROCS(0)}
}

// An update is one that was served. Nothing of it is verified; all that follows
// from its bytes alone is computed on another core.
type update struct {
	encoded []byte
	done    chan struct{} // closed when the rest is there
	digest  checkpoint.Digest
	parsed  *auditor.Evaluated
	err     error // from parsing
}

func begin(encoded []byte, f wire.Format) *update {
	u := &update{encoded: encoded, done: make(chan struct{})}
	go func() {
		defer close(u.done)
		u.digest = sha256.Sum256(encoded)
		parsed, err := wire.ParseAuditorUpdate(encoded, f)
		if err != nil {
			u.err = err
			return
		}
		u.parsed = auditor.Evaluate(parsed)
	}()
	return u
}

// take returns the update of the entry at pos; the positions are consecutive.
func (p *pages) take(ctx context.Context, pos uint64) (*update, error) {
	if len(p.begun) == 0 && len(p.frames) == 0 {
		page, err := p.source.Updates(ctx, pos)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return nil, &Misbehaviour{Kind: BadFeed, Entry: pos, Err: ErrShort}
		}
		p.bytes += uint64(len(page))
		if p.frames, err = split(page, pos); err != nil {
			return nil, err
		}
	}
	for len(p.frames) > 0 && len(p.begun) <= p.ahead {
		p.begun = append(p.begun, begin(p.frames[0], p.format))
		p.frames = p.frames[1:]
	}
	u := p.begun[0]
	p.begun = append(p.begun[:0], p.begun[1:]...)
	select {
	case <-u.done:
		return u, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// split splits a page whose first update is of the entry at pos.
func split(page []byte, pos uint64) (frames [][]byte, err error) {
	bad := func(format string, args ...any) ([][]byte, error) {
		err := fmt.Errorf("%w: %s", ErrPage, fmt.Sprintf(format, args...))
		return nil, &Misbehaviour{Kind: BadFeed, Entry: pos + uint64(len(frames)), Err: err}
	}
	if len(page) > max(MaxPage, MaxBundle) {
		return bad("%d bytes", len(page))
	}
	for len(page) > 0 {
		if len(frames) == MaxUpdates {
			return bad("more than %d updates", MaxUpdates)
		}
		if len(page) < 4 {
			return bad("cut off in a length")
		}
		n := binary.BigEndian.Uint32(page)
		page = page[4:]
		if n > MaxUpdate {
			return bad("an update of %d bytes", n)
		}
		if uint64(n) > uint64(len(page)) {
			return bad("cut off %d bytes before the end of an update", uint64(n)-uint64(len(page)))
		}
		frames = append(frames, page[:n:n])
		page = page[n:]
	}
	return frames, nil
}
