package suite

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// A party is a log in one mode with the keys of everybody who signs for it.
type party struct {
	config             *wire.Configuration
	log, leaf, auditor Signer
}

func newParty(t *testing.T, s Suite, mode wire.DeploymentMode) party {
	p := party{log: mustSigner(t, s, 1), leaf: mustSigner(t, s, 2), auditor: mustSigner(t, s, 3)}
	key, err := s.GenerateVRFKey(seed(4))
	if err != nil {
		t.Fatal(err)
	}
	lifetime := uint64(1000)
	p.config = &wire.Configuration{
		CipherSuite:                s.ID(),
		Mode:                       mode,
		SignaturePublicKey:         p.log.Public(),
		VRFPublicKey:               key.Public().Bytes(),
		MaxAhead:                   1,
		MaxBehind:                  2,
		ReasonableMonitoringWindow: 3,
		MaximumLifetime:            &lifetime,
	}
	switch mode {
	case wire.ThirdPartyManagement:
		p.config.LeafPublicKey = p.leaf.Public()
	case wire.ThirdPartyAuditing:
		p.config.AuditorPublicKey, p.config.MaxAuditorLag, p.config.AuditorStartPos = p.auditor.Public(), 4, 5
	}
	return p
}

// changes are the ways for a configuration to differ in one thing that its mode
// has, the keys that verify left alone.
func changes(t *testing.T, s Suite, mode wire.DeploymentMode) map[string]func(*wire.Configuration) {
	other, err := s.GenerateVRFKey(seed(5))
	if err != nil {
		t.Fatal(err)
	}
	lifetime := uint64(1001)
	all := map[string]func(*wire.Configuration){
		"vrf_public_key":               func(c *wire.Configuration) { c.VRFPublicKey = other.Public().Bytes() },
		"max_ahead":                    func(c *wire.Configuration) { c.MaxAhead++ },
		"max_behind":                   func(c *wire.Configuration) { c.MaxBehind++ },
		"reasonable_monitoring_window": func(c *wire.Configuration) { c.ReasonableMonitoringWindow++ },
		"maximum_lifetime":             func(c *wire.Configuration) { c.MaximumLifetime = &lifetime },
		"no maximum_lifetime":          func(c *wire.Configuration) { c.MaximumLifetime = nil },
	}
	switch mode {
	case wire.ThirdPartyAuditing:
		all["max_auditor_lag"] = func(c *wire.Configuration) { c.MaxAuditorLag++ }
		all["auditor_start_pos"] = func(c *wire.Configuration) { c.AuditorStartPos++ }
	case wire.ContactMonitoring:
		all["mode"] = func(c *wire.Configuration) {
			c.Mode, c.LeafPublicKey = wire.ThirdPartyManagement, mustSigner(t, s, 2).Public()
		}
	}
	return all
}

func forEachMode(t *testing.T, f func(t *testing.T, s Suite, mode wire.DeploymentMode)) {
	forEachSuite(t, func(t *testing.T, s Suite) {
		for name, mode := range map[string]wire.DeploymentMode{
			"contactMonitoring":    wire.ContactMonitoring,
			"thirdPartyManagement": wire.ThirdPartyManagement,
			"thirdPartyAuditing":   wire.ThirdPartyAuditing,
		} {
			t.Run(name, func(t *testing.T) { f(t, s, mode) })
		}
	})
}

func wantBad(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrBadSignature) {
		t.Errorf("%s: %v", what, err)
	}
}

// "Tree Head Signature", and step 2.2 of "Full Tree Head Verification".
func TestTreeHeadIsBoundToItsConfiguration(t *testing.T) {
	forEachMode(t, func(t *testing.T, s Suite, mode wire.DeploymentMode) {
		p, root := newParty(t, s, mode), wire.HashValue{1}
		head, err := SignTreeHead(p.log, p.config, 7, root)
		if err != nil {
			t.Fatal(err)
		}
		if head.TreeSize != 7 {
			t.Errorf("size %d", head.TreeSize)
		}
		if err := VerifyTreeHead(p.config, head, root); err != nil {
			t.Fatal(err)
		}
		for name, change := range changes(t, s, mode) {
			other := *p.config
			change(&other)
			wantBad(t, "other "+name, VerifyTreeHead(&other, head, root))
		}
		wantBad(t, "other root", VerifyTreeHead(p.config, head, wire.HashValue{2}))
		wantBad(t, "other size", VerifyTreeHead(p.config, &wire.TreeHead{TreeSize: 8, Signature: head.Signature}, root))
		wantBad(t, "no signature", VerifyTreeHead(p.config, &wire.TreeHead{TreeSize: 7}, root))
		other := *p.config
		other.SignaturePublicKey = p.auditor.Public()
		wantBad(t, "other signature_public_key", VerifyTreeHead(&other, head, root))

		other = *p.config
		other.SignaturePublicKey = nil
		if err := VerifyTreeHead(&other, head, root); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("no key: %v", err)
		}
		other.CipherSuite = 0x7777
		if err := VerifyTreeHead(&other, head, root); !errors.Is(err, ErrUnknownSuite) {
			t.Errorf("unknown suite: %v", err)
		}
		if _, err := SignTreeHead(p.auditor, p.config, 7, root); !errors.Is(err, ErrWrongKey) {
			t.Errorf("signed with another key: %v", err)
		}
	})
}

// "Auditor Tree Head Signature", step 4.
func TestAuditorTreeHeadIsBoundToItsConfiguration(t *testing.T) {
	forEachSuite(t, func(t *testing.T, s Suite) {
		p, root := newParty(t, s, wire.ThirdPartyAuditing), wire.HashValue{1}
		head, err := SignAuditorTreeHead(p.auditor, p.config, 99, 7, root)
		if err != nil {
			t.Fatal(err)
		}
		if head.TreeSize != 7 || head.Timestamp != 99 {
			t.Errorf("head %+v", head)
		}
		if err := VerifyAuditorTreeHead(p.config, head, root); err != nil {
			t.Fatal(err)
		}
		for name, change := range changes(t, s, wire.ThirdPartyAuditing) {
			other := *p.config
			change(&other)
			wantBad(t, "other "+name, VerifyAuditorTreeHead(&other, head, root))
		}
		wantBad(t, "other root", VerifyAuditorTreeHead(p.config, head, wire.HashValue{2}))
		size, timestamp := *head, *head
		size.TreeSize++
		timestamp.Timestamp++
		wantBad(t, "other size", VerifyAuditorTreeHead(p.config, &size, root))
		wantBad(t, "other timestamp", VerifyAuditorTreeHead(p.config, &timestamp, root))

		// The log and its auditor cannot sign for one another.
		if _, err := SignAuditorTreeHead(p.log, p.config, 99, 7, root); !errors.Is(err, ErrWrongKey) {
			t.Errorf("signed with the log's key: %v", err)
		}
		wantBad(t, "auditor's signature as the log's",
			VerifyTreeHead(p.config, &wire.TreeHead{TreeSize: 7, Signature: head.Signature}, root))
		logHead, err := SignTreeHead(p.log, p.config, 7, root)
		if err != nil {
			t.Fatal(err)
		}
		wantBad(t, "log's signature as the auditor's",
			VerifyAuditorTreeHead(p.config, &wire.AuditorTreeHead{Timestamp: 99, TreeSize: 7, Signature: logHead.Signature}, root))

		contact := newParty(t, s, wire.ContactMonitoring)
		if _, err := SignAuditorTreeHead(contact.auditor, contact.config, 99, 7, root); !errors.Is(err, ErrWrongKey) {
			t.Errorf("signed in a mode without auditor: %v", err)
		}
		if err := VerifyAuditorTreeHead(contact.config, head, root); !errors.Is(err, ErrWrongKey) {
			t.Errorf("verified in a mode without auditor: %v", err)
		}
	})
}

// "Update Format": users MUST successfully verify this signature before
// consuming UpdateValue.value.
func TestMustVerifyUpdateSignature(t *testing.T) {
	forEachSuite(t, func(t *testing.T, s Suite) {
		p := newParty(t, s, wire.ThirdPartyManagement)
		label, value := []byte("alice"), []byte("key")
		suffix, err := SignUpdate(p.leaf, p.config, label, 3, value)
		if err != nil {
			t.Fatal(err)
		}
		update := &wire.UpdateValue{Value: value, Suffix: suffix}
		if err := VerifyUpdate(p.config, label, 3, update); err != nil {
			t.Fatal(err)
		}
		for name, change := range changes(t, s, wire.ThirdPartyManagement) {
			other := *p.config
			change(&other)
			wantBad(t, "other "+name, VerifyUpdate(&other, label, 3, update))
		}
		wantBad(t, "other label", VerifyUpdate(p.config, []byte("bob"), 3, update))
		wantBad(t, "other version", VerifyUpdate(p.config, label, 4, update))
		wantBad(t, "other value", VerifyUpdate(p.config, label, 3, &wire.UpdateValue{Value: []byte("no"), Suffix: suffix}))
		wantBad(t, "no suffix", VerifyUpdate(p.config, label, 3, &wire.UpdateValue{Value: value}))
		if _, err := SignUpdate(p.log, p.config, label, 3, value); !errors.Is(err, ErrWrongKey) {
			t.Errorf("signed with the manager's key: %v", err)
		}
	})
}

func TestUpdateSuffixIsEmptyOutsideThirdPartyManagement(t *testing.T) {
	forEachSuite(t, func(t *testing.T, s Suite) {
		for _, mode := range []wire.DeploymentMode{wire.ContactMonitoring, wire.ThirdPartyAuditing} {
			p := newParty(t, s, mode)
			suffix, err := SignUpdate(nil, p.config, []byte("alice"), 3, []byte("key"))
			if err != nil || len(suffix.Signature) != 0 {
				t.Errorf("mode %d: suffix %x, %v", mode, suffix.Signature, err)
			}
			update := &wire.UpdateValue{Value: []byte("key")}
			if err := VerifyUpdate(p.config, []byte("alice"), 3, update); err != nil {
				t.Errorf("mode %d: %v", mode, err)
			}
			update.Suffix.Signature = []byte{1}
			wantBad(t, "a suffix", VerifyUpdate(p.config, []byte("alice"), 3, update))
		}
	})
}
