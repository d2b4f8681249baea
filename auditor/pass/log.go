// Package pass takes an auditor over the whole of a provider's log, from where it
// was to the newest checkpoint (draft-ietf-keytrans-protocol, "Auditing").
//
// For every log entry i, three things that the provider serves must agree: leaf i
// of the audit log, which must stand under the signed checkpoint; the AuditorUpdate
// of entry i; and the roots that auditor.Step computes from it. And the checkpoint
// must be of a log that continues the one of the checkpoint seen last.
//
// What is wrong is a *Misbehaviour, which names the log entry. What could not be
// read is an error of the Source, and no fault of the log.
package pass

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// Bounds of a page of AuditorUpdates.
const (
	// MaxUpdates is the greatest number of updates in a page.
	MaxUpdates = 512
	// MaxUpdate is the greatest length of an update, in bytes: 255 leaves and as
	// many results, and the 65535 elements that can be counted.
	MaxUpdate = 12 + 255*64 + 1 + 255*66 + 2 + 65535*32
	// MaxPage is the greatest length of a page, in bytes: the update that reaches
	// 4 MiB is the last one.
	MaxPage = 4<<20 + 4*MaxUpdates + MaxUpdate
	// MaxBundle is the greatest length of a bundle of updates, in bytes.
	MaxBundle = checkpoint.UpdatesWidth * (4 + MaxUpdate)
)

// A Source is where the parts of one log are read. Nothing it returns is trusted.
type Source interface {
	// Checkpoint returns the newest signed checkpoint.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Tile returns a tile of hashes or a bundle of entries.
	Tile(ctx context.Context, t checkpoint.Tile) ([]byte, error)
	// Updates returns AuditorUpdates of consecutive entries from start on, each
	// behind its length in four bytes, big-endian; none if there are none yet. It
	// is a page, or the end of a bundle.
	Updates(ctx context.Context, start uint64) ([]byte, error)
}

// A Log is what is pinned of a log before anything of it is read.
type Log struct {
	Configuration *wire.Configuration
	Digest        checkpoint.Digest // of the encoded Configuration
	Verifier      *checkpoint.Verifier
	// Former are the digests of the Configurations before, oldest first. Leaves go
	// over from one to the next, and never back.
	Former []checkpoint.Digest
}

// Configured returns which Configuration a leaf is of, counted from the oldest, if
// it may come after a leaf of the one numbered last; else false.
func (l *Log) Configured(last int, leaf checkpoint.Digest) (int, bool) {
	for i := last; i <= len(l.Former); i++ {
		if i == len(l.Former) && leaf == l.Digest || i < len(l.Former) && leaf == l.Former[i] {
			return i, true
		}
	}
	return last, false
}

// NewLog returns the log of a provider document.
func NewLog(d *provider.Document) (*Log, error) {
	config, err := d.Config()
	if err != nil {
		return nil, err
	}
	verifier, err := checkpoint.NewVerifier(d.AuditLog.Key)
	if err != nil {
		return nil, err
	}
	if verifier.Origin() != d.AuditLog.Origin {
		return nil, fmt.Errorf("%w: audit log %q has the key of %q", provider.ErrMalformed, d.AuditLog.Origin, verifier.Origin())
	}
	l := &Log{Configuration: config, Digest: sha256.Sum256(d.Configuration), Verifier: verifier}
	for _, former := range d.Former {
		l.Former = append(l.Former, sha256.Sum256(former))
	}
	return l, nil
}

// Begin returns the progress before the first entry.
func (l *Log) Begin() Progress {
	return Progress{State: auditor.New(l.Configuration.ReasonableMonitoringWindow)}
}
