package directory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
)

// metaCosigned is the meta key of the newest checkpoint that had the cosignatures
// it needs: SHA-256 of the note, and the note.
const metaCosigned = "cosigned-checkpoint"

// Cosigned returns the checkpoint that PutCosigned kept, or nil. Its signatures
// are the reader's to verify.
func Cosigned(snap Snapshot) ([]byte, error) {
	b, err := snap.Meta(metaCosigned)
	if err != nil || b == nil {
		return nil, err
	}
	if len(b) < sha256.Size || sha256.Sum256(b[sha256.Size:]) != [sha256.Size]byte(b) {
		return nil, fmt.Errorf("%w: meta: %s", ErrCorrupt, metaCosigned)
	}
	return bytes.Clone(b[sha256.Size:]), nil
}

// PutCosigned keeps a checkpoint with its cosignatures, durably.
func PutCosigned(ctx context.Context, store Store, note []byte) error {
	sum := sha256.Sum256(note)
	return store.PutMeta(ctx, map[string][]byte{metaCosigned: append(sum[:], note...)})
}
