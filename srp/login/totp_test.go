package login_test

import (
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/kith-kt/kith/srp/login"
)

// withTOTP registers alice, with one-time codes.
func withTOTP(t testing.TB, w *world) (first *login.Grant, secret string) {
	t.Helper()
	first = w.register("alice", "right")
	link, err := w.SetTOTP(t.Context(), first.Session)
	must(t, err)
	u, err := url.Parse(link)
	must(t, err)
	secret = u.Query().Get("secret")
	must(t, w.ConfirmTOTP(t.Context(), first.Session, w.code(secret)))
	return first, secret
}

// code is the code of a later moment: none is good twice.
func (w *world) code(secret string) string {
	w.t.Helper()
	w.clock.move(30 * time.Second)
	code, err := totp.GenerateCode(secret, w.clock.Now())
	must(w.t, err)
	return code
}

// second is a login up to the demand for a code.
func (w *world) second(q login.Requester) string {
	w.t.Helper()
	g, err := w.login(q, "alice", "right")
	must(w.t, err)
	if g.Token != "" || g.Session != nil || g.Backup != nil || g.Device != "" || len(g.Needs) != 1 || g.Needs[0] != "totp" {
		w.t.Fatalf("a password alone brings %+v", g)
	}
	return g.Handshake
}

// TestSecondFactor: a password is not enough any more; a code is good once; the
// wrong one ends the login.
func TestSecondFactor(t *testing.T) {
	w := newWorld(t, nil)
	first, secret := withTOTP(t, w)
	h, code := w.second(home), w.code(secret)
	g, err := w.FinishTOTP(t.Context(), from("198.51.100.1/32"), h, code)
	denied(t, "another network", g, err)
	g, err = w.FinishTOTP(t.Context(), home, h, code)
	must(t, err)
	if s, err := w.Session(t.Context(), g.Token); err != nil || s.How != "password + totp" {
		t.Errorf("%+v, %v", s, err)
	}
	g, err = w.FinishTOTP(t.Context(), home, h, w.code(secret))
	denied(t, "a handshake twice", g, err)
	g, err = w.FinishTOTP(t.Context(), home, w.second(home), code)
	denied(t, "a code twice", g, err)
	h = w.second(home)
	g, err = w.FinishTOTP(t.Context(), home, h, "000000")
	denied(t, "a wrong code", g, err)
	g, err = w.FinishTOTP(t.Context(), home, h, w.code(secret))
	denied(t, "a right one after a wrong one", g, err)
	if err := w.ClearTOTP(t.Context(), first.Session, "000000"); !errors.Is(err, login.ErrDenied) {
		t.Error(err)
	}
	must(t, w.ClearTOTP(t.Context(), first.Session, w.code(secret)))
	_, err = w.login(home, "alice", "right")
	must(t, err)
}

// TestAttackCodes: who knows the password tries codes from many networks, for a
// month. He gets nowhere; and meanwhile the owner gets in on a device she has used
// before.
func TestAttackCodes(t *testing.T) {
	w := newWorld(t, nil)
	first, secret := withTOTP(t, w)
	tried := 0
	rounds := 60
	for i := range rounds {
		q := from(fmt.Sprintf("10.0.%d.%d/32", i/250, i%250))
		g, err := w.FinishTOTP(t.Context(), q, w.second(q), fmt.Sprintf("%06d", i))
		switch {
		case errors.Is(err, login.ErrThrottled):
		case errors.Is(err, login.ErrDenied) && g == nil:
			tried++
		default:
			t.Fatal(err) // or else great luck
		}
		w.clock.move(2 * time.Minute)
	}
	if hours := rounds * 2 / 60; tried > 5+13+hours {
		t.Errorf("%d codes tried in %d hours", tried, hours)
	}
	known := from("10.0.0.1/32")
	known.Device = first.Device
	g, err := w.FinishTOTP(t.Context(), known, w.second(known), w.code(secret))
	must(t, err)
	trail, err := w.Trail(t.Context(), g.Session)
	must(t, err)
	seen := 0
	for _, e := range trail {
		if e.What == "wrong one-time code" && e.How == "elsewhere" {
			seen++
		}
	}
	if seen != tried {
		t.Errorf("the owner reads of %d wrong codes of %d", seen, tried)
	}
	// From elsewhere she waits, but not for good.
	w.clock.move(time.Hour)
	_, err = w.FinishTOTP(t.Context(), home, w.second(home), w.code(secret))
	must(t, err)
}

// TestAttackCodesBySession: a stolen session cannot try codes until the second
// factor is off, nor put one there to keep the owner out.
func TestAttackCodesBySession(t *testing.T) {
	w := newWorld(t, nil)
	first, _ := withTOTP(t, w)
	tried := 0
	for i := range 1000 {
		err := w.ClearTOTP(t.Context(), first.Session, fmt.Sprintf("%06d", i))
		if err == nil {
			t.Fatal("great luck")
		}
		if !errors.Is(err, login.ErrThrottled) {
			tried++
		}
	}
	if tried > 5 {
		t.Errorf("%d codes tried at once", tried)
	}
	other, err := w.Register(t.Context(), home, &login.Registration{Name: "bob", Password: credential("bob", "his")})
	must(t, err)
	w.clock.move(login.Fresh + time.Second)
	if _, err := w.SetTOTP(t.Context(), other.Session); !errors.Is(err, login.ErrStale) {
		t.Errorf("by an old session: %v", err)
	}
	if err := w.EditPasskeys(t.Context(), other.Session, "passkey added", func(p *login.Passkeys) error { p.Blob = []byte("x"); return nil }); !errors.Is(err, login.ErrStale) {
		t.Errorf("by an old session: %v", err)
	}
}
