package mirror

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// FuzzCut: a bundle that is cut is the same bytes in pieces; one that is not in
// order is refused, or given as far as it goes.
func FuzzCut(f *testing.F) {
	var whole []byte
	for i := range 5 {
		whole = checkpoint.AppendUpdate(whole, bytes.Repeat([]byte{byte(i)}, i))
	}
	f.Add(whole, 2, 4, 5)
	f.Add(whole, 0, 5, 5)
	f.Add(append(bytes.Clone(whole), 1), 0, 5, 5)
	f.Add(whole[:len(whole)-1], 1, 5, 5)
	f.Fuzz(func(t *testing.T, b []byte, lo, hi, n int) {
		if n < 1 || n > checkpoint.UpdatesWidth || lo < 0 || lo >= hi || hi > n {
			t.Skip()
		}
		piece, err := cut(b, "updates/000", lo, hi, n)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || piece != nil {
				t.Fatalf("%d bytes, %v", len(piece), err)
			}
			return
		}
		if !bytes.Contains(b, piece) {
			t.Fatal("bytes that are not of the bundle")
		}
		before, err := cut(b, "updates/000", 0, n, n)
		if err != nil || !bytes.HasPrefix(b, before) {
			t.Fatalf("the whole: %d of %d bytes, %v", len(before), len(b), err)
		}
	})
}
