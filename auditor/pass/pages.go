package pass

import (
	"context"
	"encoding/binary"
	"fmt"
)

// pages reads updates one after the other.
type pages struct {
	source Source
	frames [][]byte // read and not taken; they share one page
	bytes  uint64   // read so far
}

// take returns the update of the entry at pos; the positions are consecutive.
func (p *pages) take(ctx context.Context, pos uint64) ([]byte, error) {
	if len(p.frames) == 0 {
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
	update := p.frames[0]
	p.frames = p.frames[1:]
	return update, nil
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
