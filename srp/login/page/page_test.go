package page_test

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login/page"
	"github.com/kith-kt/kith/srp/login/passkey"
)

// send sends a request as a browser might.
func (s *site) send(method, path, origin, mediaType, body string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	must(s.t, err)
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	must(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(s.t, err)
	return resp, string(b)
}

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// TestHeaders: the page loads from here, runs in no frame, is kept by no cache, and
// has no script or style of its own.
func TestHeaders(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/login", "/login/", "/login/?said=out"} {
		resp, body := s.send("GET", path, "", "", "")
		if resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %s, %v", path, resp.Status, resp.Header)
		}
		policy := resp.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s", path, want)
			}
		}
		if strings.Contains(policy, "unsafe") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, resp.Header)
		}
		if len(resp.Cookies()) != 0 {
			t.Errorf("%s sets a cookie for a stranger", path)
		}
		if regexp.MustCompile(`(?i)\son\w+=|style=|<style|<script(>| [^s])|javascript:|https?://`).MatchString(body) {
			t.Errorf("%s: something is inline, or from elsewhere:\n%s", path, body)
		}
		// What it loads is there, and may be kept for good.
		files := regexp.MustCompile(`/login/files/[^"]+`).FindAllString(body, -1)
		if len(slices.Compact(slices.Sorted(slices.Values(files)))) != 3 {
			t.Errorf("%s loads %v", path, files)
		}
		for _, f := range files {
			if resp, _ := s.send("GET", f, "", "", ""); resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %s", f, resp.Status)
			}
		}
	}
	// Words in an address are not words on the page.
	if _, body := s.send("GET", "/login/?said=%3Cb%3Ecall+0900", "", "", ""); strings.Contains(body, "0900") {
		t.Error("an address puts words on the page")
	}
	for _, path := range []string{"/login/files/x/page.js", "/login/files/x/signin.html", "/login/nonsense"} {
		if resp, _ := s.send("GET", path, "", "", ""); resp.StatusCode != 404 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

// TestElsewhere: whatever changes something has to come from this very site.
func TestElsewhere(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/login/begin", "/login/finish", "/login/link", "/login/link/options", "/login/link/finish", "/login/passkeys/options", "/login/passkeys/finish", "/login/do"} {
		for _, origin := range []string{"", "null", "https://evil.example", strings.Replace(s.url, "http:", "https:", 1), s.url + ".evil.example", s.url + "0", "http://127.0.0.1"} {
			if resp, body := s.send("POST", path, origin, typeJSON, "{}"); resp.StatusCode != 403 || !strings.Contains(body, "another site") {
				t.Errorf("%s from %q: %s: %s", path, origin, resp.Status, body)
			}
		}
	}
	if resp, _ := s.send("POST", "/login/begin", s.url, "text/plain", "{}"); resp.StatusCode != 415 {
		t.Errorf("text/plain: %s", resp.Status)
	}
	if resp, _ := s.send("POST", "/login/begin", s.url, typeJSON, "{}"); resp.StatusCode != 200 {
		t.Errorf("from here: %s", resp.Status)
	}
}

// TestStranger: without a session there is nothing to do, and nothing to see.
func TestStranger(t *testing.T) {
	s := newSite(t)
	s.register("alice", "right")
	for _, path := range []string{"/login/passkeys/options", "/login/passkeys/finish"} {
		if resp, body := s.send("POST", path, s.url, typeJSON, "{}"); resp.StatusCode != 401 {
			t.Errorf("%s: %s: %s", path, resp.Status, body)
		}
	}
	for _, action := range []string{"out", "others", "revoke", "remove", "second", "alone", "rename", "nonsense", ""} {
		if resp, body := s.send("POST", "/login/do", s.url, typeForm, "action="+action+"&id=x"); resp.StatusCode != 401 || strings.Contains(body, "alice") {
			t.Errorf("%s: %s: %s", action, resp.Status, body)
		}
	}
	for _, body := range []string{"", "{", `{"nonsense":1}`, `{"secret":1}`, strings.Repeat(" ", auth.MaxBody) + "{}"} {
		if resp, _ := s.send("POST", "/login/link", s.url, typeJSON, body); resp.StatusCode != 400 {
			t.Errorf("%.20q: %s", body, resp.Status)
		}
	}
	for _, path := range []string{"/login/link", "/login/link/options", "/login/link/finish", "/login/finish"} {
		if resp, body := s.send("POST", path, s.url, typeJSON, `{"secret":"hunter2","open":"hunter2","handshake":"hunter2","credential":{}}`); resp.StatusCode != 403 && resp.StatusCode != 400 || strings.Contains(body, "hunter2") {
			t.Errorf("%s: %s: %s", path, resp.Status, body)
		}
	}
	if resp, _ := s.send("POST", "/login/do", s.url, typeForm, "action="+strings.Repeat("x", 10000)); resp.StatusCode != 400 {
		t.Errorf("a long form: %s", resp.Status)
	}
}

// TestCookie: an API's token works as a cookie, as that of any session does; a
// cookie is no token for the API; and it ends with its session.
func TestCookie(t *testing.T) {
	s := newSite(t)
	token := s.register("alice", "right")
	jar, err := cookiejar.New(nil)
	must(t, err)
	here, err := url.Parse(s.url)
	must(t, err)
	jar.SetCookies(here, []*http.Cookie{{Name: "kith", Value: token, Path: "/"}})
	client := &http.Client{Jar: jar}
	get := func(path string) (int, string) {
		t.Helper()
		resp, err := client.Get(s.url + path)
		must(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		must(t, err)
		return resp.StatusCode, string(b)
	}
	if status, body := get("/login"); status != 200 || !strings.Contains(body, "<h1>alice</h1>") || strings.Contains(body, token) {
		t.Errorf("%d: %s", status, body)
	}
	if status, _ := get(auth.Root + "/sessions"); status != 401 {
		t.Errorf("a cookie opens the API: %d", status)
	}
	s.do("DELETE", "/sessions/current", token, nil, nil, 204)
	if status, body := get("/login"); status != 200 || strings.Contains(body, "alice") {
		t.Errorf("%d: %s", status, body)
	}
}

// TestHostCookie: over TLS the cookie is this host's alone, no script reads it, no
// other site sends it, and one that a neighbour could have set is nobody's.
func TestHostCookie(t *testing.T) {
	const origin = "https://login.example.org"
	s := newSite(t)
	token := s.register("alice", "right")
	keys, err := passkey.New(passkey.Config{Accounts: s.accounts, ID: "example.org", Origins: []string{origin}, Rand: rand.Reader})
	must(t, err)
	web, err := page.New(page.Config{Accounts: s.accounts, Passkeys: keys, Domain: "example.org"})
	must(t, err)
	send := func(method, path, cookie, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, origin+path, strings.NewReader(body))
		r.Header.Set("Origin", origin)
		r.Header.Set("Content-Type", typeForm)
		r.AddCookie(&http.Cookie{Name: cookie, Value: token})
		w := httptest.NewRecorder()
		web.ServeHTTP(w, r)
		return w
	}
	if w := send("GET", "/login", "kith", ""); strings.Contains(w.Body.String(), "alice") {
		t.Error("a cookie that a neighbour could have set is taken")
	}
	if w := send("GET", "/login", "__Host-kith", ""); !strings.Contains(w.Body.String(), "<h1>alice</h1>") {
		t.Errorf("%s", w.Body)
	}
	w := send("POST", "/login/do", "__Host-kith", "action=out")
	if got := w.Header().Get("Set-Cookie"); w.Code != 303 || got != "__Host-kith=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict" {
		t.Errorf("%d, %q", w.Code, got)
	}
	s.do("GET", "/sessions", token, nil, nil, 401)
}
