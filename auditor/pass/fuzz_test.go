package pass

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

// FuzzParseProgress: what is read is written as it was, and nothing damaged is read.
func FuzzParseProgress(f *testing.F) {
	w := newWorld(f).fill(9)
	body := func(p Progress) []byte { b := p.Encode(w.log); return b[:len(b)-sha256.Size] }
	f.Add(body(w.log.Begin()))
	p := Pass{Log: w.log, Source: w}
	r, err := p.Run(f.Context(), w.log.Begin())
	must(f, err)
	f.Add(body(r.Progress))
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b) // or nothing would ever be read
		b = append(bytes.Clone(b), sum[:]...)
		p, err := ParseProgress(b, w.log)
		if err != nil {
			return
		}
		if bytes.HasPrefix(b, []byte(magic)) && !bytes.Equal(p.Encode(w.log), b) {
			t.Error("it is written otherwise")
		}
	})
}
