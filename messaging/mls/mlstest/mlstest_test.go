package mlstest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
)

// recorder is a testing.TB that notes how a test ended.
type recorder struct {
	testing.TB
	end string
	log string
}

type ended struct{}

func (r *recorder) Helper()                         {}
func (r *recorder) Skipf(string, ...any)            { r.end = "skip"; panic(ended{}) }
func (r *recorder) Fatalf(string, ...any)           { r.end = "fatal"; panic(ended{}) }
func (r *recorder) Fatal(...any)                    { r.end = "fatal"; panic(ended{}) }
func (r *recorder) Errorf(string, ...any)           { r.end = "error" }
func (r *recorder) Logf(format string, args ...any) { r.log += fmt.Sprintf(format, args...) }

// run calls f with a recorder and returns it.
func run(f func(t testing.TB)) *recorder {
	r := new(recorder)
	func() {
		defer func() {
			if p := recover(); p != nil && p != (ended{}) {
				panic(p)
			}
		}()
		f(r)
	}()
	return r
}

// Absent vectors are skipped, and are a failure where CI is set; so are files that
// are missing or malformed.
func TestVectors(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"good.json": `["00ff", null]`, "bad.json": `["0"]`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ dir, ci, file, want string }{
		"unset":         {"", "", "good.json", "skip"},
		"unset, CI":     {"", "true", "good.json", "fatal"},
		"missing":       {dir, "", "missing.json", "fatal"},
		"malformed":     {dir, "", "bad.json", "fatal"},
		"as they are":   {dir, "true", "good.json", ""},
		"folder absent": {dir + "/absent", "true", "good.json", "fatal"},
	} {
		t.Setenv("MLS_VECTORS", c.dir)
		t.Setenv("CI", c.ci)
		var into []mlstest.Hex
		r := run(func(t testing.TB) { mlstest.Vectors(t, c.file, &into) })
		if r.end != c.want {
			t.Errorf("%s: ended with %q, want %q", name, r.end, c.want)
		}
		if c.want == "" && (len(into) != 2 || !bytes.Equal(into[0], []byte{0, 255}) || into[1] != nil) {
			t.Errorf("%s: read %x", name, into)
		}
	}
}

func TestReport(t *testing.T) {
	for _, c := range []struct {
		ran, total int
		want       string
	}{{3, 3, ""}, {2, 3, "error"}, {0, 0, "error"}, {4, 3, "error"}} {
		r := run(func(t testing.TB) { mlstest.Report(t, "file.json", c.ran, c.total) })
		if want := fmt.Sprintf("vectors file.json: %d of %d cases", c.ran, c.total); r.end != c.want || r.log != want {
			t.Errorf("%d of %d: %q, %q", c.ran, c.total, r.end, r.log)
		}
	}
}

func TestHex(t *testing.T) {
	b, err := json.Marshal(mlstest.Hex{0xab, 1})
	if err != nil || string(b) != `"ab01"` {
		t.Errorf("%s, %v", b, err)
	}
}

// A stream depends on its seed, and not on how it is read.
func TestRand(t *testing.T) {
	whole := mlstest.Bytes(1, 100)
	r := mlstest.Rand(1)
	var parts []byte
	for _, n := range []int{1, 7, 32, 60} {
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, b...)
	}
	if !bytes.Equal(parts, whole) {
		t.Error("two reads of one seed differ")
	}
	if bytes.Equal(mlstest.Bytes(2, 100), whole) {
		t.Error("two seeds are alike")
	}
}
