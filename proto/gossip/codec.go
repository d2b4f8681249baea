package gossip

import (
	"encoding/binary"
	"fmt"

	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

const version = 1

// Append appends the encoding of the message to b.
func (s *Sighting) Append(b []byte) ([]byte, error) {
	w := writer{b: append(b, version)}
	w.b = append(w.b, s.Fingerprint[:]...)
	w.opaque(s.Document)
	w.count("heads", len(s.Heads), MaxHeads)
	for i := range s.Heads {
		h := &s.Heads[i]
		w.b = binary.BigEndian.AppendUint64(w.b, h.Size)
		w.b = append(w.b, h.Root[:]...)
		w.some("signature", h.Signature)
		w.count("bytes of a signature", len(h.Signature), MaxSignature)
		w.b = append(w.b, h.Signature...)
	}
	w.roots(s.Distinguished)
	w.count("checkpoints", len(s.Checkpoints), MaxCheckpoints)
	for _, note := range s.Checkpoints {
		w.some("checkpoint", note)
		w.opaque(note)
	}
	return w.done(b, MaxSighting)
}

// ParseSighting decodes exactly one message.
func ParseSighting(b []byte) (*Sighting, error) {
	r := newReader(b, MaxSighting)
	s := new(Sighting)
	copy(s.Fingerprint[:], r.next(len(provider.Fingerprint{})))
	s.Document = r.opaque()
	for range r.count("heads", MaxHeads) {
		h := evidence.SignedHead{Size: r.u64(), Root: r.hash()}
		h.Signature = r.some("signature", r.next(r.count("bytes of a signature", MaxSignature)))
		s.Heads = append(s.Heads, h)
	}
	s.Distinguished = r.roots()
	for range r.count("checkpoints", MaxCheckpoints) {
		s.Checkpoints = append(s.Checkpoints, r.some("checkpoint", r.opaque()))
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("sighting: %w", err)
	}
	return s, nil
}

// Append appends the encoding of the message to b.
func (a *Answer) Append(b []byte) ([]byte, error) {
	w := writer{b: append(b, version)}
	w.b = binary.BigEndian.AppendUint64(w.b, a.Size)
	w.b = binary.BigEndian.AppendUint64(w.b, a.Timestamp)
	w.b = append(w.b, a.Root[:]...)
	w.roots(a.Distinguished)
	if a.Verdict < Agrees || a.Verdict > Contradicts {
		w.fail("%s", a.Verdict)
	}
	w.b = append(w.b, byte(a.Verdict))
	if len(a.Evidence) > evidence.MaxSize {
		w.fail("evidence of %d bytes", len(a.Evidence))
	}
	w.opaque(a.Evidence)
	w.opaque(a.Cosigned)
	return w.done(b, MaxAnswer)
}

// ParseAnswer decodes exactly one message. Its evidence is not verified.
func ParseAnswer(b []byte) (*Answer, error) {
	r := newReader(b, MaxAnswer)
	a := &Answer{Size: r.u64(), Timestamp: r.u64(), Root: r.hash(), Distinguished: r.roots()}
	if v := r.next(1); v != nil {
		a.Verdict = Verdict(v[0])
	}
	if a.Verdict < Agrees || a.Verdict > Contradicts {
		r.fail("%s", a.Verdict)
	}
	if a.Evidence = r.opaque(); len(a.Evidence) > evidence.MaxSize {
		r.fail("evidence of %d bytes", len(a.Evidence))
	}
	a.Cosigned = r.opaque()
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	return a, nil
}

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

func (w *writer) count(what string, n, most int) {
	if n > most {
		w.fail("%d %s, the most is %d", n, what, most)
	}
	w.b = append(w.b, byte(n))
}

// some refuses what is empty.
func (w *writer) some(what string, v []byte) {
	if len(v) == 0 {
		w.fail("an empty %s", what)
	}
}

func (w *writer) opaque(v []byte) {
	if len(v) >= 1<<24 {
		w.fail("%d bytes", len(v))
		return
	}
	w.b = append(w.b, byte(len(v)>>16), byte(len(v)>>8), byte(len(v)))
	w.b = append(w.b, v...)
}

func (w *writer) roots(roots []wire.HashValue) {
	w.count("roots", len(roots), MaxDistinguished)
	for i := range roots {
		w.b = append(w.b, roots[i][:]...)
	}
}

// done returns what was appended to old, or old and the first fault.
func (w *writer) done(old []byte, most int) ([]byte, error) {
	if n := len(w.b) - len(old); n > most {
		w.fail("a message of %d bytes, the most is %d", n, most)
	}
	if w.err != nil {
		return old, w.err
	}
	return w.b, nil
}

// A reader takes an encoding apart. What it returns shares the message's memory.
// The first fault stays; from then on everything it returns is zero.
type reader struct {
	b   []byte
	err error
}

func newReader(b []byte, most int) *reader {
	r := &reader{b: b}
	if len(b) > most {
		r.fail("a message of %d bytes, the most is %d", len(b), most)
	}
	if v := r.next(1); v != nil && v[0] != version {
		r.fail("version %d", v[0])
	}
	return r
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	r.b = nil
}

func (r *reader) next(n int) []byte {
	if r.err != nil || len(r.b) < n {
		r.fail("cut short")
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// some refuses what is empty.
func (r *reader) some(what string, v []byte) []byte {
	if len(v) == 0 {
		r.fail("an empty %s", what)
	}
	return v
}

func (r *reader) u64() uint64 {
	if v := r.next(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (r *reader) hash() (h wire.HashValue) {
	copy(h[:], r.next(len(h)))
	return h
}

func (r *reader) count(what string, most int) int {
	v := r.next(1)
	if v != nil && int(v[0]) > most {
		r.fail("%d %s, the most is %d", v[0], what, most)
	}
	if r.err != nil {
		return 0
	}
	return int(v[0])
}

func (r *reader) opaque() []byte {
	v := r.next(3)
	if v == nil {
		return nil
	}
	if n := int(v[0])<<16 | int(v[1])<<8 | int(v[2]); n > 0 {
		return r.next(n)
	}
	return nil
}

func (r *reader) roots() (roots []wire.HashValue) {
	for range r.count("roots", MaxDistinguished) {
		roots = append(roots, r.hash())
	}
	return roots
}

func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.fail("%d bytes left over", len(r.b))
	}
	return r.err
}
