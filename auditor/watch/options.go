package watch

import (
	"context"
	"crypto/rand"
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
	// Copy says that the Source is not the provider's, but kept by others. What is
	// wrong with it is held against the provider only if it has signed it.
	Copy bool

	// Expect refuses every log but the one with this fingerprint; nil: none.
	Expect *provider.Fingerprint
	// Evidence is the folder for evidence; "": "evidence" in Dir, or the working
	// folder where there is no Dir.
	Evidence string

	Poll time.Duration // between two passes of Run; 0: DefaultPoll
	// Patience is how long a provider may stall, or its newest entry be older than
	// it promised, before that is a finding; 0: DefaultPatience, negative: none.
	Patience time.Duration

	// Alerts are told of every finding, once; what an alert could not be told is
	// tried again, also after a restart.
	Alerts []Alert
	// Agent, if not nil, has the keys that are not files of Dir.
	Agent KeyHolder

	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // nil: crypto/rand
	Logger *slog.Logger     // nil: nothing is logged
	// Each is told after every audited entry how far a pass is; nil: nobody is.
	Each func(done, size uint64)

	// monotonic returns the time since some moment, unmoved by changes of the clock;
	// nil: the system's. For tests.
	monotonic func() time.Duration
	// conflictWait stands for the constant of that name, if it is not 0. For tests.
	conflictWait time.Duration
}

// An Alert tells somebody of findings.
type Alert struct {
	Name string // of this kind of alert, within one Watch
	// Tell tells of a finding. What it returns an error for is tried again.
	Tell func(ctx context.Context, f Finding) error
}

func (o *Options) setDefaults() {
	if o.Poll <= 0 {
		o.Poll = DefaultPoll
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	if o.conflictWait == 0 {
		o.conflictWait = conflictWait
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}
