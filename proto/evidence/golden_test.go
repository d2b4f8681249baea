package evidence

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/checkpoint"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

const goldenFolder = "../testdata/evidence"

// A golden is what a vector shows.
type golden struct {
	File        string `json:"file"`
	Detached    string `json:"detached,omitempty"`
	Kind        Kind   `json:"kind"`
	Word        string `json:"word"`
	Proved      bool   `json:"proved"`
	Domain      string `json:"domain"`
	Fingerprint string `json:"fingerprint"`
	Keys        string `json:"keys"`
	Entry       uint64 `json:"entry"`
	Claim       string `json:"claim,omitempty"`
	Observer    string `json:"observer,omitempty"`
	Time        uint64 `json:"time,omitempty"`
	Text        string `json:"text"`
}

// detached is evidence with an update beside it, small enough for a vector.
func detached(t fataler) *Evidence {
	t.Helper()
	b := newHost(t, testDomain, ed).book().grow(3, 100)
	b.lie = func(leaf *checkpoint.Leaf, _ *[]byte) { leaf.PrefixRoot[3] ^= 1 }
	b.add(b.last(), b.fresh(3), nil)
	e, err := NewEntry(b.document, b.entry())
	must(t, err)
	body := e.Body.(*BadUpdateBody)
	e.Detached, body.Update = body.Update, nil
	return e
}

// TestGoldenVectors holds the files in proto/testdata/evidence against what they are
// said to show. With -update it writes them anew.
func TestGoldenVectors(t *testing.T) {
	index := filepath.Join(goldenFolder, "index.json")
	if *update {
		writeGolden(t, index)
	}
	b, err := os.ReadFile(index)
	must(t, err)
	var all []golden
	must(t, json.Unmarshal(b, &all))
	seen := map[Kind]bool{}
	for _, want := range all {
		file, err := os.ReadFile(filepath.Join(goldenFolder, want.File))
		must(t, err)
		e, err := Parse(file)
		must(t, err)
		if again, err := e.Append(nil); err != nil || !bytes.Equal(again, file) {
			t.Errorf("%s: another encoding, %v", want.File, err)
		}
		if want.Detached != "" {
			e.Detached, err = os.ReadFile(filepath.Join(goldenFolder, want.Detached))
			must(t, err)
		}
		v, err := e.Verify()
		must(t, err)
		if got := goldenOf(want.File, want.Detached, v); got != want {
			t.Errorf("%s: %+v, want %+v", want.File, got, want)
		}
		seen[v.Kind] = true
	}
	if len(seen) != len(kinds) {
		t.Errorf("vectors of %d kinds, there are %d", len(seen), len(kinds))
	}
}

func goldenOf(file, beside string, v *Verdict) golden {
	g := golden{
		File: file, Detached: beside, Kind: v.Kind, Word: v.Kind.String(), Proved: v.Proved, Domain: v.Domain,
		Fingerprint: v.Fingerprint.String(), Keys: v.Keys.String(), Entry: v.Entry, Text: v.Text,
	}
	if !v.Proved {
		g.Claim, g.Observer, g.Time = v.Claim.String(), v.Observer, v.Time
	}
	return g
}

func writeGolden(t *testing.T, index string) {
	t.Helper()
	must(t, os.MkdirAll(goldenFolder, 0o755))
	h := newHost(t, testDomain, ed)
	must(t, os.WriteFile(filepath.Join(goldenFolder, "kith.json"), h.document, 0o644))
	made := specimens(t)
	made["bad-update-detached"] = detached(t)
	var all []golden
	for _, name := range slices.Sorted(maps.Keys(made)) {
		e := made[name]
		file, err := e.Append(nil)
		must(t, err)
		v, err := e.Verify()
		must(t, err)
		beside := ""
		must(t, os.WriteFile(filepath.Join(goldenFolder, name+".evidence"), file, 0o644))
		if e.Detached != nil {
			beside = name + ".evidence.update"
			must(t, os.WriteFile(filepath.Join(goldenFolder, beside), e.Detached, 0o644))
		}
		all = append(all, goldenOf(name+".evidence", beside, v))
	}
	b, err := json.MarshalIndent(all, "", "  ")
	must(t, err)
	must(t, os.WriteFile(index, append(b, '\n'), 0o644))
}

// TestSpecimensAreTheVectors: with the same keys the same files come out.
func TestSpecimensAreTheVectors(t *testing.T) {
	for name, e := range specimens(t) {
		file, err := e.Append(nil)
		must(t, err)
		want, err := os.ReadFile(filepath.Join(goldenFolder, name+".evidence"))
		must(t, err)
		if !bytes.Equal(file, want) {
			t.Errorf("%s: the constructors make another file", name)
		}
	}
}
