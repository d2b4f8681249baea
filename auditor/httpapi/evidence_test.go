package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder of evidence, and of other things.
type folder string

func (f folder) Names() (names []string, err error) {
	all, err := os.ReadDir(string(f))
	for _, e := range all {
		if !strings.HasSuffix(e.Name(), besides) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (f folder) Read(name string) ([]byte, error) { return os.ReadFile(filepath.Join(string(f), name)) }

// TestEvidenceOfEveryKind: all that verifies is listed and served, with what lies
// beside it; what does not verify is not listed.
func TestEvidenceOfEveryKind(t *testing.T) {
	dir := folder("../../proto/testdata/evidence")
	f := newFixture(t, func(c *Config) { c.Evidence = dir })
	names, err := dir.Names()
	must(t, err)
	for range 2 {
		var list []evidenceView
		must(t, json.Unmarshal(f.body(f.do("GET", "/gossip/v1/evidence", nil)), &list))
		listed := map[string]evidenceView{}
		for _, v := range list {
			listed[v.File] = v
		}
		for _, name := range names {
			v, ok := listed[name]
			if want := strings.HasSuffix(name, ".evidence"); ok != want {
				t.Errorf("%s: listed %v, want %v", name, ok, want)
			}
			if ok && (v.Proved == strings.HasPrefix(name, "stated") || v.Text == "" || (v.Update != "") != strings.Contains(name, "detached")) {
				t.Errorf("%+v", v)
			}
			for _, file := range []string{name, v.Update} {
				if !ok || file == "" {
					continue
				}
				want, err := dir.Read(file)
				must(t, err)
				if r := f.do("GET", "/gossip/v1/evidence/"+file, nil); r.StatusCode != 200 || !bytes.Equal(f.body(r), want) {
					t.Errorf("%s: %d", file, r.StatusCode)
				}
			}
		}
	}
	if r := f.do("GET", "/gossip/v1/evidence/two-heads.evidence.update", nil); r.StatusCode != 404 {
		t.Errorf("what is not beside: %d", r.StatusCode)
	}
}

// many is a lot of evidence, the same file under many names.
type many struct{ folder }

func (many) Names() (names []string, err error) {
	names = []string{"z-that-matters.evidence"}
	for i := range 2 * maxFiles {
		names = append(names, fmt.Sprintf("a-%d.evidence", i))
	}
	return names, nil
}

func (m many) Read(string) ([]byte, error) { return m.folder.Read("two-heads.evidence") }

// TestWhatMattersIsListed: what is named first is listed and served, however much
// follows it.
func TestWhatMattersIsListed(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Evidence = many{"../../proto/testdata/evidence"} })
	var list []evidenceView
	must(t, json.Unmarshal(f.body(f.do("GET", "/gossip/v1/evidence", nil)), &list))
	if len(list) != maxFiles || list[maxFiles-1].File != "z-that-matters.evidence" {
		t.Errorf("%d files, the last of them %+v", len(list), list[len(list)-1])
	}
	if r := f.do("GET", "/gossip/v1/evidence/z-that-matters.evidence", nil); r.StatusCode != 200 {
		t.Errorf("status %d", r.StatusCode)
	}
}
