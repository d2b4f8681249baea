package proto_test

import (
	"context"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/kith-kt/kith/proto"
)

func loadAuditor(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(proto.OpenAPIAuditor)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPIAuditorIsValid(t *testing.T) {
	if err := loadAuditor(t).Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// TestOpenAPIAuditorErrorsAreProblems: every answer of 400 and above is a problem
// document, but for the probe of operators and what tlog-witness says.
func TestOpenAPIAuditorErrorsAreProblems(t *testing.T) {
	for path, item := range loadAuditor(t).Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				if status < "400" || status == "default" || path == "/healthz" {
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
