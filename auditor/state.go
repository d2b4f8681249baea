package auditor

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// A State is what an auditor knows of a log. It is a value: states share what
// they have in common and never change it.
type State struct {
	window     uint64           // Reasonable Monitoring Window, in ms
	start      uint64           // size of the head that was trusted to begin with; 0: none
	size       uint64           // number of log entries
	prefixRoot wire.HashValue   // of entry size-1
	full       []wire.HashValue // full subtrees of the log tree
	frontier   []uint64         // timestamps of the frontier, root first, in ms
	recent     recent           // leaves that may not be removed yet
}

// New begins with the first entry of a log. window is its Reasonable Monitoring
// Window, in ms.
func New(window uint64) State { return State{window: window} }

// Trust begins after a head of size entries that somebody else has vouched for,
// from the values of the log tree's full subtrees and the log entries along its
// frontier, root first. An auditor that begins so does not know which leaves are
// recent: it refuses removals until a distinguished entry at or after the last
// trusted one has passed.
func Trust(window, size uint64, full []wire.HashValue, frontier []wire.LogEntry) (State, error) {
	if size == 0 || size > treemath.MaxSize || len(frontier) != len(treemath.Frontier(size)) {
		return State{}, fmt.Errorf("%w: %d frontier entries do not belong to %d log entries", ErrState, len(frontier), size)
	}
	s := State{
		window: window, start: size, size: size,
		prefixRoot: frontier[len(frontier)-1].PrefixTree,
		full:       slices.Clone(full),
	}
	for _, e := range frontier {
		s.frontier = append(s.frontier, e.Timestamp)
	}
	return s, s.check()
}

// check is what every state that comes from outside must pass.
func (s *State) check() error {
	if _, err := logtree.NewAppender(s.size, s.full); err != nil {
		return fmt.Errorf("%w: %v", ErrState, err)
	}
	if !slices.IsSorted(s.frontier) {
		return fmt.Errorf("%w: timestamps go back", ErrState)
	}
	if s.start > s.size {
		return fmt.Errorf("%w: begins after its end", ErrState)
	}
	return nil
}

// Size returns the number of log entries audited or trusted.
func (s State) Size() uint64 { return s.size }

// Timestamp returns the timestamp of the rightmost log entry, in ms, 0 if there
// is none.
func (s State) Timestamp() uint64 {
	if len(s.frontier) == 0 {
		return 0
	}
	return s.frontier[len(s.frontier)-1]
}

// PrefixRoot returns the root of the prefix tree of the rightmost log entry.
func (s State) PrefixRoot() wire.HashValue { return s.prefixRoot }

// Root returns the root of the log tree, zero if there are no entries.
func (s State) Root() wire.HashValue {
	log, err := logtree.NewAppender(s.size, s.full)
	if err != nil {
		panic("auditor: " + err.Error()) // check has passed
	}
	return log.Root()
}

// FullSubtrees returns the values of the full subtrees of the log tree, left to
// right.
func (s State) FullSubtrees() []wire.HashValue { return slices.Clone(s.full) }

// Start returns the size of the head that was trusted to begin with, 0 if there was
// none.
func (s State) Start() uint64 { return s.start }

// Window returns the Reasonable Monitoring Window, in ms.
func (s State) Window() uint64 { return s.window }

// Added returns the log entry that added a leaf, if the leaf may not be removed yet:
// no distinguished entry has published it. A leaf of before Start is not known.
func (s State) Added(key *wire.VRFOutput) (pos uint64, ok bool) { return s.recent.added(key) }

// Oldest returns the oldest log entry with a leaf that may not be removed yet, and
// false if there is none.
func (s State) Oldest() (pos uint64, ok bool) {
	for _, run := range s.recent {
		if !ok || run.oldest < pos {
			pos, ok = run.oldest, true
		}
	}
	return pos, ok
}

// distinguished returns the rightmost entry of the log that is distinguished
// once an entry with the given timestamp has been added ("Reasonable Monitoring
// Window"), the new entry itself aside; any is false if there is none.
//
// It lies on the present frontier: a distinguished entry's parent is
// distinguished too. The left bound of a frontier entry is the frontier entry
// before it, its right bound is the new entry, whether as the new rightmost
// entry or as an ancestor, and an ancestor's bounds are wider.
func (s *State) distinguished(timestamp uint64) (pos uint64, any bool) {
	left := uint64(0)
	for i, x := range treemath.Frontier(s.size) {
		if timestamp-left < s.window {
			break
		}
		pos, any = x, true
		left = s.frontier[i]
	}
	return pos, any
}

// mayRemove reports whether all leaves, which are in the previous prefix tree,
// were in that of the distinguished entry published, or of one before it. A leaf
// that was removed and added again, even as it was, counts from its last addition.
func (s *State) mayRemove(leaves []wire.PrefixLeaf, published uint64, any bool) bool {
	if !any || s.start > 0 && published < s.start-1 {
		return false
	}
	for i := range leaves {
		if pos, ok := s.recent.added(&leaves[i].VRFOutput); ok && pos > published {
			return false
		}
	}
	return true
}
