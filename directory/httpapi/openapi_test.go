package httpapi

import (
	"bytes"
	"context"
	"errors"
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
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(proto.OpenAPI)
	must(t, err)
	return doc
}

// findRoute returns what the document says of a request. The index of a tile
// takes several segments, which routers of kin-openapi do not know.
func findRoute(t *testing.T, doc *openapi3.T, r *http.Request) *routers.Route {
	t.Helper()
	var found *routers.Route
	for path, item := range doc.Paths.Map() {
		parts := regexp.MustCompile(`\{[a-z]+\}`).Split(path, -1)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		if !regexp.MustCompile("^" + strings.Join(parts, "[^.]+") + "$").MatchString(r.URL.Path) {
			continue
		}
		if found == nil || strings.Contains(path, "entries") {
			found = &routers.Route{Spec: doc, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)}
		}
	}
	if found == nil || found.Operation == nil {
		t.Fatalf("%s %s is not described", r.Method, r.URL.Path)
	}
	return found
}

// TestRouterIsTheDocument: every route is described, and every description is a route.
func TestRouterIsTheDocument(t *testing.T) {
	doc := document(t)
	var described, routed []string
	for path, item := range doc.Paths.Map() {
		if strings.HasPrefix(path, "/auth/v1/") || strings.HasPrefix(path, "/1/") {
			continue // the account service's
		}
		for _, files := range []string{"/log/tile/", "/log/updates/"} {
			if strings.HasPrefix(path, files) {
				path = files + "*" // its parameters take several segments
			}
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

// TestAnswersFitTheDocument holds status, headers and body of real answers
// against the document.
func TestAnswersFitTheDocument(t *testing.T) {
	// A decoder reads what is no JSON as it is.
	raw := openapi3filter.FileBodyDecoder
	for _, mediaType := range []string{MediaType, "application/octet-stream", checkpoint.BindingMediaType} {
		openapi3filter.RegisterBodyDecoder(mediaType, raw)
	}
	doc := document(t)
	unready := errors.New("not today")
	var ready error
	var fault error
	f := newFixture(t, func(c *Config) {
		c.Document = nil
		c.Ready = func() error { return ready }
		honest := c.Service
		c.Service = wrapped{honest, func(ctx context.Context, call wire.Call) ([]byte, error) {
			if fault != nil {
				return nil, fault
			}
			return honest.Do(ctx, call)
		}}
	})
	f.grow("alice", 300)
	token, _, err := f.tokens.Create(t.Context(), "update", []byte("alice"))
	must(t, err)
	bob, _, err := f.tokens.Create(t.Context(), "update", []byte("bob"))
	must(t, err)
	greatest := uint32(299)
	update := f.encode(&wire.UpdateRequest{Label: []byte("alice"), GreatestVersion: &greatest, Values: []wire.LabelValue{{Value: []byte("x")}}})
	beyond := uint32(5000)
	check := func(want int, method, path string, body []byte, header ...string) {
		t.Helper()
		r := httptest.NewRequest(method, path, bytes.NewReader(body))
		if method == http.MethodPost {
			r.Header.Set("Content-Type", MediaType)
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
		if err := openapi3filter.ValidateResponse(t.Context(), input); err != nil {
			t.Errorf("%s %s: %d: %v", method, path, w.Code, err)
		}
	}
	search := "/kt/v1/search"
	check(200, "POST", search, f.search("alice"))
	check(200, "POST", "/kt/v1/distinguished", f.encode(&wire.DistinguishedRequest{}))
	check(200, "POST", "/kt/v1/owner-init", f.encode(&wire.OwnerInitRequest{Label: []byte("alice")}))
	check(400, "POST", search, []byte("garbage"))
	check(400, "POST", "/kt/v1/contact-monitor", f.search("alice"), "Kith-Opening", "short")
	check(401, "POST", "/kt/v1/update", update)
	check(401, "POST", search, f.search("alice"), "Authorization", "Basic x")
	check(403, "POST", "/kt/v1/update", update, "Authorization", "Bearer "+bob)
	check(404, "POST", search, f.search("nobody"))
	check(413, "POST", search, make([]byte, 1<<20))
	check(415, "POST", search, f.search("alice"), "Content-Type", "application/vnd.kith.keytrans-0000000")
	check(422, "POST", "/kt/v1/owner-init", f.encode(&wire.OwnerInitRequest{Label: []byte("alice"), Start: 1 << 40}))
	check(422, "POST", "/kt/v1/update", f.encode(&wire.UpdateRequest{Label: []byte("alice"), GreatestVersion: &beyond, Values: []wire.LabelValue{{}}}), "Authorization", "Bearer "+token)
	check(200, "POST", "/kt/v1/update", update, "Authorization", "Bearer "+token)
	for _, fault = range []error{errors.New("a wire is loose"), problem.ErrUnavailable, problem.ErrConflict, &problem.RateLimit{}} {
		check(declineOf(fault).status, "POST", "/kt/v1/update", update)
	}
	fault = nil
	check(200, "GET", "/log/checkpoint", nil)
	check(200, "GET", "/log/binding?size=1", nil)
	check(200, "GET", "/log/binding?size=302", nil)
	check(400, "GET", "/log/binding?size=0", nil)
	check(400, "GET", "/log/binding", nil)
	check(404, "GET", "/log/binding?size=303", nil)
	check(200, "GET", "/log/tile/0/000", nil)
	check(200, "GET", "/log/tile/0/001.p/46", nil)
	check(200, "GET", "/log/tile/1/000.p/1", nil)
	check(200, "GET", "/log/tile/entries/000", nil)
	check(200, "GET", "/log/tile/entries/001.p/46", nil)
	check(404, "GET", "/log/tile/0/002", nil)
	check(404, "GET", "/log/tile/entries/001", nil)
	check(400, "GET", "/log/tile/0/2", nil)
	check(200, "GET", "/log/updates/000", nil)
	check(200, "GET", "/log/updates/009.p/14", nil)
	check(404, "GET", "/log/updates/010", nil)
	check(404, "GET", "/log/updates/009.p/15", nil)
	check(400, "GET", "/log/updates/9", nil)
	check(200, "GET", "/audit/v1/updates?start=0", nil)
	check(400, "GET", "/audit/v1/updates?start=00", nil)
	check(404, "GET", "/audit/v1/updates?start=5000", nil)
	check(404, "POST", "/audit/v1/head", nil)
	check(503, "GET", provider.Path, nil)
	check(200, "GET", "/healthz", nil)
	check(200, "GET", "/readyz", nil)
	ready = unready
	check(503, "GET", "/readyz", nil)
	check(200, "GET", "/metrics", nil)
}

// A wrapped service answers some calls in its own way.
type wrapped struct {
	Service
	do func(context.Context, wire.Call) ([]byte, error)
}

func (w wrapped) Do(ctx context.Context, call wire.Call) ([]byte, error) { return w.do(ctx, call) }
