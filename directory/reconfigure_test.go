package directory_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// auditorOf makes an auditor's key from one byte.
func auditorOf(t testing.TB, seed byte) suite.Signer {
	t.Helper()
	s, err := suite.Get(wire.KT_128_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := s.GenerateSigner(bytes.NewReader(bytes.Repeat([]byte{seed}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func audited(t testing.TB, auditor suite.Signer) *testLog {
	return newLog(t, func(c *directory.Config) {
		c.Log.Mode, c.Log.MaxAuditorLag, c.Log.AuditorPublicKey = wire.ThirdPartyAuditing, 1000, auditor.Public()
	})
}

// vouch lets an auditor sign the newest head, or an older one, of a size.
func vouch(t testing.TB, s *directory.Sequencer, auditor suite.Signer, log *wire.Configuration, size uint64) error {
	t.Helper()
	snap := snapshotOf(t, s)
	defer snap.Release()
	entry, err := snap.LogEntry(size - 1)
	if err != nil {
		t.Fatal(err)
	}
	leaves, err := snap.AuditLeaves(size-1, size)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := checkpoint.ParseLeaf(leaves[0])
	if err != nil {
		t.Fatal(err)
	}
	head, err := suite.SignAuditorTreeHead(auditor, log, entry.Timestamp, size, leaf.Root)
	if err != nil {
		t.Fatal(err)
	}
	return s.PutAuditorHead(ctx, head)
}

func sizeOf(t testing.TB, s *directory.Sequencer) uint64 {
	snap := snapshotOf(t, s)
	defer snap.Release()
	return snap.Head().Size
}

func digestOf(t testing.TB, log *wire.Configuration) checkpoint.Digest {
	t.Helper()
	b, err := log.Append(nil, log.Format())
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}

// search asks a directory about a label nobody has.
func search(s *directory.Sequencer) error {
	d, err := directory.NewDirectory(s, directory.ReadConfig{Authorizer: everybody{}})
	if err != nil {
		return err
	}
	body, err := (&wire.SearchRequest{Label: []byte("a")}).Append(nil, wire.Format{Suite: wire.KT_128_SHA256_Ed25519, Mode: wire.ThirdPartyAuditing})
	if err != nil {
		return err
	}
	_, err = d.Do(ctx, wire.Call{Operation: wire.OpSearch, Body: body})
	return err
}

// TestReconfigure: a log goes on under another auditor. What was is under the
// Configuration before, what comes under the next one, and nobody is answered
// until the new auditor has covered the entry between.
func TestReconfigure(t *testing.T) {
	a, b := auditorOf(t, 1), auditorOf(t, 2)
	l := audited(t, a)
	s, stop := l.run(t)
	submit(t, s, update("a", 0, "x"))
	before := l.config.Log
	at := sizeOf(t, s)
	if err := vouch(t, s, a, &before, at); err != nil {
		t.Fatal(err)
	}
	if err := search(s); err != nil {
		t.Fatal(err)
	}
	after := before
	after.AuditorPublicKey, after.MaxAuditorLag, after.AuditorStartPos = b.Public(), 2000, at
	shown := false
	meta := map[string][]byte{"beside": []byte("it")}
	err := s.Reconfigure(ctx, &after, meta, func() {
		shown = true
		if n := sizeOf(t, s); n != at {
			t.Errorf("size %d is seen before the document", n)
		}
	})
	if err != nil || !shown {
		t.Fatal(err)
	}
	l.config.Log = after
	checkLog(t, l, s)
	snap := snapshotOf(t, s)
	if v, err := snap.Meta("beside"); err != nil || string(v) != "it" {
		t.Errorf("%q, %v", v, err)
	}
	if now, err := s.Log(); err != nil || digestOf(t, now) != digestOf(t, &after) {
		t.Errorf("%v, %v", now, err)
	}
	leaves, err := snap.AuditLeaves(0, at+1)
	if err != nil {
		t.Fatal(err)
	}
	for pos, b := range leaves {
		leaf, err := checkpoint.ParseLeaf(b)
		want := digestOf(t, &before)
		if uint64(pos) >= at {
			want = digestOf(t, &after)
		}
		if err != nil || leaf.Configuration != want {
			t.Errorf("leaf %d is under %x", pos, leaf.Configuration)
		}
	}

	if err := search(s); !errors.Is(err, directory.ErrNoAuditorHead) || !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("without the new auditor: %v", err)
	}
	for name, err := range map[string]error{
		"the old auditor":                   vouch(t, s, a, &before, at+1),
		"a head that does not cover it":     vouch(t, s, b, &after, at),
		"one that begins with the old head": vouch(t, s, b, &after, 1),
	} {
		if !errors.Is(err, problem.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := vouch(t, s, b, &after, at+1); err != nil {
		t.Fatal(err)
	}
	if err := search(s); err != nil {
		t.Fatal(err)
	}
	snap.Release()
	stop()

	// The log opens with what is in force, and with nothing else.
	l.config.Log = before
	if _, _, err := l.tryOpen(t); !errors.Is(err, directory.ErrConfiguration) {
		t.Errorf("with the configuration before: %v", err)
	}
	l.config.Log = after
	s, _ = l.run(t)
	submit(t, s, update("b", 0, "y"))
	checkLog(t, l, s)

	// And back again.
	back := before
	back.AuditorStartPos = 1
	if err := s.Reconfigure(ctx, &back, nil, nil); err != nil {
		t.Fatal(err)
	}
	l.config.Log = back
	if periods, err := s.Periods(); err != nil || len(periods) != 3 || periods[1].From != at {
		t.Errorf("%+v, %v", periods, err)
	}
	checkLog(t, l, s)
}

// The start of a new auditor is bounded by what users hold of the one before, and
// nothing but the auditor changes.
func TestReconfigureRefusals(t *testing.T) {
	a, b := auditorOf(t, 1), auditorOf(t, 2)
	l := audited(t, a)
	s, _ := l.run(t)
	for i := range 5 {
		submit(t, s, update(string(rune('a'+i)), 0, "x"))
	}
	if err := vouch(t, s, a, &l.config.Log, 3); err != nil {
		t.Fatal(err)
	}
	size := sizeOf(t, s)
	try := func(change func(*wire.Configuration)) error {
		next := l.config.Log
		next.AuditorPublicKey = b.Public()
		change(&next)
		return s.Reconfigure(ctx, &next, nil, func() { t.Error("shown") })
	}
	if err := try(func(c *wire.Configuration) { c.AuditorStartPos = 4 }); !errors.Is(err, directory.ErrStart) {
		t.Errorf("a start after the last auditor's head: %v", err)
	}
	for name, change := range map[string]func(*wire.Configuration){
		"window":   func(c *wire.Configuration) { c.ReasonableMonitoringWindow++ },
		"mode":     func(c *wire.Configuration) { c.Mode = wire.ContactMonitoring },
		"behind":   func(c *wire.Configuration) { c.MaxBehind++ },
		"key":      func(c *wire.Configuration) { c.SignaturePublicKey = bytes.Repeat([]byte{1}, 32) },
		"lifetime": func(c *wire.Configuration) { day := uint64(86_400_000); c.MaximumLifetime = &day },
		"nothing":  func(c *wire.Configuration) { *c = l.config.Log },
	} {
		if err := try(change); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	if n := sizeOf(t, s); n != size {
		t.Errorf("the log grew from %d to %d", size, n)
	}
	if err := s.Reconfigure(ctx, func() *wire.Configuration {
		c := l.config.Log
		c.AuditorPublicKey, c.AuditorStartPos = b.Public(), 3
		return &c
	}(), nil, nil); err != nil {
		t.Errorf("a start at the last auditor's head: %v", err)
	}
	contact := newLog(t, nil)
	c, _ := contact.run(t)
	next := contact.config.Log
	next.Mode, next.AuditorPublicKey, next.MaxAuditorLag = wire.ThirdPartyAuditing, b.Public(), 1
	if err := c.Reconfigure(ctx, &next, nil, nil); err == nil {
		t.Error("the mode changed")
	}
}

// An unsure store says that a commit failed, and it did or did not.
type unsure struct {
	directory.Store
	fail, after bool
}

var errUnsure = errors.New("the disk says nothing")

func (u *unsure) Commit(ctx context.Context, b *directory.Batch) error {
	if !u.fail {
		return u.Store.Commit(ctx, b)
	}
	u.fail = false
	if u.after {
		if err := u.Store.Commit(ctx, b); err != nil {
			return err
		}
	}
	return errUnsure
}

// TestReconfigureUnsure: whatever a failed commit did, entries that follow are
// under the Configuration that the store has in force.
func TestReconfigureUnsure(t *testing.T) {
	for _, after := range []bool{false, true} {
		a, b := auditorOf(t, 1), auditorOf(t, 2)
		l := audited(t, a)
		config, closeAll := l.parts(t)
		store := &unsure{Store: config.Store, fail: true, after: after}
		config.Store = store
		s, err := directory.Open(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		next := l.config.Log
		next.AuditorPublicKey = b.Public()
		if err := s.Reconfigure(ctx, &next, nil, nil); !errors.Is(err, errUnsure) {
			t.Errorf("%v", err)
		}
		if _, err := s.BulkLoad(ctx, func(yield func(directory.Load, error) bool) {
			yield(directory.Load{Label: []byte("a"), Value: []byte("b")}, nil)
		}, directory.BulkOptions{}); err != nil {
			t.Fatal(err)
		}
		if after {
			l.config.Log = next
		}
		checkLog(t, l, s)
		s.Close()
		closeAll()
	}
}

// TestPeriodsOfHistories: in any history of updates, heads, other auditors and
// restarts every leaf is under the Configuration of its position, and the whole
// store checks.
func TestPeriodsOfHistories(t *testing.T) {
	histories := 5
	if os.Getenv("KITH_SOAK") != "" {
		histories = 200
	}
	for seed := range histories {
		history(t, rand.New(rand.NewPCG(uint64(seed), 1)))
	}
}

func history(t *testing.T, rng *rand.Rand) {
	signers := []suite.Signer{auditorOf(t, 1), auditorOf(t, 2), auditorOf(t, 3)}
	l := audited(t, signers[0])
	config, closeAll := l.parts(t)
	defer closeAll()
	open := func() *directory.Sequencer {
		config.Log = l.config.Log
		s, err := directory.Open(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s, now, from := open(), 0, uint64(0)
	defer func() { s.Close() }()
	want := []checkpoint.Digest{digestOf(t, &l.config.Log)} // by position
	for i := range 12 {
		switch rng.IntN(4) {
		case 0:
			_, err := s.BulkLoad(ctx, func(yield func(directory.Load, error) bool) {
				yield(directory.Load{Label: []byte{byte(i)}, Value: []byte("x")}, nil)
			}, directory.BulkOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, digestOf(t, &l.config.Log))
		case 1:
			size := 1 + rng.Uint64N(uint64(len(want)))
			if err := vouch(t, s, signers[now], &l.config.Log, size); (err == nil) != (size > from) {
				t.Fatalf("a head of size %d, of the configuration from %d on: %v", size, from, err)
			}
		case 2:
			next := l.config.Log
			now = (now + 1) % len(signers)
			next.AuditorPublicKey = signers[now].Public()
			if err := s.Reconfigure(ctx, &next, nil, nil); err != nil {
				t.Fatal(err)
			}
			l.config.Log, from = next, uint64(len(want))
			want = append(want, digestOf(t, &next))
		case 3:
			s.Close()
			s = open()
		}
	}
	snap := snapshotOf(t, s)
	defer snap.Release()
	leaves, err := snap.AuditLeaves(0, snap.Head().Size)
	if err != nil || len(leaves) != len(want) {
		t.Fatalf("%d leaves, want %d: %v", len(leaves), len(want), err)
	}
	for pos, b := range leaves {
		if leaf, err := checkpoint.ParseLeaf(b); err != nil || leaf.Configuration != want[pos] {
			t.Fatalf("leaf %d is under another configuration", pos)
		}
	}
	if err := directory.Check(ctx, snap, &l.config.Log, directory.CheckOptions{VRF: l.keys.VRF}); err != nil {
		t.Fatal(err)
	}
}
