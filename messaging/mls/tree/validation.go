package tree

import (
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// Place is where a leaf node was found, on which its source depends.
type Place uint8

const (
	InKeyPackage Place = iota + 1 // of an Add, or downloaded
	InUpdate                      // of an Update proposal
	InCommit                      // of the UpdatePath of a Commit
	InTree                        // of a group that is joined: any source
)

// Rules are what leaf nodes are measured by: the parameters of their group and
// the moment. The zero value is that of a KeyPackage for no group yet, at an
// unknown time.
type Rules struct {
	GroupID     []byte
	Extensions  Extensions // GroupContext.extensions
	Now         uint64     // s since the Unix epoch; 0: lifetimes are not compared with it
	MaxLifetime uint64     // s, the longest that a lifetime may be; 0: DefaultMaxLifetime
}

// DefaultMaxLifetime is what "Leaf Node Contents" (7.2) asks an application to
// define: a year and a day of margin, in s. math.MaxUint64 means any.
const DefaultMaxLifetime = 366 * 24 * 60 * 60

// ValidateLeaf makes the checks of "Leaf Node Validation" (7.3) that need no
// other member: signature, source, lifetime, extensions, capabilities. index is
// the leaf's, and replaces the leaf node that it replaces, nil for a new member.
// What is left to do: [Tree.ValidateChanges], and asking the Authentication Service.
func ValidateLeaf(s *suite.Suite, l *LeafNode, place Place, index LeafIndex, replaces *LeafNode, rules *Rules) error {
	panic("not yet")
}

// Validate makes all checks of a tree that is new to us ("Joining via Welcome
// Message" (12.4.3.1)): its hash is treeHash, all leaf nodes are valid, all
// parent nodes are parent-hash valid, lists of unmerged leaves are sound, and no
// key is used twice. What is left to do is asking the Authentication Service.
func (t *Tree) Validate(treeHash []byte, rules *Rules) error { panic("not yet") }

// ValidateChanges makes the checks of "Leaf Node Validation" (7.3) that are about
// all members together, after proposals or an update path were applied to a clone
// of before, which was valid: keys of new nodes are unique, credential types in
// use are supported by all. New leaf nodes must have passed [ValidateLeaf].
func (t *Tree) ValidateChanges(before *Tree) error { panic("not yet") }

// ValidateSupport checks that all members support what extensions, those of a
// GroupContext, ask for. It is for GroupContextExtensions proposals (12.1.7).
func (t *Tree) ValidateSupport(extensions Extensions) error { panic("not yet") }
