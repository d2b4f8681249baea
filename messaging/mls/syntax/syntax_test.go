package syntax_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// sample has a field of every kind.
type sample struct {
	a     uint8
	b     uint16
	c     uint32
	d     uint64
	fixed [3]byte
	opt   *uint8
	v     []byte
	list  [][]byte
}

func (s *sample) Marshal(w *syntax.Writer) {
	w.Uint8(s.a)
	w.Uint16(s.b)
	w.Uint32(s.c)
	w.Uint64(s.d)
	w.Raw(s.fixed[:])
	w.Optional(s.opt != nil)
	if s.opt != nil {
		w.Uint8(*s.opt)
	}
	w.Vector(s.v)
	syntax.WriteList(w, s.list, (*syntax.Writer).Vector)
}

func (s *sample) Unmarshal(r *syntax.Reader) {
	s.a = r.Uint8()
	s.b = r.Uint16()
	s.c = r.Uint32()
	s.d = r.Uint64()
	copy(s.fixed[:], r.Raw(3))
	if r.Optional() {
		v := r.Uint8()
		s.opt = &v
	}
	s.v = r.Vector()
	s.list = syntax.ReadList(r, (*syntax.Reader).Vector)
}

var seven = uint8(7)

func TestStructure(t *testing.T) {
	s := &sample{1, 0x0203, 0x04050607, 0x08090a0b0c0d0e0f, [3]byte{16, 17, 18}, &seven, []byte{19}, [][]byte{{}, {20, 21}}}
	b := syntax.Marshal(s)
	want := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 1, 7, 1, 19, 4, 0, 2, 20, 21}
	if !bytes.Equal(b, want) {
		t.Fatalf("%x, want %x", b, want)
	}
	var got sample
	if err := syntax.Unmarshal(b, &got); err != nil || !bytes.Equal(syntax.Marshal(&got), b) {
		t.Fatalf("%+v, %v", got, err)
	}
	for n := range b {
		if err := syntax.Unmarshal(b[:n], new(sample)); !errors.Is(err, syntax.ErrTruncated) {
			t.Errorf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if err := syntax.Unmarshal(append(b, 0), new(sample)); !errors.Is(err, syntax.ErrTrailing) {
		t.Errorf("a byte more: %v", err)
	}
}

// "A presence octet with a value other than 0 or 1 MUST be rejected" (2.1.1).
func TestOptionalPresence(t *testing.T) {
	for v := range 256 {
		r := syntax.NewReader([]byte{byte(v)})
		present := r.Optional()
		if v > 1 {
			if present || !errors.Is(r.Close(), syntax.ErrValue) {
				t.Errorf("presence %d: %v, %v", v, present, r.Err())
			}
		} else if present != (v == 1) || r.Close() != nil {
			t.Errorf("presence %d: %v, %v", v, present, r.Err())
		}
	}
}

// What was read cannot be appended to over what follows it.
func TestSlicesHaveNoSpareCapacity(t *testing.T) {
	in := []byte{1, 10, 1, 20, 30, 40}
	r := syntax.NewReader(in)
	_ = append(r.Vector(), 99)
	_ = append(r.Rest(), 99)
	if v := r.Vector(); v[0] != 20 {
		t.Errorf("the next vector is %v", v)
	}
	_ = append(r.Raw(1), 99)
	if v := r.Uint8(); v != 40 {
		t.Errorf("the next byte is %d", v)
	}
}

func TestFirstErrorStays(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	r := syntax.NewReader([]byte{1, 2, 3})
	r.Fail(first)
	r.Fail(second)
	if r.Uint8() != 0 || r.Uint16() != 0 || r.Uint32() != 0 || r.Uint64() != 0 || r.Optional() ||
		r.Raw(1) != nil || r.Vector() != nil || r.Rest() != nil || r.Len() != 0 || !r.Empty() {
		t.Error("something was read after an error")
	}
	if r.Close() != first || r.Err() != first {
		t.Errorf("%v", r.Err())
	}
}

// FuzzVector reads any bytes as nested vectors: what is accepted is written back
// as the same bytes, and the length agrees with the prose.
func FuzzVector(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{4, 0, 2, 20, 21})
	f.Add([]byte{4, 0, 2, 20, 21, 22})
	f.Add([]byte{0x40, 0x40})
	f.Add([]byte{0x80, 0, 0x40, 0})
	f.Add([]byte{0xff})
	f.Add(syntax.Marshal(&sample{opt: &seven, v: make([]byte, 70), list: [][]byte{make([]byte, 100)}}))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := syntax.NewReader(in)
		n := r.Length()
		want, _, err := slowLength(in)
		if (err == nil) != (r.Err() == nil) || n != want {
			t.Fatalf("length %d, %v; want %d, %v", n, r.Err(), want, err)
		}

		r = syntax.NewReader(in)
		list := syntax.ReadList(r, (*syntax.Reader).Vector)
		if list != nil && r.Err() != nil {
			t.Fatal("a list and an error")
		}
		if r.Close() == nil {
			var w syntax.Writer
			syntax.WriteList(&w, list, (*syntax.Writer).Vector)
			if !bytes.Equal(w.Bytes(), in) {
				t.Fatalf("%x is written back as %x", in, w.Bytes())
			}
		}

		var s sample
		if err := syntax.Unmarshal(in, &s); err == nil && !bytes.Equal(syntax.Marshal(&s), in) {
			t.Fatalf("%x is written back as %x", in, syntax.Marshal(&s))
		} else if err != nil && !errors.Is(err, syntax.ErrSyntax) {
			t.Fatalf("%v is of no class", err)
		}
	})
}
