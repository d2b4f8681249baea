package syntax_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

func TestVectorsDeserialization(t *testing.T) {
	const file = "deserialization.json"
	var cases []struct {
		Header mlstest.Hex `json:"vlbytes_header"`
		Length int         `json:"length"`
	}
	mlstest.Vectors(t, file, &cases)
	ran := 0
	for i, c := range cases {
		r := syntax.NewReader(c.Header)
		got := r.Length()
		if err := r.Close(); err != nil || got != c.Length {
			t.Errorf("case %d: %x is %d, %v; want %d", i, []byte(c.Header), got, err, c.Length)
		}
		if b := syntax.AppendLength(nil, c.Length); !bytes.Equal(b, c.Header) {
			t.Errorf("case %d: %d is written as %x, want %x", i, c.Length, b, []byte(c.Header))
		}
		ran++
	}
	mlstest.Report(t, file, ran, len(cases))
}

// The examples of "Variable-Size Vector Length Headers" (2.1.2).
func TestLengthExamples(t *testing.T) {
	for header, want := range map[string]int{"9d7f3e7d": 494878333, "7bbd": 15293, "25": 37} {
		b, _ := hex.DecodeString(header)
		r := syntax.NewReader(b)
		if got := r.Length(); got != want || r.Close() != nil {
			t.Errorf("%s is %d, %v; want %d", header, got, r.Err(), want)
		}
	}
}

// slowLength is the prose of 2.1.2 and its table: the two highest bits say in how
// many bytes the value is, which must be the fewest that hold it.
func slowLength(data []byte) (n, size int, err error) {
	if len(data) == 0 {
		return 0, 0, syntax.ErrTruncated
	}
	bits := ""
	for _, b := range data {
		for i := 7; i >= 0; i-- {
			bits += string("01"[b>>i&1])
		}
		if len(bits) == 32 {
			break
		}
	}
	row, ok := map[string]struct{ size, min, max int }{
		"00": {1, 0, 63}, "01": {2, 64, 16383}, "10": {4, 16384, 1073741823},
	}[bits[:2]]
	if !ok {
		return 0, 0, syntax.ErrTooLong
	}
	if len(data) < row.size {
		return 0, 0, syntax.ErrTruncated
	}
	for _, bit := range bits[2 : 8*row.size] {
		n = 2*n + int(bit-'0')
	}
	if n < row.min || n > row.max {
		return 0, 0, syntax.ErrNotCanonical
	}
	return n, row.size, nil
}

func TestLengthAgainstProse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "data")
		if len(data) > 2 && rapid.Bool().Draw(t, "small") {
			// About half of these values fit a shorter length.
			switch data[0] &= 0xc0; data[0] {
			case 0x40:
				data[1] &= 0x7f
			case 0x80:
				data[1] = 0
				data[2] &= 0x7f
			}
		}
		n, size, want := slowLength(data)
		r := syntax.NewReader(data)
		got := r.Length()
		if !errors.Is(r.Err(), want) || (want == nil && r.Err() != nil) {
			t.Fatalf("%x: error %v, want %v", data, r.Err(), want)
		}
		if got != n {
			t.Fatalf("%x: %d, want %d", data, got, n)
		}
		if want == nil {
			if r.Len() != len(data)-size {
				t.Fatalf("%x: %d bytes left, want %d", data, r.Len(), len(data)-size)
			}
			if b := syntax.AppendLength(nil, got); !bytes.Equal(b, data[:size]) {
				t.Fatalf("%d is written as %x, want %x", got, b, data[:size])
			}
		}
	})
}

// Every length up to and beyond the second boundary, and those around the last.
func TestLengthRoundTrip(t *testing.T) {
	check := func(n int) {
		b := syntax.AppendLength(nil, n)
		if got, size, err := slowLength(b); got != n || size != len(b) || err != nil {
			t.Fatalf("%d is written as %x, which is %d, %v", n, b, got, err)
		}
	}
	for n := range 1<<14 + 300 {
		check(n)
	}
	for n := syntax.MaxVector - 3; n <= syntax.MaxVector; n++ {
		check(n)
	}
	for _, n := range []int{-1, syntax.MaxVector + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a vector of %d bytes was written", n)
				}
			}()
			syntax.AppendLength(nil, n)
		}()
	}
}

func TestVectorRejected(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want error
	}{
		"nothing":               {"", syntax.ErrTruncated},
		"half a length":         {"40", syntax.ErrTruncated},
		"most of a length":      {"800040", syntax.ErrTruncated},
		"prefix 11":             {"c000000000000000", syntax.ErrTooLong},
		"63 in two bytes":       {"403f" + string(bytes.Repeat([]byte("00"), 63)), syntax.ErrNotCanonical},
		"0 in two bytes":        {"4000", syntax.ErrNotCanonical},
		"0 in four bytes":       {"80000000", syntax.ErrNotCanonical},
		"16383 in four bytes":   {"80003fff", syntax.ErrNotCanonical},
		"content missing":       {"01", syntax.ErrTruncated},
		"content cut":           {"03aabb", syntax.ErrTruncated},
		"a gigabyte announced":  {"bfffffffaa", syntax.ErrTruncated},
		"trailing byte":         {"01aabb", syntax.ErrTrailing},
		"trailing empty vector": {"0000", syntax.ErrTrailing},
	} {
		b, err := hex.DecodeString(c.in)
		if err != nil {
			t.Fatal(err)
		}
		r := syntax.NewReader(b)
		r.Vector()
		if err := r.Close(); !errors.Is(err, c.want) || !errors.Is(err, syntax.ErrSyntax) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Reading costs no memory by a length that was merely announced.
func TestVectorAllocatesNothing(t *testing.T) {
	in := append([]byte{0xbf, 0xff, 0xff, 0xff}, make([]byte, 100)...)
	r := syntax.NewReader(nil)
	if n := testing.AllocsPerRun(100, func() {
		*r = *syntax.NewReader(in)
		r.Vector()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Nested moves its content when the length takes more than a byte, at any depth.
func TestNested(t *testing.T) {
	for _, n := range []int{0, 1, 61, 62, 63, 64, 65, 16379, 16381, 16382, 16383, 16384, 20000} {
		content := mlstest.Bytes(uint64(n), n)
		var w syntax.Writer
		w.Uint16(0xabcd)
		w.Nested(func(w *syntax.Writer) {
			w.Vector(content)
			w.Nested(func(w *syntax.Writer) { w.Raw(content) })
		})
		w.Uint8(0xef)

		inner := append(syntax.AppendLength(nil, n), content...)
		inner = append(inner, inner...)
		want := append(syntax.AppendLength([]byte{0xab, 0xcd}, len(inner)), inner...)
		want = append(want, 0xef)
		if !bytes.Equal(w.Bytes(), want) || w.Len() != len(want) {
			t.Fatalf("%d: written %x…, want %x…", n, w.Bytes()[:8], want[:8])
		}

		r := syntax.NewReader(w.Bytes())
		r.Uint16()
		in := r.Nested()
		first, second := in.Vector(), in.Nested()
		if !bytes.Equal(first, content) || !bytes.Equal(second.Raw(second.Len()), content) {
			t.Fatalf("%d: read something else", n)
		}
		if second.Close() != nil || in.Close() != nil || r.Uint8() != 0xef || r.Close() != nil {
			t.Fatalf("%d: %v", n, r.Err())
		}
	}
}

// An error inside of a vector, and bytes left over in it, are errors of the whole.
func TestNestedErrorReachesParent(t *testing.T) {
	for name, read := range map[string]func(in *syntax.Reader){
		"left over": func(in *syntax.Reader) { in.Uint8() },
		"beyond":    func(in *syntax.Reader) { in.Uint32() },
		"failed":    func(in *syntax.Reader) { in.Raw(2); in.Fail(syntax.ErrValue) },
	} {
		r := syntax.NewReader([]byte{2, 1, 2, 3})
		in := r.Nested()
		read(in)
		if in.Close() == nil || r.Err() == nil {
			t.Errorf("%s: inner %v, outer %v", name, in.Err(), r.Err())
		}
		if r.Uint8() != 0 || !r.Empty() {
			t.Errorf("%s: reading went on", name)
		}
	}
	r := syntax.NewReader([]byte{5, 1})
	if in := r.Nested(); in == nil || in.Err() == nil || !in.Empty() {
		t.Error("the content of a truncated vector can be read")
	}
}

func TestList(t *testing.T) {
	items := []uint16{1, 2, 0xffff}
	var w syntax.Writer
	syntax.WriteList(&w, items, func(w *syntax.Writer, v uint16) { w.Uint16(v) })
	if want := []byte{6, 0, 1, 0, 2, 0xff, 0xff}; !bytes.Equal(w.Bytes(), want) {
		t.Fatalf("%x, want %x", w.Bytes(), want)
	}
	r := syntax.NewReader(w.Bytes())
	if got := syntax.ReadList(r, (*syntax.Reader).Uint16); !slices.Equal(got, items) || r.Close() != nil {
		t.Errorf("%v, %v", got, r.Err())
	}

	r = syntax.NewReader([]byte{3, 0, 1, 0})
	if got := syntax.ReadList(r, (*syntax.Reader).Uint16); got != nil || !errors.Is(r.Close(), syntax.ErrTruncated) {
		t.Errorf("half an element: %v, %v", got, r.Err())
	}
	r = syntax.NewReader([]byte{1, 7})
	calls := 0
	got := syntax.ReadList(r, func(*syntax.Reader) int { calls++; return 0 })
	if got != nil || calls != 1 || !errors.Is(r.Close(), syntax.ErrEmptyElement) {
		t.Errorf("elements without bytes: %d after %d calls, %v", len(got), calls, r.Err())
	}
}
