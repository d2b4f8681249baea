package directory

import (
	"bytes"
	"context"
)

// metaCosigned is the meta key of the newest checkpoint that had the cosignatures
// it needs.
const metaCosigned = "cosigned-checkpoint"

// Cosigned returns the checkpoint that PutCosigned kept, or nil. Its signatures
// are the reader's to verify.
func Cosigned(snap Snapshot) ([]byte, error) {
	b, err := snap.Meta(metaCosigned)
	return bytes.Clone(b), err
}

// PutCosigned keeps a checkpoint with its cosignatures, durably.
func PutCosigned(ctx context.Context, store Store, note []byte) error {
	return store.PutMeta(ctx, map[string][]byte{metaCosigned: note})
}
