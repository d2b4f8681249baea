package passkey_test

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/srp/login"
)

// FuzzFinish: whatever is sent as an assertion, nobody is logged in, and it is the
// sender's fault.
func FuzzFinish(f *testing.F) {
	w := newWorld(f)
	k := w.make(w.register("alice"), "")
	c, err := w.Begin(f.Context(), home)
	must(f, err)
	f.Add(k.assert(f, c.Options, party)) // of another challenge than the one below
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}`))
	f.Fuzz(func(t *testing.T, response []byte) {
		c, err := w.Begin(t.Context(), home)
		must(t, err)
		g, err := w.Finish(t.Context(), home, c.Handshake, response)
		if g != nil || !errors.Is(err, login.ErrDenied) && !errors.Is(err, login.ErrMalformed) {
			t.Fatalf("%+v, %v", g, err)
		}
		w.clock.move(1e9) // handshakes of before make room
	})
}

// FuzzMake: whatever is sent as a new passkey is refused, or at least bound to the
// challenge that was asked.
func FuzzMake(f *testing.F) {
	w := newWorld(f)
	alice := w.register("alice")
	c, err := w.BeginMake(f.Context(), home, alice)
	must(f, err)
	_, response := attest(f, c.Options, party)
	f.Add(response) // of another challenge
	f.Fuzz(func(t *testing.T, response []byte) {
		c, err := w.BeginMake(t.Context(), home, alice)
		must(t, err)
		p, err := w.Make(t.Context(), home, alice, c.Handshake, "", response)
		if p != nil || !errors.Is(err, login.ErrDenied) && !errors.Is(err, login.ErrMalformed) {
			t.Fatalf("%+v, %v", p, err)
		}
	})
}
