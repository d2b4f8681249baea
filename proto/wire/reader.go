package wire

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// A reader consumes the presentation language from b. Its first error sticks:
// from then on every read returns a zero value and consumes nothing, so that
// decoders check for errors only where they loop.
type reader struct {
	b   []byte // the whole message
	off int    // next byte to read
	f   Format
	err error

	path  [maxNesting]step // where in the message the next field stands
	depth int              // steps in use

	hashRoom   []HashValue          // allocated, not yet given out
	resultRoom []PrefixSearchResult // likewise
}

// maxNesting is the deepest nesting of structures in any message, generously.
const maxNesting = 8

type step struct {
	field string
	index int // -1: not an element of a vector
}

func newReader(name string, b []byte, f Format) reader {
	r := reader{b: b, f: f}
	r.enter(name)
	return r
}

// end returns the first error, or one for bytes that nothing consumed.
func (r *reader) end() error {
	if r.err == nil && r.off != len(r.b) {
		r.fail("", "%d bytes after the end", len(r.b)-r.off)
	}
	return r.err
}

// finish returns x if r has read it exactly.
func finish[T any](r *reader, x *T) (*T, error) {
	if err := r.end(); err != nil {
		return nil, err
	}
	return x, nil
}

func (r *reader) enter(field string)           { r.enterAt(field, -1) }
func (r *reader) enterAt(field string, at int) { r.path[r.depth] = step{field, at}; r.depth++ }
func (r *reader) leave()                       { r.depth-- }
func (r *reader) ok() bool                     { return r.err == nil }
func (r *reader) remaining() int               { return len(r.b) - r.off }

// fail keeps the first error, with the path of field ("" for the structure itself).
func (r *reader) fail(field, reason string, args ...any) {
	if r.err != nil {
		return
	}
	var p []byte
	for _, s := range r.path[:r.depth] {
		p = append(appendSeparator(p), s.field...)
		if s.index >= 0 {
			p = append(strconv.AppendInt(append(p, '['), int64(s.index), 10), ']')
		}
	}
	if field != "" {
		p = append(appendSeparator(p), field...)
	}
	r.err = fmt.Errorf("%w: %s at byte %d: %s", ErrMalformed, p, r.off, fmt.Sprintf(reason, args...))
}

func appendSeparator(p []byte) []byte {
	if len(p) == 0 {
		return p
	}
	return append(p, '.')
}

// next returns the next n bytes, which alias the input, or nil.
func (r *reader) next(field string, n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.b)-r.off {
		r.fail(field, "%d bytes needed, %d remain", n, r.remaining())
		return nil
	}
	v := r.b[r.off : r.off+n : r.off+n]
	r.off += n
	return v
}

func (r *reader) uint8(field string) uint8 {
	if v := r.next(field, 1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) uint16(field string) uint16 {
	if v := r.next(field, 2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (r *reader) uint32(field string) uint32 {
	if v := r.next(field, 4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (r *reader) uint64(field string) uint64 {
	if v := r.next(field, 8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (r *reader) hash(field string) (h HashValue) {
	copy(h[:], r.next(field, HashSize))
	return h
}

func (r *reader) opening(field string) (o Opening) {
	copy(o[:], r.next(field, OpeningSize))
	return o
}

// present reads the octet before an optional value. Anything but 0 and 1 MUST
// be rejected ("Optional Values").
func (r *reader) present(field string) bool {
	if r.err == nil && r.off < len(r.b) && r.b[r.off] > 1 {
		r.fail(field, "presence octet %d", r.b[r.off])
	}
	return r.uint8(field) == 1
}

func (r *reader) optional32(field string) *uint32 {
	if !r.present(field) {
		return nil
	}
	v := r.uint32(field)
	return &v
}

func (r *reader) optional64(field string) *uint64 {
	if !r.present(field) {
		return nil
	}
	v := r.uint64(field)
	return &v
}

// mode returns the deployment mode, for a field whose presence depends on it.
func (r *reader) mode(field string) DeploymentMode {
	if !r.f.Mode.known() {
		r.fail(field, "depends on the deployment mode, and %d is none", r.f.Mode)
	}
	return r.f.Mode
}

// enum reads one octet whose values are first to last.
func (r *reader) enum(field string, first, last uint8) uint8 {
	if r.err == nil && r.off < len(r.b) && (r.b[r.off] < first || r.b[r.off] > last) {
		r.fail(field, "%d is not a known value", r.b[r.off])
	}
	return r.uint8(field)
}
