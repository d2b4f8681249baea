package wire

import (
	"encoding/binary"
	"fmt"
)

// A writer appends the presentation language to b and keeps the first error.
type writer struct {
	b   []byte
	f   Format
	err error
}

// done returns what was written, or old unchanged and the first error.
func (w *writer) done(old []byte) ([]byte, error) {
	if w.err != nil {
		return old, w.err
	}
	return w.b, nil
}

func (w *writer) fail(field, reason string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s: %s", ErrUnencodable, field, fmt.Sprintf(reason, args...))
	}
}

func (w *writer) uint8(v uint8)   { w.b = append(w.b, v) }
func (w *writer) uint16(v uint16) { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *writer) uint32(v uint32) { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) uint64(v uint64) { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) fixed(v []byte)  { w.b = append(w.b, v...) }

// count8 writes the number of elements of a <0..2^8-1> vector.
func (w *writer) count8(field string, n int) {
	if n > 1<<8-1 {
		w.tooMany(field, n, 1<<8-1)
		return
	}
	w.uint8(uint8(n))
}

// count16 writes the number of elements of a <0..2^16-1> vector.
func (w *writer) count16(field string, n int) {
	if n > 1<<16-1 {
		w.tooMany(field, n, 1<<16-1)
		return
	}
	w.uint16(uint16(n))
}

// count32 writes the number of elements of a <0..2^32-1> vector.
func (w *writer) count32(field string, n int) {
	if uint64(n) > 1<<32-1 {
		w.tooMany(field, n, 1<<32-1)
		return
	}
	w.uint32(uint32(n))
}

func (w *writer) tooMany(field string, n int, ceiling uint64) {
	w.fail(field, "%d elements, at most %d", n, ceiling)
}

func (w *writer) opaque8(field string, v []byte) {
	w.count8(field, len(v))
	w.fixed(v)
}

func (w *writer) opaque16(field string, v []byte) {
	w.count16(field, len(v))
	w.fixed(v)
}

func (w *writer) opaque32(field string, v []byte) {
	w.count32(field, len(v))
	w.fixed(v)
}

func (w *writer) optional32(v *uint32) {
	if v == nil {
		w.uint8(0)
		return
	}
	w.uint8(1)
	w.uint32(*v)
}

func (w *writer) optional64(v *uint64) {
	if v == nil {
		w.uint8(0)
		return
	}
	w.uint8(1)
	w.uint64(*v)
}

func (w *writer) hashes(v []HashValue) {
	for i := range v {
		w.b = append(w.b, v[i][:]...)
	}
}

// mode returns the deployment mode, for a field whose presence depends on it.
func (w *writer) mode(field string) DeploymentMode {
	if !w.f.Mode.known() {
		w.fail(field, "depends on the deployment mode, and %d is none", w.f.Mode)
	}
	return w.f.Mode
}
