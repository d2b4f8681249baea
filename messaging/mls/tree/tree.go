// Package tree is the public half of the ratchet tree of MLS: leaf nodes with
// their credentials and capabilities, parent nodes, the arithmetic between their
// indices, tree hashes, parent hashes, and every check that a member can make
// with public information alone (RFC 9420, "Ratchet Tree Concepts" (4),
// "Credentials" (5.3), "Ratchet Tree Operations" (7), "Extensions" (13.4) and
// "Array-Based Trees" (Appendix C)).
//
// A [Tree] has a power of two of leaves. Leaf l is node 2*l; parent nodes have
// odd indices, and the root of 2^d leaves is node 2^d - 1. Nodes are never
// changed once they are in a tree, they are replaced, so that a [Tree.Clone] shares
// them: a commit is tried on a clone, and the clone is kept if all of it was valid.
//
// What is not here: private keys (package treekem), whether a credential is
// true (the group's Authenticator), and who may change what (its Policy).
package tree

import (
	"errors"
	"fmt"
)

// ErrInvalid is the class of all errors with which this package refuses a leaf
// node or a tree that was well encoded, apart from suite.ErrSignature and
// suite.ErrKey, which come as they are.
var ErrInvalid = errors.New("mls: invalid tree")

var (
	// ErrIndex: there is no leaf with this index, or it is blank.
	ErrIndex = fmt.Errorf("%w: no such leaf", ErrInvalid)
	// ErrTooLarge: a tree has more than MaxLeaves leaves.
	ErrTooLarge = fmt.Errorf("%w: too many leaves", ErrInvalid)
	// ErrPath: an update path has not one key for each node of the filtered direct path.
	ErrPath = fmt.Errorf("%w: path of the wrong length", ErrInvalid)
	// ErrSource: a leaf node has another source than the place it was found in asks for.
	ErrSource = fmt.Errorf("%w: leaf node source", ErrInvalid)
	// ErrLifetime: a leaf node is not valid at this time, or valid for too long.
	ErrLifetime = fmt.Errorf("%w: lifetime", ErrInvalid)
	// ErrUnsupported: a leaf node does not list a capability that the group, or the
	// leaf node itself, makes use of.
	ErrUnsupported = fmt.Errorf("%w: capability not supported", ErrInvalid)
	// ErrDuplicateKey: two nodes have the same encryption key, two members the same
	// signature key, or an update kept its encryption key.
	ErrDuplicateKey = fmt.Errorf("%w: key used twice", ErrInvalid)
	// ErrSignatureKey: a leaf node was to be signed with a key that it does not name.
	ErrSignatureKey = fmt.Errorf("%w: signature key", ErrInvalid)
	// ErrDefaultListed: capabilities of a leaf node that was to be signed list a type
	// that everybody has by default.
	ErrDefaultListed = fmt.Errorf("%w: default type listed", ErrInvalid)
	// ErrParentHash: a parent node cannot be chained back to a leaf.
	ErrParentHash = fmt.Errorf("%w: parent hash", ErrInvalid)
	// ErrUnmergedLeaves: a list of unmerged leaves is not sorted, names a leaf that is
	// blank or elsewhere, or is not known to the nodes between.
	ErrUnmergedLeaves = fmt.Errorf("%w: unmerged leaves", ErrInvalid)
	// ErrTreeHash: the tree is not the one that the group agreed on.
	ErrTreeHash = fmt.Errorf("%w: tree hash", ErrInvalid)
)
