package mls_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentation holds docs/mls.md against the sources: its code is that of the
// example, and the files and tests of its map are there.
func TestDocumentation(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	doc, example := read("../../docs/mls.md"), read("example_test.go")
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(doc, -1)
	if len(blocks) < 3 {
		t.Fatalf("only %d blocks of code", len(blocks))
	}
	for _, b := range blocks {
		if !strings.Contains(example, b[1]) {
			t.Errorf("not in the example:\n%s", b[1])
		}
	}
	_, table, _ := strings.Cut(doc, "\n## Map\n")
	files, tests := 0, 0
	for _, name := range regexp.MustCompile(`[a-z][a-z_/*]*\.go\b`).FindAllString(table, -1) {
		files++
		if found, err := filepath.Glob(filepath.FromSlash(name)); err != nil || len(found) == 0 {
			t.Errorf("there is no file %s", name)
		}
	}
	for _, m := range regexp.MustCompile("`([a-z]+)\\.((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(doc, -1) {
		tests++
		folder := m[1]
		if folder == "mls" {
			folder = "."
		}
		found := false
		names, _ := filepath.Glob(filepath.Join(folder, "*_test.go"))
		for _, name := range names {
			found = found || strings.Contains(read(name), "func "+m[2]+"(")
		}
		if !found {
			t.Errorf("there is no test %s.%s", m[1], m[2])
		}
	}
	if files < 60 || tests < 80 {
		t.Errorf("found only %d files and %d tests in the map", files, tests)
	}
}
