package proto_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/kith-kt/kith/proto"
	"github.com/kith-kt/kith/proto/wire"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(proto.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPIIsValid(t *testing.T) {
	if err := load(t).Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// ofAccounts reports whether a path is the account service's; its own test says
// that every route is described.
func ofAccounts(path string) bool {
	return strings.HasPrefix(path, "/auth/v1/") || strings.HasPrefix(path, "/1/")
}

// TestOpenAPIPaths lists every path there is, and no other.
func TestOpenAPIPaths(t *testing.T) {
	want := []string{
		"/.well-known/kith.json", "/audit/v1/head", "/audit/v1/updates", "/healthz", "/log/binding", "/log/checkpoint",
		"/log/tile/entries/{index}", "/log/tile/entries/{index}.p/{width}",
		"/log/tile/{level}/{index}", "/log/tile/{level}/{index}.p/{width}",
		"/log/updates/{index}", "/log/updates/{index}.p/{width}", "/metrics", "/readyz",
	}
	for _, op := range wire.Operations {
		want = append(want, "/kt/v1/"+op.String())
	}
	slices.Sort(want)
	doc := load(t)
	if got := slices.DeleteFunc(doc.Paths.Keys(), ofAccounts); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("paths\n%q, want\n%q", got, want)
	}
	for path, item := range doc.Paths.Map() {
		if ofAccounts(path) {
			continue
		}
		if post := strings.HasPrefix(path, "/kt/") || path == "/audit/v1/head"; post != (item.Post != nil) || post == (item.Get != nil) {
			t.Errorf("%s has the wrong method", path)
		}
	}
}

// TestOpenAPIErrorsAreProblems: every answer of 400 and above is a problem
// document, but for the probe of operators.
func TestOpenAPIErrorsAreProblems(t *testing.T) {
	for path, item := range load(t).Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				if status < "400" || path == "/readyz" || strings.HasPrefix(path, "/1/") {
					continue
				}
				if r.Value.Content["application/problem+json"] == nil || len(r.Value.Content) != 1 {
					t.Errorf("%s %s: %s is no problem document", method, path, status)
				}
				if wait := status == "429" || status == "503"; wait != (r.Value.Headers["Retry-After"] != nil) {
					t.Errorf("%s %s: Retry-After of %s", method, path, status)
				}
			}
		}
	}
}

// TestOpenAPIOperationsSpeakTheDraft: one media type in and out, which names the revision.
func TestOpenAPIOperationsSpeakTheDraft(t *testing.T) {
	const mediaType = "application/vnd.kith.keytrans-526cc8a"
	for path, item := range load(t).Paths.Map() {
		if item.Post == nil || !strings.HasPrefix(path, "/kt/") {
			continue
		}
		ok := item.Post.Responses.Value("200").Value.Content
		in := item.Post.RequestBody.Value.Content
		if len(ok) != 1 || ok[mediaType] == nil || len(in) != 1 || in[mediaType] == nil {
			t.Errorf("%s: %v to %v", path, in, ok)
		}
		for _, status := range []string{"400", "401", "413", "415", "422", "429", "503"} {
			if item.Post.Responses.Value(status) == nil {
				t.Errorf("%s: no %s", path, status)
			}
		}
	}
}
