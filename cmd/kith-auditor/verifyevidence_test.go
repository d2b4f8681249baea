package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-kt/kith/proto/evidence"
)

// TestChangedEvidence: a file with any byte changed is refused, and accuses nobody.
func TestChangedEvidence(t *testing.T) {
	const original = "../../proto/testdata/evidence/two-heads.evidence"
	b, err := os.ReadFile(original)
	must(t, err)
	path := filepath.Join(t.TempDir(), "changed.evidence")
	verify := func(path string) (code int, view evidenceView) {
		var out, errs bytes.Buffer
		code = (&program{out: &out, err: &errs}).run(context.Background(), []string{"verify-evidence", "--json", path})
		var views []evidenceView
		must(t, json.Unmarshal(out.Bytes(), &views))
		return code, views[0]
	}
	if code, v := verify(original); code != exitFine || !v.Verified || !v.Proved {
		t.Fatalf("exit %d, %+v", code, v)
	}
	for i := range b {
		changed := bytes.Clone(b)
		changed[i] ^= 1 << (i % 8)
		must(t, os.WriteFile(path, changed, 0o600))
		if code, v := verify(path); code != exitFailed || v.Verified || v.Fingerprint != "" || !strings.Contains(v.Error, evidence.ErrMalformed.Error()) {
			t.Fatalf("byte %d: exit %d, %+v", i, code, v)
		}
	}
}

// TestFingerprintAlone: the fingerprint decides about what the signature key signed,
// and not about the audit log, whose key anybody may have put beside it.
func TestFingerprintAlone(t *testing.T) {
	const folder = "../../proto/testdata/evidence/"
	for name, c := range map[string]struct {
		fingerprint bool
		keys        string
	}{
		"two-heads": {true, "signature key"}, "heads-diverge": {true, "signature key"},
		"two-checkpoints": {false, "audit log key"}, "head-and-leaf": {false, "signature key and audit log key"},
		"early-removal": {false, "audit log key"}, "two-documents": {false, "root keys"}, "stated-rollback-heads": {false, "signature key"},
	} {
		var out bytes.Buffer
		verify := func(args ...string) (int, evidenceView) {
			out.Reset()
			code := (&program{out: &out, err: new(bytes.Buffer)}).run(context.Background(), append([]string{"verify-evidence", "--json", folder + name + ".evidence"}, args...))
			var views []evidenceView
			must(t, json.Unmarshal(out.Bytes(), &views))
			return code, views[0]
		}
		code, v := verify()
		if code != exitFine || v.Keys != c.keys || v.Concerns != nil {
			t.Errorf("%s: exit %d, %+v", name, code, v)
		}
		if code, v := verify("--fingerprint", v.Fingerprint); (code == exitFine) != c.fingerprint || v.Concerns == nil || *v.Concerns != c.fingerprint {
			t.Errorf("%s, by its fingerprint: exit %d, %+v", name, code, v)
		}
		if code, v := verify("--document", folder+"kith.json"); code != exitFine || v.Concerns == nil || !*v.Concerns {
			t.Errorf("%s, by its document: exit %d, %+v", name, code, v)
		}
	}
}
