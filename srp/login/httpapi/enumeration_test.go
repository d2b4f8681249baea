package httpapi_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/httpapi"
	"github.com/kith-kt/kith/srp/opaque"
)

var aliceKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)

// keys has one key for alice and none for others.
type keys struct{}

func (keys) DeviceKeys(_ context.Context, name string) ([]ed25519.PublicKey, error) {
	if name == "alice" {
		return []ed25519.PublicKey{aliceKey}, nil
	}
	return nil, nil
}

// Seal seals to nobody: what is sealed to a name without keys is the Sealer's.
func (keys) Seal(context.Context, string, []byte) ([]byte, error) { return make([]byte, 100), nil }

// A view is what a stranger sees of an answer, but for octets that are fresh.
type view struct {
	status int
	header http.Header
	size   int
	fields []string // of its JSON
	fixed  string   // fields that are no secret
}

func viewOf(t *testing.T, w *httptest.ResponseRecorder, fixed ...string) (view, map[string]any) {
	t.Helper()
	var body map[string]any
	must(t, json.Unmarshal(w.Body.Bytes(), &body))
	v := view{status: w.Code, header: w.Header().Clone(), size: w.Body.Len(), fields: slices.Sorted(maps.Keys(body))}
	for _, name := range fixed {
		v.fixed += fmt.Sprintf("%s=%v ", name, body[name])
	}
	return v, body
}

// TestAttackEnumerationOverHTTP: in every flow that takes a name, an account and
// none get answers of the same status, size and headers, at every step.
func TestAttackEnumerationOverHTTP(t *testing.T) {
	requests := 0
	address := func(r *http.Request) (a string) { // no two guesses of one network
		requests++
		return fmt.Sprintf("10.%d.%d.%d:1", requests>>16, requests>>8&255, requests&255)
	}
	h := newHandler(t, func(c *login.Config) { c.Devices, c.Sealer = keys{}, keys{} }, func(c *httpapi.Config) { c.Limits.RequestsPerMinute = -1 })
	ask := func(network, method, path string, q any) *httptest.ResponseRecorder {
		b, err := json.Marshal(q)
		must(t, err)
		r := httptest.NewRequest(method, auth.Root+path, bytes.NewReader(b))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = network
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	recovery := credential("code")
	if w := ask(address(nil), "POST", "/accounts", auth.Registration{Name: "alice", Password: credential("right"), Recovery: &recovery, Backup: []byte("b"), Spare: []byte("s")}); w.Code != 201 {
		t.Fatal(w.Body)
	}
	o := opaque.Options{Context: []byte("kith opaque 1"), Identities: opaque.Identities{Client: []byte("opal4"), Server: []byte("example.org")}}
	reg, request, err := opaque.Register([]byte("password"), o, rand.Reader)
	must(t, err)
	var response auth.OPAQUEResponse
	must(t, json.Unmarshal(ask(address(nil), "POST", "/opaque", auth.OPAQUERequest{Name: "opal4", Request: request}).Body.Bytes(), &response))
	record, _, err := reg.Finalize(response.Response, rand.Reader)
	must(t, err)
	if w := ask(address(nil), "POST", "/accounts", auth.Registration{Name: "opal4", Password: auth.Credential{Protocol: "opaque", Record: record}}); w.Code != 201 {
		t.Fatal(w.Body)
	}
	_, ke1, err := opaque.NewLogin([]byte("password"), o, rand.Reader)
	must(t, err)
	client, err := srp.Kith3072().NewClient(nil, rand.Reader)
	must(t, err)
	m1 := make([]byte, 32)

	for flow, f := range map[string]struct {
		start  func(name string) any
		path   string
		finish any
		then   string
	}{
		"srp":      {func(n string) any { return auth.SRPStart{Name: n, A: client.A()} }, "/login/srp", auth.SRPFinish{M1: m1}, "/login/srp/"},
		"recovery": {func(n string) any { return auth.SRPStart{Name: n, A: client.A(), Recovery: true} }, "/login/srp", nil, "srp"},
		"opaque":   {func(n string) any { return auth.OPAQUEStart{Name: n, KE1: ke1} }, "/login/opaque", auth.OPAQUEFinish{KE3: make([]byte, opaque.KE3Size)}, "/login/opaque/"},
		"request":  {func(n string) any { return auth.OPAQUERequest{Name: n, Request: request} }, "/opaque", nil, ""},
		"device":   {func(n string) any { return auth.NameStart{Name: n} }, "/login/device", auth.DeviceFinish{Key: auth.Bytes(aliceKey), Signature: make([]byte, 64)}, "/login/device/"},
		"sealed":   {func(n string) any { return auth.NameStart{Name: n} }, "/login/sealed", auth.SealedFinish{Nonce: m1}, "/login/sealed/"},
	} {
		t.Run(flow, func(t *testing.T) {
			var first [][]view
			for _, name := range []string{"alice", "opal4", "nobod", "ghost"} {
				var seen []view
				network := address(nil)
				w := ask(network, "POST", f.path, f.start(name))
				if w.Code != 200 {
					t.Fatalf("%s: %s", name, w.Body)
				}
				v, body := viewOf(t, w, "profile")
				if kdf, ok := body["kdf"].(string); ok {
					v.fixed += kdf[:strings.LastIndexByte(kdf, '$')]
				}
				seen = append(seen, v)
				id, _ := body["handshake"].(string)
				switch f.then {
				case "":
				case "srp":
					v, _ := viewOf(t, ask(network, "POST", "/recovery/spare", auth.ProofOnly{Proof: auth.Proof{Protocol: "srp", Handshake: id, Message: m1}}), "title", "detail")
					seen = append(seen, v)
				default:
					v, _ := viewOf(t, ask(network, "POST", f.then+id, f.finish), "title", "detail")
					again, _ := viewOf(t, ask(network, "POST", f.then+id, f.finish), "title", "detail")
					never, _ := viewOf(t, ask(network, "POST", f.then+"nonsense", f.finish), "title", "detail")
					seen = append(seen, v, again, never)
				}
				first = append(first, seen)
				if !reflect.DeepEqual(seen, first[0]) {
					t.Errorf("%s is seen as\n%+v, not\n%+v", name, seen, first[0])
				}
			}
			for _, v := range first[0][1:] {
				if v.status != http.StatusForbidden || !reflect.DeepEqual(v, first[0][1]) {
					t.Errorf("a wrong proof is %+v, not %+v", v, first[0][1])
				}
			}
		})
	}
}

// FuzzHandler sends anything to every path: no panic, and nothing that is the
// service's fault.
func FuzzHandler(f *testing.F) {
	for _, seed := range []struct{ method, path, body string }{
		{"POST", "/accounts", `{"name":"a","password":{"protocol":"srp","kdf":"` + kdf + `","salt":"AAAA","verifier":"AAAA"}}`},
		{"POST", "/login/srp", `{"name":"a","a":"AAAA"}`},
		{"POST", "/login/srp/x", `{"m1":"AAAA"}`},
		{"POST", "/login/opaque", `{"name":"a","ke1":"` + strings.Repeat("A", 128) + `"}`},
		{"POST", "/opaque", `{"name":"a","request":"` + strings.Repeat("A", 43) + `"}`},
		{"POST", "/login/device", `{"name":"\u0000"}`},
		{"POST", "/login/totp/x", `{"code":"123456"}`},
		{"POST", "/recovery", `{"proof":{"protocol":"srp"}}`},
		{"PUT", "/password", `{"proof":{"protocol":"opaque"},"password":{"protocol":"opaque","record":""}}`},
		{"DELETE", "/sessions?keep=x", ""}, {"DELETE", "/sessions/%00", ""}, {"GET", "/trail", ""}, {"DELETE", "/account", "{}"},
	} {
		f.Add(seed.method, seed.path, seed.body, "kith_AAAA")
	}
	n := 0
	h := newHandler(f, func(c *login.Config) { c.Devices, c.Sealer = keys{}, keys{} }, func(c *httpapi.Config) { c.Limits.RequestsPerMinute = -1 })
	server := func(method, path, body, token string) (w *httptest.ResponseRecorder) {
		r, err := http.NewRequest(method, "http://x"+auth.Root+path, io.NopCloser(strings.NewReader(body)))
		if err != nil {
			return nil
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		n++
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", n>>16&255, n>>8&255, n&255)
		w = httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	f.Fuzz(func(t *testing.T, method, path, body, token string) {
		w := server(method, path, body, token)
		if w == nil {
			return
		}
		if w.Code >= 500 {
			t.Errorf("%s %q %q: %d %s", method, path, body, w.Code, w.Body)
		}
		if w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %q: %d is no problem document", method, path, w.Code)
		}
	})
}
