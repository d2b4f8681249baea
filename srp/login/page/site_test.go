package page_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/embedded"
	"github.com/kith-kt/kith/srp/login/httpapi"
	"github.com/kith-kt/kith/srp/login/page"
	"github.com/kith-kt/kith/srp/login/passkey"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A clock goes as time does, and can be moved.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// said is where a request says that it comes from, or where it does.
func said(r *http.Request) netip.Addr {
	if a, err := netip.ParseAddr(r.Header.Get("Test-Network")); err == nil {
		return a
	}
	a, _ := netip.ParseAddrPort(r.RemoteAddr)
	return a.Addr()
}

// A site is a provider with accounts, on localhost.
type site struct {
	t        testing.TB
	url      string // an origin
	accounts *login.Service
	clock    *clock
	handler  http.Handler
}

func newSite(t testing.TB) *site {
	t.Helper()
	store, err := embedded.Open(filepath.Join(t.TempDir(), "accounts.db"))
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	key, err := login.NewKey(make([]byte, login.KeySize))
	must(t, err)
	s := &site{t: t, clock: new(clock)}
	s.accounts, err = login.New(login.Config{
		Store: store, Key: key, Domain: "example.org", Rand: rand.Reader, Now: s.clock.now,
		Canonical: func(name string) (string, error) { return strings.ToLower(name), nil },
	})
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	must(t, err)
	s.url = "http://localhost:" + port
	keys, err := passkey.New(passkey.Config{Accounts: s.accounts, ID: "localhost", Title: "example.org", Origins: []string{s.url}, Rand: rand.Reader, Now: s.clock.now})
	must(t, err)
	api, err := httpapi.New(httpapi.Config{Service: s.accounts, Info: auth.Info{Domain: "example.org"}, More: keys.Routes})
	must(t, err)
	web, err := page.New(page.Config{Accounts: s.accounts, Passkeys: keys, Domain: "example.org", Now: s.clock.now, Address: said})
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle("/auth/", api)
	mux.Handle("/login", web)
	mux.Handle("/login/", web)
	s.handler = mux
	server := httptest.NewUnstartedServer(mux)
	must(t, server.Listener.Close())
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// do sends q to the API, wants a status, and decodes the answer into v.
func (s *site) do(method, path, token string, q, v any, status int) {
	s.t.Helper()
	var body io.Reader
	if q != nil {
		b, err := json.Marshal(q)
		must(s.t, err)
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+auth.Root+path, body)
	must(s.t, err)
	r.Header.Set("Content-Type", "application/json")
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
	if v != nil {
		must(s.t, json.Unmarshal(b, v))
	}
}

const kdf = "$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg"

// register makes an account, and returns its first token.
func (s *site) register(name, password string) string {
	s.t.Helper()
	salt := []byte("sixteen octets!!")
	var g auth.Grant
	s.do("POST", "/accounts", "", auth.Registration{Name: name, Password: auth.Credential{
		Protocol: "srp", KDF: kdf, Salt: salt, Verifier: srp.Kith3072().Verifier(nil, salt, []byte(password)),
	}}, &g, 201)
	return g.Token
}

// login proves a password.
func (s *site) login(name, password string) *auth.Grant {
	s.t.Helper()
	c, err := srp.Kith3072().NewClient([]byte(name), rand.Reader)
	must(s.t, err)
	var challenge auth.SRPChallenge
	s.do("POST", "/login/srp", "", auth.SRPStart{Name: name, A: c.A()}, &challenge, 200)
	m1, err := c.Answer(challenge.Salt, challenge.B, []byte(password))
	must(s.t, err)
	g := new(auth.Grant)
	s.do("POST", "/login/srp/"+challenge.Handshake, "", auth.SRPFinish{M1: m1}, g, 200)
	return g
}

// link asks for an address where a passkey is made.
func (s *site) link(token string) string {
	s.t.Helper()
	var l auth.PasskeyLink
	s.do("POST", "/passkeys/link", token, nil, &l, 200)
	return l.URL
}

func (s *site) trail(token string) string {
	s.t.Helper()
	var all auth.Trail
	s.do("GET", "/trail", token, nil, &all, 200)
	var b strings.Builder
	for _, e := range all.Events {
		b.WriteString(e.What + "\n")
	}
	return b.String()
}
