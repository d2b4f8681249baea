package checkpoint

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// MaxBinding is the greatest length of an encoded Binding, in bytes.
const MaxBinding = 1 + 3 + MaxNote + LeafSize + 1 + MaxProof*32 + 1 + 64*32 + 1 + 255*32

// BindingMediaType is the media type of an encoded Binding.
const BindingMediaType = "application/vnd.kith.binding-1"

// A Binding ties a head of the KEYTRANS log, of size n, to a signed checkpoint of
// the audit log, of size m, that witnesses have seen.
//
// If m >= n, the leaf is that of entry n-1, FullSubtrees and Elements are empty,
// and the leaf's root must be that of the head. If m < n, the leaf is that of
// entry m-1, the newest under the checkpoint; FullSubtrees are those of the
// KEYTRANS log tree at m, left to right, which must hash to the leaf's root; and
// Elements are an InclusionProof for somebody who retained them: the values of
// logtree.Needed([]uint64{m-1}, n, m, 0). They prove both that the head extends
// the tree of size m and that log entry m-1 has the timestamp and the prefix root
// which the leaf states, so that the leaf cannot look younger than it is.
// BindingNodes lists both.
//
// The encoding is in the presentation language of KEYTRANS, whose lengths of
// vectors are numbers of elements:
//
//	struct {
//	  uint8 format = 1;
//	  opaque checkpoint<1..2^24-1>;
//	  opaque leaf[149];
//	  HashValue proof<0..63>;
//	  HashValue full_subtrees<0..63>;
//	  HashValue elements<0..2^8-1>;
//	} Binding;
type Binding struct {
	Checkpoint []byte // signed, with its cosignatures
	Leaf       Leaf
	Proof      []Hash // inclusion of Leaf in the tree of Checkpoint

	FullSubtrees []wire.HashValue // only when m < n
	Elements     []wire.HashValue // only when m < n
}

// A Bound is what a verified Binding says.
type Bound struct {
	Size      uint64  // m, of the checkpoint
	Timestamp uint64  // of the leaf, ms since the Unix epoch: of log entry min(m, n)-1
	Covers    bool    // m >= n
	Leaf      Leaf    // of entry min(m, n)-1
	Signed    *Signed // the checkpoint; its cosignatures are not verified
}

// ErrBinding says that a binding does not tie the head to its checkpoint.
var ErrBinding = errors.New("checkpoint: the head is not bound to the checkpoint")

// A ContradictionError is evidence against the holder of the log's keys, provided
// that the head is signed: the checkpoint is signed by the audit log, the leaf
// stands under it, and says of a head something else than the head says of itself.
type ContradictionError struct {
	Binding Binding        // its Proof holds
	Signed  *Signed        // its checkpoint
	Size    uint64         // of the head
	Root    wire.HashValue // of the head
}

// Error names the entry.
func (e *ContradictionError) Error() string {
	return fmt.Sprintf("checkpoint: leaf %d of %s contradicts the head of size %d", e.Binding.Leaf.Position, e.Signed.Origin, e.Size)
}

// BindingNodes returns the nodes of the KEYTRANS log tree whose values a Binding
// of a head of size n under a checkpoint of size m < n, neither of them 0, has as
// its FullSubtrees and its Elements. If m >= n there are none.
func BindingNodes(m, n uint64) (fullSubtrees, elements []logtree.Node) {
	if m == 0 || m >= n {
		return nil, nil
	}
	return logtree.FullSubtrees(m), logtree.Needed([]uint64{m - 1}, n, m, 0)
}

// Append appends the encoding of the binding to b.
func (b *Binding) Append(dst []byte) ([]byte, error) {
	return nil, errors.New("checkpoint: not there yet")
}

// ParseBinding decodes exactly one binding. It shares the memory of b.
func ParseBinding(b []byte) (*Binding, error) {
	return nil, errors.New("checkpoint: not there yet")
}

// Verify verifies that the head of the KEYTRANS log with the given Configuration,
// size and root is bound to the checkpoint. v is the audit log's verifier. The
// head itself, and the cosignatures (Quorum.Check of Bound.Signed), are the
// caller's to verify.
//
// If the leaf under the checkpoint contradicts the head, the error is a
// *ContradictionError; a leaf of another Configuration is a *ConfigurationError;
// everything else that does not hold wraps ErrBinding, ErrSignature, ErrMalformed
// or ErrProof.
func (b *Binding) Verify(v *Verifier, config Digest, size uint64, root wire.HashValue) (*Bound, error) {
	return nil, errors.New("checkpoint: not there yet")
}

// A ConfigurationError says that the leaf of a binding is of another
// Configuration than the head. That is so for a while after the Configuration has
// changed (another auditor), until a checkpoint covers an entry under the new one.
type ConfigurationError struct {
	Position   uint64
	Have, Want Digest
}

// Error names the entry.
func (e *ConfigurationError) Error() string {
	return fmt.Sprintf("checkpoint: leaf %d is of another Configuration than the head", e.Position)
}

// Unwrap returns ErrBinding.
func (e *ConfigurationError) Unwrap() error { return ErrBinding }
