package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kith-kt/kith/proto/provider"
)

// PolicyFile is the name of the policy file of a provider, in its folder, and of
// the one for all providers, in the folder of the home.
const PolicyFile = "policy.json"

const maxPolicy = 256 << 10 // bytes

// A Policy is a policy file: what a user demands of a provider's answers. What it
// does not mention (nil) is left to the file for all providers, and after that to
// the pinned provider document.
//
//	{
//	  "setting": "enforce",
//	  "witnesses": {"threshold": 2, "keys": ["w1.example+1a2b3c4d+BF…", "…", "…"]},
//	  "auditors": {"threshold": 1},
//	  "max_cosignature_age": "10m",
//	  "max_witness_lag": "30s",
//	  "minimum_age": "24h",
//	  "require_auditor": false,
//	  "gossip": {"off": false, "addresses": ["https://auditor.example.net"]}
//	}
//
// Nobody but the user changes it: a provider that asks for less in its document
// changes nothing of what stands in the file.
type Policy struct {
	// Setting of the gate: SettingEnforce, SettingWarn or SettingObserve.
	Setting string `json:"setting,omitempty"`
	// Witnesses are those whose cosignatures count, and how many are needed.
	Witnesses *Quorum `json:"witnesses,omitempty"`
	// Auditors are the same for auditors that cosign what they audited. The keys
	// also say whose attested evidence is believed.
	Auditors *Quorum `json:"auditors,omitempty"`
	// MaxCosignatureAge is how old a cosignature may be, by the user's clock.
	MaxCosignatureAge *Duration `json:"max_cosignature_age,omitempty"`
	// MaxWitnessLag is by how much a head may be newer than the newest entry that
	// was cosigned.
	MaxWitnessLag *Duration `json:"max_witness_lag,omitempty"`
	// MinimumAge is how long a value must have been in the log.
	MinimumAge *Duration `json:"minimum_age,omitempty"`
	// RequireAuditor demands a log in third-party auditing mode.
	RequireAuditor *bool `json:"require_auditor,omitempty"`
	// Gossip is about handing heads in to auditors.
	Gossip *Gossip `json:"gossip,omitempty"`
}

// The settings of the gate in a policy file (client.Setting).
const (
	SettingEnforce = "enforce"
	SettingWarn    = "warn"
	SettingObserve = "observe"
)

// A Quorum is a number of cosigners out of a list.
type Quorum struct {
	// Threshold is how many must have cosigned, 0 to 64; with Keys at most as many
	// as there are.
	Threshold int `json:"threshold"`
	// Keys are the verifier keys (C2SP note) of those who count, each once. Empty:
	// those that the pinned provider document names.
	Keys []string `json:"keys,omitempty"`
}

// Gossip says whether and where the user's heads are handed in.
type Gossip struct {
	// Off hands nothing in, unless kith gossip is run by hand.
	Off bool `json:"off,omitempty"`
	// Addresses are auditors besides those in the provider document: https, or
	// http on this machine.
	Addresses []string `json:"addresses,omitempty"`
}

// A Duration is a span of time as it stands in a policy file: "24h", "1m30s".
type Duration time.Duration

// maxDuration bounds the durations of a policy file.
const maxDuration = 10 * 365 * 24 * time.Hour

// ErrPolicy is a policy file that cannot be used. Until it is mended, nothing is
// asked of the provider.
var ErrPolicy = errors.New("policy file cannot be used")

// A PolicyError says where a policy file is wrong. It is an ErrPolicy.
type PolicyError struct {
	Path  string // "" if it was not read from a file
	Line  int    // from 1
	Field string // "witnesses.threshold", or "" for the file as a whole
	Err   error
	Hint  string // what to write instead
}

func (e *PolicyError) Error() string {
	where := e.Path
	if where == "" {
		where = "policy"
	}
	where += ", line " + strconv.Itoa(e.Line)
	if e.Field != "" {
		where += ", " + strconv.Quote(e.Field)
	}
	return where + ": " + e.Err.Error()
}

// Unwrap returns ErrPolicy and the fault.
func (e *PolicyError) Unwrap() []error { return []error{ErrPolicy, e.Err} }

// Policy returns the policy file for all providers, or nil if there is none.
func (h *Home) Policy() (*Policy, error) { return readPolicy(h.PolicyPath()) }

// SetPolicy replaces the policy file for all providers.
func (h *Home) SetPolicy(p *Policy) error { return writePolicy(h.PolicyPath(), p) }

// PolicyPath returns where the policy file for all providers is, or would be.
func (h *Home) PolicyPath() string { return filepath.Join(h.dir, PolicyFile) }

// Policy returns the policy file for this provider, or nil if there is none.
func (r *Ring) Policy() (*Policy, error) { return readPolicy(r.PolicyPath()) }

// SetPolicy replaces the policy file for this provider.
func (r *Ring) SetPolicy(p *Policy) error { return writePolicy(r.PolicyPath(), p) }

// PolicyPath returns where the policy file for this provider is, or would be.
func (r *Ring) PolicyPath() string { return filepath.Join(r.dir, PolicyFile) }

func readPolicy(path string) (*Policy, error) {
	b, err := readPrivate(path, maxPolicy)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := ParsePolicy(b)
	if e, ok := errors.AsType[*PolicyError](err); ok {
		e.Path = path
	}
	return p, err
}

// writePolicy writes what readPolicy takes, or nothing; an empty policy removes the file.
func writePolicy(path string, p *Policy) error {
	b, err := p.Encode()
	if err != nil {
		return err
	}
	if bytes.Equal(b, []byte("{}\n")) {
		err := os.Remove(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("keyring: %w", err)
		}
		return syncDir(filepath.Dir(path))
	}
	return writePrivate(path, b)
}

// Encode returns the bytes of a policy file, which ParsePolicy has taken. Its
// errors are *PolicyError.
func (p *Policy) Encode() ([]byte, error) {
	b, err := marshal(p)
	if err != nil {
		return nil, err
	}
	if _, err := ParsePolicy(b); err != nil {
		return nil, err
	}
	return b, nil
}

// MarshalText writes the duration without superfluous units.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String returns the duration without superfluous units: "24h", not "24h0m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// witnessKeys and auditorKeys are those that a document names.
func witnessKeys(d *provider.Document) (keys []string) {
	for _, w := range d.Witnesses {
		keys = append(keys, w.Key)
	}
	return keys
}

func auditorKeys(d *provider.Document) (keys []string) {
	for _, a := range d.Auditors {
		if a.Cosigner != "" {
			keys = append(keys, a.Cosigner)
		}
	}
	return keys
}
