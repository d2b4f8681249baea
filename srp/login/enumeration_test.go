package login_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/opaque"
)

// shapeOf is all of a derivation but the octets of its salt.
func shapeOf(kdf string) string {
	at := strings.LastIndexByte(kdf, '$')
	if strings.HasPrefix(kdf, "$2") {
		return kdf[:at]
	}
	return fmt.Sprintf("%s %d", kdf[:at], len(kdf)-at)
}

// begin is the first answer of an SRP login, without what is always fresh.
func (w *world) begin(name string, p *srp.Profile, purpose login.For) *login.SRPChallenge {
	w.t.Helper()
	client, err := p.NewClient([]byte(name), rand.Reader)
	must(w.t, err)
	profile := p.Name
	c, err := w.BeginSRP(w.t.Context(), home, name, profile, client.A(), purpose)
	must(w.t, err)
	g, err := w.FinishSRP(w.t.Context(), home, c.Handshake, make([]byte, 32))
	denied(w.t, "a wrong proof", g, err)
	if err.Error() != login.ErrDenied.Error() || c.Profile != profile || len(c.B) != p.Group.Size() || len(c.Handshake) != 22 {
		w.t.Errorf("%s: %v, %+v", name, err, c)
	}
	w.clock.move(24 * 60 * 60 * 1e9) // nothing is throttled
	return c
}

// TestAttackEnumerationSRP: what is told of a name that has an account, and of one
// that has none, cannot be told apart, however often and however it is asked.
func TestAttackEnumerationSRP(t *testing.T) {
	leap := srp.LEAP1024()
	var config *login.Config
	w := newWorld(t, func(c *login.Config) { c.Weak = []*srp.Profile{leap}; config = c })
	both := credential("both", "right")
	both.Salt = []byte("other octets 16!")
	recovery := credential("both", "code")
	recovery.Salt, recovery.KDF = []byte("third octets 16!"), strings.Replace(kdf, "MDEy", "MTEy", 1)
	_, err := w.Register(t.Context(), home, &login.Registration{Name: "both", Password: both, Recovery: &recovery})
	must(t, err)
	w.register("alice", "right")
	salt := []byte("8 octets")
	_, err = w.Register(t.Context(), home, &login.Registration{Name: "leap", Password: login.Credential{Protocol: "srp", Profile: leap.Name, Salt: salt, Verifier: leap.Verifier([]byte("leap"), salt, []byte("right"))}})
	must(t, err)
	restarted := &world{t: t, clock: w.clock}
	restarted.Service, err = login.New(*config)
	must(t, err)

	type way struct {
		p       *srp.Profile
		purpose login.For
	}
	ways := []way{{srp.Kith3072(), login.For{}}, {srp.Kith3072(), login.For{Recovery: true}}, {leap, login.For{}}}
	salts := map[string]string{}
	for _, name := range []string{"both", "alice", "leap", "nobody", "nemo"} {
		for i, way := range ways {
			one := w.begin(name, way.p, way.purpose)
			for _, two := range []*login.SRPChallenge{w.begin(name, way.p, way.purpose), restarted.begin(name, way.p, way.purpose), w.begin(strings.ToUpper(name), way.p, way.purpose)} {
				if one.KDF != two.KDF || !bytes.Equal(one.Salt, two.Salt) || bytes.Equal(one.B, two.B) {
					t.Errorf("%s, way %d: another answer: %+v and %+v", name, i, one, two)
				}
			}
			kdf, salt := "$argon2id$v=19$m=65536,t=3,p=4 23", 16
			if way.p == leap {
				kdf, salt = "", 8
			}
			got := ""
			if one.KDF != "" {
				got = shapeOf(one.KDF)
			}
			if got != kdf || len(one.Salt) != salt {
				t.Errorf("%s, way %d: %s and %d octets", name, i, one.KDF, len(one.Salt))
			}
			// All salts of all names differ, also those of one name: where two
			// are the same, there is no account.
			for _, s := range []string{string(one.Salt), one.KDF} {
				if owner, ok := salts[s]; ok && s != "" && owner != "both0 alice0" {
					t.Errorf("%s, way %d has a salt of %s", name, i, owner)
				}
				if name == "both" || name == "alice" { // credential has one salt for all
					salts[s] = "both0 alice0"
				} else {
					salts[s] = fmt.Sprint(name, i)
				}
			}
		}
	}
}

// TestAttackEnumerationLegacy: while accounts move over, names without one seem to
// as well, in about the same numbers; and when the last has moved, none is left.
func TestAttackEnumerationLegacy(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice", "right")
	const bcrypt, pbkdf2 = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$pbkdf2-sha256$i=1000$c29tZXNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg"
	made, err := w.ImportAll(t.Context(), func(yield func(string, string) bool) {
		for i := range 20 {
			for kind, hash := range []string{bcrypt, bcrypt, pbkdf2} {
				if !yield(fmt.Sprintf("old%d-%d", kind, i), hash) {
					return
				}
			}
		}
	}, login.ImportOptions{})
	must(t, err)
	if made != 60 {
		t.Fatal(made)
	}
	client, err := srp.Kith3072().NewClient(nil, rand.Reader)
	must(t, err)
	ask := func(n int) (shapes map[string]int, all []string) {
		shapes = map[string]int{}
		for i := range n {
			c, err := w.BeginSRP(t.Context(), home, fmt.Sprintf("nobody%d", i), "", client.A(), login.For{})
			must(t, err)
			shapes[strings.Split(c.KDF, "$")[1]]++
			all = append(all, c.KDF)
			w.clock.move(25 * 60 * 60 * 1e9)
		}
		return shapes, all
	}
	n := 300
	shapes, before := ask(n)
	if b, p, a := shapes["2b"], shapes["pbkdf2-sha256"], shapes["argon2id"]; b < n/2 || p < n/5 || a < 1 || a > n/10 {
		t.Errorf("bcrypt %d, pbkdf2 %d, argon2id %d of %d, where real ones are 40, 20 and 1", b, p, a, n)
	}
	for i := range 20 { // these have moved
		must(t, w.Remove(t.Context(), fmt.Sprintf("old2-%d", i)))
		w.clock.move(25 * 60 * 60 * 1e9)
		w.register(fmt.Sprintf("new-%d", i), "right")
	}
	shapes, after := ask(n)
	if shapes["pbkdf2-sha256"] != 0 {
		t.Errorf("no account has pbkdf2 any more, and %d names without an account do", shapes["pbkdf2-sha256"])
	}
	for i := range after {
		if before[i] != after[i] && !strings.HasPrefix(after[i], "$argon2id") && !strings.HasPrefix(before[i], "$pbkdf2") {
			t.Errorf("nobody%d went from %s to %s, as no account does", i, before[i], after[i])
		}
	}
}

// TestAttackEnumerationOthers: the other flows.
func TestAttackEnumerationOthers(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Devices = noDevices{}; c.Sealer = sealer{}; c.Invites = true })
	ctx := t.Context()
	code, err := w.Invite(ctx, 2, 1e15)
	must(t, err)
	_, err = w.Register(ctx, home, &login.Registration{Name: "alice", Password: credential("alice", "right"), Invite: code})
	must(t, err)
	o := opaque.Options{Identities: opaque.Identities{Client: []byte("olga"), Server: []byte("example.org")}, Context: []byte("kith opaque 1")}
	r, request, err := opaque.Register([]byte("right"), o, rand.Reader)
	must(t, err)
	response, err := w.RegisterOPAQUE(ctx, home, "olga", request)
	must(t, err)
	record, _, err := r.Finalize(response, rand.Reader)
	must(t, err)
	_, err = w.Register(ctx, home, &login.Registration{Name: "olga", Password: login.Credential{Protocol: "opaque", Record: record}, Invite: code})
	must(t, err)
	for _, name := range []string{"alice", "olga", "nobody"} {
		_, ke1, err := opaque.NewLogin([]byte("right"), o, rand.Reader)
		must(t, err)
		one, err := w.BeginOPAQUE(ctx, home, name, ke1)
		must(t, err)
		two, err := w.BeginOPAQUE(ctx, home, name, ke1)
		must(t, err)
		if len(one.KE2) != opaque.KE2Size || !bytes.Equal(one.KE2[:opaque.Noe], two.KE2[:opaque.Noe]) || bytes.Equal(one.KE2[opaque.Noe:], two.KE2[opaque.Noe:]) {
			t.Errorf("%s: KE2 tells", name)
		}
		g, err := w.FinishOPAQUE(ctx, home, one.Handshake, make([]byte, opaque.KE3Size))
		denied(t, name+" by OPAQUE", g, err)
		if err.Error() != login.ErrDenied.Error() {
			t.Error(err)
		}
		answer, err := w.RegisterOPAQUE(ctx, home, name, request)
		must(t, err)
		if len(answer) != opaque.ResponseSize {
			t.Errorf("%s: %d octets", name, len(answer))
		}
		d, err := w.BeginDevice(ctx, home, name)
		must(t, err)
		if len(d.Message) != len(login.DeviceContext)+2+len("example.org")+2+len(name)+32+8 {
			t.Errorf("%s: %d octets to sign", name, len(d.Message))
		}
		g, err = w.FinishDevice(ctx, home, d.Handshake, make([]byte, 32), make([]byte, 64))
		denied(t, name+" by device", g, err)
		s, err := w.BeginSealed(ctx, home, name)
		must(t, err)
		if len(s.Sealed) != 32 {
			t.Errorf("%s: %d octets sealed", name, len(s.Sealed))
		}
		g, err = w.FinishSealed(ctx, home, s.Handshake, make([]byte, 32))
		denied(t, name+" by sealed nonce", g, err)
		_, _, err = w.Spare(ctx, home, &login.Proof{Protocol: "opaque", Handshake: one.Handshake, Message: make([]byte, 64)})
		if !errors.Is(err, login.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		// Without a good invitation nobody learns whether a name is taken.
		for _, invite := range []string{"", "kith-invite-", code} {
			_, err = w.Register(ctx, home, &login.Registration{Name: name, Password: credential(name, "x"), Invite: invite})
			if !errors.Is(err, login.ErrInvite) || errors.Is(err, login.ErrTaken) {
				t.Errorf("%s, invited by %q: %v", name, invite, err)
			}
		}
		w.clock.move(25 * 60 * 60 * 1e9)
	}
	id, err := w.BeginPasskey(ctx, home, nil)
	must(t, err)
	g, err := w.FinishPasskey(ctx, home, id, make([]byte, 32), func([]byte, *login.Passkeys) ([]byte, error) { return []byte("yes"), nil })
	denied(t, "a user handle of nobody", g, err)
}

// TestAttackEnumerationByDevice: a device's secret says nothing about other names.
func TestAttackEnumerationByDevice(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Devices = noDevices{} })
	w.register("alice", "right")
	hers := w.register("mallory", "hers")
	waits := func(name string) (n int) {
		q := home
		q.Device = hers.Device
		for {
			if _, err := w.BeginDevice(t.Context(), q, name); errors.Is(err, login.ErrThrottled) {
				return n
			}
			n++
		}
	}
	if a, n := waits("alice"), waits("nobody"); a != n {
		t.Errorf("%d attempts at alice, %d at nobody", a, n)
	}
}
