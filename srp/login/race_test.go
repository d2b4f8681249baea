package login_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
)

// proof proves a password for a change.
func (w *world) proof(name, password string, purpose login.For) *login.Proof {
	w.t.Helper()
	h, m1, _, err := w.prove(home, name, password, purpose)
	must(w.t, err)
	return &login.Proof{Protocol: "srp", Handshake: h, Message: m1}
}

// TestAttackChangeDuringLogin: a password is changed because somebody else knows
// it. A login of theirs that is under way, at whichever step, comes to nothing.
func TestAttackChangeDuringLogin(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	first := w.register("alice", "right")
	change := &login.Change{Password: credential("alice", "new")}

	// The login began before the change, and ends after it.
	h, m1, _, err := w.prove(home, "alice", "right", login.For{})
	must(t, err)
	late := w.proof("alice", "right", login.For{})
	// Another ended before it.
	thief, err := w.login(home, "alice", "right")
	must(t, err)
	second, err := w.ChangePassword(ctx, home, first.Session, w.proof("alice", "right", login.For{}), change)
	must(t, err)
	g, err := w.FinishSRP(ctx, home, h, m1)
	denied(t, "a login with the old password", g, err)
	for _, old := range []*login.Grant{first, thief} {
		if _, err := w.Session(ctx, old.Token); !errors.Is(err, login.ErrNoSession) {
			t.Errorf("a session of before: %v", err)
		}
		for what, err := range map[string]error{
			"backup": w.SetBackup(ctx, old.Session, []byte("x")),
			"totp":   func() error { _, err := w.SetTOTP(ctx, old.Session); return err }(),
			"passkey": w.EditPasskeys(ctx, old.Session, "passkey added", func(p *login.Passkeys) error {
				p.Blob = []byte("x")
				return nil
			}),
		} {
			if !errors.Is(err, login.ErrNoSession) {
				t.Errorf("%s by a session of before: %v", what, err)
			}
		}
	}
	g, err = w.ChangePassword(ctx, home, second.Session, late, change)
	denied(t, "a proof of the old password", g, err)
	s, err := w.Session(ctx, second.Token)
	must(t, err)
	if all, err := w.Sessions(ctx, s); err != nil || len(all) != 1 {
		t.Errorf("%d sessions, %v", len(all), err)
	}
	_, err = w.login(home, "alice", "new")
	must(t, err)

	// A login that waits for its code does not outlive the password either.
	w2 := newWorld(t, nil)
	owner, secret := withTOTP(t, w2)
	waits := w2.second(home)
	_, err = w2.ChangePassword(ctx, home, owner.Session, w2.proof("alice", "right", login.For{}), change)
	must(t, err)
	g, err = w2.FinishTOTP(ctx, home, waits, w2.code(secret))
	denied(t, "a code after the old password", g, err)
}

// TestAttackChangeRacingLogins: the same with many at once. Whatever the order was,
// no session works that an old password opened.
func TestAttackChangeRacingLogins(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	owner := w.register("alice", "0")
	for round := range 3 {
		old, next := fmt.Sprint(round), fmt.Sprint(round+1)
		type ready struct {
			handshake string
			m1        []byte
		}
		var handshakes []ready
		for range 8 {
			h, m1, _, err := w.prove(from(fmt.Sprintf("10.0.%d.%d/32", round, len(handshakes))), "alice", old, login.For{})
			must(t, err)
			handshakes = append(handshakes, ready{h, m1})
		}
		proof := w.proof("alice", old, login.For{})
		var mu sync.Mutex
		var tokens []string
		var all sync.WaitGroup
		start := make(chan struct{})
		for i, one := range handshakes {
			all.Go(func() {
				<-start
				g, err := w.FinishSRP(ctx, from(fmt.Sprintf("10.0.%d.%d/32", round, i)), one.handshake, one.m1)
				if err != nil && !errors.Is(err, login.ErrDenied) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					tokens = append(tokens, g.Token)
					mu.Unlock()
				}
			})
		}
		tokens = append(tokens, owner.Token)
		all.Go(func() {
			<-start
			g, err := w.ChangePassword(ctx, home, owner.Session, proof, &login.Change{Password: credential("alice", next)})
			if err != nil {
				t.Error(err)
				return
			}
			owner = g
		})
		close(start)
		all.Wait()
		for _, token := range tokens {
			if s, err := w.Session(ctx, token); !errors.Is(err, login.ErrNoSession) {
				t.Errorf("round %d: an old password's session works: %+v, %v", round, s, err)
			}
		}
		if s, err := w.Session(ctx, owner.Token); err != nil {
			t.Errorf("%+v, %v", s, err)
		} else if all, err := w.Sessions(ctx, s); err != nil || len(all) != 1 {
			t.Errorf("%d sessions, %v", len(all), err)
		}
	}
}

// TestAttackReusedName: what was begun for an account that is gone is nothing to
// the next one of its name.
func TestAttackReusedName(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Quarantine = time.Second })
	ctx := t.Context()
	old := w.register("alice", "right")
	h, m1, _, err := w.prove(home, "alice", "right", login.For{})
	must(t, err)
	p, err := w.Passkeys(ctx, old.Session)
	must(t, err)
	must(t, w.Delete(ctx, home, old.Session, w.proof("alice", "right", login.For{})))
	w.clock.move(2 * time.Second)
	next := w.register("alice", "right") // the very same verifier
	g, err := w.FinishSRP(ctx, home, h, m1)
	denied(t, "a handshake of before", g, err)
	if _, err := w.Session(ctx, old.Token); !errors.Is(err, login.ErrNoSession) {
		t.Error(err)
	}
	if err := w.SetBackup(ctx, old.Session, nil); !errors.Is(err, login.ErrNoSession) {
		t.Error(err)
	}
	q, err := w.Passkeys(ctx, next.Session)
	must(t, err)
	if string(p.Handle) == string(q.Handle) {
		t.Error("two people have one user handle")
	}
	if next.Backup == nil || string(next.Backup) != "sealed" {
		t.Errorf("%q", next.Backup)
	}
}

// A slow reader is randomness that makes whoever draws it wait.
type slow struct {
	block   chan struct{}
	waiting chan struct{}
}

func (s *slow) Read(b []byte) (int, error) {
	if len(b) == 32 && s.block != nil { // an ephemeral
		s.waiting <- struct{}{}
		<-s.block
	}
	return rand.Read(b)
}

// TestAttackFlood: of many expensive requests at once, a few are computed, a few
// wait, and the others are turned away before anything is computed and without
// being charged for it.
func TestAttackFlood(t *testing.T) {
	s := &slow{}
	w := newWorld(t, func(c *login.Config) { c.Rand = s; c.Concurrent = 2; c.Waiting = 3 })
	w.register("alice", "right")
	s.block, s.waiting = make(chan struct{}), make(chan struct{}, 50)
	client, err := srp.Kith3072().NewClient(nil, rand.Reader)
	must(t, err)
	results := make(chan error, 45)
	for i := range 45 {
		go func() {
			_, err := w.BeginSRP(t.Context(), from(fmt.Sprintf("10.0.0.%d/32", i%5)), "alice", "", client.A(), login.For{})
			results <- err
		}()
	}
	for range 40 { // two compute, and three wait
		select {
		case err := <-results:
			if !errors.Is(err, login.ErrBusy) && !errors.Is(err, login.ErrThrottled) {
				t.Errorf("not turned away: %v", err)
			}
		case <-time.After(20 * time.Second):
			close(s.block)
			t.Fatal("nobody is turned away")
		}
	}
	<-s.waiting
	<-s.waiting
	if len(s.waiting) != 0 {
		t.Error("three compute at once")
	}
	close(s.block)
	for range 5 {
		must(t, <-results)
	}
	s.block = nil
	for range 3 { // from where many were turned away
		h, m1, _, err := w.prove(from("10.0.0.3/32"), "alice", "right", login.For{})
		must(t, err)
		_, err = w.FinishSRP(t.Context(), from("10.0.0.3/32"), h, m1)
		must(t, err)
	}
}
