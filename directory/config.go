package directory

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/kith-kt/kith/proto/wire"
)

// Config is what a Sequencer needs. Zero values of the optional fields are good.
type Config struct {
	// Log is the public configuration in force in the log. Its keys must be those
	// of Keys. Nothing of it but the auditor can be changed: see Reconfigure.
	Log wire.Configuration
	// Keys sign heads and evaluate the VRF.
	Keys *Keys
	// Store holds the log. The Sequencer does not close it.
	Store Store
	// HighWater is the mark beside the keys.
	HighWater HighWater

	// Interval is the least time between two durable commits under load; an
	// update that finds the system idle is committed at once. Default 20 ms.
	Interval time.Duration
	// MaxEntries is how many log entries of updates one commit gathers. Default 64.
	MaxEntries int
	// BulkEntries is how many log entries of 255 labels one commit of a bulk
	// load gathers. Default 64 to 1024, more the larger the log is.
	BulkEntries int
	// MaxQueue is how many updates may wait; more are turned away with
	// problem.ErrUnavailable. Default 16384.
	MaxQueue int

	// Now is the clock. Default time.Now.
	Now func() time.Time
	// After is the timer of Run. Default time.After.
	After func(time.Duration) <-chan time.Time
	// Rand is where commitment openings come from. Default crypto/rand.
	Rand io.Reader
	// Logger is told what an operator should know: never a label. Default: none.
	Logger *slog.Logger
}

// A HighWater is the mark that no store of this operator may fall behind.
// HighWaterFile is the one on disk.
type HighWater interface {
	// Read returns the size and root of the newest head that may have been
	// shown to anybody; size 0: none yet.
	Read() (size uint64, root wire.HashValue, err error)
	// Raise makes the mark durable. It never lowers it.
	Raise(size uint64, root wire.HashValue) error
}

// AuditorHeads keeps the newest head of the auditor, in ThirdPartyAuditing mode.
// The store's meta values hold it; the read side decides which of the log's
// heads can be served beside it (Configuration.MaxAuditorLag).
type AuditorHeads interface {
	// AuditorHead returns the newest head, or nil if there is none yet.
	AuditorHead() (*wire.AuditorTreeHead, error)
	// PutAuditorHead verifies a head and keeps it, durably, if it is newer.
	PutAuditorHead(ctx context.Context, head *wire.AuditorTreeHead) error
}
