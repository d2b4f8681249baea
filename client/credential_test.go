package client_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/wire"
)

func walked(t *testing.T, l *testlog.Log, s *client.State) *client.State {
	t.Helper()
	_, s, err := walk(t, l, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStandardCredential: alice shows bob her value without bob asking the log.
func TestStandardCredential(t *testing.T) {
	eachKind(t, func(t *testing.T, l *testlog.Log) {
		l.Advance(100).Value("alice", "a0")
		l.Advance(100).Value("alice", "a1")
		for i := range 5 { // no two prefix trees are the same
			l.Advance(700).Value("somebody", value("somebody", uint32(i)))
		}
		f, alice := mustSearch(t, l, newState(t, l), "alice", nil)
		c, err := alice.StandardCredential(f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.Append(nil, l.Config.Format())
		if err != nil {
			t.Fatal(err)
		}
		if c, err = wire.ParseCredential(b, l.Config.Format()); err != nil {
			t.Fatal(err)
		}
		bob := walked(t, l, newState(t, l))
		got, err := bob.VerifyCredential(c)
		if err != nil || string(got.Value) != "a1" || got.Version != 1 || got.Provisional != nil {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := newState(t, l).VerifyCredential(c); !errors.Is(err, client.ErrNotRecent) {
			t.Errorf("without knowing the log entry: %v", err)
		}
		flipCredential(t, l, bob, b)
	})
}

// flipCredential flips a bit of every byte.
func flipCredential(t *testing.T, l *testlog.Log, s *client.State, b []byte) {
	t.Helper()
	before := s.Append(nil)
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1 << (i % 8)
		c, err := wire.ParseCredential(bad, l.Config.Format())
		if err != nil {
			continue
		}
		if _, err := s.VerifyCredential(c); err == nil {
			t.Fatalf("byte %d of %d can be changed", i, len(b))
		}
	}
	if !bytes.Equal(before, s.Append(nil)) {
		t.Error("verifying credentials changed the state")
	}
}

// TestProvisionalCredential: alice changed her key since the newest
// distinguished entry, and shows bob, who learns later that all was well.
func TestProvisionalCredential(t *testing.T) {
	eachKind(t, func(t *testing.T, l *testlog.Log) {
		l.Advance(100).Value("alice", "a0")
		for i := range 15 {
			l.Advance(900).Value("somebody", value("somebody", uint32(i)))
		}
		bob := walked(t, l, newState(t, l))
		alice := walked(t, l, newState(t, l))
		for range 7 {
			l.Advance(10).Publish(nil)
		}
		l.Advance(10).Value("alice", "a1")
		f, alice := mustSearch(t, l, alice, "alice", nil)
		if _, err := alice.StandardCredential(f); err == nil {
			t.Fatal("a standard credential for a version in no distinguished entry")
		}
		position := bob.Distinguished()[len(bob.Distinguished())-1].Position
		var c *wire.Credential
		for behind := range uint64(12) { // the auditor's head may open subtrees that a credential does not
			l.AuditorBehind = behind
			call, verify, err := alice.ProvisionalCredential("alice", position)
			if err != nil {
				t.Fatal(err)
			}
			response, err := l.Do(t.Context(), call)
			if err != nil {
				t.Fatal(err)
			}
			if c, err = verify(response, now(l)); err != nil {
				t.Fatal(err)
			}
			if _, err := bob.VerifyCredential(c); err != nil {
				t.Fatalf("auditor behind by %d: %v", behind, err)
			}
		}
		b, err := c.Append(nil, l.Config.Format())
		if err != nil {
			t.Fatal(err)
		}
		if c, err = wire.ParseCredential(b, l.Config.Format()); err != nil {
			t.Fatal(err)
		}
		before := bob.Append(nil)
		got, err := bob.VerifyCredential(c)
		if err != nil || string(got.Value) != "a1" || got.Provisional == nil {
			t.Fatalf("%+v, %v", got, err)
		}
		p := got.Provisional
		if err := bob.FinishCredential(p, nil); !errors.Is(err, client.ErrNotRecent) {
			t.Errorf("too early: %v", err)
		}
		if !bytes.Equal(before, bob.Append(nil)) {
			t.Fatal("a provisional credential changed the state")
		}
		flipCredential(t, l, bob, b)

		// Two futures: the log goes on, and a log that never saw alice's change.
		fork := l.Truncated(c.TreeHead.TreeSize - 2)
		for range 8 {
			l.Advance(900).Publish(nil)
			fork.Advance(900).Publish(nil)
		}
		fork.Publish(nil)
		fork.Publish(nil)
		later := walked(t, l, bob)
		forked := walked(t, fork, bob)
		var distinguished uint64
		for _, d := range later.Distinguished() {
			if d.Position+1 >= p.Retained.Size && d.Position > p.Terminal {
				distinguished = d.Position
				break
			}
		}
		update, err := l.CredentialUpdate("alice", p.Version, p.Terminal, p.Retained.Size, distinguished)
		if err != nil {
			t.Fatal(err)
		}
		if err := bob.FinishCredential(p, update); !errors.Is(err, client.ErrNotRecent) {
			t.Errorf("an update before its log entry is known: %v", err)
		}
		if err := later.FinishCredential(p, update); err != nil {
			t.Errorf("finally: %v", err)
		}
		if err := forked.FinishCredential(p, update); !errors.Is(err, client.ErrCredential) {
			t.Errorf("on a fork: %v", err)
		}
		update.Monitor.Timestamps[0]++
		if err := later.FinishCredential(p, update); !errors.Is(err, client.ErrCredential) {
			t.Errorf("tampered: %v", err)
		}
	})
}

// TestProvisionalSettledByItsTerminal: the terminal entry itself becomes distinguished.
func TestProvisionalSettledByItsTerminal(t *testing.T) {
	l := contactLog()
	for range 10 {
		l.Advance(2000).Publish(nil)
	}
	s := walked(t, l, newState(t, l))
	position := s.Distinguished()[len(s.Distinguished())-1].Position
	l.Advance(10).Value("alice", "a0") // entry 11, which is distinguished later
	call, verify, err := s.ProvisionalCredential("alice", position)
	if err != nil {
		t.Fatal(err)
	}
	response, err := l.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	c, err := verify(response, now(l))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.VerifyCredential(c)
	if err != nil {
		t.Fatal(err)
	}
	l.Advance(3000).Publish(nil)
	s = walked(t, l, s)
	if err := s.FinishCredential(got.Provisional, nil); err != nil {
		t.Error(err)
	}
	got.Provisional.Entry.PrefixTree[0] ^= 1
	if err := s.FinishCredential(got.Provisional, nil); !errors.Is(err, client.ErrCredential) {
		t.Errorf("another prefix tree: %v", err)
	}
}

// TestDistinguishedHead compares the roots of two users on one log, and on two.
func TestDistinguishedHead(t *testing.T) {
	eachKind(t, func(t *testing.T, l *testlog.Log) {
		for range 12 {
			l.Advance(900).Publish(nil)
		}
		a := walked(t, l, newState(t, l))
		for _, d := range a.Distinguished() {
			if d.Root != l.Root(d.Position+1) || d.Entry != l.Entries[d.Position] {
				t.Errorf("root at %d", d.Position)
			}
		}
		l.Advance(2000).Publish(nil)
		b := walked(t, l, newState(t, l))
		a2 := walked(t, l, a)
		for _, n := range []int{6, 8} {
			for _, other := range []*client.State{a, a2} {
				if err := client.CompareRoots(other.DistinguishedHead(n).Heads, b.DistinguishedHead(n).Heads); err != nil {
					t.Error(err)
				}
			}
		}
		fork := l.Truncated(5)
		for range 9 {
			fork.Advance(900).Publish(nil)
		}
		f := walked(t, fork, newState(t, l))
		if err := client.CompareRoots(a.DistinguishedHead(3).Heads, f.DistinguishedHead(3).Heads); !errors.Is(err, client.ErrNoOverlap) {
			t.Errorf("a fork: %v", err)
		}
	})
}

// TestMUSTNOTRestOnExpiredEntries: a definition of "recent" includes no expired
// distinguished log entry, however few there are ("Walking Distinguished Heads").
func TestMUSTNOTRestOnExpiredEntries(t *testing.T) {
	for _, how := range []string{"walk", "search"} {
		l := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, func(c *wire.Configuration) { c.MaximumLifetime = ptr(uint64(3_000)) })
		l.Advance(1_500).Value("alice", "a")
		for range 3 {
			l.Advance(500).Publish(nil)
		}
		_, s, err := walk(t, l, newState(t, l), nil)
		if err != nil {
			t.Fatal(err)
		}
		f, s := mustSearch(t, l, s, "alice", nil)
		c, err := s.StandardCredential(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.VerifyCredential(c); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			l.Advance(2_000).Publish(nil)
		}
		if how == "walk" {
			_, s, err = walk(t, l, s, nil)
		} else {
			_, s, err = search(t, l, s, "alice", nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.VerifyCredential(c); !errors.Is(err, client.ErrNotRecent) {
			t.Errorf("%s: a credential on an expired log entry: %v", how, err)
		}
	}
}

// TestCompareRoots holds the function against the draft's compare_roots.
func TestCompareRoots(t *testing.T) {
	roots := func(s string) (out []wire.HashValue) {
		for _, c := range s {
			out = append(out, wire.HashValue{byte(c)})
		}
		return out
	}
	for _, c := range []struct {
		a, b string
		want error
	}{
		{"abc", "abc", nil}, {"abc", "bcd", nil}, {"bcd", "abc", nil}, {"abc", "cde", nil},
		{"abc", "def", client.ErrNoOverlap}, {"abc", "abd", client.ErrNoOverlap}, {"abc", "xbc", client.ErrNoOverlap},
		{"abc", "ab", client.ErrIncomparable}, {"", "", client.ErrIncomparable},
	} {
		if err := client.CompareRoots(roots(c.a), roots(c.b)); !errors.Is(err, c.want) {
			t.Errorf("%s and %s: %v", c.a, c.b, err)
		}
	}
}
