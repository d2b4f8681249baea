package systemtest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAttacksLeaveEvidence: kithd demo --attacks keeps evidence of every attack, and
// kith-auditor verify-evidence accepts each file as it is, and none that was changed.
func TestAttacksLeaveEvidence(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	auditor := filepath.Join(t.TempDir(), "kith-auditor")
	if out, err := exec.Command("go", "build", "-o", auditor, "../kith-auditor").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	folder := filepath.Join(t.TempDir(), "evidence")
	out, said, code := run(t, "kithd", "demo", "--attacks", "--json", "--evidence", folder)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	var season struct {
		Attacks []struct {
			Name      string
			NoticedBy []any `json:"noticed_by"`
			Evidence  []struct{ File, Kind, Strength string }
		}
	}
	must(t, json.Unmarshal([]byte(out), &season))
	if len(season.Attacks) != 13 {
		t.Errorf("%d attacks", len(season.Attacks))
	}
	spoilt, paths := t.TempDir(), []string{}
	for _, a := range season.Attacks {
		if len(a.NoticedBy) == 0 || len(a.Evidence) == 0 {
			t.Errorf("%s: noticed by %v, evidence %v", a.Name, a.NoticedBy, a.Evidence)
		}
		for i, e := range a.Evidence {
			sameVerdict(t, auditor, e.File, e.Kind, e.Strength == "proved")
			file, err := os.ReadFile(e.File)
			must(t, err)
			// cmd/kithd changes every byte; here some, for the program.
			for _, at := range []int{0, 16, 17, len(file) / (2 + i), len(file) - 1} {
				changed := append([]byte(nil), file...)
				changed[at] ^= 1
				path := filepath.Join(spoilt, fmt.Sprintf("%s.%d", filepath.Base(e.File), at))
				must(t, os.WriteFile(path, changed, 0o600))
				paths = append(paths, path)
			}
		}
	}
	views := verifyEvidence(t, auditor, false, paths...)
	if len(views) != len(paths) {
		t.Fatalf("%d answers to %d files", len(views), len(paths))
	}
	for i, v := range views {
		if v.Verified {
			t.Errorf("%s is accepted", paths[i])
		}
	}
}

// An evidenceView is what verify-evidence says of a file.
type evidenceView struct {
	Verified, Proved bool
	Kind, Claim      string
}

func verifyEvidence(t *testing.T, auditor string, good bool, files ...string) (views []evidenceView) {
	t.Helper()
	out, err := exec.Command(auditor, append([]string{"verify-evidence", "--json"}, files...)...).Output()
	if (err == nil) != good {
		t.Errorf("verify-evidence %s: %v\n%s", files[0], err, out)
	}
	must(t, json.Unmarshal(out, &views))
	return views
}

// sameVerdict checks a file with the program, which must say the same of it.
func sameVerdict(t *testing.T, auditor, file, kind string, proved bool) {
	t.Helper()
	views := verifyEvidence(t, auditor, true, file)
	if len(views) != 1 || !views[0].Verified || views[0].Proved != proved || views[0].Kind != kind && views[0].Claim != kind {
		t.Errorf("%s: %+v, want %s", file, views, kind)
	}
}
