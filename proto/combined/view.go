package combined

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// A View is a user's view of the tree while one response is made or verified.
// It keeps what was learned so far, so that nothing is asked for twice: the
// timestamps, and which versions were shown to be included or missing where.
type View struct {
	src    Source
	params Params
	size   uint64
	right  uint64  // timestamp of the rightmost entry, ms
	stamps []stamp // ascending by position, retained ones too
	facts  []fact

	target uint32 // of the ladder being looked up
	ladder []uint32
	asked  []uint32
	ended  func(version uint32, included bool) bool

	stampSpace [24]stamp
	factSpace  [16]fact
	askedSpace [32]uint32
}

// A stamp is a log entry whose timestamp is known.
type stamp struct{ pos, ms uint64 }

// NewView returns a user's view of the tree of size entries, after running the
// algorithm that updates it ("Updating Views of the Tree", "Algorithm") from
// what the user retained: its size, 0 for none, and its frontier.
func NewView(src Source, params Params, size, prev uint64, frontier []wire.LogEntry) (*View, error) {
	if size == 0 || size > MaxSize {
		return nil, fmt.Errorf("%w: tree of size %d", ErrRequest, size)
	}
	if prev > size {
		return nil, fmt.Errorf("%w: size %d was advertised, the tree has %d", ErrRequest, prev, size)
	}
	v := newView(src, params, size)
	var space [treemath.MaxDepth]uint64
	kept := treemath.AppendFrontier(space[:0], prev)
	if len(kept) != len(frontier) {
		return nil, fmt.Errorf("%w: %d retained frontier entries of size %d", ErrRequest, len(frontier), prev)
	}
	for i, pos := range kept {
		if err := v.insert(pos, frontier[i].Timestamp); err != nil {
			return nil, err
		}
	}
	for _, pos := range appendUpdatePath(space[:0], size, prev) {
		if _, err := v.Timestamp(pos); err != nil {
			return nil, err
		}
	}
	v.right = v.stamps[len(v.stamps)-1].ms
	return v, nil
}

func newView(src Source, params Params, size uint64) *View {
	v := &View{src: src, params: params, size: size}
	v.stamps, v.facts = v.stampSpace[:0], v.factSpace[:0]
	v.ladder, v.asked = v.askedSpace[:0:16], v.askedSpace[16:16]
	v.ended = func(version uint32, included bool) bool { return treemath.Ends(v.target, version, included) }
	return v
}

// appendUpdatePath appends the entries, ascending, whose timestamps bring a user
// from size prev (0: none) to size: the ancestors of entry prev-1 that are new,
// then the rest of the frontier.
func appendUpdatePath(dst []uint64, size, prev uint64) []uint64 {
	if prev == 0 {
		return treemath.AppendFrontier(dst, size)
	}
	last := prev - 1
	dst = treemath.AppendDirectPath(dst, last, size)
	dst = slices.DeleteFunc(dst, func(pos uint64) bool { return pos < prev })
	if len(dst) > 0 {
		last = dst[len(dst)-1]
	}
	for next, ok := treemath.Right(last, size); ok; next, ok = treemath.Right(next, size) {
		dst = append(dst, next)
	}
	return dst
}

// Size returns the number of log entries.
func (v *View) Size() uint64 { return v.size }

// Rightmost returns the timestamp of the rightmost log entry, in ms. The caller
// holds it against its clock and the bounds max_ahead and max_behind.
func (v *View) Rightmost() uint64 { return v.right }

// Timestamp returns the timestamp of a log entry, in ms, and asks the source for
// it if it was neither retained nor asked for before. All timestamps known, at
// any time, ascend with their positions, or the error is ErrProof.
func (v *View) Timestamp(pos uint64) (uint64, error) {
	if i, ok := v.find(pos); ok {
		return v.stamps[i].ms, nil
	}
	if pos >= v.size {
		return 0, fmt.Errorf("%w: entry %d in a tree of size %d", ErrRequest, pos, v.size)
	}
	ms, err := v.src.Timestamp(pos)
	if err != nil {
		return 0, err
	}
	return ms, v.insert(pos, ms)
}

func (v *View) find(pos uint64) (int, bool) {
	// Few entries are known, and new ones mostly lie at the right.
	for i := len(v.stamps) - 1; i >= 0; i-- {
		if v.stamps[i].pos <= pos {
			return i, v.stamps[i].pos == pos
		}
	}
	return -1, false
}

// insert adds a timestamp that is not known yet.
func (v *View) insert(pos, ms uint64) error {
	i, _ := v.find(pos)
	i++
	if i > 0 && v.stamps[i-1].ms > ms {
		return fmt.Errorf("%w: entry %d is older than entry %d before it", ErrProof, pos, v.stamps[i-1].pos)
	}
	if i < len(v.stamps) && ms > v.stamps[i].ms {
		return fmt.Errorf("%w: entry %d is newer than entry %d after it", ErrProof, pos, v.stamps[i].pos)
	}
	v.stamps = slices.Insert(v.stamps, i, stamp{pos, ms})
	return nil
}

// expired reports whether an entry of this timestamp is beyond the maximum
// lifetime ("Maximum Lifetime").
func (v *View) expired(ms uint64) bool {
	return v.params.MaximumLifetime != 0 && v.right-ms >= v.params.MaximumLifetime
}
