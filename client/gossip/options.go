// Package gossip hands what a user saw of a log in to auditors, and judges what
// they answer ("Detecting Forks" of draft-ietf-keytrans-protocol).
//
// A sighting is made of the newest head, the retained roots of distinguished
// entries, the pinned provider document and the newest cosigned checkpoint: things
// that every user of the log has alike. Nothing in it depends on a label that the
// user looked up or owns. It is posted without cookies, tokens or any word about
// who or what posts it, to one auditor after another, in an order and after
// pauses that chance decides.
//
// Auditors are not believed. What they send in evidence is verified here, and
// counts only if it is about the keys that the user has pinned.
package gossip

import (
	"context"
	"crypto/tls"
	"time"
)

// Options change how sightings are handed in. The zero value is good.
type Options struct {
	Timeout time.Duration // for one auditor; 0: DefaultTimeout
	// Jitter bounds the pause before each auditor, whose length is random; 0: none.
	Jitter time.Duration
	TLS    *tls.Config // nil: the system's roots; versions below 1.2 are never spoken

	// Sleep waits; nil: a timer. For tests.
	Sleep func(ctx context.Context, d time.Duration) error
}

// DefaultTimeout is for one auditor.
const DefaultTimeout = 10 * time.Second

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return o
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
