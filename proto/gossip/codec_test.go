package gossip

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/wire"
)

func some(t *rapid.T, what string, lo, hi int) []byte {
	b := rapid.SliceOfN(rapid.Byte(), lo, hi).Draw(t, what)
	if len(b) == 0 {
		return nil
	}
	return b
}

func roots(t *rapid.T) (all []wire.HashValue) {
	for range rapid.IntRange(0, MaxDistinguished).Draw(t, "roots") {
		all = append(all, wire.HashValue(some(t, "root", 32, 32)))
	}
	return all
}

func sighting(t *rapid.T) *Sighting {
	s := &Sighting{Fingerprint: [32]byte(some(t, "fingerprint", 32, 32)), Document: some(t, "document", 0, 300), Distinguished: roots(t)}
	for range rapid.IntRange(0, MaxHeads).Draw(t, "heads") {
		s.Heads = append(s.Heads, evidence.SignedHead{Size: rapid.Uint64().Draw(t, "size"), Root: wire.HashValue(some(t, "root", 32, 32)), Signature: some(t, "signature", 1, MaxSignature)})
	}
	for range rapid.IntRange(0, MaxCheckpoints).Draw(t, "checkpoints") {
		s.Checkpoints = append(s.Checkpoints, some(t, "checkpoint", 1, 400))
	}
	return s
}

func answer(t *rapid.T) *Answer {
	return &Answer{
		Verdict: rapid.SampledFrom([]Verdict{Agrees, NotYet, Contradicts}).Draw(t, "verdict"), Size: rapid.Uint64().Draw(t, "size"),
		Timestamp: rapid.Uint64().Draw(t, "timestamp"), Root: wire.HashValue(some(t, "root", 32, 32)), Distinguished: roots(t),
		Cosigned: some(t, "cosigned", 0, 400), Evidence: some(t, "evidence", 0, 400),
	}
}

// TestRoundTrip: what is written is read, and every prefix of it is refused, as is
// what has an byte too many.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, a := sighting(t), answer(t)
		b, err := s.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseSighting(b)
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("%+v, %v", got, err)
		}
		c, err := a.Append([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		c = c[len("before"):]
		read, err := ParseAnswer(c)
		if err != nil || !reflect.DeepEqual(read, a) {
			t.Fatalf("%+v, %v", read, err)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, err := ParseSighting(b[:cut]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut at %d of %d: %v", cut, len(b), err)
		}
		if _, err := ParseSighting(append(b, 0)); !errors.Is(err, ErrMalformed) {
			t.Fatal("an byte too many")
		}
		cut = rapid.IntRange(0, len(c)-1).Draw(t, "cut")
		if _, err := ParseAnswer(c[:cut]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut at %d of %d: %v", cut, len(c), err)
		}
		if _, err := ParseAnswer(append(c, 0)); !errors.Is(err, ErrMalformed) {
			t.Fatal("an byte too many")
		}
	})
}

// TestBounds: what is out of bounds is neither written nor read.
func TestBounds(t *testing.T) {
	head := evidence.SignedHead{Size: 1, Signature: []byte{1}}
	for what, s := range map[string]*Sighting{
		"heads":       {Heads: bytesOf(head, MaxHeads+1)},
		"roots":       {Distinguished: make([]wire.HashValue, MaxDistinguished+1)},
		"checkpoints": {Checkpoints: bytesOf([]byte{1}, MaxCheckpoints+1)},
		"document":    {Document: make([]byte, MaxSighting)},
		"signature":   {Heads: []evidence.SignedHead{{Signature: make([]byte, MaxSignature+1)}}},
		"unsigned":    {Heads: []evidence.SignedHead{{}}},
		"empty":       {Checkpoints: [][]byte{nil}},
		"all of it":   {Checkpoints: bytesOf(make([]byte, 40<<10), MaxCheckpoints)},
	} {
		if _, err := s.Append(nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, a := range map[string]*Answer{
		"no verdict": {}, "verdict": {Verdict: 4}, "roots": {Verdict: Agrees, Distinguished: make([]wire.HashValue, MaxDistinguished+1)},
		"evidence": {Verdict: Agrees, Evidence: make([]byte, evidence.MaxSize+1)}, "checkpoint": {Verdict: Agrees, Cosigned: make([]byte, MaxAnswer)},
	} {
		if _, err := a.Append(nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := ParseSighting(make([]byte, MaxSighting+1)); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	for _, b := range [][]byte{nil, {2}, append([]byte{1}, make([]byte, 40)...)} {
		if _, err := ParseAnswer(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: %v", b, err)
		}
	}
	if _, err := ParseAnswer(bytes.Repeat([]byte{1}, MaxAnswer+1)); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func bytesOf[T any](v T, n int) (all []T) {
	for range n {
		all = append(all, v)
	}
	return all
}

func FuzzParseSighting(f *testing.F) {
	b, err := (&Sighting{Heads: []evidence.SignedHead{{Size: 3, Signature: []byte("s")}}, Checkpoints: [][]byte{[]byte("c")}}).Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSighting(b)
		if err != nil {
			return
		}
		if again, err := s.Append(nil); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x, %v", b, again, err)
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	b, err := (&Answer{Verdict: Contradicts, Evidence: []byte("e")}).Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAnswer(b)
		if err != nil {
			return
		}
		if again, err := a.Append(nil); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x, %v", b, again, err)
		}
	})
}
