package login

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"github.com/kith-kt/kith/srp"
)

// DeviceKeys tells which device keys a name has now.
type DeviceKeys interface {
	// DeviceKeys returns the Ed25519 keys of the devices in the newest record of a
	// name's label: none if there is none.
	DeviceKeys(ctx context.Context, name string) ([]ed25519.PublicKey, error)
}

// A Sealer encrypts to a name's published keys.
type Sealer interface {
	// Seal encrypts a nonce such that any one of the keys in the name's newest
	// record opens it. For a name without such keys it returns what looks the same
	// and nobody can open: encrypted to a key that was made up and thrown away.
	// Never nil: who has an account is nobody's business.
	Seal(ctx context.Context, name string, nonce []byte) ([]byte, error)
}

// A Closer ends the public life of a name.
type Closer interface {
	// Close publishes a closed record for the name's label. It may be called
	// again for a name that is closed.
	Close(ctx context.Context, name string) error
}

// Config is what a Service needs. Store, Key, Domain and Canonical are required.
type Config struct {
	Store Store
	Key   *Key
	// Domain is signed in device challenges.
	Domain string
	// Canonical returns the one form of a name, or an error that says what is wrong
	// with it.
	Canonical func(name string) (string, error)

	Devices DeviceKeys // nil: no logins by device key
	Sealer  Sealer     // nil: no logins by sealed nonce
	Closer  Closer     // nil: deleted accounts leave their label as it is
	// Reserved reports whether a name must not be registered; nil: none.
	Reserved func(name string) bool

	Invites bool // registration needs an invitation
	Closed  bool // there is no registration
	// Weak are SRP profiles that are taken beside the default one; nil: none.
	Weak []*srp.Profile
	// OPAQUEContext is bound into every OPAQUE login (RFC 9807, "OPAQUE-3DH", context),
	// and so must be what clients have. nil: "kith opaque 1"; some clients of others
	// know the empty one only.
	OPAQUEContext []byte

	Idle       time.Duration // a session unused for so long is over. Default 14 days
	Absolute   time.Duration // a session as old as that is over. Default 90 days
	Handshake  time.Duration // between the steps of a login. Default 1 minute
	Quarantine time.Duration // a deleted name is not given out for so long. Default 1 year; negative: for ever
	// Concurrent bounds the expensive computations at a time. Default GOMAXPROCS.
	Concurrent int
	// Waiting bounds those that wait for one of these, for each of: known devices,
	// second steps, first steps. More are turned away with ErrBusy. Default 32.
	Waiting int
	// Pending bounds the handshakes under way. Default 16384.
	Pending int

	Now    func() time.Time // default time.Now
	Rand   io.Reader        // required
	Logger *slog.Logger     // told what an operator should know, never a name. Default: none
}

func (c *Config) setDefaults() error {
	if c.Store == nil || c.Key == nil || c.Domain == "" || c.Canonical == nil || c.Rand == nil {
		return errors.New("login: Store, Key, Domain, Canonical and Rand are required")
	}
	for d, normal := range map[*time.Duration]time.Duration{
		&c.Idle: 14 * 24 * time.Hour, &c.Absolute: 90 * 24 * time.Hour, &c.Handshake: time.Minute, &c.Quarantine: 366 * 24 * time.Hour,
	} {
		if *d == 0 {
			*d = normal
		}
	}
	for n, normal := range map[*int]int{&c.Concurrent: runtime.GOMAXPROCS(0), &c.Waiting: 32, &c.Pending: 16384} {
		if *n == 0 {
			*n = normal
		}
	}
	if c.OPAQUEContext == nil {
		c.OPAQUEContext = []byte(opaqueContext)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// A Requester is who asks, as far as it can be known.
type Requester struct {
	// Network is what counts as one address; the zero Prefix stands for all that
	// are unknown.
	Network netip.Prefix
	// Device is what Grant.Device gave this device at an earlier login, or "".
	Device string
}
