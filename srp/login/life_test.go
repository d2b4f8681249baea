package login_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp/login"
)

// A closer counts, and fails as long as it is told to.
type closer struct {
	fails int
	calls []string
}

func (c *closer) Close(_ context.Context, name string) error {
	c.calls = append(c.calls, name)
	if c.fails--; c.fails >= 0 {
		return errors.New("the directory is away")
	}
	return nil
}

// A breaking store fails its next write.
type breaking struct {
	login.Store
	fails bool
}

func (b *breaking) Update(ctx context.Context, f func(login.Writer) error) error {
	if b.fails {
		b.fails = false
		return errors.New("power cut")
	}
	return b.Store.Update(ctx, f)
}

// TestDelete: a deletion that did not come to its end is done again, and nothing is
// left but that the name was there.
func TestDelete(t *testing.T) {
	c, b := &closer{fails: 1}, &breaking{}
	w := newWorld(t, func(config *login.Config) { config.Closer = c; b.Store = config.Store; config.Store = b })
	ctx := t.Context()
	g := w.register("alice", "right")
	stale := w.proof("alice", "right", login.For{})
	if err := w.Delete(ctx, home, g.Session, w.proof("alice", "right", login.For{})); err == nil {
		t.Fatal("the label is not closed, and the account is gone")
	}
	b.fails = false
	proof := w.proof("alice", "right", login.For{})
	b.fails = true
	if err := w.Delete(ctx, home, g.Session, proof); err == nil {
		t.Fatal("a power cut is not told")
	}
	if _, err := w.Session(ctx, g.Token); err != nil {
		t.Errorf("half deleted: %v", err)
	}
	must(t, w.Delete(ctx, home, g.Session, w.proof("alice", "right", login.For{})))
	if len(c.calls) != 3 {
		t.Errorf("closed %v", c.calls)
	}
	for table := range login.Tables {
		must(t, b.View(ctx, func(r login.Reader) error {
			return r.Each(table, nil, func(k, v []byte) error {
				if table != login.Former && strings.Contains(string(k)+string(v), "alice") {
					t.Errorf("table %d keeps %q", table, k)
				}
				return nil
			})
		}))
	}
	if _, err := w.Register(ctx, home, &login.Registration{Name: "alice", Password: credential("alice", "x")}); !errors.Is(err, login.ErrTaken) {
		t.Errorf("a name in quarantine: %v", err)
	}
	_, err := w.login(home, "alice", "right")
	denied(t, "a login to what is gone", nil, err)
	if err := w.Delete(ctx, home, g.Session, stale); err == nil || len(c.calls) != 3 {
		t.Errorf("a proof that came too late closes a label: %v, %v", c.calls, err)
	}
}

// TestSweep: what is over is erased, and nothing else.
func TestSweep(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Quarantine = time.Hour })
	ctx := t.Context()
	for i := range 5 {
		w.register(fmt.Sprintf("p%d", i), "right")
	}
	gone := w.register("gone", "right")
	must(t, w.Delete(ctx, home, gone.Session, w.proof("gone", "right", login.For{})))
	_, err := w.Invite(ctx, 1, time.Hour)
	must(t, err)
	long, err := w.Invite(ctx, 1, 1000*time.Hour)
	must(t, err)
	if n, err := w.Sweep(ctx); n != 0 || err != nil {
		t.Errorf("%d erased, %v", n, err)
	}
	w.clock.move(15 * 24 * time.Hour)
	g := w.register("late", "right")
	if n, err := w.Sweep(ctx); n != 5+1+1 || err != nil {
		t.Errorf("%d erased, %v", n, err)
	}
	if _, err := w.Session(ctx, g.Token); err != nil {
		t.Error(err)
	}
	n, err := w.Count(ctx)
	must(t, err)
	if n.Accounts != 6 || n.Sessions != 1 || n.Invites != 1 || n.Former != 0 {
		t.Errorf("%+v", n)
	}
	_ = long
}

// TestSessionsEnd: idle and absolute.
func TestSessionsEnd(t *testing.T) {
	w := newWorld(t, nil)
	g := w.register("alice", "right")
	idle := w.register("bob", "right")
	for range 8 {
		w.clock.move(10 * 24 * time.Hour)
		if _, err := w.Session(t.Context(), g.Token); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Session(t.Context(), idle.Token); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("idle: %v", err)
	}
	w.clock.move(10 * 24 * time.Hour)
	if _, err := w.Session(t.Context(), g.Token); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("after 90 days: %v", err)
	}
}

// TestRecover: the code is used up, and with it goes what may have been lost or
// put there by somebody else.
func TestRecover(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	code := credential("alice", "code")
	g, err := w.Register(ctx, home, &login.Registration{Name: "alice", Password: credential("alice", "right"), Recovery: &code, Spare: []byte("spare")})
	must(t, err)
	must(t, w.EditPasskeys(ctx, g.Session, "passkey added", func(p *login.Passkeys) error { p.Blob, p.Second = []byte("x"), true; return nil }))
	_, spare, err := w.Spare(ctx, home, w.proof("alice", "code", login.For{Recovery: true}))
	must(t, err)
	if string(spare) != "spare" {
		t.Errorf("%q", spare)
	}
	recover := func(purpose login.For, secret string, next login.Credential) (*login.Grant, error) {
		return w.Recover(ctx, home, w.proof("alice", secret, purpose), &login.Change{Password: credential("alice", "new"), Recovery: &next})
	}
	back, err := recover(login.For{}, "right", credential("alice", "next"))
	denied(t, "a password for a code", back, err)
	back, err = recover(login.For{Recovery: true}, "right", credential("alice", "next"))
	denied(t, "a password for a code", back, err)
	back, err = recover(login.For{Recovery: true}, "code", credential("alice", "next"))
	must(t, err)
	p, err := w.Passkeys(ctx, back.Session)
	must(t, err)
	if p.Blob != nil || p.Second {
		t.Errorf("%+v", p)
	}
	again, err := recover(login.For{Recovery: true}, "code", credential("alice", "next"))
	denied(t, "a code twice", again, err)
	done, err := w.login(home, "alice", "new")
	must(t, err)
	if done.Token == "" {
		t.Error("a second factor that may be lost")
	}
}

// TestPasskeys: alone, and as the second factor.
func TestPasskeys(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	g := w.register("alice", "right")
	p, err := w.Passkeys(ctx, g.Session)
	must(t, err)
	yes := func(state []byte, p *login.Passkeys) ([]byte, error) {
		if string(state) != "state" {
			t.Errorf("state %q", state)
		}
		return append(p.Blob, '+'), nil
	}
	no := func([]byte, *login.Passkeys) ([]byte, error) { return nil, errors.New("no") }
	alone := func(handle []byte, check func([]byte, *login.Passkeys) ([]byte, error)) (*login.Grant, error) {
		id, err := w.BeginPasskey(ctx, home, []byte("state"))
		must(t, err)
		return w.FinishPasskey(ctx, home, id, handle, check)
	}
	one, err := alone(p.Handle, yes)
	denied(t, "before there is one", one, err)
	must(t, w.EditPasskeys(ctx, g.Session, "passkey added", func(p *login.Passkeys) error { p.Blob, p.Second = []byte("keys"), true; return nil }))
	one, err = alone(p.Handle, no)
	denied(t, "a check that fails", one, err)
	one, err = alone(nil, yes)
	denied(t, "no handle", one, err)
	one, err = alone(p.Handle, yes)
	must(t, err)
	if s, err := w.Session(ctx, one.Token); err != nil || s.Name != "alice" || s.How != "passkey" {
		t.Errorf("%+v, %v", s, err)
	}
	half, err := w.login(home, "alice", "right")
	must(t, err)
	if half.Token != "" || len(half.Needs) != 1 || half.Needs[0] != "passkey" {
		t.Fatalf("a password alone brings %+v", half)
	}
	next, err := w.AskPasskey(ctx, home, half.Handshake, func(p *login.Passkeys) ([]byte, error) {
		if string(p.Blob) != "keys+" {
			t.Errorf("%q", p.Blob)
		}
		return []byte("state"), nil
	})
	must(t, err)
	one, err = w.FinishTOTP(ctx, home, next, "000000")
	denied(t, "a code instead", one, err)
	half, err = w.login(home, "alice", "right")
	must(t, err)
	one, err = w.FinishPasskey(ctx, home, half.Handshake, nil, yes)
	denied(t, "without being asked", one, err)
	half, err = w.login(home, "alice", "right")
	must(t, err)
	next, err = w.AskPasskey(ctx, home, half.Handshake, func(p *login.Passkeys) ([]byte, error) { return []byte("state"), nil })
	must(t, err)
	one, err = w.FinishPasskey(ctx, home, next, nil, yes)
	must(t, err)
	if one.Session.How != "password + passkey" {
		t.Errorf("%+v", one.Session)
	}
}
