package operator

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// The words for suites, modes, searches and values in Options and config.json.
const (
	SuiteEd25519 = "ed25519"
	SuiteP256    = "p256"

	ModeContactMonitoring  = "contact-monitoring"
	ModeThirdPartyAuditing = "third-party-auditing"

	SearchPublic = "public" // everybody may look every label up
	SearchToken  = "token"  // only who holds a token for searches

	ValuesRecord = "record" // values are account records (package record)
	ValuesOpaque = "opaque" // values are the provider's own business
)

// DefaultAuditorLag is max_auditor_lag where none is given.
const DefaultAuditorLag = 5 * time.Minute

// Defaults of Options.
const (
	DefaultWindow       = 24 * time.Hour       // reasonable monitoring window: owners come by once a day
	DefaultMaxAhead     = time.Minute          // clocks on the Internet agree better than that
	DefaultMaxBehind    = 24 * time.Hour       // so there is a heartbeat every 12 hours
	DefaultDocumentLife = 366 * 24 * time.Hour // of the provider document
)

// Options describe a new log. What becomes part of the Configuration (suite,
// mode, auditor, windows, lifetime) can never be changed afterwards, but for the
// auditor (SetAuditor). Zero values of the optional fields are good.
type Options struct {
	// Domain is the domain whose addresses the log is about: "example.org".
	Domain string
	// Addresses are the base addresses of the service. Default "https://" + Domain.
	Addresses []string
	// Origin names the audit log. Default Domain + "/log".
	Origin string
	// Suite is "ed25519" (default) or "p256".
	Suite string
	// Mode is "contact-monitoring" (default) or "third-party-auditing".
	Mode string
	// Auditor is needed in mode "third-party-auditing", and only there.
	Auditor *Auditor

	// ReasonableMonitoringWindow is how far apart distinguished log entries
	// are, and so how often an owner must come by. Default 24 h.
	ReasonableMonitoringWindow time.Duration
	// MaxAhead is how far in a client's future a head may lie. Default 1 min.
	MaxAhead time.Duration
	// MaxBehind is how old a head may be. Without updates there is a heartbeat
	// at half of it. Default 24 h.
	MaxBehind time.Duration
	// MaximumLifetime is after what time log entries expire; 0: never. Else more
	// than the window.
	MaximumLifetime time.Duration

	// Search is "public" (default) or "token".
	Search string
	// OpaqueValues says that values are not account records.
	OpaqueValues bool
	// MaxValue bounds one value, in bytes. Default 1 MiB.
	MaxValue int
	// Limits bound what requesters cost; zero fields take httpapi's defaults.
	Limits httpapi.Limits
	// Accounts are the settings of an account service; nil: there is none.
	Accounts *Accounts
	// DocumentLife is how long the provider document is good. Default 366 days.
	DocumentLife time.Duration

	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Rand is where keys come from. Default crypto/rand.
	Rand io.Reader
}

// An Auditor is who checks every root of the log, and how far the log may run
// ahead of it.
type Auditor struct {
	Name      string        // for people
	Address   string        // optional
	PublicKey []byte        // of the log's suite
	MaxLag    time.Duration // between a head and the auditor's. Default 5 min
	Start     uint64        // the first log entry that it audits
}

// OpenOptions say how to open a log. The zero value is right for serving.
type OpenOptions struct {
	// Offline opens the folder for a command that does not serve: it writes no
	// heartbeat and signs no checkpoint.
	Offline bool
	// Interval is the least time between two durable commits under load.
	// Default 20 ms.
	Interval time.Duration
	// CheckpointInterval is the least time between two signed checkpoints of
	// the audit log. Default 10 s, the least that witnesses are asked to bear.
	CheckpointInterval time.Duration
	// CosignTimeout bounds how long a witness or auditor may take to cosign a
	// checkpoint. Default 10 s.
	CosignTimeout time.Duration
	// CosignTLS changes how https is spoken with them. Default: the system's roots.
	CosignTLS *tls.Config
	// CachedProofs is how many VRF proofs are kept in memory, about 180 bytes
	// each. Default 262144.
	CachedProofs int
	// MonitorPage is how many distinguished entries one answer to an owner
	// covers. Default 16.
	MonitorPage int
	// UpdateWait bounds how long an update waits for its commit. Default 10 s.
	UpdateWait time.Duration
	// Limits replace those of config.json, for tests and demos.
	Limits *httpapi.Limits
	// TrustProxy takes the requester's address from the last X-Forwarded-For
	// field. Only behind a proxy that sets it, or requesters name themselves.
	TrustProxy bool
	// Wrap puts another service before the directory, which HTTP then serves.
	// For tests and demonstrations of directories that lie.
	Wrap func(httpapi.Service) httpapi.Service
	// Authorizer puts somebody before the one who decides by tokens who may do
	// what, such as an account service.
	Authorizer func(tokens directory.Authorizer) directory.Authorizer
	// Bearer returns whose a secret is that is no token of the log: its bearers
	// have a budget of their own under that name.
	Bearer func(secret string) (name string, ok bool)

	// Now is the clock. Default time.Now.
	Now func() time.Time
	// After is the timer. Default time.After.
	After func(time.Duration) <-chan time.Time
	// Rand is where openings and tokens come from. Default crypto/rand.
	Rand io.Reader
	// Logger is told what an operator should know. Default: none.
	Logger *slog.Logger
}

// DefaultCheckpointInterval is the least time between signed checkpoints.
const DefaultCheckpointInterval = 10 * time.Second

func (o *OpenOptions) setDefaults() {
	if o.CheckpointInterval == 0 {
		o.CheckpointInterval = DefaultCheckpointInterval
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// setDefaults fills o in and checks what can be checked without the keys.
func (o *Options) setDefaults() error {
	domain, err := label.Domain(o.Domain)
	if err != nil {
		return fmt.Errorf("domain: %w", err)
	}
	o.Domain = domain
	if len(o.Addresses) == 0 {
		o.Addresses = []string{"https://" + o.Domain}
	}
	o.Origin = or(o.Origin, o.Domain+"/log")
	if err := checkpoint.CheckOrigin(o.Origin); err != nil {
		return err
	}
	o.Suite = or(o.Suite, SuiteEd25519)
	o.Mode = or(o.Mode, ModeContactMonitoring)
	o.Search = or(o.Search, SearchPublic)
	o.ReasonableMonitoringWindow = or(o.ReasonableMonitoringWindow, DefaultWindow)
	o.MaxAhead = or(o.MaxAhead, DefaultMaxAhead)
	o.MaxBehind = or(o.MaxBehind, DefaultMaxBehind)
	o.DocumentLife = or(o.DocumentLife, DefaultDocumentLife)
	o.MaxValue = or(o.MaxValue, 1<<20)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Auditor != nil {
		a := *o.Auditor
		a.MaxLag = or(a.MaxLag, DefaultAuditorLag)
		a.Name = or(a.Name, "auditor")
		o.Auditor = &a
	}
	return nil
}

// check refuses settings that no log can have.
func (c *Config) check() error {
	l := &c.Log
	for name, d := range map[string]Duration{
		"reasonable_monitoring_window": l.ReasonableMonitoringWindow,
		"max_ahead":                    l.MaxAhead,
		"max_behind":                   l.MaxBehind,
	} {
		if d < Duration(time.Millisecond) {
			return fmt.Errorf("%s is %v; it must be 1 ms or more", name, d)
		}
	}
	switch {
	case l.MaximumLifetime < 0:
		return errors.New("maximum_lifetime is negative")
	case l.MaximumLifetime > 0 && l.MaximumLifetime <= l.ReasonableMonitoringWindow: // a MUST of "Maximum Lifetime"
		return errors.New("maximum_lifetime is not longer than the reasonable monitoring window")
	case (l.Auditor != nil) != (l.Mode == ModeThirdPartyAuditing):
		return errors.New("an auditor belongs to mode third-party-auditing, and to no other")
	case l.Auditor != nil && l.Auditor.MaxLag < Duration(time.Millisecond):
		return errors.New("max_lag of the auditor must be 1 ms or more")
	case c.Search != SearchPublic && c.Search != SearchToken:
		return fmt.Errorf("search is %q, not public or token", c.Search)
	case c.Values != ValuesRecord && c.Values != ValuesOpaque:
		return fmt.Errorf("values is %q, not record or opaque", c.Values)
	case c.MaxValue < 1 || c.MaxValue > 16<<20:
		return fmt.Errorf("max_value_bytes is %d, not 1 to 16 MiB", c.MaxValue)
	}
	if err := c.Accounts.check(); err != nil {
		return err
	}
	if _, err := l.suite(); err != nil {
		return err
	}
	_, err := l.mode()
	return err
}

// A Summary is what Init made.
type Summary struct {
	Domain        string
	Fingerprint   provider.Fingerprint // for people to compare on first contact
	Configuration *wire.Configuration
	Origin        string    // of the audit log
	LogKey        string    // note verifier key of its checkpoints
	RootKeyFile   string    // to be taken offline
	RootKeyID     string    // as it stands in the provider document
	DocumentFile  string    // served as /.well-known/kith.json
	Expires       time.Time // of the document: sign another one before
}
