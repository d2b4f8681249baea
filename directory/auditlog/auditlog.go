// Package auditlog says what an engine of the audit log does: the RFC 6962 log
// whose leaf i is the record of log entry i (package checkpoint). Checkpoints
// are signed, and cosignatures collected, once, above it.
//
// The engine tiled lives inside the store and is written in the transaction of
// the log entries. An engine outside it follows the store, never leads it, and
// is replayed on start: Append says how far it is.
package auditlog

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
)

var (
	// ErrGap is an Append beyond the end of the log.
	ErrGap = errors.New("audit log: leaves would leave a gap")
	// ErrConflict is an Append of a leaf that is not the one the log has.
	ErrConflict = errors.New("audit log: another leaf is there")
	// ErrRange is a question about leaves that the log does not have yet.
	ErrRange = errors.New("audit log: beyond the end of the log")
)

// A Log is an RFC 6962 log. It is safe for concurrent use.
type Log interface {
	// Size returns the number of leaves.
	Size(ctx context.Context) (uint64, error)

	// Append adds leaves from position first on, durably, all or none. It may
	// be repeated: leaves that the log has already are compared and must be the
	// same, or it fails with ErrConflict; those beyond its end are added. A
	// first beyond the end is ErrGap.
	Append(ctx context.Context, first uint64, leaves [][]byte) error

	// ReadRange returns the leaves [lo, hi), or ErrRange.
	ReadRange(ctx context.Context, lo, hi uint64) ([][]byte, error)

	// InclusionProof proves leaf index in the log of a size (RFC 6962, section
	// 2.1.1), or returns ErrRange.
	InclusionProof(ctx context.Context, index, size uint64) ([]tlog.Hash, error)

	// ConsistencyProof proves that the log of size to begins with that of size
	// from (RFC 6962, section 2.1.2), or returns ErrRange. Nothing is needed for
	// equal sizes and for from 0.
	ConsistencyProof(ctx context.Context, from, to uint64) ([]tlog.Hash, error)
}

// A Tiler is a Log that can be served as static files.
type Tiler interface {
	// Tile returns the contents of a tile of hashes or of entries, or ErrRange.
	Tile(ctx context.Context, tile checkpoint.Tile) ([]byte, error)
	// Root returns the root of the log of a size, or ErrRange.
	Root(ctx context.Context, size uint64) (tlog.Hash, error)
}
