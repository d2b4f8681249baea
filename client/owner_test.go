package client_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/wire"
)

// tamper has a response changed between the log and the verification.
func tamper[T any, R interface {
	Append([]byte, wire.Format) ([]byte, error)
}](t *testing.T, l *testlog.Log, s *client.State, parse func([]byte, wire.Format) (R, error), edit func(R)) func(wire.Call, client.Verify[T], error) error {
	return func(call wire.Call, verify client.Verify[T], err error) error {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		body, err := l.Do(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := verify(body, now(l)); err != nil {
			t.Fatalf("the response does not verify before it is tampered with: %v", err)
		}
		resp, err := parse(body, l.Config.Format())
		if err != nil {
			t.Fatal(err)
		}
		edit(resp)
		if body, err = resp.Append(nil, l.Config.Format()); err != nil {
			t.Fatal(err)
		}
		before := s.Append(nil)
		_, next, err := verify(body, now(l))
		if err != nil && next != nil || !bytes.Equal(before, s.Append(nil)) {
			t.Fatal("a failed verification changed the state")
		}
		return err
	}
}

// owner is a log and the state of alice's owner, who knows version 0 and has not
// heard of versions 1 and 2, which one entry made.
func owner(t *testing.T) (*testlog.Log, *client.State) {
	t.Helper()
	l := contactLog()
	l.Advance(100).Value("alice", "a0")
	s := own(t, l, newState(t, l), "alice")
	for range 4 {
		l.Advance(300).Publish(nil)
	}
	l.Advance(100).Publish(map[string][][]byte{"alice": {[]byte("a1"), []byte("a2")}})
	l.Advance(100).Publish(nil)
	return l, s
}

// TestTamperedUpdate: the steps of "Updating a Label".
func TestTamperedUpdate(t *testing.T) {
	zero := wire.HashValue{}
	for _, c := range []struct {
		name string
		edit func(*wire.UpdateResponse)
	}{
		{"step 1: position not after the previous greatest version", func(r *wire.UpdateResponse) { r.Position = 1 }},
		{"position of another entry", func(r *wire.UpdateResponse) { r.Position++ }},
		{"position beyond the tree", func(r *wire.UpdateResponse) { r.Position = 1 << 50 }},
		{"step 2: an opening too many", func(r *wire.UpdateResponse) { r.Info = append(r.Info, r.Info[0]) }},
		{"step 2: an opening too few", func(r *wire.UpdateResponse) { r.Info = r.Info[:1] }},
		{"step 2: no openings", func(r *wire.UpdateResponse) { r.Info, r.Values = nil, nil }},
		{"a version hidden", func(r *wire.UpdateResponse) { r.Info, r.Values = r.Info[:1], r.Values[:1] }},
		{"values called the owner's own", func(r *wire.UpdateResponse) { r.Values = nil }},
		{"another value", func(r *wire.UpdateResponse) { r.Values[0].Value = []byte("harmless") }},
		{"values swapped", func(r *wire.UpdateResponse) { r.Values[0], r.Values[1] = r.Values[1], r.Values[0] }},
		{"step 4: ladder too short", func(r *wire.UpdateResponse) { r.BinaryLadder = r.BinaryLadder[1:] }},
		{"step 4: ladder too long", func(r *wire.UpdateResponse) { r.BinaryLadder = append(r.BinaryLadder, r.BinaryLadder[0]) }},
		{"step 4: commitment for a new version", func(r *wire.UpdateResponse) { r.BinaryLadder[0].Commitment = &zero }},
		{"step 5: prefix proof missing", func(r *wire.UpdateResponse) { r.Update.PrefixProofs = r.Update.PrefixProofs[1:] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, s := owner(t)
			wantKind(t, tamper[*client.Updated](t, l, s, wire.ParseUpdateResponse, c.edit)(s.Update("alice", nil)), "")
		})
	}
}

// TestTamperedOwnerInit: the steps of "Owner Initialization".
func TestTamperedOwnerInit(t *testing.T) {
	zero := wire.HashValue{}
	for _, c := range []struct {
		name string
		edit func(*wire.OwnerInitResponse)
	}{
		{"step 1: versions do not descend", func(r *wire.OwnerInitResponse) {
			r.GreatestVersions[0], r.GreatestVersions[1] = 0, 2
		}},
		{"step 1: more versions than entries", func(r *wire.OwnerInitResponse) {
			for range 3 {
				r.GreatestVersions = append(r.GreatestVersions, 0)
			}
		}},
		{"step 1: very many versions", func(r *wire.OwnerInitResponse) { r.GreatestVersions = make([]uint32, 255) }},
		{"a version less", func(r *wire.OwnerInitResponse) { r.GreatestVersions = r.GreatestVersions[:1] }},
		{"another version", func(r *wire.OwnerInitResponse) { r.GreatestVersions[0] = 1 }},
		{"step 2: ladder too short", func(r *wire.OwnerInitResponse) { r.BinaryLadder = r.BinaryLadder[1:] }},
		{"step 2: ladder too long", func(r *wire.OwnerInitResponse) { r.BinaryLadder = append(r.BinaryLadder, r.BinaryLadder[0]) }},
		{"step 2: commitment missing", func(r *wire.OwnerInitResponse) { r.BinaryLadder[2].Commitment = nil }},
		{"step 2: commitment for a version that does not exist", func(r *wire.OwnerInitResponse) { r.BinaryLadder[3].Commitment = &zero }},
		{"step 3: prefix proof missing", func(r *wire.OwnerInitResponse) { r.Init.PrefixProofs = r.Init.PrefixProofs[1:] }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, s := owner(t)
			for range 6 { // the start has an entry to its left on its path
				l.Advance(900).Publish(nil)
			}
			_, s, err := walk(t, l, s, nil)
			if err != nil {
				t.Fatal(err)
			}
			start, _ := s.RightmostDistinguished()
			wantKind(t, tamper[*client.Initialised](t, l, s, wire.ParseOwnerInitResponse, c.edit)(s.OwnerInit("alice", start)), "")
		})
	}
}

// TestHiddenVersion has the provider publish a version for everybody but the
// owner: the owner's monitoring must not come to an end without it.
func TestHiddenVersion(t *testing.T) {
	l, s := owner(t)
	l.Advance(100)
	_, s, err := update(t, l, s, "alice")
	if err != nil {
		t.Fatal(err)
	}
	l.Value("alice", "the attacker's key")
	evil := l.Clone()
	for range 9 {
		evil.Advance(900).Publish(nil)
	}
	before := s.Owned("alice").Verified
	w, s, err := ownerMonitor(t, evil, s, "alice")
	if err != nil {
		t.Fatal(err)
	}
	if w.Done || w.Verified >= l.Size()-1 {
		t.Fatalf("verified from %d to %d, although version 3 is in entry %d", before, w.Verified, l.Size()-1)
	}
	// A response that goes on as if nothing had happened does not verify: take
	// the honest log's tree without version 3 under this log's head.
	clean := l.Truncated(l.Size() - 1)
	for range 10 {
		clean.Advance(900).Publish(nil)
	}
	call, verify, err := s.OwnerMonitor("alice")
	if err != nil {
		t.Fatal(err)
	}
	clean.Served = s.Head().Tree.TreeSize
	if body, err := clean.Do(t.Context(), call); err == nil {
		_, _, err := verify(body, now(evil))
		wantKind(t, err, "")
	}
}

// TestShortLivedVersion has the provider replace a version before telling the
// owner of it ("only inform the label owner of the non-malicious value").
func TestShortLivedVersion(t *testing.T) {
	l := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, func(c *wire.Configuration) { c.ReasonableMonitoringWindow = 60_000 })
	l.Advance(100).Value("alice", "a0")
	s := own(t, l, newState(t, l), "alice")
	for range 3 {
		l.Advance(100).Publish(nil)
	}
	l.Advance(100).Value("alice", "the attacker's key") // entry 5
	l.Advance(100).Rewrite("alice", 1, "harmless")      // entry 6
	l.Advance(100).Publish(nil)
	f, _ := mustSearch(t, l, newState(t, l), "alice", nil)
	if string(f.Value) != "harmless" {
		t.Fatal("the rewritten log does not convince a newcomer")
	}
	// Told that version 1 came about in entry 6, the owner sees that it was
	// there before; told of entry 5, that it was another value.
	for _, position := range []uint64{5, 6} {
		l.Labels["alice"][1].Position = position
		call, verify, err := s.Update("alice", nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := l.Do(t.Context(), call)
		if err != nil {
			continue // the log cannot even make such a proof
		}
		_, _, err = verify(body, now(l))
		wantKind(t, err, "")
	}
}

// TestManyVersionsInOneWindow publishes more versions between two distinguished
// entries than a monitoring map in a request has room for.
func TestManyVersionsInOneWindow(t *testing.T) {
	l := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, func(c *wire.Configuration) { c.ReasonableMonitoringWindow = 60_000_000 })
	l.Advance(10).Publish(nil)
	owner, other := newClient(t, l, nil), newClient(t, l, nil)
	for _, c := range []*client.Client{owner, other} {
		if _, err := c.Own(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 260 {
		l.Advance(1)
		if _, err := publish(t, owner, "alice", value("alice", uint32(i))); err != nil {
			t.Fatalf("version %d: %v", i, err)
		}
	}
	for _, c := range []*client.Client{owner, other} {
		m, err := c.Monitor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Err() != nil {
			t.Errorf("%d versions in the map: %v", len(c.State().Owned("alice").Monitor), m.Err())
		}
	}
}

// TestRewrittenUnderItsOwner: an owner knows its own versions before any search
// has shown them, and the finding can be verified again.
func TestRewrittenUnderItsOwner(t *testing.T) {
	for name, values := range map[string][]string{"another value": {"zero", "not mine"}, "gone": {"zero"}} {
		t.Run(name, func(t *testing.T) {
			l := contactLog()
			l.Advance(10).Publish(nil)
			c := newClient(t, l, nil)
			if _, err := c.Own(t.Context(), "alice"); err != nil {
				t.Fatal(err)
			}
			for _, v := range []string{"zero", "one"} {
				l.Advance(10)
				if _, err := publish(t, c, "alice", v); err != nil {
					t.Fatal(err)
				}
			}
			l.Advance(10).Rewrite("alice", 1, values[1:]...)
			for range 9 {
				l.Advance(2_000).Publish(nil)
			}
			_, err := c.Publish(t.Context(), "alice", func(last *client.Found) ([]byte, error) {
				t.Errorf("a version is to follow %q", last.Value)
				return nil, nil
			})
			wantKind(t, err, client.Rewritten)
			m, _ := errors.AsType[*client.Misbehaviour](err)
			_, _, err = client.VerifySaved(m.Evidence)
			wantKind(t, err, client.Rewritten)
		})
	}
}
