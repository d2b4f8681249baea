package checkpoint

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrProof says that an inclusion or consistency proof does not hold.
var ErrProof = errors.New("checkpoint: invalid proof")

// A ForkError is evidence that a log has signed two trees of one size, provided
// that both checkpoints are signed.
type ForkError struct {
	A, B Checkpoint
}

// Error names the log and the size.
func (e *ForkError) Error() string {
	return fmt.Sprintf("checkpoint: %s has two roots at size %d", e.A.Origin, e.A.Size)
}

// CheckInclusion checks that the leaf stands at its position in the tree of c
// (RFC 6962, section 2.1.1).
func CheckInclusion(c Checkpoint, leaf *Leaf, proof []Hash) error {
	if c.Size > MaxSize || leaf.Position >= c.Size {
		return fmt.Errorf("%w: no leaf %d in a tree of size %d", ErrProof, leaf.Position, c.Size)
	}
	err := tlog.CheckRecord(proof, int64(c.Size), c.Root, int64(leaf.Position), leaf.Hash())
	if err != nil {
		return fmt.Errorf("%w: inclusion of leaf %d in size %d: %w", ErrProof, leaf.Position, c.Size, err)
	}
	return nil
}

// CheckConsistency checks that the tree of newer begins with the tree of older
// (RFC 6962, section 2.1.2). Two roots at one size are a *ForkError. Nothing is
// needed to show that a tree begins with the empty one, or with itself.
func CheckConsistency(older, newer Checkpoint, proof []Hash) error {
	switch {
	case older.Origin != newer.Origin:
		return fmt.Errorf("%w: checkpoints of two logs, %q and %q", ErrProof, older.Origin, newer.Origin)
	case older.Size > newer.Size || newer.Size > MaxSize:
		return fmt.Errorf("%w: size %d is not before %d", ErrProof, older.Size, newer.Size)
	case older.Size == newer.Size && older.Root != newer.Root:
		return &ForkError{older, newer}
	case older.Size == 0 && older.Root != emptyRoot:
		return fmt.Errorf("%w: an empty tree with a root", ErrProof)
	case older.Size == 0 || older.Size == newer.Size:
		if len(proof) != 0 {
			return fmt.Errorf("%w: %d hashes where none are needed", ErrProof, len(proof))
		}
		return nil
	}
	err := tlog.CheckTree(proof, int64(newer.Size), newer.Root, int64(older.Size), older.Root)
	if err != nil {
		return fmt.Errorf("%w: consistency of sizes %d and %d: %w", ErrProof, older.Size, newer.Size, err)
	}
	return nil
}

// emptyRoot is the root of a tree without leaves: the hash of nothing.
var emptyRoot = Hash(sha256.Sum256(nil))
