package syntax

import "encoding/binary"

// Writer appends encodings to a buffer. Its zero value is ready for use.
type Writer struct{ buf []byte }

// NewWriter returns a Writer that appends to buf, whose capacity it uses.
func NewWriter(buf []byte) *Writer { return &Writer{buf: buf} }

// Bytes returns what has been written. It aliases the buffer.
func (w *Writer) Bytes() []byte { return w.buf }

// Len returns the number of bytes written.
func (w *Writer) Len() int { return len(w.buf) }

// Uint8 writes a uint8.
func (w *Writer) Uint8(v uint8) { w.buf = append(w.buf, v) }

// Uint16 writes a uint16.
func (w *Writer) Uint16(v uint16) { w.buf = binary.BigEndian.AppendUint16(w.buf, v) }

// Uint32 writes a uint32.
func (w *Writer) Uint32(v uint32) { w.buf = binary.BigEndian.AppendUint32(w.buf, v) }

// Uint64 writes a uint64.
func (w *Writer) Uint64(v uint64) { w.buf = binary.BigEndian.AppendUint64(w.buf, v) }

// Raw writes b without a length: the reader knows it.
func (w *Writer) Raw(b []byte) { w.buf = append(w.buf, b...) }

// Optional writes the presence octet of an optional value ("Optional Value"
// (2.1.1)). If present, the value has to be written next.
func (w *Writer) Optional(present bool) {
	if present {
		w.Uint8(1)
	} else {
		w.Uint8(0)
	}
}
