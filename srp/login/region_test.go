package login_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/opaque"
)

// TestAttackOPAQUERegistrationAsOracle: who has seen one KE2 of a name can tell with
// the answer to a RegistrationRequest whether a password is right. So that answer costs
// what a guess costs, wherever in a site it is asked for.
func TestAttackOPAQUERegistrationAsOracle(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice", "right")
	_, request, err := opaque.Register([]byte("guess"), opaque.Options{}, rand.Reader)
	must(t, err)
	ask := func(q login.Requester) bool {
		_, err := w.RegisterOPAQUE(t.Context(), q, "alice", request)
		if err != nil && !errors.Is(err, login.ErrThrottled) {
			t.Fatal(err)
		}
		return err == nil
	}
	let := 0
	for range 100 {
		if ask(from("198.51.100.7/32")) {
			let++
		}
	}
	if let > 6 {
		t.Errorf("%d guesses of one network without a wait", let)
	}
	let = 0
	for i := range 300 {
		if ask(from(fmt.Sprintf("2001:db8:1:%x::/64", i))) {
			let++
		}
	}
	if let > 21 {
		t.Errorf("%d guesses of one site without a wait", let)
	}
}

// TestAttackRegistrationsFromASite: a party of many networks makes no more accounts
// than one of a few.
func TestAttackRegistrationsFromASite(t *testing.T) {
	w := newWorld(t, nil)
	made := 0
	for i := range 400 {
		name := fmt.Sprintf("name%d", i)
		_, err := w.Register(t.Context(), from(fmt.Sprintf("2001:db8:1:%x::/64", i)), &login.Registration{Name: name, Password: login.Credential{
			Protocol: "srp", KDF: kdf, Salt: []byte("sixteen octets!!"), Verifier: append(make([]byte, 382), 7, byte(i)),
		}})
		switch {
		case err == nil:
			made++
		case !errors.Is(err, login.ErrThrottled):
			t.Fatal(err)
		}
	}
	if made > 150 {
		t.Errorf("%d accounts of one site without a wait", made)
	}
}

// TestEndedAccountIsNotWrittenTo: what a session of an account that was deleted
// meanwhile asks for leaves nothing to who has the name next.
func TestEndedAccountIsNotWrittenTo(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Quarantine = 1 })
	old := w.register("alice", "right")
	must(t, w.Remove(t.Context(), "alice"))
	w.clock.move(2e9)
	if _, err := w.RevokeAll(t.Context(), old.Session, false); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("revoke all: %v", err)
	}
	next := w.register("alice", "hers")
	trail, err := w.Trail(t.Context(), next.Session)
	must(t, err)
	if len(trail) != 2 || trail[0].What != "registered" {
		t.Errorf("%+v", trail)
	}
	if _, err := w.RevokeAll(t.Context(), old.Session, false); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("revoke all of another's: %v", err)
	}
	if _, err := w.Session(t.Context(), next.Token); err != nil {
		t.Errorf("the new holder's session: %v", err)
	}
	if all, err := w.Trail(t.Context(), old.Session); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("the former holder reads %v, %v", all, err)
	}
	if all, err := w.Sessions(t.Context(), old.Session); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("the former holder reads %v, %v", all, err)
	}
	if err := w.Revoke(t.Context(), old.Session, next.Session.ID); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("the former holder revokes: %v", err)
	}
}

// TestPasskeyOfNobody: a handle that is missing, or of no account, is of nobody.
func TestPasskeyOfNobody(t *testing.T) {
	w := newWorld(t, nil)
	for _, handle := range [][]byte{nil, {}, make([]byte, 32), make([]byte, 40000)} {
		id, err := w.BeginPasskey(t.Context(), home, []byte("state"))
		must(t, err)
		g, err := w.FinishPasskey(t.Context(), home, id, handle, func([]byte, *login.Passkeys) ([]byte, error) {
			t.Error("something is checked")
			return nil, nil
		})
		denied(t, "a passkey of nobody", g, err)
	}
}

// TestAttackStolenSessionAndBackup: a session that was stolen some time after its login
// does not do away with the backup of the account key.
func TestAttackStolenSessionAndBackup(t *testing.T) {
	w := newWorld(t, nil)
	g := w.register("alice", "right")
	must(t, w.SetBackup(t.Context(), g.Session, []byte("sealed anew")))
	w.clock.move(login.Fresh + time.Second)
	for _, b := range [][]byte{nil, {}, []byte("nonsense")} {
		if err := w.SetBackup(t.Context(), g.Session, b); !errors.Is(err, login.ErrStale) {
			t.Errorf("%q: %v", b, err)
		}
	}
	next, err := w.login(home, "alice", "right")
	must(t, err)
	if string(next.Backup) != "sealed anew" {
		t.Errorf("%q", next.Backup)
	}
}

// TestSpareIsNoted: the owner reads that somebody took the backup with the recovery
// code, also of who went no further.
func TestSpareIsNoted(t *testing.T) {
	w := newWorld(t, nil)
	code := credential("alice", "code")
	g, err := w.Register(t.Context(), home, &login.Registration{Name: "alice", Password: credential("alice", "right"), Recovery: &code, Spare: []byte("sealed")})
	must(t, err)
	_, spare, err := w.Spare(t.Context(), home, w.proof("alice", "code", login.For{Recovery: true}))
	must(t, err)
	trail, err := w.Trail(t.Context(), g.Session)
	must(t, err)
	if last := trail[len(trail)-1]; string(spare) != "sealed" || last.What != "backup read" || last.How != "recovery code" {
		t.Errorf("%q, %+v", spare, trail)
	}
}
