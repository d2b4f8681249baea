package httpapi_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/embedded"
	"github.com/kith-kt/kith/srp/login/httpapi"
	"github.com/kith-kt/kith/srp/opaque"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A site is a service over HTTP.
type site struct {
	t   testing.TB
	url string
}

func newSite(t testing.TB, change func(*login.Config)) *site {
	t.Helper()
	return siteOf(t, change, nil)
}

func newService(t testing.TB, change func(*login.Config)) *login.Service {
	t.Helper()
	store, err := embedded.Open(filepath.Join(t.TempDir(), "accounts.db"))
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	key, err := login.NewKey(make([]byte, login.KeySize))
	must(t, err)
	c := login.Config{Store: store, Key: key, Domain: "example.org", Rand: rand.Reader, Canonical: func(s string) (string, error) { return strings.ToLower(s), nil }}
	if change != nil {
		change(&c)
	}
	service, err := login.New(c)
	must(t, err)
	return service
}

// newHandler returns a handler as a site has it.
func newHandler(t testing.TB, change func(*login.Config), more func(*httpapi.Config)) http.Handler {
	t.Helper()
	config := httpapi.Config{Service: newService(t, change), Info: auth.Info{
		Domain: "example.org", Registration: "open", Protocols: []string{"srp", "opaque"},
		Profile: login.DefaultProfile, KDF: login.DefaultKDF.String(), Factors: []string{"totp"},
	}}
	if more != nil {
		more(&config)
	}
	h, err := httpapi.New(config)
	must(t, err)
	return h
}

func siteOf(t testing.TB, change func(*login.Config), more func(*httpapi.Config)) *site {
	t.Helper()
	server := httptest.NewServer(newHandler(t, change, more))
	t.Cleanup(server.Close)
	return &site{t, server.URL}
}

// do sends q, wants a status, and decodes the answer into v.
func (s *site) do(method, path, token string, q, v any, status int) {
	s.t.Helper()
	var body io.Reader
	if q != nil {
		b, err := json.Marshal(q)
		must(s.t, err)
		body = bytes.NewReader(b)
	}
	s.send(method, path, token, "application/json", body, v, status)
}

func (s *site) send(method, path, token, mediaType string, body io.Reader, v any, status int) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+auth.Root+path, body)
	must(s.t, err)
	r.Header.Set("Content-Type", mediaType)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	must(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(s.t, err)
	if resp.StatusCode != status {
		s.t.Fatalf("%s %s: %s: %s", method, path, resp.Status, b)
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		s.t.Errorf("%s %s: may be cached", method, path)
	}
	if v != nil {
		must(s.t, json.Unmarshal(b, v))
	}
}

const kdf = "$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg"

func credential(password string) auth.Credential {
	salt := []byte("sixteen octets!!")
	return auth.Credential{Protocol: "srp", KDF: kdf, Salt: salt, Verifier: srp.Kith3072().Verifier(nil, salt, []byte(password))}
}

// prove begins a handshake, and returns it with M1.
func (s *site) prove(name, password string, recovery bool) (handshake string, m1 []byte, c *srp.Client) {
	s.t.Helper()
	c, err := srp.Kith3072().NewClient([]byte(strings.ToLower(name)), rand.Reader)
	must(s.t, err)
	var challenge auth.SRPChallenge
	s.do("POST", "/login/srp", "", auth.SRPStart{Name: name, A: c.A(), Recovery: recovery}, &challenge, 200)
	m1, err = c.Answer(challenge.Salt, challenge.B, []byte(password))
	must(s.t, err)
	return challenge.Handshake, m1, c
}

func (s *site) login(name, password string) *auth.Grant {
	s.t.Helper()
	handshake, m1, c := s.prove(name, password, false)
	g := new(auth.Grant)
	s.do("POST", "/login/srp/"+handshake, "", auth.SRPFinish{M1: m1}, g, 200)
	_, err := c.Confirm(g.M2)
	must(s.t, err)
	return g
}

// TestAccount is the life of an account, over HTTP.
func TestAccount(t *testing.T) {
	s := newSite(t, nil)
	var first auth.Grant
	recovery := credential("code")
	s.do("POST", "/accounts", "", auth.Registration{Name: "Alice", Password: credential("right"), Backup: []byte("sealed"), Recovery: &recovery, Spare: []byte("spare")}, &first, 201)
	s.do("POST", "/accounts", "", auth.Registration{Name: "alice", Password: credential("right")}, nil, 409)
	g := s.login("alice", "right")
	if string(g.Backup) != "sealed" || g.Session.Name != "alice" {
		t.Errorf("%+v", g)
	}
	handshake, m1, _ := s.prove("alice", "wrong", false)
	s.do("POST", "/login/srp/"+handshake, "", auth.SRPFinish{M1: m1}, nil, 403)
	handshake, m1, _ = s.prove("nobody", "right", false)
	s.do("POST", "/login/srp/"+handshake, "", auth.SRPFinish{M1: m1}, nil, 403)

	var all auth.Sessions
	s.do("GET", "/sessions", g.Token, nil, &all, 200)
	if len(all.Sessions) != 2 || all.Current != g.Session.ID {
		t.Errorf("%+v", all)
	}
	s.do("DELETE", "/sessions/"+first.Session.ID, g.Token, nil, nil, 204)
	s.do("GET", "/sessions", first.Token, nil, nil, 401)
	s.do("PUT", "/backup", g.Token, auth.Backup{Backup: []byte("newer")}, nil, 204)

	// A new password: the old one, and all sessions, are over.
	other := s.login("alice", "right")
	handshake, m1, _ = s.prove("alice", "right", false)
	var changed auth.Grant
	s.do("PUT", "/password", g.Token, auth.Change{Proof: auth.Proof{Protocol: "srp", Handshake: handshake, Message: m1}, Password: credential("new"), Backup: []byte("again")}, &changed, 200)
	s.do("GET", "/sessions", g.Token, nil, nil, 401)
	s.do("GET", "/sessions", other.Token, nil, nil, 401)
	s.do("GET", "/sessions", changed.Token, nil, &all, 200)
	handshake, m1, _ = s.prove("alice", "right", false)
	s.do("POST", "/login/srp/"+handshake, "", auth.SRPFinish{M1: m1}, nil, 403)
	s.login("alice", "new")

	// The recovery code, and a new one with the new password.
	handshake, m1, _ = s.prove("alice", "code", true)
	var spare auth.Spare
	s.do("POST", "/recovery/spare", "", auth.ProofOnly{Proof: auth.Proof{Protocol: "srp", Handshake: handshake, Message: m1}}, &spare, 200)
	if string(spare.Spare) != "spare" {
		t.Errorf("%q", spare.Spare)
	}
	handshake, m1, _ = s.prove("alice", "code", true)
	next := credential("code 2")
	s.do("POST", "/recovery", "", auth.Change{Proof: auth.Proof{Protocol: "srp", Handshake: handshake, Message: m1}, Password: credential("third"), Recovery: &next}, &changed, 200)
	handshake, m1, _ = s.prove("alice", "code", true)
	s.do("POST", "/recovery/spare", "", auth.ProofOnly{Proof: auth.Proof{Protocol: "srp", Handshake: handshake, Message: m1}}, nil, 403)

	var trail auth.Trail
	s.do("GET", "/trail", changed.Token, nil, &trail, 200)
	if len(trail.Events) < 8 {
		t.Errorf("%+v", trail)
	}

	// One-time codes.
	var setup auth.TOTP
	s.do("POST", "/totp", changed.Token, nil, &setup, 200)
	_, secret, _ := strings.Cut(setup.URL, "secret=")
	secret, _, _ = strings.Cut(secret, "&")
	code := func(at time.Duration) string {
		c, err := totp.GenerateCode(secret, time.Now().Add(at))
		must(t, err)
		return c
	}
	s.do("PUT", "/totp", changed.Token, auth.Code{Code: code(0)}, nil, 204)
	half := s.login("alice", "third")
	if half.Token != "" || len(half.Needs) != 1 || half.Backup != nil {
		t.Fatalf("%+v", half)
	}
	used := code(30 * time.Second) // the next one: this one is used
	var whole auth.Grant
	s.do("POST", "/login/totp/"+half.Handshake, "", auth.Code{Code: used}, &whole, 200)
	half = s.login("alice", "third")
	s.do("POST", "/login/totp/"+half.Handshake, "", auth.Code{Code: used}, nil, 403) // none is good twice

	// The end: the name is not given out again.
	handshake, m1, _ = s.prove("alice", "third", false)
	s.do("DELETE", "/account", whole.Token, auth.ProofOnly{Proof: auth.Proof{Protocol: "srp", Handshake: handshake, Message: m1}}, nil, 204)
	s.do("GET", "/sessions", whole.Token, nil, nil, 401)
	s.do("POST", "/accounts", "", auth.Registration{Name: "alice", Password: credential("right")}, nil, 409)
}

// TestOPAQUE is the other password protocol.
func TestOPAQUE(t *testing.T) {
	s := newSite(t, nil)
	o := opaque.Options{Context: []byte("kith opaque 1"), Identities: opaque.Identities{Client: []byte("bob"), Server: []byte("example.org")}}
	r, request, err := opaque.Register([]byte("password"), o, rand.Reader)
	must(t, err)
	var response auth.OPAQUEResponse
	s.do("POST", "/opaque", "", auth.OPAQUERequest{Name: "bob", Request: request}, &response, 200)
	record, _, err := r.Finalize(response.Response, rand.Reader)
	must(t, err)
	s.do("POST", "/accounts", "", auth.Registration{Name: "bob", Password: auth.Credential{Protocol: "opaque", Record: record}}, nil, 201)
	l, ke1, err := opaque.NewLogin([]byte("password"), o, rand.Reader)
	must(t, err)
	var challenge auth.OPAQUEChallenge
	s.do("POST", "/login/opaque", "", auth.OPAQUEStart{Name: "bob", KE1: ke1}, &challenge, 200)
	ke3, _, _, err := l.Finish(challenge.KE2)
	must(t, err)
	var g auth.Grant
	s.do("POST", "/login/opaque/"+challenge.Handshake, "", auth.OPAQUEFinish{KE3: ke3}, &g, 200)
	s.do("POST", "/login/opaque/"+challenge.Handshake, "", auth.OPAQUEFinish{KE3: ke3}, nil, 403) // once only
	s.do("GET", "/sessions", g.Token, nil, nil, 200)
	s.do("POST", "/login/opaque", "", auth.OPAQUEStart{Name: "nobody", KE1: ke1}, &challenge, 200)
	s.do("POST", "/login/opaque/"+challenge.Handshake, "", auth.OPAQUEFinish{KE3: ke3}, nil, 403)
}

// TestMalformed: what no client sends is refused with what is wrong, not with a
// stack trace, and secrets that were sent do not come back.
func TestMalformed(t *testing.T) {
	s := newSite(t, nil)
	for _, body := range []string{"", "{", "[]", `{"name":1}`, `{"nonsense":"hunter2"}`, `{"name":"a"} {}`, `{"name":"a","a":"!!"}`, `{"name":"a","a":"AAA="}`} {
		var problem map[string]any
		s.send("POST", "/login/srp", "", "application/json", strings.NewReader(body), &problem, 400)
		if b, _ := json.Marshal(problem); bytes.Contains(b, []byte("hunter2")) {
			t.Errorf("it comes back: %s", b)
		}
	}
	s.send("POST", "/login/srp", "", "application/json", strings.NewReader(strings.Repeat(" ", auth.MaxBody)+"{}"), nil, 413)
	s.send("POST", "/login/srp", "", "text/plain", strings.NewReader("{}"), nil, 415)
	s.do("GET", "/nonsense", "", nil, nil, 404)
	s.do("PATCH", "/sessions", "", nil, nil, 405)
	for _, token := range []string{"", "x", "kith_", "kith_" + strings.Repeat("A", 43), strings.Repeat("A", 10000)} {
		s.do("GET", "/sessions", token, nil, nil, 401)
	}
	s.do("POST", "/login/device", "", auth.NameStart{Name: "a"}, nil, 400)
	s.do("POST", "/login/sealed", "", auth.NameStart{Name: "a"}, nil, 400)
	weak := credential("p")
	weak.KDF = "$argon2id$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg"
	s.do("POST", "/accounts", "", auth.Registration{Name: "a", Password: weak}, nil, 422)
	s.do("POST", "/accounts", "", auth.Registration{Name: strings.Repeat("a", 300), Password: credential("p")}, nil, 422)
}
