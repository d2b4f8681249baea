package systemtest

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An audited is what kith-auditor audit says to programs.
type audited struct {
	Entries uint64  `json:"entries"`
	Leaves  uint64  `json:"leaves"`
	Seconds float64 `json:"seconds"`
	Head    struct {
		Size uint64 `json:"size"`
		Root string `json:"root"`
	} `json:"head"`
}

// strangersAudit audits a provider with as many labels, as a stranger does: from
// the provider, and from its exported files, any byte of which may be changed and
// is then found, with the log entry.
func strangersAudit(t *testing.T, d *daemon, labels int) {
	var served, copied audited
	must(t, json.Unmarshal([]byte(fine(t, "kith-auditor", "audit", "--provider", "http://"+d.address, "--json")), &served))
	if served.Entries != served.Head.Size || served.Leaves < uint64(labels) || served.Seconds <= 0 || len(served.Head.Root) != 64 {
		t.Errorf("%+v, for %d labels", served, labels)
	}
	t.Logf("%d entries, %d leaves in %.2f s, to size %d, root %s", served.Entries, served.Leaves, served.Seconds, served.Head.Size, served.Head.Root)
	said := fine(t, "kith-auditor", "audit", "--provider", "http://"+d.address)
	if !regexp.MustCompile(`(?m)^audited +\d+ entries from entry 0 on, \d+ leaves, in [0-9.]+ seconds$`).MatchString(said) || !strings.Contains(said, served.Head.Root) {
		t.Error(said)
	}

	dir := filepath.Join(t.TempDir(), "exported")
	fine(t, "kithd", "export-audit", "--data", d.dir, dir)
	must(t, json.Unmarshal([]byte(fine(t, "kith-auditor", "audit", "--from", dir, "--json")), &copied))
	if copied.Head != served.Head || copied.Leaves != served.Leaves {
		t.Errorf("from a copy %+v, from the provider %+v", copied, served)
	}
	must(t, filepath.WalkDir(filepath.Join(dir, "log"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		whole, err := os.ReadFile(path)
		must(t, err)
		bad := bytes.Clone(whole)
		bad[len(bad)/3] ^= 16
		must(t, os.WriteFile(path, bad, 0o600))
		refuses(t, []string{"log entry "}, "kith-auditor", "audit", "--from", dir)
		must(t, os.WriteFile(path, whole, 0o600))
		return nil
	}))
}
