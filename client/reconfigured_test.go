package client_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// succeed names the next auditor, who begins at an entry.
func succeed(t *testing.T, l *testlog.Log, start uint64) *client.Log {
	t.Helper()
	s, err := suite.Get(l.Config.CipherSuite)
	if err != nil {
		t.Fatal(err)
	}
	if l.Auditor, err = s.GenerateSigner(strings.NewReader(strings.Repeat("the next auditor", 10))); err != nil {
		t.Fatal(err)
	}
	l.Config.AuditorPublicKey, l.Config.AuditorStartPos = l.Auditor.Public(), start
	log, err := client.NewLog(l.Config)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// TestReconfigured: a user goes on across a change of auditor, with everything
// known, and holds the new auditor to where the one before ended.
func TestReconfigured(t *testing.T) {
	for _, c := range []struct {
		start uint64 // the auditor before had seen 12 entries
		words string // "": good
	}{{12, ""}, {0, ""}, {13, "the auditor now named began at entry 13, and the one before had only seen 12 entries"}} {
		l, s := grown(t, wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, nil)
		log := succeed(t, l, c.start)
		next, err := s.Reconfigured(log)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(next.Append(nil), s.Append(nil)) || next.Log() != log || s.Log() == log {
			t.Fatal("something was forgotten, or the state before changed")
		}
		l.Served = s.Head().Tree.TreeSize // the head of before, under the Configuration of before
		if _, same, err := search(t, l, next, "alice", nil); err != nil || same.Head().Tree.TreeSize != l.Served {
			t.Fatalf("the head of before: %v", err)
		}
		l.Served = 0
		_, after, err := search(t, l, next, "alice", nil)
		if c.words == "" {
			if err != nil {
				t.Fatal(err)
			}
			if after.Head().Auditor.TreeSize != l.Size() {
				t.Errorf("%+v", after.Head().Auditor)
			}
			continue
		}
		wantKind(t, err, client.BadAuditor)
		if !strings.Contains(err.Error(), c.words) {
			t.Errorf("%q does not say %q", err, c.words)
		}
	}
}

// TestReconfiguredRefuses everything else that changes.
func TestReconfiguredRefuses(t *testing.T) {
	l, s := grown(t, wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, nil)
	for name, edit := range map[string]func(c *wire.Configuration){
		"max_ahead":  func(c *wire.Configuration) { c.MaxAhead++ },
		"max_behind": func(c *wire.Configuration) { c.MaxBehind++ },
		"window":     func(c *wire.Configuration) { c.ReasonableMonitoringWindow++ },
		"lifetime":   func(c *wire.Configuration) { c.MaximumLifetime = ptr(uint64(1_000_000)) },
		"mode":       func(c *wire.Configuration) { c.Mode = wire.ContactMonitoring },
		"VRF key": func(c *wire.Configuration) {
			c.VRFPublicKey = testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil).Config.VRFPublicKey
		},
	} {
		config := l.Config
		edit(&config)
		log, err := client.NewLog(config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Reconfigured(log); !errors.Is(err, client.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	config := l.Config
	config.MaxAuditorLag++
	log, err := client.NewLog(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reconfigured(log); err != nil {
		t.Error(err)
	}
}

// TestLateOrMissingAuditorIsNamed: what keeps the answer back is said.
func TestLateOrMissingAuditorIsNamed(t *testing.T) {
	for _, c := range []struct {
		name, words string
		spoil       func(l *testlog.Log, h *wire.AuditorTreeHead)
	}{
		{"missing", "no entry was audited: the auditor has not signed a head yet", func(l *testlog.Log, h *wire.AuditorTreeHead) { h.TreeSize = 0 }},
		{"late", "the auditor is late: the newest entry that it signed is 31 s older than that of the log, and 30 s are allowed", func(l *testlog.Log, h *wire.AuditorTreeHead) {
			n := l.Size()
			*h = *signAuditor(t, l, l.Entries[n-1].Timestamp-31_000, n, l.Root(n))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, s := grown(t, wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, nil)
			call, verify, err := s.Search("alice", nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := l.Do(t.Context(), call)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := wire.ParseSearchResponse(body, l.Config.Format(), false)
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(l, resp.FullTreeHead.AuditorTreeHead)
			if body, err = resp.Append(nil, l.Config.Format()); err != nil {
				t.Fatal(err)
			}
			_, _, err = verify(body, now(l))
			wantKind(t, err, client.BadAuditor)
			if !strings.Contains(err.Error(), c.words) {
				t.Errorf("%q does not say %q", err, c.words)
			}
		})
	}
}
