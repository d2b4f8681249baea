// Package logtree is the log tree of KEYTRANS (draft-ietf-keytrans-protocol:
// "Log Tree" of "Tree Construction", of "Cryptographic Computations" and of
// "Tree Proofs").
//
// The log tree is a left-balanced binary tree over the log entries. Every
// balanced subtree covers the leaves [Index<<Level, (Index+1)<<Level) and is
// named by a [Node]; the value of a balanced subtree never changes once its
// leaves are there. Proofs contain the values of such nodes only. Nodes that
// are not balanced lie on the right edge and are recomputed from the *full
// subtrees*, the largest balanced ones:
//
//	              X
//	      .-------+---.
//	      A           X           5 leaves: full subtrees A = {2, 0} and
//	  .---+---.       |           leaf 4 = {0, 4}
//	 / \     / \      |
//	0   1   2   3     4
//
// A proof is planned before it is read: [Needed] lists the nodes whose values
// a batch of inclusion proofs, a consistency proof and the root of an older size
// take together; a directory reads them in one go, and [Evaluate] computes every
// value that follows. Both walk the tree in the same way.
package logtree

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// MaxSize is the greatest number of leaves.
const MaxSize = 1 << 63

var (
	// ErrProof says that a proof is not one for what it was evaluated against.
	ErrProof = errors.New("logtree: invalid proof")

	// ErrArgument says that a size, position or list of full subtrees cannot
	// be, whatever the proof: a size of 0, leaves that do not ascend.
	ErrArgument = errors.New("logtree: invalid argument")
)

// LeafHash returns the value of the leaf of a log entry, which is the hash of
// its encoding. Both cipher suites hash with SHA-256.
func LeafHash(entry wire.LogEntry) wire.HashValue {
	var b [8 + wire.HashSize]byte
	binary.BigEndian.PutUint64(b[:8], entry.Timestamp)
	copy(b[8:], entry.PrefixTree[:])
	return sha256.Sum256(b[:])
}

// parentHash returns the value of the parent of two nodes, each with whether it
// is a leaf (the hashContent of the draft).
func parentHash(left wire.HashValue, leftLeaf bool, right wire.HashValue, rightLeaf bool) wire.HashValue {
	var b [2 * (1 + wire.HashSize)]byte
	if !leftLeaf {
		b[0] = 1
	}
	copy(b[1:], left[:])
	if !rightLeaf {
		b[1+wire.HashSize] = 1
	}
	copy(b[2+wire.HashSize:], right[:])
	return sha256.Sum256(b[:])
}

// Root returns the root of a tree of n leaves from the values of its full
// subtrees, left to right.
func Root(n uint64, fullSubtrees []wire.HashValue) (wire.HashValue, error) {
	if err := checkFullSubtrees(n, fullSubtrees); err != nil {
		return wire.HashValue{}, err
	}
	if n == 0 {
		return wire.HashValue{}, fmt.Errorf("%w: an empty tree has no root", ErrArgument)
	}
	return foldRoot(n, fullSubtrees), nil
}

// foldRoot is Root for arguments known to fit.
func foldRoot(n uint64, full []wire.HashValue) wire.HashValue {
	last := len(full) - 1
	root, leaf := full[last], n&1 == 1
	for i := last - 1; i >= 0; i-- {
		root, leaf = parentHash(full[i], false, root, leaf), false
	}
	return root
}
