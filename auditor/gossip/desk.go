package gossip

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// Options of a Desk. The zero value is good.
type Options struct {
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // is told of convictions and suspicions, never of who brought them; nil: none
	// Skew is how far clocks may be apart before a head that was not reached is
	// late; 0: five minutes.
	Skew time.Duration
}

// Bounds of what a Desk keeps and tells.
const (
	maxEnvelopes       = 8 // of documents of one log
	maxSuspicions      = 8 // sentences
	maxTold            = 8 // heads in a Sighting of ours
	maxToldCheckpoints = 4
	maxToldDocument    = 64 << 10 // bytes
)

// A Desk compares what others saw of one log. It is safe for concurrent use.
type Desk struct {
	standing
	court Court
	o     Options

	mu        sync.Mutex
	pool      pool
	agreed    uint64
	apart     uint64
	suspicion []string         // newest last
	reached   uint64           // size up to which the pool was compared
	convicted []byte           // what the court could not keep
	recent    []wire.HashValue // roots at the rightmost distinguished entries
	recentOf  uint64           // of the log of this size
	envelopes [][]byte         // documents with the keys of what waits
}

// NewDesk returns the Desk of a log.
func NewDesk(v View, c Court, o Options) *Desk {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Skew == 0 {
		o.Skew = lateAfter
	}
	return &Desk{standing: standing{view: v}, court: c, o: o}
}

// Fingerprint returns the fingerprint of the log, zero if there is no document yet.
func (d *Desk) Fingerprint() provider.Fingerprint {
	l, err := d.logOf()
	if err != nil {
		return provider.Fingerprint{}
	}
	return l.fingerprint
}

// Domain returns the domain of the log's provider, "" if there is no document yet.
func (d *Desk) Domain() string {
	l, err := d.logOf()
	if err != nil {
		return ""
	}
	return l.pinned.Document.Domain
}

// A Status is what came of sightings since the start.
type Status struct {
	Agreed     uint64   // heads and checkpoints that are the audited ones
	Waiting    int      // that are ahead of the audit
	Late       int      // of these, that the audit should have reached
	Dropped    uint64   // for which there was no room
	Apart      uint64   // lists of distinguished roots without overlap
	Suspicions []string // oldest first, a bounded number
}

// Status returns what came of sightings.
func (d *Desk) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Status{Agreed: d.agreed, Waiting: len(d.pool.list), Dropped: d.pool.dropped, Apart: d.apart, Suspicions: slices.Clone(d.suspicion)}
	for _, t := range d.pool.list {
		if t.late {
			s.Late++
		}
	}
	return s
}

// Run compares what was waiting, every interval, until ctx ends.
func (d *Desk) Run(ctx context.Context, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := d.Advance(); err != nil {
				d.o.Logger.Warn("what was sighted could not be compared", "error", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}
