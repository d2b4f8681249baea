package operator

import (
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/wire"
)

// A Config is config.json. Unknown names in it are errors.
type Config struct {
	// Log cannot be changed by hand: with other settings the folder does not open.
	// SetAuditor changes its auditor.
	Log LogConfig `json:"log"`

	// Search is "public" or "token".
	Search string `json:"search"`
	// Values is "record" or "opaque".
	Values string `json:"values"`
	// MaxValue bounds one value, in bytes; at most 16 MiB.
	MaxValue int `json:"max_value_bytes"`
	// Limits bound what requesters cost. Fields left out take their defaults.
	Limits httpapi.Limits `json:"limits"`
	// Accounts switches the account service on; left out: there is none.
	Accounts *Accounts `json:"accounts,omitempty"`
}

// A LogConfig is the part of a Config that makes the log's Configuration,
// together with the keys.
type LogConfig struct {
	Domain                     string         `json:"domain"`
	Origin                     string         `json:"origin"` // of the audit log
	Suite                      string         `json:"suite"`
	Mode                       string         `json:"mode"`
	ReasonableMonitoringWindow Duration       `json:"reasonable_monitoring_window"`
	MaxAhead                   Duration       `json:"max_ahead"`
	MaxBehind                  Duration       `json:"max_behind"`
	MaximumLifetime            Duration       `json:"maximum_lifetime,omitempty"` // left out: none
	Auditor                    *AuditorConfig `json:"auditor,omitempty"`          // mode third-party-auditing
}

// An AuditorConfig is the auditor of a log.
type AuditorConfig struct {
	PublicKey strictjson.Bytes `json:"public_key"`
	MaxLag    Duration         `json:"max_lag"`
	Start     uint64           `json:"start"` // the first log entry that it audits
}

// A Duration is written as Go writes it: "24h0m0s". The log counts in ms.
type Duration time.Duration

// String returns the duration as it is written.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the form of String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration does, in whole milliseconds.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return err
	}
	if v%time.Millisecond != 0 {
		return errors.New("a duration is in whole milliseconds")
	}
	*d = Duration(v)
	return nil
}

func (d Duration) ms() uint64 { return uint64(time.Duration(d).Milliseconds()) }

func (l *LogConfig) suite() (wire.CipherSuite, error) {
	switch l.Suite {
	case SuiteEd25519:
		return wire.KT_128_SHA256_Ed25519, nil
	case SuiteP256:
		return wire.KT_128_SHA256_P256, nil
	}
	return 0, fmt.Errorf("suite is %q, not ed25519 or p256", l.Suite)
}

func (l *LogConfig) mode() (wire.DeploymentMode, error) {
	switch l.Mode {
	case ModeContactMonitoring:
		return wire.ContactMonitoring, nil
	case ModeThirdPartyAuditing:
		return wire.ThirdPartyAuditing, nil
	}
	return 0, fmt.Errorf("mode is %q, not contact-monitoring or third-party-auditing", l.Mode)
}

// Configuration returns the log's Configuration under the given keys.
func (l *LogConfig) Configuration(keys *directory.Keys) (*wire.Configuration, error) {
	id, err := l.suite()
	if err != nil {
		return nil, err
	}
	mode, err := l.mode()
	if err != nil {
		return nil, err
	}
	c := &wire.Configuration{
		CipherSuite:                id,
		Mode:                       mode,
		SignaturePublicKey:         keys.Signer.Public(),
		VRFPublicKey:               keys.VRF.Public().Bytes(),
		MaxAhead:                   l.MaxAhead.ms(),
		MaxBehind:                  l.MaxBehind.ms(),
		ReasonableMonitoringWindow: l.ReasonableMonitoringWindow.ms(),
	}
	if l.MaximumLifetime != 0 {
		ms := l.MaximumLifetime.ms()
		c.MaximumLifetime = &ms
	}
	if a := l.Auditor; a != nil {
		c.AuditorPublicKey, c.MaxAuditorLag, c.AuditorStartPos = a.PublicKey, a.MaxLag.ms(), a.Start
	}
	return c, nil
}
