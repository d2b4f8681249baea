package directory

import (
	"fmt"
	"sort"
	"sync"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// A servedHead is what a response says of the log: the newest head that may be
// served beside the auditor's, if there is one.
type servedHead struct {
	head    wire.TreeHead
	auditor *wire.AuditorTreeHead // ThirdPartyAuditing only
}

// servedHeads remembers the last answer of Directory.serve, which changes only
// with the log's head or the auditor's.
type servedHeads struct {
	mu      sync.Mutex
	size    uint64 // of the log
	auditor uint64 // size of the auditor's head
	served  servedHead
}

// serve decides which head to answer with. In ThirdPartyAuditing mode it is the
// newest one whose rightmost entry is at most max_auditor_lag younger than the
// auditor's ("Auditor Tree Head Signature", step 2); without an auditor's head
// there are no answers.
func (d *Directory) serve(snap Snapshot) (servedHead, error) {
	newest, period := snap.Head(), inForce(snap).now()
	if period.Log.Mode != wire.ThirdPartyAuditing {
		return servedHead{head: newest.TreeHead()}, nil
	}
	auditor, err := auditorHead(snap, period)
	if err != nil {
		return servedHead{}, err
	}
	if auditor == nil {
		return servedHead{}, noAuditorHead(period)
	}
	d.served.mu.Lock()
	defer d.served.mu.Unlock()
	if d.served.size == newest.Size && d.served.auditor == auditor.TreeSize {
		return d.served.served, nil
	}
	served, err := d.audited(snap, newest, auditor, period.Log)
	if err != nil {
		return servedHead{}, err
	}
	d.served.size, d.served.auditor, d.served.served = newest.Size, auditor.TreeSize, served
	return served, nil
}

// ErrNoAuditorHead is a log in mode ThirdPartyAuditing that waits for its auditor:
// without a head of that there are no answers. It is a problem.ErrUnavailable.
var ErrNoAuditorHead error = waits("the auditor has not signed a head")

// ErrNotAudited is an update that is committed, in an entry that may not be served
// yet: the auditor is behind. It is a problem.ErrUnavailable.
var ErrNotAudited error = waits("the update is committed; the auditor has not seen it yet")

// waits is what keeps a log from answering, in words that need no others.
type waits string

func (w waits) Error() string { return string(w) }
func (w waits) Unwrap() error { return problem.ErrUnavailable }

// noAuditorHead names the cause.
func noAuditorHead(period *Period) error {
	if period.From > 0 {
		return fmt.Errorf("%w since it was changed at log entry %d", ErrNoAuditorHead, period.From)
	}
	return fmt.Errorf("%w yet", ErrNoAuditorHead)
}

func (d *Directory) audited(snap Snapshot, newest Head, auditor *wire.AuditorTreeHead, log *wire.Configuration) (servedHead, error) {
	if newest.Timestamp-auditor.Timestamp <= log.MaxAuditorLag {
		return servedHead{newest.TreeHead(), auditor}, nil
	}
	// Timestamps ascend: find the first entry that is too young.
	var fault error
	beyond := sort.Search(int(newest.Size-auditor.TreeSize), func(i int) bool {
		entry, err := snap.LogEntry(auditor.TreeSize + uint64(i))
		if err != nil {
			fault = err
		}
		return entry.Timestamp-auditor.Timestamp > log.MaxAuditorLag
	})
	if fault != nil {
		return servedHead{}, fault
	}
	size := auditor.TreeSize + uint64(beyond)
	full, err := snap.LogNodes(logtree.FullSubtrees(size))
	if err != nil {
		return servedHead{}, err
	}
	root, err := logtree.Root(size, full)
	if err != nil {
		return servedHead{}, err
	}
	head, err := suite.SignTreeHead(d.seq.config.Keys.Signer, log, size, root)
	if err != nil {
		return servedHead{}, err
	}
	return servedHead{*head, auditor}, nil
}
