// Package prefixtree is the prefix tree of draft-ietf-keytrans-protocol
// ("Tree Construction", "Cryptographic Computations" and "Tree Proofs", each
// under "Prefix Tree"): a persistent binary trie from VRF outputs to
// commitments, with one version per log entry.
//
// # Pages
//
// The tree of log entry pos is kept as pages. The page of an entry holds
// exactly the nodes that the entry made: the leaves it added, and copies of the
// nodes on the paths to every change. Children that the entry left alone are
// named by the entry that made them and their index in its page. A page never
// changes, so every version of the tree stays readable. Pages are read where
// they lie; nothing is decoded into objects (see page.go for the layout).
//
// # Shape
//
// The value of an empty tree is 32 zero bytes, and a lone leaf is the root, at
// depth 0. A removed leaf leaves an empty stand-in: its parent stays, even with
// two stand-ins below it, because a proof cannot tell a leaf from the head of a
// subtree, and so its verifier could not follow a collapse. When one entry
// removes a leaf and adds another that would end at the same node, the leaf is
// removed first: the new one takes the place of the stand-in.
//
// The depth of a search result is one byte. Two keys that differ in the last of
// their 256 bits alone would end at depth 256 and are refused with ErrDepth;
// no VRF outputs like that will ever be found.
//
// # Provers and verifiers
//
// A Builder applies the changes of a log entry, a Search looks keys up and
// proves it, Update gives an entry as its auditor sees it. Evaluate and
// EvaluateUpdate are the verifier's side: they see proofs only, trust nothing,
// and allocate nothing.
package prefixtree

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// MaxChanges is the number of leaves that one log entry may add and remove
// together, and of lookups in one proof: PrefixProof.results has a one-byte
// count.
const MaxChanges = wire.MaxVectorSmall

// Pages gives the pages of a log.
//
// Page returns the page of log entry pos. The slice is read-only, must stay
// valid and unchanged for as long as the call it was asked for, and for a
// Search until its next Reset. Errors pass through, wrapped.
type Pages interface {
	Page(pos uint64) ([]byte, error)
}

// Faults of the caller of a Builder or Search, or of its store.
var (
	// ErrCorrupt is a page that no Builder wrote; see CorruptError.
	ErrCorrupt = errors.New("prefix tree page is corrupt")
	// ErrTooMany is more than MaxChanges changes, lookups or results.
	ErrTooMany = errors.New("more than 255 prefix tree leaves at once")
)

// Faults found in changes, ours or a peer's.
var (
	// ErrOrder is a list of leaves that is not strictly ascending by VRF output.
	ErrOrder = errors.New("leaves are not in strictly ascending order")
	// ErrPresent is an added key that is in the tree and not removed beside.
	ErrPresent = errors.New("added leaf is already present")
	// ErrAbsent is a removed leaf that is not in the tree.
	ErrAbsent = errors.New("removed leaf is not present")
	// ErrDepth is a leaf that would end at depth 256.
	ErrDepth = errors.New("prefix tree leaf too deep")
)

// ErrProof is a proof that no tree and no honest prover can have given.
var ErrProof = errors.New("malformed prefix tree proof")

// A CorruptError is an ErrCorrupt that says where.
type CorruptError struct {
	Pos    uint64 // log entry of the page
	Node   int    // index of the node in the page, -1: the page's header
	Reason string
}

func (e *CorruptError) Error() string {
	if e.Node < 0 {
		return fmt.Sprintf("%v: entry %d: %s", ErrCorrupt, e.Pos, e.Reason)
	}
	return fmt.Sprintf("%v: entry %d, node %d: %s", ErrCorrupt, e.Pos, e.Node, e.Reason)
}

// Unwrap makes errors.Is(err, ErrCorrupt) true.
func (e *CorruptError) Unwrap() error { return ErrCorrupt }
