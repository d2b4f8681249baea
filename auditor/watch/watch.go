// Package watch is one auditor at one provider: it follows the log of a provider
// for as long as it is run, keeps what it saw, signs for what it audited, and keeps
// evidence of what the provider did wrong (draft-ietf-keytrans-protocol,
// "Auditing", and C2SP tlog-cosignature).
//
// A Watch has a folder of its own, which Init makes. Run makes pass after pass,
// Pass makes one. Several watches may run in one process; none of them knows of the
// others. All methods are safe for concurrent use.
//
//	w, err := watch.Open(ctx, watch.Options{Dir: dir})
//	defer w.Close()
//	err = w.Run(ctx) // *Misbehaved once the provider was caught
package watch

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/provider"
)

// Defaults of Options.
const (
	DefaultPoll     = 10 * time.Second
	DefaultPatience = 2 * time.Minute
)

// A Source is where a provider's log is read, and the provider's document.
// Nothing it returns is trusted. A *feed.Feed is one; a Source that also has the
// method of HeadTaker is handed the heads that are signed.
type Source interface {
	pass.Source
	// Document returns the signed provider document.
	Document(ctx context.Context) ([]byte, error)
	// Address returns where all that is read, for people.
	Address() string
	// Close ends idle connections.
	Close()
}

// A HeadTaker takes heads that the auditor signed, as a provider does.
type HeadTaker interface {
	PutHead(ctx context.Context, head []byte) error
}

// Options say what a Watch does. Without Dir it needs an Address or a Source.
type Options struct {
	Dir     string // folder that Init made; "": a temporary one, gone after Close
	Address string // of the provider; "": as the folder has it
	Source  Source // nil: HTTP at Address

	// Expect refuses every log but the one with this fingerprint; nil: none.
	Expect *provider.Fingerprint
	// Evidence is the folder for evidence; "": "evidence" in Dir, or the working
	// folder where there is no Dir.
	Evidence string

	Poll     time.Duration // between two passes of Run; 0: DefaultPoll
	Patience time.Duration // how long a provider may stall before that is a finding; 0: DefaultPatience

	// Alerts are told of every finding, once; what an alert could not be told is
	// tried again, also after a restart.
	Alerts []Alert
	// Agent, if not nil, finds the keys that are not files of Dir but held by an
	// agent, by the names in Dir.
	Agent KeyHolder

	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // nil: crypto/rand
	Logger *slog.Logger     // nil: nothing is logged
	// Each is told after every audited entry how far a pass is; nil: nobody is.
	Each func(done, size uint64)
}

// An Alert tells somebody of a finding. What it returns an error for is tried again.
type Alert func(ctx context.Context, f Finding) error
