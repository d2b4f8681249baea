package client_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/wire"
)

// checks are those of a name.
func checks(l []client.Check, name string) (all []client.Check) {
	for _, c := range l {
		if c.Name == name {
			all = append(all, c)
		}
	}
	return all
}

// wantPolicy looks alice up, and expects nothing but a refusal with these words.
func wantPolicy(t *testing.T, c *client.Client, words ...string) *client.Lookup {
	t.Helper()
	l, err := c.Lookup(t.Context(), "alice", client.Options{})
	if !errors.Is(err, client.ErrPolicy) {
		t.Fatalf("got %v, want ErrPolicy", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if l == nil || l.Value != nil || l.Found == nil || l.Found.Value != nil {
		t.Fatalf("a value passed the gate: %+v", l)
	}
	return l
}

// TestWitnessedHead: covered by the checkpoint, and some entries ahead of it.
func TestWitnessedHead(t *testing.T) {
	a := trailed(t)
	store := &memory{}
	c := witnessed(a, func(c *client.Config) { c.Store = store })
	l := lookup(t, c, "alice")
	if string(l.Value) != "key 0" {
		t.Errorf("value %q", l.Value)
	}
	w, covered := checks(l.Checks, "witnesses"), checks(l.Checks, "covered")
	if len(w) != 1 || !w[0].OK || !strings.Contains(w[0].Detail, "w1 (0s ago), w2 (0s ago) cosigned a checkpoint of 13 entries") || len(covered) != 1 || !covered[0].OK {
		t.Errorf("%+v", l.Checks)
	}
	s := c.State()
	if s.Pending() != nil || s.Covered() == nil || s.Covered().Size != 13 || s.Covered().Root != a.l.Root(13) {
		t.Errorf("%+v, %+v", s.Pending(), s.Covered())
	}
	lookup(t, c, "alice") // the same head, covered, with recent cosignatures
	if !slices.Equal(a.asked, []uint64{13}) {
		t.Errorf("asked for %v", a.asked)
	}

	a.l.Advance(1_000).Publish(nil)
	a.l.Advance(1_000).Publish(nil)
	l = lookup(t, c, "alice")
	covered = checks(l.Checks, "covered")
	if len(covered) != 1 || !covered[0].OK || !strings.Contains(covered[0].Detail, "the last 2 entries") || !strings.Contains(covered[0].Detail, "not witnessed yet") {
		t.Errorf("%+v", l.Checks)
	}
	s = c.State()
	if p := s.Pending(); p == nil || p.Size != 15 || p.Root != a.l.Root(15) || p.Since != a.l.Time || s.Covered().Size != 13 {
		t.Fatalf("%+v, %+v", p, s.Covered())
	}
	// What waits, waits in the file too.
	again, err := client.ParseState(store.saved[len(store.saved)-1], s.Log())
	if err != nil || again.Pending() == nil || *again.Covered() != *s.Covered() || string(again.Pending().Signature) != string(s.Head().Tree.Signature) {
		t.Fatalf("%+v, %v", again, err)
	}
	reread(t, s)

	// A later head waits behind it, and both are covered at once.
	a.l.Advance(1_000).Publish(nil)
	lookup(t, c, "alice")
	if p := c.State().Pending(); p == nil || p.Size != 15 {
		t.Errorf("%+v", p)
	}
	a.sign("w2", "w3")
	lookup(t, c, "alice")
	if p := c.State().Pending(); p != nil || c.State().Covered().Size != 16 {
		t.Errorf("%+v, %+v", p, c.State().Covered())
	}
	// A checkpoint that covers the one that waits, and not the newest.
	a.l.Advance(1_000).Publish(nil)
	lookup(t, c, "alice")
	a.sign("w1", "w3")
	a.l.Advance(1_000).Publish(nil)
	lookup(t, c, "alice")
	if p := c.State().Pending(); p == nil || p.Size != 18 || c.State().Covered().Size != 17 {
		t.Errorf("%+v, %+v", p, c.State().Covered())
	}
}

// TestNoPolicyNoBinding: without a threshold nobody is asked.
func TestNoPolicyNoBinding(t *testing.T) {
	a := trailed(t)
	c := witnessed(a, func(c *client.Config) { c.Policy.Witnesses.Threshold = 0 })
	lookup(t, c, "alice")
	if len(a.asked) != 0 || c.State().Covered() != nil || c.State().Pending() != nil {
		t.Error(a.asked, c.State().Covered())
	}
	if b := c.State().Append(nil); !strings.HasPrefix(string(b), "kith client state 1\n") {
		t.Errorf("%.30q", b)
	}
}

// TestUnmetPolicyNamesWhoIsMissing: every reason of an unmet quorum.
func TestUnmetPolicyNamesWhoIsMissing(t *testing.T) {
	const min = 60_000
	for _, c := range []struct {
		name  string
		age   time.Duration
		sign  func(a *trail)
		words []string
	}{
		{"nobody", 30 * time.Second, func(a *trail) {}, []string{"0 of the 2 witnesses needed", "w1: no cosignature", "w2: no cosignature", "w3: no cosignature"}},
		{"one", 30 * time.Second, func(a *trail) { a.cosign(a.l.Time, "w3") }, []string{"1 of the 2", "w1: no cosignature", "w2: no cosignature"}},
		{"late", 10 * time.Minute, func(a *trail) { a.cosign(a.l.Time, "w1").cosign(a.l.Time-14*min, "w2") }, []string{"w2: last cosignature 14 min old", "w3: no cosignature"}},
		{"from the future", 30 * time.Second, func(a *trail) { a.cosign(a.l.Time, "w1").cosign(a.l.Time+3*min+1_000, "w2") }, []string{"w2: cosignature from 3 min in the future"}},
		{"the same twice", 30 * time.Second, func(a *trail) { a.cosign(a.l.Time, "w1").cosign(a.l.Time-1_000, "w1") }, []string{"1 of the 2"}},
		{"strangers", 30 * time.Second, func(a *trail) { a.cosign(a.l.Time, "x1", "x2", "x3") }, []string{"0 of the 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := trailed(t).sign()
			c.sign(a)
			gate := witnessed(a, func(config *client.Config) { config.Policy.MaxCosignatureAge = c.age })
			l := wantPolicy(t, gate, c.words...)
			if w := checks(l.Checks, "witnesses"); len(w) != 1 || w[0].OK {
				t.Errorf("%+v", l.Checks)
			}
			if p := gate.State().Pending(); p == nil || p.Size != 13 || gate.State().Covered() != nil {
				t.Errorf("%+v, %+v", p, gate.State().Covered())
			}
			a.cosign(a.l.Time, "w1", "w2") // and then they are back
			lookup(t, gate, "alice")
			if gate.State().Pending() != nil {
				t.Error("the head still waits")
			}
		})
	}
}

// TestWitnessesAndAuditors: both quorums are to be met, and each says for itself.
func TestWitnessesAndAuditors(t *testing.T) {
	a := trailed(t)
	c := witnessed(a, func(c *client.Config) { c.Policy.Auditors = a.quorum(1, "auditor.example") })
	wantPolicy(t, c, "0 of the 1 auditors needed", "auditor.example: no cosignature")
	a.cosign(a.l.Time, "auditor.example")
	l := lookup(t, c, "alice")
	if len(checks(l.Checks, "auditors")) != 1 || len(checks(l.Checks, "witnesses")) != 1 {
		t.Errorf("%+v", l.Checks)
	}
	a.sign("auditor.example")
	wantPolicy(t, witnessed(a, func(c *client.Config) { c.Policy.Auditors = a.quorum(1, "auditor.example") }), "0 of the 2 witnesses needed")
}

// TestRefusalNamesWhoIsAwayNow: the binding is to the last checkpoint that had
// enough cosignatures; who is well shows on the newest one alone.
func TestRefusalNamesWhoIsAwayNow(t *testing.T) {
	a := trailed(t)
	a.cosign(a.l.Time, "w3")
	old := *a
	a.l.Advance(20_000).Publish(nil)
	a.sign("w1") // w2 and w3 went away 20 s ago
	newest := a.note
	a.size, a.note, a.last = old.size, old.note, newest
	c := witnessed(a, nil)
	wantPolicy(t, c, "20 s older than that of the head", "(w2: last cosignature 20 s old, w3: last cosignature 20 s old)")
	a.l.Advance(10_500)
	wantPolicy(t, c, "0 of the 2 witnesses needed", "(w2: last cosignature 31 s old, w3: last cosignature 31 s old)")
	a.last = []byte("no checkpoint") // what it says is not believed, nor needed
	wantPolicy(t, c, "(w1: last cosignature 31 s old, w2: last cosignature 31 s old, w3: last cosignature 31 s old)")
}

// TestCosignaturesAgeWithoutANewHead: what was enough once is not for ever.
func TestCosignaturesAgeWithoutANewHead(t *testing.T) {
	a := trailed(t)
	c := witnessed(a, nil)
	lookup(t, c, "alice")
	a.l.Advance(30_000)
	lookup(t, c, "alice")
	a.l.Advance(1_500)
	wantPolicy(t, c, "w1: last cosignature 3")
	a.cosign(a.l.Time, "w1", "w2")
	lookup(t, c, "alice")
}

// TestBindingAttacks: what a provider could show instead of an honest binding. The
// head is of 16 entries, the checkpoint of 13.
func TestBindingAttacks(t *testing.T) {
	type attack struct {
		name  string
		act   func(t *testing.T, a *trail)
		words string
	}
	foreign := func(a *trail) []byte { // a checkpoint of another key
		other := newTrail(a.t, a.l)
		skey, _, err := checkpoint.GenerateKey(strings.NewReader(strings.Repeat("x", 32)), auditOrigin)
		if err == nil {
			other.signer, err = checkpoint.NewSigner(skey)
		}
		if err != nil {
			a.t.Fatal(err)
		}
		return other.sign("w1", "w2").note
	}
	fork := func(a *trail) *trail { // another log with as many entries
		l := a.l.Truncated(3)
		for l.Size() < 13 {
			l.Advance(1).Value("mallory", "key")
		}
		l.Time = a.l.Time
		return newTrail(a.t, l).sign("w1", "w2")
	}
	for _, c := range []attack{
		{"another checkpoint, of another key", func(t *testing.T, a *trail) {
			note := foreign(a)
			a.edit = func(b *checkpoint.Binding) { b.Checkpoint = note }
		}, "not signed by the log"},
		{"another checkpoint, of another tree", func(t *testing.T, a *trail) {
			note := fork(a).note
			a.edit = func(b *checkpoint.Binding) { b.Checkpoint = note }
		}, "invalid proof"},
		{"another leaf", func(t *testing.T, a *trail) {
			a.edit = func(b *checkpoint.Binding) { b.Leaf.Root[1] ^= 1 }
		}, "invalid proof"},
		{"a leaf that makes the checkpoint look young", func(t *testing.T, a *trail) {
			a.edit = func(b *checkpoint.Binding) { b.Leaf.Timestamp = a.l.Time }
		}, "invalid proof"},
		{"forged full subtrees", func(t *testing.T, a *trail) {
			a.edit = func(b *checkpoint.Binding) { b.FullSubtrees[0][0] ^= 1 }
		}, "not bound"},
		{"forged extension", func(t *testing.T, a *trail) {
			a.edit = func(b *checkpoint.Binding) { b.Elements[0][0] ^= 1 }
		}, "not bound"},
		{"the fork that witnesses saw", func(t *testing.T, a *trail) {
			other := fork(a)
			a.edit = func(b *checkpoint.Binding) {
				b.Checkpoint, b.Leaf = other.note, other.leaves[12]
				encoded, err := other.binding(13)
				if err != nil {
					t.Fatal(err)
				}
				honest, err := checkpoint.ParseBinding(encoded)
				if err != nil {
					t.Fatal(err)
				}
				b.Proof = honest.Proof
			}
		}, "not bound"},
		{"the binding of an earlier head", func(t *testing.T, a *trail) {
			old, err := a.binding(13)
			if err != nil {
				t.Fatal(err)
			}
			a.stale = old
		}, "not bound"},
		{"garbage", func(t *testing.T, a *trail) { a.stale = []byte("garbage") }, "malformed"},
		{"nothing", func(t *testing.T, a *trail) { a.err = errors.New("not today") }, "not today"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := trailed(t)
			for range 3 {
				a.l.Advance(500).Publish(nil)
			}
			c.act(t, a)
			gate := witnessed(a, nil)
			wantPolicy(t, gate, c.words)
			if s := gate.State(); s.Covered() != nil || s.Pending() == nil || s.Pending().Size != 16 {
				t.Errorf("%+v, %+v", s.Covered(), s.Pending())
			}
			a.edit, a.stale, a.err = nil, nil, nil
			lookup(t, gate, "alice")
		})
	}
	t.Run("nobody to ask", func(t *testing.T) {
		wantPolicy(t, witnessed(trailed(t), func(c *client.Config) { c.Binder = nil }), "nobody to ask")
		wantPolicy(t, witnessed(trailed(t), func(c *client.Config) { c.AuditLog = nil }), "nobody to ask")
	})
}

// TestReplayedBinding: a binding that was good for this head once, with the
// cosignatures of then.
func TestReplayedBinding(t *testing.T) {
	a := trailed(t)
	old, err := a.binding(13)
	if err != nil {
		t.Fatal(err)
	}
	lookup(t, witnessed(a, nil), "alice")
	a.stale = old
	a.l.Advance(40_000)
	wantPolicy(t, witnessed(a, nil), "w1: last cosignature 40 s old")
}

// TestHeadTooFarAheadOfItsCheckpoint: the witnesses are well, and are shown nothing
// new.
func TestHeadTooFarAheadOfItsCheckpoint(t *testing.T) {
	a := trailed(t)
	a.l.Advance(5_000).Publish(nil)
	a.cosign(a.l.Time, "w1", "w2")
	c := witnessed(a, nil)
	lookup(t, c, "alice")
	a.l.Advance(1).Publish(nil)
	wantPolicy(t, c, "5 s older than that of the head", "your policy allows 5s")
	if p := c.State().Pending(); p == nil || p.Size != 14 || c.State().Covered().Size != 13 {
		t.Errorf("%+v, %+v", p, c.State().Covered())
	}
	a.sign("w1", "w3")
	lookup(t, c, "alice")
}

// TestPendingHeadIsNeverCovered: the same head again and again, just ahead of a
// checkpoint that witnesses go on to cosign.
func TestPendingHeadIsNeverCovered(t *testing.T) {
	a := trailed(t)
	a.l.Advance(1_000).Publish(nil)
	c := witnessed(a, nil)
	lookup(t, c, "alice")
	a.l.Advance(5_000)
	lookup(t, c, "alice")
	a.l.Advance(1)
	a.cosign(a.l.Time, "w1", "w2")
	l := wantPolicy(t, c, "a head of 14 entries that you saw 5 s ago is still under no checkpoint")
	if covered := checks(l.Checks, "covered"); len(covered) != 2 || covered[1].OK {
		t.Errorf("%+v", l.Checks)
	}
	// It stays so for a client that starts anew from the file.
	s := reread(t, c.State())
	wantPolicy(t, witnessed(a, func(c *client.Config) { c.State = s }), "still under no checkpoint")
	a.sign("w1", "w2")
	lookup(t, c, "alice")
}

// TestHeadThatWaitedBehindAnother: when the head before it is covered at last, the
// next has waited since it was seen, and not since then.
func TestHeadThatWaitedBehindAnother(t *testing.T) {
	a := trailed(t)
	c := witnessed(a, nil)
	lookup(t, c, "alice")
	a.l.Advance(1_000).Publish(nil)
	lookup(t, c, "alice")
	first := a.l.Time
	at14 := newTrail(t, a.l.Truncated(14)).sign("w1", "w2")
	a.l.Advance(1_000).Publish(nil)
	lookup(t, c, "alice")
	second := a.l.Time
	if p := c.State().Pending(); p.Size != 14 || p.Since != first || p.NewestSize != 15 || p.NewestSince != second {
		t.Fatalf("%+v", p)
	}
	a.l.Advance(4_000)
	a.leaves, a.hashes, a.size, a.note = at14.leaves, at14.hashes, at14.size, at14.note
	a.cosign(a.l.Time, "w1", "w2")
	lookup(t, c, "alice")
	if p := c.State().Pending(); p.Size != 15 || p.Since != second || c.State().Covered().Size != 14 {
		t.Fatalf("%+v", p)
	}
	a.l.Advance(1_001)
	wantPolicy(t, c, "a head of 15 entries that you saw 5 s ago")
}

// TestClockThatWentBack: a head does not wait from a time that is not yet.
func TestClockThatWentBack(t *testing.T) {
	a := trailed(t)
	a.l.Advance(1_000).Publish(nil)
	c := witnessed(a, nil)
	lookup(t, c, "alice")
	a.l.Time -= 20_000
	a.err = errors.New("away")
	wantPolicy(t, c, "away")
	if p := c.State().Pending(); p == nil || p.Size != 14 || p.Since != a.l.Time {
		t.Errorf("%+v at %d", p, a.l.Time)
	}
}

// TestContradictoryLeaf: the witnesses see another log than the user.
func TestContradictoryLeaf(t *testing.T) {
	honest := trailed(t)
	victim := honest.l.Truncated(11)
	for victim.Size() < 13 {
		victim.Value("alice", "the attacker's key")
	}
	gate := witnessed(honest, func(c *client.Config) { c.Service = victim })
	got, err := gate.Lookup(t.Context(), "alice", client.Options{})
	wantKind(t, err, client.Forked)
	if got != nil || gate.State().Covered() != nil {
		t.Errorf("%+v", got)
	}
	wantFile(t, honest, err, 12)
	m, _ := errors.AsType[*client.Misbehaviour](err)
	if _, _, err := client.VerifySaved(m.Evidence); err != nil {
		t.Errorf("the answer that was contradicted: %v", err)
	}
	if _, ok := errors.AsType[*checkpoint.ContradictionError](err); !ok {
		t.Error("the contradiction is lost:", err)
	}
	for _, setting := range []client.Setting{client.Warn, client.Observe} {
		gate := witnessed(honest, func(c *client.Config) { c.Service, c.Policy.Setting = victim, setting })
		l, err := gate.Lookup(t.Context(), "alice", client.Options{})
		if err != nil || l.Value != nil || l.Found.Value != nil {
			t.Errorf("setting %d: %+v, %v", setting, l, err)
		}
		wantKind(t, l.Problem, client.Forked)
	}
}

// wantFile verifies the evidence file of a finding, as anybody would.
func wantFile(t *testing.T, a *trail, err error, entry uint64) {
	t.Helper()
	m, ok := errors.AsType[*client.Misbehaviour](err)
	if !ok || m.File == nil {
		t.Fatalf("no evidence file with %v", err)
	}
	e, err := evidence.Parse(m.File)
	if err != nil {
		t.Fatal(err)
	}
	v, err := e.Verify()
	if err != nil || v.Kind != evidence.HeadAndLeaf || !v.Proved || v.Domain != domain || v.Entry != entry {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestPendingHeadIsContradicted: the head that a user was shown waits to be
// covered; later the provider goes on with what its witnesses saw, and answers with
// bindings of the victim's heads that do not reach so far. Asked for the head that
// waits, it contradicts itself.
func TestPendingHeadIsContradicted(t *testing.T) {
	a := trailed(t)
	victim := a.l.Clone()
	victim.Advance(1_000).Value("alice", "the attacker's key")
	behind := newTrail(t, victim)
	behind.leaves, behind.hashes, behind.size, behind.note = a.leaves, a.hashes, a.size, a.note
	c := witnessed(behind, nil)
	lookup(t, c, "alice") // 14 entries, 13 of them witnessed

	a.l.Advance(1_000).Publish(nil) // the other entry 13
	a.sign("w1", "w2")
	victim.Time += 5_001
	a.l.Time = victim.Time
	behind.cosign(victim.Time, "w1", "w2")
	honest := false
	gate := witnessed(behind, func(c *client.Config) {
		c.Binder = binder(func(size uint64) ([]byte, error) {
			if honest = !honest; honest {
				return behind.binding(size) // the checkpoint of 13 entries
			}
			a.cosign(victim.Time, "w1", "w2")
			return a.binding(size)
		})
	})
	if err := gate.Edit(func(*client.State) (*client.State, error) { return c.State(), nil }); err != nil {
		t.Fatal(err)
	}
	_, err := gate.Lookup(t.Context(), "alice", client.Options{})
	wantKind(t, err, client.Forked)
	wantFile(t, a, err, 13)
}

type binder func(size uint64) ([]byte, error)

func (b binder) Binding(_ context.Context, size uint64) ([]byte, error) { return b(size) }

// TestWarnAndObserveWithoutWitnesses: the settings of the gate are as for the other
// policies.
func TestWarnAndObserveWithoutWitnesses(t *testing.T) {
	a := trailed(t).sign("w1")
	for _, setting := range []client.Setting{client.Warn, client.Observe} {
		c := witnessed(a, func(c *client.Config) { c.Policy.Setting = setting })
		l, err := c.Lookup(t.Context(), "alice", client.Options{Own: []byte("key 0")})
		if err != nil || !errors.Is(l.Problem, client.ErrPolicy) || len(l.Warnings) != 1 || !strings.Contains(l.Warnings[0], "w2: no cosignature") {
			t.Fatalf("%+v, %v", l, err)
		}
		if (l.Value != nil) != (setting == client.Warn) || l.Match == nil || !*l.Match {
			t.Errorf("setting %d: %+v", setting, l)
		}
		m, err := c.Monitor(t.Context())
		if err != nil || m.Err() != nil || !errors.Is(m.Problem, client.ErrPolicy) {
			t.Errorf("setting %d: %+v, %v", setting, m, err)
		}
	}
}

// TestMonitorHoldsTheHeadAgainstThePolicy, and monitors all the same.
func TestMonitorHoldsTheHeadAgainstThePolicy(t *testing.T) {
	a := trailed(t)
	c := witnessed(a, nil)
	lookup(t, c, "alice")
	a.l.Advance(500).Publish(nil)
	m, err := c.Monitor(t.Context())
	if err != nil || m.Err() != nil || m.Problem != nil || len(checks(m.Checks, "witnesses")) != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	a.l.Advance(500).Publish(nil)
	a.sign("w3")
	m, err = c.Monitor(t.Context())
	if err != nil || !errors.Is(m.Err(), client.ErrPolicy) || !errors.Is(m.Problem, client.ErrPolicy) || !strings.Contains(m.Problem.Error(), "w1: no cosignature") {
		t.Fatalf("%+v, %v", m, err)
	}
}

// TestResetOutranksPolicy: a reset that waits to be acknowledged is reported as
// that, and the policy on witnesses beside it; what proves a fork comes first.
func TestResetOutranksPolicy(t *testing.T) {
	l := contactLog()
	p := &person{t: t, l: l}
	p.claim("zero", key("alice"))
	a := newTrail(t, l).sign("w1", "w2")
	gate := witnessed(a, func(c *client.Config) { c.Domain, c.Policy.Opaque = domain, false })
	wantEvents(t, gate, record.FirstContact)
	p.reset("evil", key("mallory"))
	a.sign("w1")
	got, err := gate.Lookup(t.Context(), "alice", client.Options{})
	if !errors.Is(err, client.ErrUnacknowledged) || got.Held == nil || len(checks(got.Checks, "witnesses")) != 1 || checks(got.Checks, "witnesses")[0].OK {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := gate.Acknowledge("alice"); err != nil {
		t.Fatal(err)
	}
	wantPolicy(t, gate, "w2: no cosignature")
}

// TestSavedStateOfVersion1: a state from before there were witnesses is read, and
// goes on; a state of version 2 with nothing to say is no state.
func TestSavedStateOfVersion1(t *testing.T) {
	a := trailed(t)
	_, s := mustSearch(t, a.l, newState(t, a.l), "alice", nil)
	old := s.Append(nil)
	if !strings.HasPrefix(string(old), "kith client state 1\n") {
		t.Fatalf("%.30q", old)
	}
	s, err := client.ParseState(old, s.Log())
	if err != nil {
		t.Fatal(err)
	}
	c := witnessed(a, func(c *client.Config) { c.State = s })
	lookup(t, c, "alice")
	grown := c.State().Append(nil)
	if !strings.HasPrefix(string(grown), "kith client state 2\n") {
		t.Fatalf("%.30q", grown)
	}
	body := string(old[:len(old)-32])
	for what, forged := range map[string]string{
		"nothing":          strings.Replace(body, "state 1\n", "state 2\n", 1) + "\x00\x00",
		"neither there":    strings.Replace(body, "state 1\n", "state 2\n", 1),
		"version 1, extra": strings.Replace(string(grown[:len(grown)-32]), "state 2\n", "state 1\n", 1),
		"covered too far":  strings.Replace(body, "state 1\n", "state 2\n", 1) + "\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x0e" + strings.Repeat("r", 32) + strings.Repeat("t", 8),
		"covered nothing":  strings.Replace(body, "state 1\n", "state 2\n", 1) + "\x00\x01" + strings.Repeat("\x00", 8) + strings.Repeat("r", 32) + strings.Repeat("t", 8),
	} {
		if _, err := client.ParseState(seal([]byte(forged)), s.Log()); !errors.Is(err, client.ErrState) {
			t.Errorf("%s: %v", what, err)
		}
	}
	good := strings.Replace(body, "state 1\n", "state 2\n", 1) + "\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x0d" + strings.Repeat("r", 32) + strings.Repeat("t", 8)
	if s, err := client.ParseState(seal([]byte(good)), s.Log()); err != nil || s.Covered().Size != 13 {
		t.Error(err)
	}
}

// TestFormerConfiguration: right after another auditor was named, the newest entry
// under the checkpoint is still of the Configuration before.
func TestFormerConfiguration(t *testing.T) {
	l := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, nil)
	for range 4 {
		l.Advance(300).Value("alice", "key")
	}
	a := newTrail(t, l).sign("w1", "w2")
	before, err := l.Config.Append(nil, l.Config.Format())
	if err != nil {
		t.Fatal(err)
	}
	l.Config.MaxAuditorLag++
	l.Advance(300).Publish(nil)
	wantPolicy(t, witnessed(a, nil), "of another Configuration")
	lookup(t, witnessed(a, func(c *client.Config) { c.Former = []checkpoint.Digest{{1}, checkpoint.DigestOf(before)} }), "alice")
	wantPolicy(t, witnessed(a, func(c *client.Config) { c.Former = []checkpoint.Digest{{1}} }), "of another Configuration")
	a.sign("w1", "w2") // an entry of the new one is covered
	lookup(t, witnessed(a, nil), "alice")
}
