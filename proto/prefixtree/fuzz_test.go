package prefixtree

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// fuzzLog is a small log with every kind of entry.
func fuzzLog(t fataler) *state {
	var s state
	leaf := func(n, c int) wire.PrefixLeaf {
		return wire.PrefixLeaf{VRFOutput: testKey(n), Commitment: testCommitment(c)}
	}
	type list = []wire.PrefixLeaf
	s.grow(t, nil, nil)
	s.grow(t, list{leaf(1, 1)}, nil)
	s.grow(t, list{leaf(2, 2), leaf(9, 3), leaf(64, 4), leaf(66, 5)}, nil)
	s.grow(t, list{leaf(12, 6), leaf(2, 7)}, list{leaf(1, 1), leaf(2, 2)})
	s.grow(t, nil, nil)
	s.grow(t, list{leaf(5, 8)}, list{leaf(66, 5), leaf(64, 4)})
	s.grow(t, list{leaf(64, 9), leaf(1, 10)}, nil)
	return &s
}

func FuzzEvaluate(f *testing.F) {
	s := fuzzLog(f)
	for pos := range s.pages {
		search := NewSearch(s.pages, uint64(pos))
		for _, n := range []int{1, 66, 70} {
			search.Lookup(testKey(n))
		}
		proof, _ := search.Proof()
		if b, err := proof.Append(nil, wire.Format{}); err == nil {
			f.Add(b, []byte{1, 66, 70})
		}
	}
	f.Fuzz(func(t *testing.T, b, numbers []byte) {
		proof, err := wire.ParsePrefixProof(b, wire.Format{})
		if err != nil {
			return
		}
		var keys []wire.VRFOutput
		for _, n := range numbers {
			keys = append(keys, testKey(int(n)))
		}
		commitments := func(i int) *wire.HashValue {
			if i%7 == 6 {
				return nil
			}
			c := testCommitment(int(numbers[i]))
			return &c
		}
		got, err := Evaluate(keys, commitments, proof)
		if err != nil && !errors.Is(err, ErrProof) && !errors.Is(err, ErrTooMany) {
			t.Fatal(err)
		}
		want, refErr := refEvaluate(keys, commitments, proof)
		if (err == nil) != (refErr == nil) || got != want {
			t.Fatalf("%x, %v; reference %x, %v", got, err, want, refErr)
		}
	})
}

func FuzzEvaluateUpdate(f *testing.F) {
	for _, u := range fuzzLog(f).updates {
		if b, err := u.Append(nil, wire.Format{}); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := wire.ParseAuditorUpdate(b, wire.Format{})
		if err != nil {
			return
		}
		p, q, err := EvaluateUpdate(u)
		rp, rq, refErr := refEvaluateUpdate(u)
		if (err == nil) != (refErr == nil) || p != rp || q != rq {
			t.Fatalf("%x, %x, %v; reference %x, %x, %v", p, q, err, rp, rq, refErr)
		}
	})
}

// exercise does everything that reads pages, and returns the errors.
func exercise(pages memory) (errs []error) {
	var b Builder
	last := uint64(len(pages))
	_, _, err := b.Apply(pages, last, []wire.PrefixLeaf{{VRFOutput: testKey(3)}, {VRFOutput: testKey(67)}}, nil, nil)
	errs = append(errs, err)
	for pos := range last {
		_, err = Update(pages, pos, 0)
		errs = append(errs, err)
		search := NewSearch(pages, pos)
		for _, n := range []int{1, 2, 3, 9, 12, 64, 66, 67, 74, 127} {
			_, _, err = search.Lookup(testKey(n))
			errs = append(errs, err)
		}
		_, err = search.Proof()
		errs = append(errs, err)
	}
	return errs
}

func FuzzPage(f *testing.F) {
	s := fuzzLog(f)
	for pos, b := range s.pages {
		f.Add(uint8(pos), b)
	}
	f.Fuzz(func(t *testing.T, pos uint8, b []byte) {
		pages := append(memory(nil), s.pages...)
		pages[int(pos)%len(pages)] = b
		for _, err := range exercise(pages) {
			switch {
			case err == nil, errors.Is(err, ErrCorrupt), errors.Is(err, errNoPage):
			case errors.Is(err, ErrPresent), errors.Is(err, ErrAbsent), errors.Is(err, ErrOrder), errors.Is(err, ErrDepth), errors.Is(err, ErrTooMany):
			default:
				t.Fatal(err)
			}
		}
	})
}

// Check finds every wrong bit of a page, cut pages and padded ones; but a lone
// leaf's, whose value is in the root alone.
func TestCheckFindsEveryBit(t *testing.T) {
	s := fuzzLog(t)
	for pos, b := range s.pages {
		if err := Check(s.pages, uint64(pos)); err != nil {
			t.Fatal(err)
		}
		try := func(what string, i int, wrong []byte) {
			pages := append(memory(nil), s.pages...)
			pages[pos] = wrong
			root, _ := Root(pages, uint64(pos))
			if err := Check(pages, uint64(pos)); err == nil && root == refValue(s.refs[pos]) {
				t.Errorf("entry %d: %s %d: not found", pos, what, i)
			}
			if i%61 == 0 {
				exercise(pages)
			}
		}
		step := 1 + 12*min(1, stride()-1) // all bits only when soaking
		for i := pos; i < 8*len(b); i += step {
			wrong := append([]byte(nil), b...)
			wrong[i/8] ^= 1 << (i % 8)
			try("bit", i, wrong)
		}
		for i := pos; i < len(b); i += step {
			try("cut to", i, b[:i])
		}
		try("padded", 1, append(append([]byte(nil), b...), 0))
	}
}
