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
