package archive

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// FuzzHead: a head that is read is written as it was.
func FuzzHead(f *testing.F) {
	dir := f.TempDir()
	must(f, writeHead(dir, tlog.Tree{N: 77, Hash: tlog.Hash{1, 2, 3}}))
	b, err := os.ReadFile(filepath.Join(dir, headFile))
	must(f, err)
	f.Add(b[:len(b)-sha256.Size])
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b) // or nothing would ever be read
		b = append(bytes.Clone(b), sum[:]...)
		tree, ok := parseHead(b)
		if !ok {
			return
		}
		must(t, writeHead(dir, tree))
		again, err := os.ReadFile(filepath.Join(dir, headFile))
		if err != nil || !bytes.Equal(again, b) {
			t.Error("it is written otherwise")
		}
	})
}
