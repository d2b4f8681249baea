package passkey_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/embedded"
	"github.com/kith-kt/kith/srp/login/passkey"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A clock stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

var (
	home  = login.Requester{Network: netip.MustParsePrefix("192.0.2.1/32")}
	away  = login.Requester{Network: netip.MustParsePrefix("198.51.100.7/32")}
	party = virtualwebauthn.RelyingParty{Name: "example.org", ID: "example.org", Origin: "https://login.example.org"}
)

// A world is an account service with passkeys.
type world struct {
	*passkey.Service
	t        testing.TB
	accounts *login.Service
	clock    *clock
	store    string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Unix(1_800_000_000, 0)}, store: filepath.Join(t.TempDir(), "accounts.db")}
	store, err := embedded.Open(w.store)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	key, err := login.NewKey(make([]byte, login.KeySize))
	must(t, err)
	w.accounts, err = login.New(login.Config{
		Store: store, Key: key, Domain: "example.org", Rand: rand.Reader, Now: w.clock.Now,
		Canonical: func(name string) (string, error) { return strings.ToLower(name), nil },
	})
	must(t, err)
	w.Service, err = passkey.New(passkey.Config{Accounts: w.accounts, ID: party.ID, Origins: []string{party.Origin}, Rand: rand.Reader, Now: w.clock.Now})
	must(t, err)
	return w
}

var salt = []byte("sixteen octets!!")

// register makes an account, and returns its first session.
func (w *world) register(name string) *login.Session {
	w.t.Helper()
	g, err := w.accounts.Register(w.t.Context(), home, &login.Registration{Name: name, Password: login.Credential{
		Protocol: "srp", KDF: "$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg", Salt: salt,
		Verifier: srp.Kith3072().Verifier(nil, salt, []byte("right")),
	}})
	must(w.t, err)
	return g.Session
}

// password proves the password.
func (w *world) password(name string) *login.Grant {
	w.t.Helper()
	c, err := srp.Kith3072().NewClient([]byte(name), rand.Reader)
	must(w.t, err)
	challenge, err := w.accounts.BeginSRP(w.t.Context(), home, name, "", c.A(), login.For{})
	must(w.t, err)
	m1, err := c.Answer(challenge.Salt, challenge.B, []byte("right"))
	must(w.t, err)
	g, err := w.accounts.FinishSRP(w.t.Context(), home, challenge.Handshake, m1)
	must(w.t, err)
	return g
}

// A token is an authenticator with one passkey.
type token struct {
	virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

// newKey returns a P-256 key whose coordinates begin with no zero octet: this
// authenticator would leave it out, which real ones do not.
func newKey() virtualwebauthn.Credential {
	const whole = 77 // octets of a COSE_Key with two coordinates of 32
	for {
		if k := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(k.Key.AttestationData()) == whole {
			return k
		}
	}
}

// attest answers options for a new passkey.
func attest(t testing.TB, options json.RawMessage, rp virtualwebauthn.RelyingParty) (*token, []byte) {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	must(t, err)
	k := &token{virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(o.UserID)}), newKey()}
	return k, []byte(virtualwebauthn.CreateAttestationResponse(rp, k.Authenticator, k.key, *o))
}

// make makes a passkey.
func (w *world) make(of *login.Session, name string) *token {
	w.t.Helper()
	c, err := w.BeginMake(w.t.Context(), home, of)
	must(w.t, err)
	k, response := attest(w.t, c.Options, party)
	_, err = w.Make(w.t.Context(), home, of, c.Handshake, name, response)
	must(w.t, err)
	return k
}

// assert answers options for a login, and counts it.
func (k *token) assert(t testing.TB, options json.RawMessage, rp virtualwebauthn.RelyingParty) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	must(t, err)
	k.key.Counter++
	return []byte(virtualwebauthn.CreateAssertionResponse(rp, k.Authenticator, k.key, *o))
}

// login logs in alone.
func (w *world) login(k *token) (*login.Grant, error) {
	w.t.Helper()
	c, err := w.Begin(w.t.Context(), home)
	must(w.t, err)
	return w.Finish(w.t.Context(), home, c.Handshake, k.assert(w.t, c.Options, party))
}

func (w *world) denied(what string, g *login.Grant, err error) {
	w.t.Helper()
	if g != nil || !errors.Is(err, login.ErrDenied) {
		w.t.Errorf("%s: %+v, %v", what, g, err)
	}
}

// TestPasskey is the life of a passkey.
func TestPasskey(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	alice := w.register("alice")
	k := w.make(alice, "laptop")
	g, err := w.login(k)
	must(t, err)
	if g.Session.Name != "alice" || g.Session.How != "passkey" || g.Token == "" || g.Needs != nil {
		t.Errorf("%+v", g)
	}
	all, err := w.List(ctx, g.Session)
	must(t, err)
	if len(all.Passkeys) != 1 || all.Passkeys[0].Name != "laptop" || all.Passkeys[0].Used == nil || all.Second {
		t.Errorf("%+v", all)
	}
	id := all.Passkeys[0].ID
	must(t, w.Rename(ctx, g.Session, id, " phone "))
	must(t, w.SetSecond(ctx, g.Session, true))
	second := w.password("alice")
	if second.Token != "" || len(second.Needs) != 1 {
		t.Fatalf("%+v", second)
	}
	c, err := w.BeginSecond(ctx, home, second.Handshake)
	must(t, err)
	k.Options.UserNotVerified = true // the password did
	g, err = w.Finish(ctx, home, c.Handshake, k.assert(t, c.Options, party))
	must(t, err)
	if g.Session.How != "password + passkey" {
		t.Errorf("%+v", g.Session)
	}
	_, err = w.BeginSecond(ctx, home, second.Handshake)
	w.denied("a handshake that was used", nil, err)

	k.Options.UserNotVerified = false
	must(t, w.Remove(ctx, g.Session, id))
	all, err = w.List(ctx, g.Session)
	must(t, err)
	if len(all.Passkeys) != 0 || all.Second {
		t.Errorf("%+v", all)
	}
	g, err = w.login(k)
	w.denied("a passkey that was removed", g, err)
	if g := w.password("alice"); g.Token == "" {
		t.Errorf("a factor is asked for that is not there: %+v", g)
	}
}

// TestLoginAttacks: what must not log in.
func TestLoginAttacks(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	alice, bob := w.register("alice"), w.register("bob")
	ka, kb := w.make(alice, ""), w.make(bob, "")
	begin := func() *passkey.Challenge {
		t.Helper()
		c, err := w.Begin(ctx, home)
		must(t, err)
		return c
	}
	finish := func(what string, from login.Requester, handshake string, response []byte) {
		t.Helper()
		g, err := w.Finish(ctx, from, handshake, response)
		w.denied(what, g, err)
	}

	c := begin()
	response := ka.assert(t, c.Options, party)
	_, err := w.Finish(ctx, home, c.Handshake, response)
	must(t, err)
	finish("a replay", home, c.Handshake, response)
	finish("an answer to another challenge", home, begin().Handshake, response)

	c = begin()
	finish("another network", away, c.Handshake, ka.assert(t, c.Options, party))

	c = begin()
	w.clock.move(time.Hour)
	finish("too late", home, c.Handshake, ka.assert(t, c.Options, party))

	for _, origin := range []string{"https://evil.example", "http://login.example.org", "https://login.example.org:444", "https://login.example.org.evil.example", "https://example.org", "null", ""} {
		c = begin()
		rp := party
		rp.Origin = origin
		finish("origin "+origin, home, c.Handshake, ka.assert(t, c.Options, rp))
	}
	c = begin()
	rp := party
	rp.ID = "evil.example"
	finish("another party", home, c.Handshake, ka.assert(t, c.Options, rp))

	c = begin()
	ka.Options.UserNotVerified = true
	finish("alone, without verification", home, c.Handshake, ka.assert(t, c.Options, party))
	ka.Options.UserNotVerified = false
	c = begin()
	ka.Options.UserNotPresent = true
	finish("nobody there", home, c.Handshake, ka.assert(t, c.Options, party))
	ka.Options.UserNotPresent = false

	// bob's key says that it is alice's; without a name; with an unknown one.
	own := kb.Options.UserHandle
	for what, handle := range map[string][]byte{"another's name": ka.Options.UserHandle, "no name": nil, "an unknown name": bytes.Repeat([]byte{1}, 32)} {
		c = begin()
		kb.Options.UserHandle = handle
		finish(what, home, c.Handshake, kb.assert(t, c.Options, party))
	}
	kb.Options.UserHandle = own
	// alice's credential id with bob's key.
	mixed := *kb
	mixed.key.ID, mixed.Options.UserHandle = ka.key.ID, ka.Options.UserHandle
	mixed.key.Counter = 1000
	c = begin()
	finish("another's id", home, c.Handshake, mixed.assert(t, c.Options, party))

	// An answer to a login alone for a second factor, and the other way round; the
	// password of one and the passkey of the other.
	must(t, w.SetSecond(ctx, w.fresh("bob", kb), true))
	half := w.password("bob")
	c, err = w.BeginSecond(ctx, home, half.Handshake)
	must(t, err)
	finish("a passkey of another account", home, c.Handshake, ka.assert(t, c.Options, party))
	half = w.password("bob")
	c, err = w.BeginSecond(ctx, home, half.Handshake)
	must(t, err)
	ka.Options.UserHandle, own = nil, ka.Options.UserHandle
	finish("a passkey of another account, without a name", home, c.Handshake, ka.assert(t, c.Options, party))
	ka.Options.UserHandle = own
	half = w.password("bob")
	finish("a handshake of a password", home, half.Handshake, kb.assert(t, begin().Options, party))
	_, err = w.BeginSecond(ctx, away, w.password("bob").Handshake)
	w.denied("a second factor from another network", nil, err)
	_, err = w.BeginSecond(ctx, home, begin().Handshake)
	w.denied("a second factor after nothing", nil, err)

	// All of this has harmed nobody.
	for _, k := range []*token{ka, kb} {
		_, err = w.login(k)
		must(t, err)
	}
}

// fresh is a new session of who has a passkey.
func (w *world) fresh(name string, k *token) *login.Session {
	w.t.Helper()
	g, err := w.login(k)
	must(w.t, err)
	if g.Session.Name != name {
		w.t.Fatalf("logged in as %s", g.Session.Name)
	}
	return g.Session
}

// TestCopied: a counter that does not rise is refused, its owner reads of it, and
// what it was is not forgotten.
func TestCopied(t *testing.T) {
	w := newWorld(t)
	alice := w.register("alice")
	k := w.make(alice, "")
	for range 3 {
		_, err := w.login(k)
		must(t, err)
	}
	for _, counter := range []uint32{0, 1, 2} { // assert counts one more
		c := *k
		c.key.Counter = counter
		g, err := w.login(&c)
		w.denied(fmt.Sprintf("counter %d after 3", counter+1), g, err)
	}
	events, err := w.accounts.Trail(t.Context(), alice)
	must(t, err)
	told := 0
	for _, e := range events {
		if strings.Contains(e.What, "there may be a copy") {
			told++
		}
	}
	if told != 3 {
		t.Errorf("the owner is told %d times", told)
	}
	_, err = w.login(k)
	must(t, err)
	// One that does not count is never a copy.
	still := w.make(w.fresh("alice", k), "still")
	for range 2 {
		still.key.Counter = ^uint32(0) // assert makes it 0
		_, err = w.login(still)
		must(t, err)
	}
}

// TestTampered: no octet of an assertion can be changed.
func TestTampered(t *testing.T) {
	w := newWorld(t)
	k := w.make(w.register("alice"), "")
	for _, field := range []string{"clientDataJSON", "authenticatorData", "signature", "userHandle"} {
		for _, at := range []int{0, 10, 31, 32, 33, 36, -1} {
			c, err := w.Begin(t.Context(), home)
			must(t, err)
			var m map[string]any
			must(t, json.Unmarshal(k.assert(t, c.Options, party), &m))
			r := m["response"].(map[string]any)
			b, err := base64.RawURLEncoding.DecodeString(r[field].(string))
			must(t, err)
			i := at
			if at < 0 {
				i = len(b) - 1
			}
			if i >= len(b) {
				continue
			}
			b[i] ^= 1
			r[field] = base64.RawURLEncoding.EncodeToString(b)
			response, err := json.Marshal(m)
			must(t, err)
			if g, err := w.Finish(t.Context(), home, c.Handshake, response); g != nil || !errors.Is(err, login.ErrDenied) && !errors.Is(err, login.ErrMalformed) {
				t.Errorf("%s, octet %d: %+v, %v", field, at, g, err)
			}
		}
	}
	_, err := w.login(k)
	must(t, err)
}

// TestMakeAttacks: what must not become a passkey.
func TestMakeAttacks(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	alice, bob := w.register("alice"), w.register("bob")
	begin := func() *passkey.Challenge {
		t.Helper()
		c, err := w.BeginMake(ctx, home, alice)
		must(t, err)
		return c
	}
	refused := func(what string, from login.Requester, of *login.Session, handshake, name string, response []byte) {
		t.Helper()
		if p, err := w.Make(ctx, from, of, handshake, name, response); p != nil || err == nil {
			t.Errorf("%s: %+v", what, p)
		} else if !errors.Is(err, login.ErrDenied) && !errors.Is(err, login.ErrMalformed) && !errors.Is(err, login.ErrNoSession) {
			t.Errorf("%s: %v", what, err)
		}
	}
	c := begin()
	k, response := attest(t, c.Options, party)
	refused("another's session", home, bob, c.Handshake, "", response)
	refused("a handshake that was used", home, alice, c.Handshake, "", response)
	refused("an answer to another challenge", home, alice, begin().Handshake, "", response)
	c = begin()
	_, response = attest(t, c.Options, party)
	refused("another network", away, alice, c.Handshake, "", response)
	for _, origin := range []string{"https://evil.example", "http://login.example.org"} {
		c = begin()
		rp := party
		rp.Origin = origin
		_, response = attest(t, c.Options, rp)
		refused("origin "+origin, home, alice, c.Handshake, "", response)
	}
	c = begin()
	_, response = attest(t, c.Options, party)
	for _, name := range []string{strings.Repeat("n", passkey.MaxName+1), "a\nb", "\xff", "\u202egnp"} {
		refused("name "+name, home, alice, c.Handshake, name, response)
	}
	for _, junk := range []string{"", "{}", "null", `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`, strings.Repeat(" ", passkey.MaxResponse+1)} {
		refused("junk", home, alice, begin().Handshake, "", []byte(junk))
	}
	g, err := w.login(k)
	w.denied("what was refused", g, err)

	// A passkey is nobody else's too; and there are not endlessly many.
	c = begin()
	k, response = attest(t, c.Options, party)
	_, err = w.Make(ctx, home, alice, c.Handshake, "", response)
	must(t, err)
	c = begin()
	o, err := virtualwebauthn.ParseAttestationOptions(string(c.Options))
	must(t, err)
	if !k.key.IsExcludedForAttestation(*o) {
		t.Error("a passkey that is there is not excluded")
	}
	refused("the same again", home, alice, c.Handshake, "", []byte(virtualwebauthn.CreateAttestationResponse(party, k.Authenticator, k.key, *o)))
	for range passkey.MaxKeys - 1 {
		w.make(alice, "")
	}
	if _, err := w.BeginMake(ctx, home, alice); !errors.Is(err, login.ErrMalformed) {
		t.Errorf("one too many: %v", err)
	}

	// A session that is old, or over.
	c, err = w.BeginMake(ctx, home, bob)
	must(t, err)
	_, response = attest(t, c.Options, party)
	must(t, w.accounts.Revoke(ctx, bob, bob.ID))
	refused("a session that is over", home, bob, c.Handshake, "", response)
	if _, err := w.BeginMake(ctx, home, bob); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("a session that is over: %v", err)
	}
	w.clock.move(login.Fresh + time.Second)
	_, stale := w.BeginMake(ctx, home, alice)
	_, link := w.Link(ctx, alice)
	for what, err := range map[string]error{
		"make": stale, "link": link, "remove": w.Remove(ctx, alice, "x"), "rename": w.Rename(ctx, alice, "x", "y"), "second": w.SetSecond(ctx, alice, true),
	} {
		if !errors.Is(err, login.ErrStale) {
			t.Errorf("%s by an old session: %v", what, err)
		}
	}
}

// TestLink: a link opens once, makes one passkey, and ends with the session.
func TestLink(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	alice := w.register("alice")
	secret := func() string {
		t.Helper()
		l, err := w.Link(ctx, alice)
		must(t, err)
		page, secret, ok := strings.Cut(l.URL, "#make=")
		if !ok || page != party.Origin+"/login" || l.Expires.Sub(w.clock.Now()) != 5*time.Minute {
			t.Fatalf("%+v", l)
		}
		return secret
	}
	s := secret()
	open, name, err := w.Open(ctx, away, s) // a phone, say
	must(t, err)
	if name != "alice" {
		t.Errorf("%q", name)
	}
	_, _, err = w.Open(ctx, away, s)
	w.denied("a link that was opened", nil, err)
	_, err = w.BeginTicket(ctx, home, open)
	w.denied("from another network", nil, err)
	_, err = w.BeginTicket(ctx, away, s)
	w.denied("the link itself", nil, err)
	_, err = w.BeginTicket(ctx, away, open) // cancelled
	must(t, err)
	c, err := w.BeginTicket(ctx, away, open)
	must(t, err)
	later, err := w.BeginTicket(ctx, away, open)
	must(t, err)
	_, response := attest(t, c.Options, party)
	_, err = w.Make(ctx, away, alice, c.Handshake, "", response)
	w.denied("a link's passkey by a session", nil, err)
	c, err = w.BeginTicket(ctx, away, open)
	must(t, err)
	var k *token
	k, response = attest(t, c.Options, party)
	_, err = w.MakeTicket(ctx, away, c.Handshake, "phone", response)
	must(t, err)
	_, err = w.login(k)
	must(t, err)
	_, response = attest(t, later.Options, party)
	_, err = w.MakeTicket(ctx, away, later.Handshake, "another", response)
	w.denied("a second passkey by one link", nil, err)
	own, err := w.BeginMake(ctx, home, alice)
	must(t, err)
	_, response = attest(t, own.Options, party)
	_, err = w.MakeTicket(ctx, home, own.Handshake, "", response)
	w.denied("a session's passkey by a link", nil, err)

	// One kind of secret is not another.
	s = secret()
	_, err = w.BeginTicket(ctx, home, s)
	w.denied("a link that was not opened", nil, err)
	_, err = w.MakeTicket(ctx, home, s, "", response)
	w.denied("a link as a handshake", nil, err)
	s = secret()
	open, _, err = w.Open(ctx, home, s)
	must(t, err)
	_, _, err = w.Open(ctx, home, open)
	w.denied("what was opened, opened again", nil, err)

	s = secret()
	w.clock.move(5 * time.Minute)
	_, _, err = w.Open(ctx, home, s)
	w.denied("an old link", nil, err)

	g := w.password("alice")
	alice = g.Session
	s, t2 := secret(), secret()
	open, _, err = w.Open(ctx, home, t2)
	must(t, err)
	c, err = w.BeginTicket(ctx, home, open)
	must(t, err)
	_, response = attest(t, c.Options, party)
	must(t, w.accounts.Revoke(ctx, alice, alice.ID))
	if _, _, err = w.Open(ctx, home, s); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("a link of a session that is over: %v", err)
	}
	if _, err = w.MakeTicket(ctx, home, c.Handshake, "", response); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("a passkey by a session that is over: %v", err)
	}
}
