package bonafide_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/bonafide"
	"github.com/kith-kt/kith/srp/login/embedded"
	"github.com/kith-kt/kith/srp/login/httpapi"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A site is a service with its handler and clock.
type site struct {
	t       testing.TB
	service *login.Service
	h       http.Handler
	now     time.Time
	network string
	log     bytes.Buffer
}

func newSite(t testing.TB, limits httpapi.Limits) *site {
	t.Helper()
	s := &site{t: t, now: time.Unix(1_800_000_000, 0), network: "10.0.0.1:1"}
	store, err := embedded.Open(filepath.Join(t.TempDir(), "accounts.db"))
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	key, err := login.NewKey(make([]byte, login.KeySize))
	must(t, err)
	s.service, err = login.New(login.Config{
		Store: store, Key: key, Domain: "example.org", Rand: rand.Reader, Now: func() time.Time { return s.now },
		Canonical: func(s string) (string, error) {
			if s == "" || strings.ContainsAny(s, " \x00") {
				return "", login.ErrName
			}
			return strings.ToLower(s), nil
		},
		Weak: []*srp.Profile{srp.LEAP1024()},
	})
	must(t, err)
	s.h, err = bonafide.New(bonafide.Config{Service: s.service, Limits: limits, Logger: slog.New(slog.NewTextHandler(&s.log, nil))})
	must(t, err)
	return s
}

// An answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	size   int
	cookie *http.Cookie
}

func (s *site) send(method, path, mediaType, body, token string, cookie *http.Cookie) *answer {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = s.network
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	if token != "" {
		r.Header.Set("Authorization", `Token token="`+token+`"`)
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	a := &answer{status: w.Code, header: w.Header(), size: w.Body.Len()}
	if a.size > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
			s.t.Fatalf("%s %s: %d %q", method, path, w.Code, w.Body)
		}
	}
	if all := w.Result().Cookies(); len(all) > 0 {
		a.cookie = all[0]
	}
	return a
}

func (s *site) form(method, path string, v url.Values, token string, cookie *http.Cookie, want int) *answer {
	s.t.Helper()
	a := s.send(method, path, "application/x-www-form-urlencoded", v.Encode(), token, cookie)
	if a.status != want {
		s.t.Fatalf("%s %s: %d, want %d: %v", method, path, a.status, want, a.body)
	}
	return a
}

func user(name, password string) url.Values {
	v := srp.LEAP1024().Verifier([]byte(name), []byte("salt"), []byte(password))
	return url.Values{"user[login]": {name}, "user[password_salt]": {hex.EncodeToString([]byte("salt"))}, "user[password_verifier]": {new(big.Int).SetBytes(v).Text(16)}}
}

func (s *site) register(name, password string) {
	s.t.Helper()
	s.form("POST", "/1/users", user(name, password), "", nil, 201)
}

// begin takes the first step, and returns the proof for the second.
func (s *site) begin(name, password string) (client *srp.Client, proof url.Values, cookie *http.Cookie) {
	s.t.Helper()
	client, err := srp.LEAP1024().NewClient([]byte(name), rand.Reader)
	must(s.t, err)
	a := s.form("POST", "/1/sessions", url.Values{"login": {name}, "A": {new(big.Int).SetBytes(client.A()).Text(16)}}, "", nil, 200)
	number := func(field string) []byte {
		text := a.body[field].(string)
		b, err := hex.DecodeString(strings.Repeat("0", len(text)%2) + text)
		must(s.t, err)
		return b
	}
	m1, err := client.Answer(number("salt"), number("B"), []byte(password))
	must(s.t, err)
	return client, url.Values{"client_auth": {new(big.Int).SetBytes(m1).Text(16)}}, a.cookie
}

func (s *site) login(name, password string, want int) (id, token string) {
	s.t.Helper()
	client, proof, cookie := s.begin(name, password)
	a := s.form("PUT", "/1/sessions/"+name, proof, "", cookie, want)
	if want != 200 {
		return "", ""
	}
	m2, err := hex.DecodeString(a.body["M2"].(string))
	must(s.t, err)
	if _, err := client.Confirm(m2); err != nil {
		s.t.Error(err)
	}
	return a.body["id"].(string), a.body["token"].(string)
}

// TestManyLogins: numbers without leading zeros never make a login fail.
func TestManyLogins(t *testing.T) {
	n := 600
	if testing.Short() {
		n = 50
	}
	s := newSite(t, httpapi.Limits{RequestsPerMinute: -1})
	s.register("alice", "right")
	for range n {
		s.login("alice", "right", 200)
	}
}

// TestAttackStolenCookie: a handshake seen by somebody else is of no use in another
// network, even with the proof, nor twice.
func TestAttackStolenCookie(t *testing.T) {
	s := newSite(t, httpapi.Limits{})
	s.register("alice", "right")
	_, proof, cookie := s.begin("alice", "right")
	s.network = "10.0.0.2:1"
	s.form("PUT", "/1/sessions/alice", proof, "", cookie, 401)
	s.network = "10.0.0.1:1"
	s.form("PUT", "/1/sessions/alice", proof, "", nil, 401)
	s.form("PUT", "/1/sessions/alice", proof, "", cookie, 200)
	s.form("PUT", "/1/sessions/alice", proof, "", cookie, 401)
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/1" {
		t.Errorf("%+v", cookie)
	}
}

// TestAttackAnotherUsersID: a session changes and deletes its own account only.
func TestAttackAnotherUsersID(t *testing.T) {
	s := newSite(t, httpapi.Limits{})
	s.register("alice", "right")
	s.register("bob", "right")
	mine, token := s.login("alice", "right", 200)
	other, _ := s.login("bob", "right", 200)
	if mine == other || strings.Contains(other, "bob") {
		t.Errorf("%s and %s", mine, other)
	}
	for _, id := range []string{other, "", "bob", mine + "0", strings.ToUpper(mine) + "/"} {
		if a := s.send("PUT", "/1/users/"+url.PathEscape(id), "application/x-www-form-urlencoded", user("bob", "stolen").Encode(), token, nil); a.status < 400 || a.status > 405 {
			t.Errorf("%q: %d", id, a.status)
		}
		if a := s.send("DELETE", "/1/users/"+url.PathEscape(id), "", "", token, nil); a.status < 400 || a.status > 405 {
			t.Errorf("%q: %d", id, a.status)
		}
	}
	s.login("bob", "right", 200)
	s.login("bob", "stolen", 401)
	// A verifier that names somebody else is still of the session's own account.
	s.form("PUT", "/1/users/"+mine, user("bob", "stolen"), token, nil, 200)
	s.login("bob", "right", 200)
}

// TestAttackStaleSession: a session that was stolen later takes no account over.
func TestAttackStaleSession(t *testing.T) {
	s := newSite(t, httpapi.Limits{})
	s.register("alice", "right")
	id, token := s.login("alice", "right", 200)
	s.now = s.now.Add(login.Fresh + time.Second)
	s.form("PUT", "/1/users/"+id, user("alice", "stolen"), token, nil, 401)
	s.form("DELETE", "/1/users/"+id, nil, token, nil, 401)
	_, fresh := s.login("alice", "right", 200)
	a := s.form("PUT", "/1/users/"+id, user("alice", "new"), fresh, nil, 200)
	s.form("DELETE", "/1/logout", nil, token, nil, 401) // ended by the change
	s.form("DELETE", "/1/logout", nil, fresh, nil, 401)
	s.form("DELETE", "/1/logout", nil, a.body["token"].(string), nil, 204)
	s.login("alice", "right", 401)
	_, token = s.login("alice", "new", 200)
	s.form("DELETE", "/1/users/"+id, nil, token, nil, 204)
	s.login("alice", "new", 401)
}

// TestRefused: what is wrong is told by field, with 422.
func TestRefused(t *testing.T) {
	s := newSite(t, httpapi.Limits{RequestsPerMinute: -1})
	s.register("alice", "right")
	n, _ := new(big.Int).SetString("eeaf0ab9adb38dd69c33f80afa8fc5e86072618775ff3c0b9ea2314c9c256576d674df7496ea81d3383b4813d692c6e0"+
		"e0d5d8e250b98be48e495c1d6089dad15dc7d7b46154d6b6ce8ef4ad69b15d4982559b297bcf1885c529f566660e57ec"+
		"68edbc3c05726cc02fd4cbf4976eaa9afd5138fe8376435b9fc61d2fc0eb06e3", 16) // RFC 5054
	hexN := func(add int64) string { return new(big.Int).Add(n, big.NewInt(add)).Text(16) }
	with := func(name, value string) url.Values {
		v := user("bob", "right")
		v.Set(name, value)
		return v
	}
	i := 0
	refused := func(what, field string, a *answer) {
		t.Helper()
		errs, _ := a.body["errors"].(map[string]any)
		if list, _ := errs[field].([]any); a.status != 422 || len(a.body) != 1 || len(list) != 1 {
			t.Errorf("%s: %d %v", what, a.status, a.body)
		}
		i++
		s.network = fmt.Sprintf("10.1.0.%d:1", i) // as many attempts would be slowed
	}
	post := func(v url.Values) *answer {
		return s.send("POST", "/1/users", "application/x-www-form-urlencoded", v.Encode(), "", nil)
	}
	for _, v := range []string{"", "0", "00", "1", hexN(0), hexN(1), strings.Repeat("f", 256), strings.Repeat("f", 2000), "xyz"} {
		refused("verifier "+v, "base", post(with("user[password_verifier]", v)))
	}
	for _, v := range []string{"", "zz", strings.Repeat("ab", 600)} {
		refused("salt "+v, "base", post(with("user[password_salt]", v)))
	}
	refused("no name", "login", post(with("user[login]", "")))
	refused("a name that is none", "login", post(with("user[login]", "a b")))
	refused("taken", "login", post(user("alice", "right")))
	for _, a := range []string{"", "0", hexN(0), new(big.Int).Lsh(n, 1).Text(16), hexN(1), "zz"} {
		refused("A "+a, "base", s.send("POST", "/1/sessions", "application/x-www-form-urlencoded", url.Values{"login": {"alice"}, "A": {a}}.Encode(), "", nil))
	}
	for _, body := range []string{"{", "[]", `{"user":[]}`, `{"user":{"login":1}}`, strings.Repeat(" ", 17<<10), strings.Repeat(" ", 1<<20)} {
		refused(fmt.Sprintf("%.10s", body), "base", s.send("POST", "/1/users", "application/json", body, "", nil))
	}
	refused("form", "base", s.send("POST", "/1/users", "application/x-www-form-urlencoded", "%zz", "", nil))
	if s.log.Len() > 0 {
		t.Errorf("it was logged: %s", &s.log)
	}
}

// TestAttackEnumeration: a name without an account looks like one that has one.
func TestAttackEnumeration(t *testing.T) {
	s := newSite(t, httpapi.Limits{})
	v := user("alice", "right")
	v.Set("user[password_salt]", strings.Repeat("ab", 16))
	s.form("POST", "/1/users", v, "", nil, 201)
	type seen struct {
		fields, salt, size int
		header             http.Header
	}
	var first []seen
	for i, name := range []string{"alice", "ghost"} {
		s.network = fmt.Sprintf("10.0.0.%d:1", i)
		client, err := srp.LEAP1024().NewClient([]byte(name), rand.Reader)
		must(t, err)
		a := s.form("POST", "/1/sessions", url.Values{"login": {name}, "A": {hex.EncodeToString(client.A())}}, "", nil, 200)
		again := s.form("POST", "/1/sessions", url.Values{"login": {name}, "A": {hex.EncodeToString(client.A())}}, "", nil, 200)
		if a.body["salt"] != again.body["salt"] {
			t.Errorf("%s: another salt", name)
		}
		b := s.form("PUT", "/1/sessions/"+name, url.Values{"client_auth": {strings.Repeat("11", 32)}}, "", a.cookie, 401)
		a.header.Del("Set-Cookie")
		b.header.Del("Set-Cookie")
		now := []seen{{len(a.body), len(a.body["salt"].(string)), 0, a.header}, {len(b.body), 0, b.size, b.header}}
		if i == 0 {
			first = now
		} else if !reflect.DeepEqual(now, first) {
			t.Errorf("%+v, not %+v", now, first)
		}
	}
}

// TestSecondFactor: the protocol has no second factor, so who set one up is kept out.
func TestSecondFactor(t *testing.T) {
	s := newSite(t, httpapi.Limits{})
	s.register("alice", "right")
	_, token := s.login("alice", "right", 200)
	of, err := s.service.Session(t.Context(), token)
	must(t, err)
	address, err := s.service.SetTOTP(t.Context(), of)
	must(t, err)
	u, err := url.Parse(address)
	must(t, err)
	code, err := totp.GenerateCode(u.Query().Get("secret"), s.now)
	must(t, err)
	must(t, s.service.ConfirmTOTP(t.Context(), of, code))
	s.login("alice", "right", 401)
}

// TestBudget: a network that asks too much waits.
func TestBudget(t *testing.T) {
	s := newSite(t, httpapi.Limits{RequestsPerMinute: 1, Burst: 2})
	s.register("alice", "right")
	s.form("DELETE", "/1/logout", nil, "x", nil, 401)
	if a := s.form("DELETE", "/1/logout", nil, "x", nil, 429); a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.network = "10.0.0.2:1"
	s.form("DELETE", "/1/logout", nil, "x", nil, 401)
}

// FuzzHandler sends anything: no panic, and nothing that is the service's fault.
func FuzzHandler(f *testing.F) {
	f.Add("POST", "/1/users", "application/json", `{"user":{"login":"a","password_salt":"ab","password_verifier":"ab"}}`, "")
	f.Add("POST", "/1/sessions", "", "login=a&A=abc", "")
	f.Add("PUT", "/1/sessions/a", "", "client_auth=abc", "")
	f.Add("DELETE", "/1/users/x", "", "", "kith_x")
	s := newSite(f, httpapi.Limits{RequestsPerMinute: -1})
	n := 0
	f.Fuzz(func(t *testing.T, method, path, mediaType, body, token string) {
		r, err := http.NewRequest(method, "http://x"+path, strings.NewReader(body))
		if err != nil {
			return
		}
		n++
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", n>>16&255, n>>8&255, n&255)
		r.Header.Set("Content-Type", mediaType)
		r.Header.Set("Authorization", "Token token="+token)
		r.Header.Set("Cookie", "_session_id="+token)
		w := httptest.NewRecorder()
		s.h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %q %q: %d %s", method, path, body, w.Code, w.Body)
		}
	})
}
