package httpapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"
	"github.com/pquerna/otp/totp"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/bonafide"
	"github.com/kith-kt/kith/srp/login/httpapi"
	"github.com/kith-kt/kith/srp/login/passkey"
	"github.com/kith-kt/kith/srp/opaque"
)

// document is the part of proto/openapi.yaml that is served here.
func document(t *testing.T) *openapi3.T {
	t.Helper()
	b, err := os.ReadFile("../../../proto/openapi.yaml")
	must(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(b)
	must(t, err)
	for _, path := range doc.Paths.Keys() {
		if !strings.HasPrefix(path, auth.Root) && !strings.HasPrefix(path, "/1/") {
			doc.Paths.Delete(path)
		}
	}
	return doc
}

// whole is everything that kithd serves of accounts, but its page.
func whole(t *testing.T, limits httpapi.Limits, now func() time.Time) (h http.Handler, routes []chi.Routes, service *login.Service) {
	t.Helper()
	service = newService(t, func(c *login.Config) {
		c.Devices, c.Sealer, c.Weak = keys{}, keys{}, []*srp.Profile{srp.LEAP1024()}
		c.Now = now
	})
	passkeys, err := passkey.New(passkey.Config{Accounts: service, ID: "example.org", Origins: []string{"https://example.org"}, Rand: rand.Reader})
	must(t, err)
	ours, err := httpapi.New(httpapi.Config{Service: service, More: passkeys.Routes, Limits: limits, Info: auth.Info{
		Domain: "example.org", Registration: "open", Protocols: []string{"srp", "opaque"},
		Profile: login.DefaultProfile, KDF: login.DefaultKDF.String(), Factors: []string{"totp", "passkey"},
	}})
	must(t, err)
	leap, err := bonafide.New(bonafide.Config{Service: service})
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle(auth.Root+"/", ours)
	mux.Handle("/1/", leap)
	return mux, []chi.Routes{ours.(chi.Routes), leap.(chi.Routes)}, service
}

// TestRouterIsTheDocument: every route is described, and every description is a route.
func TestRouterIsTheDocument(t *testing.T) {
	var described, routed []string
	for path, item := range document(t).Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	_, all, _ := whole(t, httpapi.Limits{}, nil)
	for _, r := range all {
		must(t, chi.Walk(r, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			routed = append(routed, method+" "+route)
			return nil
		}))
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("described\n%q\nrouted\n%q", described, routed)
	}
}

// A checked client holds requests that go well, and all answers, against the document.
type checked struct {
	t    *testing.T
	h    http.Handler
	find func(*http.Request) *openapi3filter.RequestValidationInput
	seen map[string]bool
}

// findRoute returns what the document says of a request.
func findRoute(doc *openapi3.T, r *http.Request) (found *routers.Route, params map[string]string) {
	given := strings.Split(r.URL.Path, "/")
	for path, item := range doc.Paths.Map() {
		parts, values := strings.Split(path, "/"), map[string]string{}
		if len(parts) != len(given) {
			continue
		}
		fits := true
		for i, part := range parts {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				values[strings.TrimSuffix(name, "}")] = given[i]
			} else if part != given[i] {
				fits = false
			}
		}
		if fits && (found == nil || len(values) == 0) { // no parameter is the better fit
			found, params = &routers.Route{Spec: doc, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)}, values
		}
	}
	return found, params
}

func newChecked(t *testing.T, h http.Handler) *checked {
	doc := document(t)
	return &checked{t: t, h: h, seen: map[string]bool{}, find: func(r *http.Request) *openapi3filter.RequestValidationInput {
		t.Helper()
		route, params := findRoute(doc, r)
		if route == nil || route.Operation == nil {
			t.Fatalf("%s %s is not described", r.Method, r.URL.Path)
		}
		return &openapi3filter.RequestValidationInput{
			Request: r, Route: route, PathParams: params,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true},
		}
	}}
}

func (c *checked) send(want int, method, path, authorization, mediaType string, body []byte, v any, cookies ...*http.Cookie) *http.Response {
	c.t.Helper()
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	if len(body) == 0 {
		r = httptest.NewRequest(method, path, nil)
	} else {
		r.Header.Set("Content-Type", mediaType)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	input := c.find(r)
	c.seen[r.Method+" "+input.Route.Path] = true
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil && want < 300 {
		c.t.Errorf("%s %s: the request: %v", method, path, err)
	}
	r.Body = http.NoBody
	if len(body) > 0 {
		r = r.Clone(r.Context())
		fresh := httptest.NewRequest(method, path, bytes.NewReader(body))
		r.Body, r.ContentLength = fresh.Body, fresh.ContentLength
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	if w.Code != want {
		c.t.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, want, w.Body)
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: w.Code, Header: w.Header(), Options: input.Options}
	answer.SetBodyBytes(w.Body.Bytes())
	if err := openapi3filter.ValidateResponse(context.Background(), answer); err != nil {
		c.t.Errorf("%s %s: %d: %v", method, path, w.Code, err)
	}
	if v != nil {
		must(c.t, json.Unmarshal(w.Body.Bytes(), v))
	}
	return w.Result()
}

func (c *checked) do(want int, method, path, token string, q, v any) {
	c.t.Helper()
	var body []byte
	if q != nil {
		var err error
		body, err = json.Marshal(q)
		must(c.t, err)
	}
	if token != "" {
		token = "Bearer " + token
	}
	c.send(want, method, auth.Root+path, token, "application/json", body, v)
}

// prove begins a handshake, and returns a proof.
func (c *checked) prove(name, password string, recovery bool) auth.Proof {
	c.t.Helper()
	client, err := srp.Kith3072().NewClient([]byte(name), rand.Reader)
	must(c.t, err)
	var challenge auth.SRPChallenge
	c.do(200, "POST", "/login/srp", "", auth.SRPStart{Name: name, A: client.A(), Recovery: recovery}, &challenge)
	m1, err := client.Answer(challenge.Salt, challenge.B, []byte(password))
	must(c.t, err)
	return auth.Proof{Protocol: "srp", Handshake: challenge.Handshake, Message: m1}
}

// TestAnswersFitTheDocument takes every operation once with success, where no
// browser is needed, and most of the ways to fail.
func TestAnswersFitTheDocument(t *testing.T) {
	now := time.Now() // and no later: a code is good for so long only
	h, _, _ := whole(t, httpapi.Limits{}, func() time.Time { return now })
	c := newChecked(t, h)
	c.do(200, "GET", "/info", "", nil, nil)
	recovery := credential("code")
	var g auth.Grant
	c.do(201, "POST", "/accounts", "", auth.Registration{Name: "alice", Password: credential("right"), Backup: []byte("b"), Recovery: &recovery, Spare: []byte("s")}, nil)
	c.do(409, "POST", "/accounts", "", auth.Registration{Name: "alice", Password: credential("right")}, nil)
	c.do(422, "POST", "/accounts", "", auth.Registration{Name: strings.Repeat("a", 500), Password: credential("right")}, nil)
	c.do(400, "POST", "/accounts", "", auth.Registration{Name: "bob", Password: auth.Credential{Protocol: "psychic"}}, nil)
	p := c.prove("alice", "right", false)
	c.do(200, "POST", "/login/srp/"+p.Handshake, "", auth.SRPFinish{M1: p.Message}, &g)
	c.do(403, "POST", "/login/srp/"+p.Handshake, "", auth.SRPFinish{M1: p.Message}, nil)
	c.do(400, "POST", "/login/srp", "", auth.SRPStart{Name: "alice"}, nil)
	c.send(415, "POST", auth.Root+"/login/srp", "", "text/plain", []byte("{}"), nil)
	c.send(413, "POST", auth.Root+"/login/srp", "", "application/json", make([]byte, auth.MaxBody+1), nil)
	c.do(200, "GET", "/sessions", g.Token, nil, nil)
	c.do(401, "GET", "/sessions", "", nil, nil)
	c.do(204, "PUT", "/backup", g.Token, auth.Backup{Backup: []byte("c")}, nil)
	c.do(200, "GET", "/trail", g.Token, nil, nil)
	c.do(200, "PUT", "/password", g.Token, auth.Change{Proof: c.prove("alice", "right", false), Password: credential("new"), Backup: []byte("d")}, &g)
	c.do(403, "PUT", "/password", g.Token, auth.Change{Proof: c.prove("alice", "right", false), Password: credential("new")}, nil)
	c.do(200, "POST", "/recovery/spare", "", auth.ProofOnly{Proof: c.prove("alice", "code", true)}, nil)
	next := credential("code 2")
	c.do(200, "POST", "/recovery", "", auth.Change{Proof: c.prove("alice", "code", true), Password: credential("third"), Recovery: &next}, &g)
	c.do(200, "DELETE", "/sessions?keep=current", g.Token, nil, nil)

	// One-time codes.
	var setup auth.TOTP
	c.do(200, "POST", "/totp", g.Token, nil, &setup)
	u, err := url.Parse(setup.URL)
	must(t, err)
	code := func(at time.Duration) auth.Code {
		s, err := totp.GenerateCode(u.Query().Get("secret"), now.Add(at))
		must(t, err)
		return auth.Code{Code: s}
	}
	c.do(403, "PUT", "/totp", g.Token, auth.Code{Code: "000"}, nil)
	c.do(204, "PUT", "/totp", g.Token, code(-30*time.Second), nil)
	p = c.prove("alice", "third", false)
	var half auth.Grant
	c.do(200, "POST", "/login/srp/"+p.Handshake, "", auth.SRPFinish{M1: p.Message}, &half)
	c.do(200, "POST", "/login/totp/"+half.Handshake, "", code(0), &g)
	c.do(204, "DELETE", "/totp", g.Token, code(30*time.Second), nil)

	// The other ways in.
	o := opaque.Options{Context: []byte("kith opaque 1"), Identities: opaque.Identities{Client: []byte("bob"), Server: []byte("example.org")}}
	r, request, err := opaque.Register([]byte("password"), o, rand.Reader)
	must(t, err)
	var response auth.OPAQUEResponse
	c.do(200, "POST", "/opaque", "", auth.OPAQUERequest{Name: "bob", Request: request}, &response)
	record, _, err := r.Finalize(response.Response, rand.Reader)
	must(t, err)
	c.do(201, "POST", "/accounts", "", auth.Registration{Name: "bob", Password: auth.Credential{Protocol: "opaque", Record: record}}, nil)
	l, ke1, err := opaque.NewLogin([]byte("password"), o, rand.Reader)
	must(t, err)
	var ke2 auth.OPAQUEChallenge
	c.do(200, "POST", "/login/opaque", "", auth.OPAQUEStart{Name: "bob", KE1: ke1}, &ke2)
	ke3, _, _, err := l.Finish(ke2.KE2)
	must(t, err)
	c.do(200, "POST", "/login/opaque/"+ke2.Handshake, "", auth.OPAQUEFinish{KE3: ke3}, nil)
	var device auth.DeviceChallenge
	c.do(200, "POST", "/login/device", "", auth.NameStart{Name: "alice"}, &device)
	c.do(200, "POST", "/login/device/"+device.Handshake, "", auth.DeviceFinish{Key: auth.Bytes(aliceKey), Signature: signed(device.Message)}, nil)
	var sealed auth.SealedChallenge
	c.do(200, "POST", "/login/sealed", "", auth.NameStart{Name: "alice"}, &sealed)
	c.do(403, "POST", "/login/sealed/"+sealed.Handshake, "", auth.SealedFinish{Nonce: make([]byte, 32)}, nil)

	// Passkeys, as far as one comes without an authenticator.
	var challenge auth.PasskeyChallenge
	c.do(200, "POST", "/login/passkey", "", auth.PasskeyStart{}, &challenge)
	c.do(403, "POST", "/login/passkey", "", auth.PasskeyStart{Handshake: "x"}, nil)
	c.do(400, "POST", "/login/passkey/"+challenge.Handshake, "", auth.PasskeyFinish{Credential: json.RawMessage(`{}`)}, nil)
	c.do(200, "POST", "/passkeys/options", g.Token, nil, &challenge)
	c.do(400, "POST", "/passkeys", g.Token, auth.PasskeyNew{Handshake: challenge.Handshake, Credential: json.RawMessage(`{}`)}, nil)
	c.do(200, "GET", "/passkeys", g.Token, nil, nil)
	c.do(204, "PUT", "/passkeys", g.Token, auth.PasskeySecond{}, nil)
	c.do(200, "POST", "/passkeys/link", g.Token, nil, nil)
	c.do(401, "PUT", "/passkeys/x", "", auth.PasskeyName{Name: "x"}, nil)
	c.do(401, "DELETE", "/passkeys/x", "", nil, nil)

	c.do(204, "DELETE", "/sessions/current", g.Token, nil, nil)
	c.do(401, "DELETE", "/sessions/current", g.Token, nil, nil)
	p = c.prove("alice", "third", false)
	c.do(200, "POST", "/login/srp/"+p.Handshake, "", auth.SRPFinish{M1: p.Message}, &g)
	c.do(204, "DELETE", "/account", g.Token, auth.ProofOnly{Proof: c.prove("alice", "third", false)}, nil)
	c.leap()
	var described []string
	for path, item := range document(t).Paths.Map() {
		for method := range item.Operations() {
			if line := method + " " + path; !c.seen[line] {
				described = append(described, line)
			}
		}
	}
	if described != nil {
		t.Errorf("not tried: %q", described)
	}

	h, _, _ = whole(t, httpapi.Limits{Burst: 1, RequestsPerMinute: 1}, nil)
	c = newChecked(t, h)
	c.do(200, "GET", "/info", "", nil, nil)
	c.do(429, "GET", "/info", "", nil, nil)
	h = newHandler(t, func(c *login.Config) { c.Store = broken{c.Store} }, nil)
	c = newChecked(t, h)
	client, err := srp.Kith3072().NewClient(nil, rand.Reader)
	must(t, err)
	c.do(503, "POST", "/login/srp", "", auth.SRPStart{Name: "alice", A: client.A()}, nil)
	h = newHandler(t, func(c *login.Config) { c.Closed = true }, nil)
	newChecked(t, h).do(403, "POST", "/accounts", "", auth.Registration{Name: "bob", Password: credential("right")}, nil)
}

// A broken store reads nothing, once it was opened.
type broken struct{ login.Store }

func (b broken) View(ctx context.Context, f func(login.Reader) error) error {
	return b.Store.View(ctx, func(r login.Reader) error { return f(noAccounts{r}) })
}

type noAccounts struct{ login.Reader }

func (n noAccounts) Get(table login.Table, key []byte) ([]byte, error) {
	if table == login.Accounts {
		return nil, errors.New("disk 7 of hunter2 is gone")
	}
	return n.Reader.Get(table, key)
}
