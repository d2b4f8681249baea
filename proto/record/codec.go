package record

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Encode returns the one encoding of a record. It fails when a bound is
// exceeded or the fields contradict each other; it does not check signatures.
func (r *Record) Encode() ([]byte, error) {
	b, err := r.body()
	if err != nil {
		return nil, err
	}
	b = appendOptional(b, r.AccountSignature != nil)
	if r.AccountSignature != nil {
		b = append(b, r.AccountSignature[:]...)
	}
	b = appendOptional(b, r.PreviousSignature != nil)
	if r.PreviousSignature != nil {
		b = append(b, r.PreviousSignature[:]...)
	}
	if (r.AccountSignature == nil) != (r.Kind == Imported) {
		return nil, fmt.Errorf("%w: a record of kind %v and its account signature do not go together", ErrInvalid, r.Kind)
	}
	if r.Kind == Imported && r.PreviousSignature != nil {
		return nil, fmt.Errorf("%w: an imported record carries no signature", ErrInvalid)
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, the most is %d", ErrInvalid, len(b), MaxSize)
	}
	return b, nil
}

// body returns the encoded Body: everything that is signed.
func (r *Record) body() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	b := appendOpaque8(nil, Context)
	b = appendOpaque8(b, r.Domain)
	b = appendOpaque8(b, r.Label)
	b = binary.BigEndian.AppendUint32(b, r.Version)
	b = appendOptional(b, r.Previous != nil)
	if r.Previous != nil {
		b = append(b, r.Previous[:]...)
	}
	b = append(b, byte(r.Kind))
	b = appendKey(b, r.Account)
	b = append(b, byte(len(r.Devices)))
	for _, d := range r.Devices {
		b = appendOpaque8(b, d.ID)
		b = appendOpaque8(b, d.Name)
		b = append(b, d.SignatureKey[:]...)
		b = appendOptional(b, d.MLS != nil)
		if d.MLS != nil {
			b = binary.BigEndian.AppendUint16(b, d.MLS.CipherSuite)
			b = binary.BigEndian.AppendUint16(b, uint16(len(d.MLS.SignatureKey)))
			b = append(b, d.MLS.SignatureKey...)
		}
	}
	b = append(b, byte(len(r.Keys)))
	for _, k := range r.Keys {
		b = binary.BigEndian.AppendUint16(b, uint16(k.Type))
		n := len(k.Data)
		b = append(b, byte(n>>16), byte(n>>8), byte(n))
		b = append(b, k.Data...)
	}
	b = appendKey(b, r.Recovery)
	b = appendOptional(b, r.MovedTo != "")
	if r.MovedTo != "" {
		b = appendOpaque8(b, r.MovedTo)
	}
	return b, nil
}

// Parse decodes a record. It accepts only the form that Encode makes, keeps no
// reference to encoded, and does not check signatures: see Verify and Next.
func Parse(encoded []byte) (*Record, error) {
	if len(encoded) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, the most is %d", ErrMalformed, len(encoded), MaxSize)
	}
	c := &cursor{rest: encoded}
	r := &Record{}
	if s := c.text(); s != Context {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, Context)
	}
	r.Domain = c.text()
	r.Label = c.text()
	r.Version = uint32(c.number(4))
	if c.present() {
		r.Previous = new(Hash)
		copy(r.Previous[:], c.bytes(len(r.Previous)))
	}
	r.Kind = Kind(c.number(1))
	r.Account = c.key()
	for n := c.number(1); n > 0 && !c.failed; n-- {
		r.Devices = append(r.Devices, c.device())
	}
	for n := c.number(1); n > 0 && !c.failed; n-- {
		k := PublishedKey{Type: KeyType(c.number(2))}
		k.Data = c.clone(int(c.number(3)))
		r.Keys = append(r.Keys, k)
	}
	r.Recovery = c.key()
	if c.present() {
		r.MovedTo = c.text()
		if r.MovedTo == "" {
			c.failed = true
		}
	}
	r.AccountSignature = c.signature()
	r.PreviousSignature = c.signature()
	if c.failed {
		return nil, fmt.Errorf("%w: it ends early or holds an impossible length", ErrMalformed)
	}
	if len(c.rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes follow it", ErrMalformed, len(c.rest))
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if (r.AccountSignature == nil) != (r.Kind == Imported) || r.Kind == Imported && r.PreviousSignature != nil {
		return nil, fmt.Errorf("%w: a record of kind %v has the wrong signatures", ErrMalformed, r.Kind)
	}
	return r, nil
}

func appendOptional(b []byte, present bool) []byte {
	if present {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendOpaque8[T string | []byte](b []byte, v T) []byte {
	b = append(b, byte(len(v)))
	return append(b, v...)
}

func appendKey(b []byte, k *Key) []byte {
	b = appendOptional(b, k != nil)
	if k != nil {
		b = append(b, k[:]...)
	}
	return b
}

// A cursor reads an encoding from the left. After a failure everything it
// returns is zero, so that callers check once, at the end.
type cursor struct {
	rest   []byte
	failed bool
}

// bytes returns the next n bytes, which still belong to the input.
func (c *cursor) bytes(n int) []byte {
	if c.failed || n > len(c.rest) {
		c.failed = true
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) clone(n int) []byte { return append([]byte(nil), c.bytes(n)...) }

func (c *cursor) number(size int) uint64 {
	var v uint64
	for _, x := range c.bytes(size) {
		v = v<<8 | uint64(x)
	}
	return v
}

func (c *cursor) text() string {
	s := string(c.bytes(int(c.number(1))))
	if !utf8.ValidString(s) {
		c.failed = true
	}
	return s
}

func (c *cursor) present() bool {
	v := c.number(1)
	if v > 1 {
		c.failed = true
	}
	return v == 1
}

func (c *cursor) key() *Key {
	if !c.present() {
		return nil
	}
	k := new(Key)
	copy(k[:], c.bytes(len(k)))
	return k
}

func (c *cursor) signature() *Signature {
	if !c.present() {
		return nil
	}
	s := new(Signature)
	copy(s[:], c.bytes(len(s)))
	return s
}

func (c *cursor) device() Device {
	d := Device{ID: c.clone(int(c.number(1))), Name: c.text()}
	copy(d.SignatureKey[:], c.bytes(len(d.SignatureKey)))
	if c.present() {
		d.MLS = &MLSKey{CipherSuite: uint16(c.number(2))}
		d.MLS.SignatureKey = c.clone(int(c.number(2)))
	}
	return d
}
