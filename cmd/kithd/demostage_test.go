package main

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/record"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testStage(t *testing.T) *stage {
	t.Helper()
	s, err := newStage(t.Context(), time.Now)
	must(t, err)
	t.Cleanup(func() { must(t, s.close()) })
	return s
}

// shown looks Alice up for somebody and returns the key that the gate let through.
func shown(t *testing.T, ctx context.Context, p *demoPerson) []byte {
	t.Helper()
	l, err := p.client.Lookup(ctx, alice, client.Options{})
	must(t, err)
	if len(l.Record.Keys) != 1 {
		t.Fatalf("%d keys", len(l.Record.Keys))
	}
	return l.Record.Keys[0].Data
}

func keyIn(t *testing.T, encoded []byte) []byte {
	t.Helper()
	r, err := record.Parse(encoded)
	must(t, err)
	return r.Keys[0].Data
}

// TestSwapForOneIsShown: a newcomer who demands no cosignature takes the
// provider's key for Alice's, while others are shown hers.
func TestSwapForOneIsShown(t *testing.T) {
	s, ctx := testStage(t), t.Context()
	fork, err := s.copy()
	must(t, err)
	must(t, s.aliceKey(ctx))
	theirs, err := s.forgery(0, record.Claimed)
	must(t, err)
	_, err = fork.Publish(ctx, []byte(alice), theirs)
	must(t, err)
	s.bob, err = s.person(ctx, "bob")
	must(t, err)
	s.shown[s.bob].Set(fork.Handler())
	carol, err := s.person(ctx, "carol")
	must(t, err)
	defer carol.close()
	if !bytes.Equal(shown(t, ctx, s.bob), keyIn(t, theirs)) || !bytes.Equal(shown(t, ctx, carol), s.keys[0].Data) {
		t.Error("nothing is swapped")
	}
}

// TestSwapForOneUnderTheOthersCheckpoints: it does not help the provider to show Bob
// checkpoints that Nora has cosigned, of the log of all others. His client makes the
// evidence itself.
func TestSwapForOneUnderTheOthersCheckpoints(t *testing.T) {
	s, ctx := testStage(t), t.Context()
	fork, err := s.copy()
	must(t, err)
	nora, err := s.auditor(ctx, "Nora")
	must(t, err)
	must(t, s.appoint(nora))
	must(t, s.aliceKey(ctx))
	must(t, s.forge(ctx, fork, 0, record.Claimed))
	must(t, s.carolIsServed(ctx))
	s.bob, err = s.personAt(ctx, "bob", evil.Instead(fork.Handler(), s.log.Handler(), provider.Path, "/log/"))
	must(t, err)
	err = s.look(ctx, s.bob)
	m, ok := errors.AsType[*client.Misbehaviour](err)
	if !ok || m.Kind != client.Forked {
		t.Fatalf("refused for another reason: %v", err)
	}
	if e, err := exhibitOf(m.File); err != nil || e.Kind != "head-and-leaf" || e.Strength != strengthProved {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestSwapAndRestoreIsShown: who looks in between takes the provider's key for
// Alice's; who looks before and after sees hers.
func TestSwapAndRestoreIsShown(t *testing.T) {
	s, ctx := testStage(t), t.Context()
	must(t, s.aliceKey(ctx))
	theirs, err := s.forgery(1, record.Reset)
	must(t, err)
	_, err = s.log.Publish(ctx, []byte(alice), theirs)
	must(t, err)
	s.bob, err = s.person(ctx, "bob")
	must(t, err)
	if !bytes.Equal(shown(t, ctx, s.bob), keyIn(t, theirs)) {
		t.Error("nothing is swapped")
	}
	must(t, s.restore(ctx, 1))
	carol, err := s.person(ctx, "carol")
	must(t, err)
	defer carol.close()
	if !bytes.Equal(shown(t, ctx, carol), s.keys[0].Data) {
		t.Error("nothing is restored")
	}
}

// TestHideRevocationIsShown: Alice has withdrawn her key, and Bob, who has known
// it for long, is still shown it in a log that goes on and continues what he knows.
func TestHideRevocationIsShown(t *testing.T) {
	s, ctx := testStage(t), t.Context()
	must(t, s.aliceKey(ctx))
	var err error
	s.bob, err = s.person(ctx, "bob")
	must(t, err)
	before := shown(t, ctx, s.bob)
	fork, err := s.copy()
	must(t, err)
	s.shown[s.bob].Set(fork.Handler())
	must(t, s.aliceCloses(ctx))
	size, err := sizeOf(s.log)
	must(t, err)
	must(t, s.grow(ctx, fork, size+2))
	if !bytes.Equal(before, shown(t, ctx, s.bob)) {
		t.Error("he is shown another key")
	}
	carol, err := s.person(ctx, "carol")
	must(t, err)
	defer carol.close()
	if l, err := carol.client.Lookup(ctx, alice, client.Options{}); err == nil && len(l.Record.Keys) > 0 {
		t.Error("nothing was withdrawn")
	}
}
