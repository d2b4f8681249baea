package checkpoint

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// BindingMediaType is the media type of an encoded Binding.
const BindingMediaType = "application/vnd.kith.binding-1"

// A Binding ties a head of the KEYTRANS log, of size n, to a signed checkpoint of
// the audit log, of size m, that witnesses have seen.
//
// If m >= n, the leaf is that of entry n-1, FullSubtrees and Elements are empty,
// and the leaf's root must be that of the head. If m < n, the leaf is that of
// entry m-1, the newest under the checkpoint; FullSubtrees are those of the
// KEYTRANS log tree at m, left to right, which must hash to the leaf's root; and
// Elements are the InclusionProof of leaf m-1 in the tree of size n for somebody
// who retained them. That proves both that the head extends the tree of size m and
// that log entry m-1 has the timestamp which the leaf states, so that the leaf
// cannot look younger than it is. BindingNodes lists both.
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
	Timestamp uint64  // of the leaf, ms since the Unix epoch
	Covers    bool    // m >= n
	Leaf      Leaf    // of entry min(m, n)-1
	Signed    *Signed // the checkpoint; its cosignatures are not verified
}

// ErrBinding says that a binding does not tie the head to its checkpoint.
var ErrBinding = errors.New("checkpoint: the head is not bound to the checkpoint")

// A ContradictionError is evidence against the holder of the log's keys, provided
// that the head is signed: the checkpoint is signed by the audit log, and the leaf
// under it has another root than the head.
type ContradictionError struct {
	Binding Binding // its checkpoint is signed and its Proof holds
	Origin  string
	Size    uint64         // of the head
	Root    wire.HashValue // of the head
}

// Error names the entry.
func (e *ContradictionError) Error() string {
	return fmt.Sprintf("checkpoint: leaf %d of %s contradicts the head of size %d", e.Binding.Leaf.Position, e.Origin, e.Size)
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

// BindingNodes returns the nodes of the KEYTRANS log tree whose values are the
// FullSubtrees and the Elements of a Binding of a head of size n under a
// checkpoint of size m. If m is 0 or not less than n, there are none.
func BindingNodes(m, n uint64) (fullSubtrees, elements []logtree.Node) {
	if m == 0 || m >= n {
		return nil, nil
	}
	return logtree.FullSubtrees(m), logtree.Needed([]uint64{m - 1}, n, m, 0)
}

// Verify verifies that the head of the KEYTRANS log with the given Configuration,
// size and root is bound to the checkpoint. v is the audit log's verifier. The
// signature of the head, and the cosignatures (Quorum.Check of Bound.Signed), are
// the caller's to verify.
//
// If the leaf under the checkpoint contradicts the head, the error is a
// *ContradictionError; if it is of another Configuration, a *ConfigurationError;
// everything else that does not hold wraps ErrBinding, ErrSignature, ErrMalformed
// or ErrProof.
func (b *Binding) Verify(v *Verifier, config Digest, size uint64, root wire.HashValue) (*Bound, error) {
	signed, err := v.Open(b.Checkpoint)
	if err != nil {
		return nil, err
	}
	m := signed.Size
	if size == 0 || size > MaxSize || m == 0 {
		return nil, fmt.Errorf("%w: sizes %d and %d", ErrBinding, size, m)
	}
	covers := m >= size
	if want := min(m, size) - 1; b.Leaf.Position != want {
		return nil, fmt.Errorf("%w: leaf %d, not %d", ErrBinding, b.Leaf.Position, want)
	}
	if covers && len(b.FullSubtrees)+len(b.Elements) > 0 {
		return nil, fmt.Errorf("%w: it proves more than is needed", ErrBinding)
	}
	if err := CheckInclusion(signed.Checkpoint, &b.Leaf, b.Proof); err != nil {
		return nil, err
	}
	if covers {
		if b.Leaf.Root != root {
			return nil, &ContradictionError{*b, signed.Origin, size, root}
		}
	} else if err := b.extends(size, root); err != nil {
		return nil, err
	}
	if b.Leaf.Configuration != config {
		return nil, &ConfigurationError{b.Leaf.Position, b.Leaf.Configuration, config}
	}
	return &Bound{m, b.Leaf.Timestamp, covers, b.Leaf, signed}, nil
}

// extends checks that the tree of the given size and root starts with the tree of
// the leaf, and has the log entry of the leaf where the leaf says.
func (b *Binding) extends(size uint64, root wire.HashValue) error {
	m := b.Leaf.Position + 1
	old, err := logtree.Root(m, b.FullSubtrees)
	if err != nil {
		return fmt.Errorf("%w: full subtrees of size %d: %w", ErrBinding, m, err)
	}
	if old != b.Leaf.Root {
		return fmt.Errorf("%w: full subtrees of size %d have another root than leaf %d", ErrBinding, m, m-1)
	}
	entry := logtree.Leaf{Pos: m - 1, Value: logtree.LeafHash(b.Leaf.LogEntry())}
	eval, err := logtree.Evaluate([]logtree.Leaf{entry}, m, b.FullSubtrees, size, 0, b.Elements)
	if err != nil {
		return fmt.Errorf("%w: size %d does not extend %d: %w", ErrBinding, size, m, err)
	}
	if eval.Root() != root {
		return fmt.Errorf("%w: size %d does not extend %d: another root", ErrBinding, size, m)
	}
	return nil
}
