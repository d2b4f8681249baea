package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"

	"github.com/kith-kt/kith/proto"
	message "github.com/kith-kt/kith/proto/gossip"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(proto.OpenAPIAuditor)
	must(t, err)
	return doc
}

// TestRouterIsTheDocument: every route is described, and every description is a route.
func TestRouterIsTheDocument(t *testing.T) {
	var described, routed []string
	for path, item := range document(t).Paths.Map() {
		if strings.HasPrefix(path, "/p/{domain}/log/tile/") {
			path = "/p/{domain}/log/tile/*" // its parameters take several segments
		}
		for method := range item.Operations() {
			if line := method + " " + path; !slices.Contains(described, line) {
				described = append(described, line)
			}
		}
	}
	f := newFixture(t, nil)
	must(t, chi.Walk(f.handler.routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routed = append(routed, method+" "+route)
		return nil
	}))
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("described\n%q\nrouted\n%q", described, routed)
	}
}

// findRoute returns what the document says of a request. The index of a tile takes
// several segments, which routers of kin-openapi do not know.
func findRoute(t *testing.T, doc *openapi3.T, r *http.Request) *routers.Route {
	t.Helper()
	var found *routers.Route
	for path, item := range doc.Paths.Map() {
		parts := regexp.MustCompile(`\{[a-z]+\}`).Split(path, -1)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		gap := "[^/]+"
		if strings.Contains(path, "tile") {
			gap = "[^ ]+"
		}
		if !regexp.MustCompile("^" + strings.Join(parts, gap) + "$").MatchString(r.URL.Path) {
			continue
		}
		if found == nil || len(path) > len(found.Path) {
			found = &routers.Route{Spec: doc, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)}
		}
	}
	if found == nil || found.Operation == nil {
		t.Fatalf("%s %s is not described", r.Method, r.URL.Path)
	}
	return found
}

// TestAnswersFitTheDocument holds status, headers and body of real answers against the
// document.
func TestAnswersFitTheDocument(t *testing.T) {
	for _, mediaType := range []string{message.MediaType, octets, "text/html", "application/jsonl"} {
		openapi3filter.RegisterBodyDecoder(mediaType, openapi3filter.FileBodyDecoder)
	}
	doc := document(t)
	var sick error
	f := newFixture(t, func(c *Config) {
		c.Health = func() error { return sick }
		status := c.Providers[0].Status
		c.Providers[0].Status = func() Status {
			s := status()
			s.Peers = append(s.Peers, Peer{Address: "https://audit.example.com", Says: "agrees", Agrees: true, Size: 3, At: epoch})
			return s
		}
	})
	check := func(want int, method, path string, body []byte, header ...string) {
		t.Helper()
		r := httptest.NewRequest(method, path, bytes.NewReader(body))
		if method == http.MethodPost {
			r.Header.Set("Content-Type", message.MediaType)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		route := findRoute(t, doc, r)
		w := httptest.NewRecorder()
		f.routed.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s %s: %d, want %d", method, path, w.Code, want)
		}
		input := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route},
			Status:                 w.Code, Header: w.Header(),
			Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
		}
		input.SetBodyBytes(w.Body.Bytes())
		if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
			t.Errorf("%s %s: %d: %v", method, path, w.Code, err)
		}
	}
	everything := func() {
		check(200, "GET", "/gossip/v1/evidence", nil)
		check(200, "GET", "/status.json", nil)
		check(200, "GET", "/", nil)
		check(200, "GET", "/metrics", nil)
		check(200, "GET", "/p/example.org/heads", nil)
	}
	everything()
	check(200, "POST", path, f.sighting(f.head(3, false)))
	check(400, "POST", path, []byte("garbage"))
	check(413, "POST", path, make([]byte, message.MaxSighting+1))
	check(415, "POST", path, nil, "Content-Type", "text/plain")
	forged := f.head(3, false)
	forged.Root[0]++
	check(422, "POST", path, f.sighting(forged))
	check(404, "GET", "/gossip/v1/evidence/nothing", nil)
	check(200, "GET", "/p/example.org/.well-known/kith.json", nil)
	check(200, "GET", "/p/example.org/log/checkpoint", nil)
	check(200, "GET", "/p/example.org/log/tile/0/000", nil)
	check(200, "GET", "/p/example.org/log/tile/0/001.p/44", nil)
	check(200, "GET", "/p/example.org/log/tile/1/000.p/1", nil)
	check(200, "GET", "/p/example.org/log/tile/entries/000", nil)
	check(200, "GET", "/p/example.org/log/tile/entries/001.p/44", nil)
	check(404, "GET", "/p/example.org/log/tile/0/002", nil)
	check(404, "GET", "/p/example.org/log/tile/entries/001", nil)
	check(404, "GET", "/p/other.example/log/checkpoint", nil)
	check(404, "GET", "/p/other.example/heads", nil)
	check(200, "GET", "/healthz", nil)
	sick = http.ErrBodyNotAllowed
	check(503, "GET", "/healthz", nil)
	check(200, "POST", path, f.sighting(f.head(9, true)))
	everything()
	check(200, "GET", "/gossip/v1/evidence/"+fileOf(f.watch.Findings()[0]), nil)
	f.handler.limiter.rates[reads] = 1e-9
	f.handler.limiter.bursts[reads] = 1
	for range 2 {
		f.do("GET", "/status.json", nil, "address", "203.0.113.1:1")
	}
	check(200, "GET", "/status.json", nil) // of another address
}
