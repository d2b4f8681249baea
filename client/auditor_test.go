package client_test

import (
	"strings"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// signAuditor has the test auditor sign a head as it is told.
func signAuditor(t *testing.T, l *testlog.Log, timestamp, size uint64, root wire.HashValue) *wire.AuditorTreeHead {
	t.Helper()
	head, err := suite.SignAuditorTreeHead(l.Auditor, &l.Config, timestamp, size, root)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// TestAuditorTreeHead is the verification of "Auditor Tree Head Signature", step
// by step. The head in question is the whole log's, so that it changes no proof.
func TestAuditorTreeHead(t *testing.T) {
	const id, mode = wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing
	for _, c := range []struct {
		name string
		kind client.Kind // "": accepted
		head func(l *testlog.Log, n, at uint64, root wire.HashValue) *wire.AuditorTreeHead
	}{
		{"honest", "", func(l *testlog.Log, n, at uint64, root wire.HashValue) *wire.AuditorTreeHead {
			return signAuditor(t, l, at, n, root)
		}},
		{"step 2: newer than the log", client.BadAuditor, func(l *testlog.Log, n, at uint64, root wire.HashValue) *wire.AuditorTreeHead {
			return signAuditor(t, l, at+1, n, root)
		}},
		{"step 2: behind by max_auditor_lag", "", func(l *testlog.Log, n, at uint64, root wire.HashValue) *wire.AuditorTreeHead {
			return signAuditor(t, l, at-l.Config.MaxAuditorLag, n, root)
		}},
		{"step 2: behind by more", client.BadAuditor, func(l *testlog.Log, n, at uint64, root wire.HashValue) *wire.AuditorTreeHead {
			return signAuditor(t, l, at-l.Config.MaxAuditorLag-1, n, root)
		}},
		{"step 3: larger than the log", client.BadAuditor, func(l *testlog.Log, n, at uint64, root wire.HashValue) *wire.AuditorTreeHead {
			return signAuditor(t, l, at, n+1, root)
		}},
		{"step 4: another root", client.BadAuditor, func(l *testlog.Log, n, at uint64, root wire.HashValue) *wire.AuditorTreeHead {
			root[0] ^= 1
			return signAuditor(t, l, at, n, root)
		}},
		{"step 4: the log signs for the auditor", client.BadAuditor, func(l *testlog.Log, n, at uint64, root wire.HashValue) *wire.AuditorTreeHead {
			config := l.Config
			config.AuditorPublicKey = l.Head.Public()
			head, err := suite.SignAuditorTreeHead(l.Head, &config, at, n, root)
			if err != nil {
				t.Fatal(err)
			}
			return head
		}},
		{"no entries", client.BadAuditor, func(l *testlog.Log, n, at uint64, root wire.HashValue) *wire.AuditorTreeHead {
			return signAuditor(t, l, at, 0, wire.HashValue{})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, s := grown(t, id, mode, nil)
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
			n := l.Size()
			resp.FullTreeHead.AuditorTreeHead = c.head(l, n, l.Entries[n-1].Timestamp, l.Root(n))
			body, err = resp.Append(nil, l.Config.Format())
			if err != nil {
				t.Fatal(err)
			}
			_, next, err := verify(body, now(l))
			if c.kind == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantKind(t, err, c.kind)
			if next != nil {
				t.Fatal("a failed verification returned a state")
			}
		})
	}
}

// TestAuditorStartPos: step 1, "verify that the tree_size of the AuditorTreeHead
// structure in the previous tree head is greater than or equal to
// auditor_start_pos for the current auditor".
func TestAuditorStartPos(t *testing.T) {
	for _, c := range []struct {
		start uint64 // the auditor before had seen 12 entries
		good  bool
	}{{12, true}, {13, false}} {
		l, s := grown(t, wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, nil)
		saved := s.Append(nil)
		// A new auditor takes over; the provider document names it.
		signer, err := suite.Get(wire.KT_128_SHA256_Ed25519)
		if err != nil {
			t.Fatal(err)
		}
		if l.Auditor, err = signer.GenerateSigner(strings.NewReader(strings.Repeat("the next auditor", 10))); err != nil {
			t.Fatal(err)
		}
		l.Config.AuditorPublicKey, l.Config.AuditorStartPos = l.Auditor.Public(), c.start
		log, err := client.NewLog(l.Config)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = client.ParseState(saved, log); err != nil {
			t.Fatal(err)
		}
		_, _, err = search(t, l, s, "alice", nil)
		if c.good && err != nil {
			t.Error(err)
		}
		if !c.good {
			wantKind(t, err, client.BadAuditor)
		}
	}
}

// TestSplitViewNeedsTheAuditor shows a newcomer a log of its own: only the
// auditor's signature gives it away.
func TestSplitViewNeedsTheAuditor(t *testing.T) {
	for _, mode := range []wire.DeploymentMode{wire.ContactMonitoring, wire.ThirdPartyAuditing} {
		l, _ := grown(t, wire.KT_128_SHA256_Ed25519, mode, nil)
		split := l.Truncated(l.Size() - 2)
		split.Value("alice", "the attacker's key")
		split.Publish(nil)
		if l.Auditor != nil {
			// The auditor signs what it audited, and nothing else.
			stolen := l.FullHead(l.Size()).AuditorTreeHead
			call, verify, err := newState(t, l).Search("alice", nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := split.Do(t.Context(), call)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := wire.ParseSearchResponse(body, l.Config.Format(), false)
			if err != nil {
				t.Fatal(err)
			}
			resp.FullTreeHead.AuditorTreeHead = stolen
			body, _ = resp.Append(nil, l.Config.Format())
			_, _, err = verify(body, now(l))
			wantKind(t, err, client.BadAuditor)
			continue
		}
		if _, _, err := search(t, split, newState(t, l), "alice", nil); err != nil {
			t.Errorf("without an auditor a newcomer has nothing to tell by: %v", err)
		}
	}
}
