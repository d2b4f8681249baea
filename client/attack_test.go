package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// wantKind checks that err is a finding of one kind, or of any if it is "".
func wantKind(t *testing.T, err error, kind client.Kind) {
	t.Helper()
	m, ok := errors.AsType[*client.Misbehaviour](err)
	if !ok {
		t.Fatalf("got %v, want a finding of %s", err, kind)
	}
	if kind != "" && m.Kind != kind {
		t.Fatalf("got %v, want a finding of %s", err, kind)
	}
}

// attacked has the state search for alice while edit changes the response.
func attacked(t *testing.T, l *testlog.Log, s *client.State, version *uint32, edit func(*wire.SearchResponse)) error {
	t.Helper()
	call, verify, err := s.Search("alice", version)
	if err != nil {
		t.Fatal(err)
	}
	body, err := l.Do(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := verify(body, now(l)); err != nil {
		t.Fatalf("the response does not verify before it is tampered with: %v", err)
	}
	resp, err := wire.ParseSearchResponse(body, l.Config.Format(), version != nil)
	if err != nil {
		t.Fatal(err)
	}
	edit(resp)
	bad, err := resp.Append(nil, l.Config.Format())
	if err != nil {
		t.Fatal(err)
	}
	before := s.Append(nil)
	_, next, err := verify(bad, now(l))
	if !bytes.Equal(before, s.Append(nil)) || err != nil && next != nil {
		t.Fatal("a failed verification changed the state")
	}
	return err
}

// grown is a log with two versions of alice and some more entries, and the
// state of a user who saw it a while ago.
func grown(t *testing.T, id wire.CipherSuite, mode wire.DeploymentMode, edit func(*wire.Configuration)) (*testlog.Log, *client.State) {
	t.Helper()
	l := testlog.New(id, mode, edit)
	for i := range 11 {
		l.Advance(300)
		switch i {
		case 2, 6:
			l.Value("alice", value("alice", uint32(len(l.Labels["alice"]))))
		default:
			l.Value(fmt.Sprintf("somebody %d", i), "key")
		}
	}
	_, s := mustSearch(t, l, newState(t, l), "alice", nil)
	for range 7 {
		l.Advance(300).Publish(nil)
	}
	return l, s
}

// TestTamperedSearch changes one thing in a response each, as an attacker would.
func TestTamperedSearch(t *testing.T) {
	zero := wire.HashValue{}
	cases := []struct {
		name string
		kind client.Kind
		edit func(*wire.SearchResponse)
	}{
		{"value", "", func(r *wire.SearchResponse) { r.Value.Value = []byte("the attacker's key") }},
		{"opening", "", func(r *wire.SearchResponse) { r.Opening[0] ^= 1 }},
		{"version", client.BadProof, func(r *wire.SearchResponse) { *r.Version = 0 }},
		{"commitment for the target", client.BadProof, func(r *wire.SearchResponse) {
			r.BinaryLadder[1].Commitment = &zero // versions 0, 1, 3, 2
		}},
		{"commitment for a version that does not exist", client.BadProof, func(r *wire.SearchResponse) { r.BinaryLadder[2].Commitment = &zero }},
		{"commitment missing", client.BadProof, func(r *wire.SearchResponse) { r.BinaryLadder[0].Commitment = nil }},
		{"ladder too short", client.BadProof, func(r *wire.SearchResponse) { r.BinaryLadder = r.BinaryLadder[:len(r.BinaryLadder)-1] }},
		{"ladder too long", client.BadProof, func(r *wire.SearchResponse) { r.BinaryLadder = append(r.BinaryLadder, r.BinaryLadder[0]) }},
		{"ladder reordered", client.BadProof, func(r *wire.SearchResponse) {
			r.BinaryLadder[0], r.BinaryLadder[2] = r.BinaryLadder[2], r.BinaryLadder[0]
		}},
		{"timestamp too many", client.BadProof, func(r *wire.SearchResponse) {
			r.Search.Timestamps = append(r.Search.Timestamps, r.Search.Timestamps[len(r.Search.Timestamps)-1])
		}},
		{"timestamp too few", client.BadProof, func(r *wire.SearchResponse) { r.Search.Timestamps = r.Search.Timestamps[1:] }},
		{"timestamps out of order", client.BadProof, func(r *wire.SearchResponse) { r.Search.Timestamps[0] += 1 << 40 }},
		{"timestamp changed", client.BadSignature, func(r *wire.SearchResponse) { r.Search.Timestamps[0]++ }},
		{"prefix proof too many", client.BadProof, func(r *wire.SearchResponse) {
			r.Search.PrefixProofs = append(r.Search.PrefixProofs, r.Search.PrefixProofs[0])
		}},
		{"prefix proof too few", client.BadProof, func(r *wire.SearchResponse) { r.Search.PrefixProofs = r.Search.PrefixProofs[1:] }},
		{"prefix root too many", client.BadProof, func(r *wire.SearchResponse) { r.Search.PrefixRoots = append(r.Search.PrefixRoots, zero) }},
		{"inclusion too many", client.BadProof, func(r *wire.SearchResponse) {
			r.Search.Inclusion.Elements = append(r.Search.Inclusion.Elements, zero)
		}},
		{"inclusion too few", client.BadProof, func(r *wire.SearchResponse) { r.Search.Inclusion.Elements = r.Search.Inclusion.Elements[1:] }},
		{"inclusion changed", client.BadSignature, func(r *wire.SearchResponse) { r.Search.Inclusion.Elements[0][0] ^= 1 }},
		{"prefix proof changed", client.BadSignature, func(r *wire.SearchResponse) { r.Search.PrefixProofs[0].Elements[0][0] ^= 1 }},
		{"head shrunk to the one seen", client.BadProof, func(r *wire.SearchResponse) { r.FullTreeHead.TreeHead.TreeSize = 12 }},
		{"head shrunk below the one seen", client.RolledBack, func(r *wire.SearchResponse) { r.FullTreeHead.TreeHead.TreeSize = 11 }},
		{"head of another size", client.BadProof, func(r *wire.SearchResponse) { r.FullTreeHead.TreeHead.TreeSize++ }},
		{"signature changed", client.BadSignature, func(r *wire.SearchResponse) { r.FullTreeHead.TreeHead.Signature[3] ^= 4 }},
		{"signature missing", client.BadSignature, func(r *wire.SearchResponse) { r.FullTreeHead.TreeHead.Signature = nil }},
	}
	for _, mode := range []wire.DeploymentMode{wire.ContactMonitoring, wire.ThirdPartyAuditing} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("mode %d/%s", mode, c.name), func(t *testing.T) {
				l, s := grown(t, wire.KT_128_SHA256_Ed25519, mode, nil)
				wantKind(t, attacked(t, l, s, nil, c.edit), c.kind)
			})
		}
	}
}

// TestSameHeadWithoutOne claims to go on with a head that was never advertised.
func TestSameHeadWithoutOne(t *testing.T) {
	l, _ := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	err := attacked(t, l, newState(t, l), nil, func(r *wire.SearchResponse) { r.FullTreeHead = wire.FullTreeHead{HeadType: wire.HeadSame} })
	wantKind(t, err, client.BadProof)
}

// TestSameHeadWithAnotherTree answers under the head seen before, from another tree.
func TestSameHeadWithAnotherTree(t *testing.T) {
	l, s := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	_, s = mustSearch(t, l, s, "alice", nil)
	fork := l.Truncated(l.Size() - 3)
	fork.Value("alice", "the attacker's key")
	fork.Publish(nil)
	fork.Publish(nil)
	_, _, err := search(t, fork, s, "alice", nil)
	wantKind(t, err, client.BadProof)
}

// TestEveryBit flips bits of the responses of every operation: each must be
// refused, and change nothing.
func TestEveryBit(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			for name, e := range everyOperation(t, k.suite, k.mode) {
				t.Run(name, func(t *testing.T) { flip(t, e) })
			}
		})
	}
}

// An attempt is a response that verifies, and how to verify another.
type attempt struct {
	state    *client.State
	response []byte
	verify   func(response []byte) (*client.State, error)
}

func prepare[T any](t testing.TB, l *testlog.Log, s *client.State) func(call wire.Call, verify client.Verify[T], err error) attempt {
	return func(call wire.Call, verify client.Verify[T], err error) attempt {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		response, err := l.Do(context.Background(), call)
		if err != nil {
			t.Fatalf("%v: %v", call.Operation, err)
		}
		at := now(l)
		a := attempt{s, response, func(b []byte) (*client.State, error) {
			_, next, err := verify(b, at)
			return next, err
		}}
		if _, err := a.verify(response); err != nil {
			t.Fatalf("%v: %v", call.Operation, err)
		}
		return a
	}
}

// everyOperation is one attempt of each operation, by a user with memory.
func everyOperation(t testing.TB, id wire.CipherSuite, mode wire.DeploymentMode) map[string]attempt {
	l := testlog.New(id, mode, nil)
	l.Advance(100).Publish(nil)
	l.Advance(100).Publish(map[string][][]byte{"alice": {[]byte("a0"), []byte("a1")}, "bob": {[]byte("b0")}})
	_, s, err := walk(t, l, newState(t, l), nil)
	if err != nil {
		t.Fatal(err)
	}
	start, _ := s.RightmostDistinguished()
	if _, s, err = ownerInit(t, l, s, "alice", start); err != nil {
		t.Fatal(err)
	}
	if _, s, err = update(t, l, s, "alice"); err != nil {
		t.Fatal(err)
	}
	l.Advance(100).Publish(nil)
	l.Advance(100).Value("bob", "b1")
	_, s = mustSearch(t, l, s, "bob", ptr(uint32(1)))
	for range 5 {
		l.Advance(500).Publish(nil)
	}
	all := map[string]attempt{
		"search":        prepare[*client.Found](t, l, s)(s.Search("alice", nil)),
		"search first":  prepare[*client.Found](t, l, newState(t, l))(newState(t, l).Search("alice", nil)),
		"search fixed":  prepare[*client.Found](t, l, s)(s.Search("alice", ptr(uint32(1)))),
		"owner monitor": prepare[*client.OwnerWatched](t, l, s)(s.OwnerMonitor("alice")),
		"distinguished": prepare[*client.Walked](t, l, s)(s.Walk(nil)),
		"update":        prepare[*client.Updated](t, l, s)(s.Update("alice", [][]byte{[]byte("a2")})),
	}
	if mode == wire.ContactMonitoring {
		all["contact monitor"] = prepare[*client.Watched](t, l, s)(s.ContactMonitor("bob"))
	}
	start, _ = s.RightmostDistinguished()
	all["owner init"] = prepare[*client.Initialised](t, l, s)(s.OwnerInit("bob", start))
	return all
}

func flip(t *testing.T, a attempt) {
	before := a.state.Append(nil)
	bad := slices.Clone(a.response)
	bits, stride := []int{0}, 3
	if os.Getenv("KITH_SOAK") != "" {
		bits, stride = []int{0, 1, 2, 3, 4, 5, 6, 7}, 1
	}
	for i := rand.IntN(stride); i < len(bad); i += stride {
		for _, b := range bits {
			bit := byte(1) << ((i + b) % 8)
			bad[i] ^= bit
			if next, err := a.verify(bad); err == nil || next != nil {
				t.Fatalf("bit %#x of byte %d of %d can be flipped", bit, i, len(bad))
			}
			bad[i] ^= bit
		}
	}
	for _, n := range []int{0, 1, len(bad) / 2, len(bad) - 1} {
		if _, err := a.verify(bad[:n]); err == nil {
			t.Fatalf("%d of %d bytes verify", n, len(bad))
		}
	}
	if _, err := a.verify(append(slices.Clone(bad), 0)); err == nil {
		t.Fatal("a response with something after it verifies")
	}
	if !bytes.Equal(before, a.state.Append(nil)) {
		t.Fatal("failed verifications changed the state")
	}
}

// TestHeadOfAnotherKey has the head signed by a key that is not the pinned one.
func TestHeadOfAnotherKey(t *testing.T) {
	for _, k := range kinds {
		l, s := grown(t, k.suite, k.mode, nil)
		other, err := suite.Get(k.suite)
		if err != nil {
			t.Fatal(err)
		}
		if l.Head, err = other.GenerateSigner(strings.NewReader(strings.Repeat("another key ", 10))); err != nil {
			t.Fatal(err)
		}
		_, _, err = search(t, l, s, "alice", nil)
		wantKind(t, err, client.BadSignature)
	}
}

// TestHeadOfAnotherConfiguration has the head signed for a configuration that
// differs from the pinned one in one field each ("with full Configuration").
func TestHeadOfAnotherConfiguration(t *testing.T) {
	for name, edit := range map[string]func(*wire.Configuration){
		"max_ahead":                    func(c *wire.Configuration) { c.MaxAhead++ },
		"max_behind":                   func(c *wire.Configuration) { c.MaxBehind++ },
		"reasonable_monitoring_window": func(c *wire.Configuration) { c.ReasonableMonitoringWindow++ },
		"maximum_lifetime":             func(c *wire.Configuration) { c.MaximumLifetime = ptr(uint64(1 << 40)) },
		"max_auditor_lag":              func(c *wire.Configuration) { c.MaxAuditorLag++ },
		"auditor_start_pos":            func(c *wire.Configuration) { c.AuditorStartPos++ },
		"mode":                         func(c *wire.Configuration) { c.Mode = wire.ContactMonitoring },
	} {
		t.Run(name, func(t *testing.T) {
			l, s := grown(t, wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, nil)
			l.TamperTBS = func(tbs *wire.TreeHeadTBS) { edit(&tbs.Config) }
			_, _, err := search(t, l, s, "alice", nil)
			wantKind(t, err, client.BadSignature)
		})
	}
}

// TestClock holds heads against clocks, new heads and the same one again
// ("Users verify this against their local clock at the time they receive the
// query response").
func TestClock(t *testing.T) {
	for _, same := range []bool{false, true} {
		for _, c := range []struct {
			name  string
			shift time.Duration // of the local clock
			off   time.Duration // of the log from it; 0: accepted
		}{
			{"just behind enough", 60 * time.Second, 0},
			{"too far behind", 60*time.Second + time.Millisecond, -60*time.Second - time.Millisecond},
			{"stale by a day", 24 * time.Hour, -24 * time.Hour},
			{"just ahead enough", -60 * time.Second, 0},
			{"too far ahead", -60*time.Second - time.Millisecond, 60*time.Second + time.Millisecond},
			{"clock before 1970", -100 * 365 * 24 * time.Hour, 100 * 365 * 24 * time.Hour},
		} {
			t.Run(fmt.Sprintf("%s/same %v", c.name, same), func(t *testing.T) {
				l, s := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
				if same {
					_, s = mustSearch(t, l, s, "alice", nil)
				}
				before := s.Append(nil)
				call, verify, err := s.Search("alice", nil)
				if err != nil {
					t.Fatal(err)
				}
				response, err := l.Do(context.Background(), call)
				if err != nil {
					t.Fatal(err)
				}
				_, next, err := verify(response, now(l).Add(c.shift))
				if c.off == 0 {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				clock, ok := errors.AsType[*client.ClockError](err)
				if !ok || !errors.Is(err, client.ErrClock) || next != nil || !bytes.Equal(before, s.Append(nil)) {
					t.Fatalf("got %v", err)
				}
				if clock.Off() != c.off || !strings.Contains(err.Error(), "your clock or theirs is wrong by") {
					t.Errorf("off by %s: %v", clock.Off(), err)
				}
			})
		}
	}
}

// TestRemovedBeforeTheOwnerLooked takes a version out again before a
// distinguished entry could show it to the label's owner: what contact
// monitoring is for.
func TestRemovedBeforeTheOwnerLooked(t *testing.T) {
	l, _ := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, func(c *wire.Configuration) { c.ReasonableMonitoringWindow = 3000 })
	l.Advance(10).Value("alice", "the attacker's key")
	f, s := mustSearch(t, l, newState(t, l), "alice", nil)
	if !f.Watched {
		t.Fatal("not to be watched")
	}
	honest := l.Clone()
	l.Rewrite("alice", int(f.Version))
	honest.Publish(nil)
	for range 20 {
		l.Advance(400).Publish(nil)
		honest.Advance(400).Publish(nil)
	}
	if _, _, err := contactMonitor(t, honest, s, "alice"); err != nil {
		t.Fatalf("without the attack: %v", err)
	}
	_, _, err := search(t, l, s, "alice", nil)
	wantKind(t, err, client.Rewritten)
	// The log would have to prove what is gone.
	l.Labels["alice"] = honest.Labels["alice"]
	call, verify, err := s.ContactMonitor("alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Do(context.Background(), call); err == nil {
		t.Fatal("a proof of a removed version was made")
	}
	// The proof of the honest log, under this log's head, does not help it.
	response, err := honest.Do(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := wire.ParseContactMonitorResponse(response, l.Config.Format())
	if err != nil {
		t.Fatal(err)
	}
	resp.FullTreeHead = l.FullHead(l.Size())
	bad, _ := resp.Append(nil, l.Config.Format())
	_, _, err = verify(bad, now(l))
	wantKind(t, err, client.BadSignature)
}

// TestRewritten has a log prove another value, or a lower version, than before.
func TestRewritten(t *testing.T) {
	t.Run("value", func(t *testing.T) {
		l, s := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
		l.Rewrite("alice", 1, "the attacker's key")
		for range 9 {
			l.Advance(2000).Publish(nil)
		}
		if f, _ := mustSearch(t, l, newState(t, l), "alice", nil); string(f.Value) != "the attacker's key" {
			t.Fatal("the rewritten log does not even convince a newcomer")
		}
		_, _, err := search(t, l, s, "alice", nil)
		wantKind(t, err, client.Rewritten)
	})
	t.Run("version", func(t *testing.T) {
		l, s := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
		l.Rewrite("alice", 1)
		for range 9 {
			l.Advance(2000).Publish(nil)
		}
		if f, _ := mustSearch(t, l, newState(t, l), "alice", nil); f.Version != 0 {
			t.Fatal("the rewritten log does not even convince a newcomer")
		}
		_, _, err := search(t, l, s, "alice", nil)
		wantKind(t, err, client.Rewritten)
	})
}

// TestManagementSignature: "Users MUST successfully verify this signature before
// consuming UpdateValue.value".
func TestManagementSignature(t *testing.T) {
	l := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ThirdPartyManagement, nil)
	honest := l.Leaf
	other, _ := suite.Get(wire.KT_128_SHA256_Ed25519)
	key, err := other.GenerateSigner(strings.NewReader(strings.Repeat("another key ", 10)))
	if err != nil {
		t.Fatal(err)
	}
	// The manager signs as the operator, in a configuration of its own.
	l.Leaf, l.Config.LeafPublicKey = key, key.Public()
	l.Advance(100).Value("alice", "the manager's key")
	l.Leaf, l.Config.LeafPublicKey = honest, honest.Public()
	_, _, err = search(t, l, newState(t, l), "alice", nil)
	wantKind(t, err, client.BadSignature)
	s := own(t, l, newState(t, l), "bob")
	l.Leaf, l.Config.LeafPublicKey = key, key.Public()
	l.Advance(100).Value("bob", "the manager's key")
	l.Leaf, l.Config.LeafPublicKey = honest, honest.Public()
	_, _, err = update(t, l, s, "bob")
	wantKind(t, err, client.BadSignature)
}
