package passkey_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login/httpapi"
)

// TestHTTP is every route once.
func TestHTTP(t *testing.T) {
	w := newWorld(t)
	w.register("alice")
	token := w.password("alice").Token
	api, err := httpapi.New(httpapi.Config{Service: w.accounts, More: w.Routes, Address: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") }})
	must(t, err)
	do := func(method, path, token string, q, v any, status int) {
		t.Helper()
		var body io.Reader
		if q != nil {
			b, err := json.Marshal(q)
			must(t, err)
			body = bytes.NewReader(b)
		}
		r := httptest.NewRequest(method, auth.Root+path, body)
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, r)
		if answer.Code != status {
			t.Fatalf("%s %s: %d: %s", method, path, answer.Code, answer.Body)
		}
		if v != nil {
			must(t, json.Unmarshal(answer.Body.Bytes(), v))
		}
	}
	var c auth.PasskeyChallenge
	do("POST", "/passkeys/options", token, nil, &c, 200)
	k, response := attest(t, c.Options, party)
	var made auth.Passkey
	do("POST", "/passkeys", token, auth.PasskeyNew{Handshake: c.Handshake, Name: "laptop", Credential: response}, &made, 200)
	do("PUT", "/passkeys/"+made.ID, token, auth.PasskeyName{Name: "phone"}, nil, 204)
	do("PUT", "/passkeys", token, auth.PasskeySecond{Second: true}, nil, 204)
	var all auth.Passkeys
	do("GET", "/passkeys", token, nil, &all, 200)
	if len(all.Passkeys) != 1 || all.Passkeys[0].Name != "phone" || all.Passkeys[0].ID != made.ID || all.Passkeys[0].Used != nil || !all.Second {
		t.Errorf("%+v", all)
	}
	do("POST", "/login/passkey", "", auth.PasskeyStart{}, &c, 200)
	if strings.Contains(string(c.Options), "allowCredentials") {
		t.Errorf("a stranger is told of passkeys: %s", c.Options)
	}
	var g auth.Grant
	do("POST", "/login/passkey/"+c.Handshake, "", auth.PasskeyFinish{Credential: k.assert(t, c.Options, party)}, &g, 200)
	if g.Session == nil || g.Session.How != "passkey" || g.Token == "" {
		t.Errorf("%+v", g)
	}
	do("POST", "/login/passkey", "", auth.PasskeyStart{Handshake: w.password("alice").Handshake}, &c, 200)
	do("POST", "/login/passkey/"+c.Handshake, "", auth.PasskeyFinish{Credential: k.assert(t, c.Options, party)}, &g, 200)
	if g.Session == nil || g.Session.How != "password + passkey" {
		t.Errorf("%+v", g)
	}
	var link auth.PasskeyLink
	do("POST", "/passkeys/link", g.Token, nil, &link, 200)
	if !strings.HasPrefix(link.URL, party.Origin+"/login#make=") {
		t.Errorf("%+v", link)
	}
	do("DELETE", "/passkeys/"+made.ID, token, nil, nil, 204)
	do("DELETE", "/passkeys/"+made.ID, token, nil, nil, 400)

	// Without a session, and what no client sends.
	for _, r := range [][2]string{{"POST", "/passkeys/options"}, {"POST", "/passkeys"}, {"GET", "/passkeys"}, {"PUT", "/passkeys"}, {"PUT", "/passkeys/x"}, {"DELETE", "/passkeys/x"}, {"POST", "/passkeys/link"}} {
		do(r[0], r[1], "", nil, nil, 401)
	}
	do("POST", "/login/passkey", "", map[string]any{"name": "alice"}, nil, 400) // there is no such question
	do("POST", "/login/passkey", "", auth.PasskeyStart{Handshake: "x"}, nil, 403)
	do("POST", "/login/passkey/x", "", auth.PasskeyFinish{Credential: []byte("{}")}, nil, 400)
	do("POST", "/passkeys", token, auth.PasskeyNew{Handshake: "x", Credential: []byte("{}")}, nil, 403)
}
