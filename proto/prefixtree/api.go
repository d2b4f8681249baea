package prefixtree

import "github.com/kith-kt/kith/proto/wire"

// A Builder applies the changes of log entries. Its zero value is ready; it
// keeps buffers between calls and is not safe for concurrent use.
type Builder struct{}

// Apply makes the tree of log entry pos: that of entry pos-1 (the empty tree if
// pos is 0) without the leaves of removed and with those of added. Both lists
// are strictly ascending by VRF output (see SortLeaves) and hold at most
// MaxChanges leaves together; a key may be in both, which replaces its
// commitment. Without changes the page refers to the previous root.
//
// It returns the entry's page, which is the caller's, and the root. If proof is
// not nil, it is filled with the proof of the entry's AuditorUpdate, reusing
// its slices' space: the lookups of added, then removed, in the previous tree.
// After an error proof's content is undefined.
func (b *Builder) Apply(pages Pages, pos uint64, added, removed []wire.PrefixLeaf, proof *wire.PrefixProof) (page []byte, root wire.HashValue, err error) {
	panic("soon")
}

// SortLeaves sorts leaves ascending by VRF output, as Apply wants them.
func SortLeaves(leaves []wire.PrefixLeaf) { panic("soon") }

// Root returns the root of the tree of log entry pos.
func Root(pages Pages, pos uint64) (wire.HashValue, error) { panic("soon") }

// A Search looks keys up, one by one, in the tree of one log entry, and then
// proves what it found. It is not safe for concurrent use.
type Search struct{}

// NewSearch begins a search of the tree of log entry pos.
func NewSearch(pages Pages, pos uint64) *Search { panic("soon") }

// Reset begins another search, in the memory of this one.
func (s *Search) Reset(pages Pages, pos uint64) { panic("soon") }

// Lookup looks key up. A key may be looked up twice; it then has two results.
func (s *Search) Lookup(key wire.VRFOutput) (commitment wire.HashValue, included bool, err error) {
	panic("soon")
}

// Proof proves the lookups made since the beginning, in their order. Without
// lookups it has no results and one element, the root.
func (s *Search) Proof() (wire.PrefixProof, error) { panic("soon") }

// Update returns log entry pos as its auditor sees it, from pages alone.
func Update(pages Pages, pos uint64, timestamp uint64) (*wire.AuditorUpdate, error) { panic("soon") }

// Check recomputes the value of every node in the page of log entry pos.
func Check(pages Pages, pos uint64) error { panic("soon") }

// Evaluate returns the root that proof proves lookups of keys in. commitments(i)
// is the commitment of keys[i] and is asked for where results[i] is an inclusion;
// nil is an error. Equal keys must have equal results.
func Evaluate(keys []wire.VRFOutput, commitments func(i int) *wire.HashValue, proof *wire.PrefixProof) (wire.HashValue, error) {
	panic("soon")
}

// EvaluateUpdate returns the roots of the prefix tree before and after u:
// steps 2, 3, 4, 6 and 7 of "Auditing".
func EvaluateUpdate(u *wire.AuditorUpdate) (prevRoot, newRoot wire.HashValue, err error) {
	panic("soon")
}
