package evidence

import (
	"encoding/binary"
	"fmt"
)

// A writer appends an encoding. The first fault stays.
type writer struct {
	b   []byte
	err error
}

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
}

func (w *writer) u8(v uint8)     { w.b = append(w.b, v) }
func (w *writer) u32(v uint32)   { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64)   { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) fixed(v []byte) { w.b = append(w.b, v...) }

// count8 and count16 write the number of elements of a vector.
func (w *writer) count8(what string, n, most int) {
	if n > most {
		w.fail("%d %s, the most is %d", n, what, most)
	}
	w.u8(uint8(n))
}

func (w *writer) opaque8(what string, v []byte, most int) {
	w.count8("bytes of "+what, len(v), most)
	w.fixed(v)
}

func (w *writer) opaque16(what string, v []byte) {
	if len(v) > 1<<16-1 {
		if w.err == nil {
			w.err = fmt.Errorf("%w: %d bytes of %s", ErrTooLarge, len(v), what)
		}
		return
	}
	w.b = binary.BigEndian.AppendUint16(w.b, uint16(len(v)))
	w.fixed(v)
}

func (w *writer) present(p bool) {
	if p {
		w.u8(1)
	} else {
		w.u8(0)
	}
}

// A reader takes an encoding apart. The first fault stays; from then on everything
// it returns is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

// next takes n bytes.
func (r *reader) next(n int) []byte {
	if r.err != nil || len(r.b) < n {
		r.fail("cut short")
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) u8() uint8 {
	if v := r.next(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) u32() uint32 {
	if v := r.next(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if v := r.next(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (r *reader) hash() (h [32]byte) {
	copy(h[:], r.next(len(h)))
	return h
}

func (r *reader) signature() (s [64]byte) {
	copy(s[:], r.next(len(s)))
	return s
}

// count8 takes the number of elements of a vector.
func (r *reader) count8(what string, most int) int {
	n := int(r.u8())
	if n > most {
		r.fail("%d %s, the most is %d", n, what, most)
		return 0
	}
	return n
}

func (r *reader) opaque8(what string, most int) []byte {
	return r.next(r.count8("bytes of "+what, most))
}

func (r *reader) opaque16() []byte {
	v := r.next(2)
	if v == nil {
		return nil
	}
	return r.next(int(binary.BigEndian.Uint16(v)))
}

func (r *reader) present() bool {
	switch v := r.u8(); v {
	case 0, 1:
		return v == 1
	default:
		r.fail("%d says neither present nor absent", v)
		return false
	}
}

// end demands that nothing is left.
func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.fail("%d bytes left over", len(r.b))
	}
	return r.err
}

// hashes writes a vector of hashes with a count of one byte.
func hashes[H ~[32]byte](w *writer, what string, hashes []H, most int) {
	w.count8(what, len(hashes), most)
	for _, h := range hashes {
		w.fixed(h[:])
	}
}

// readHashes takes a vector of hashes: none are kept before their bytes are there.
func readHashes[H ~[32]byte](r *reader, what string, most int) []H {
	n := r.count8(what, most)
	b := r.next(32 * n)
	if len(b) == 0 {
		return nil
	}
	out := make([]H, n)
	for i := range out {
		copy(out[i][:], b[32*i:])
	}
	return out
}
