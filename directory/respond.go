package directory

import (
	"bytes"
	"sync"

	"github.com/kith-kt/kith/proto/wire"
)

// buffers lends memory to respond. How long a response will be is not known
// before, and growing towards it would allocate twice as much as it needs.
var buffers = sync.Pool{New: func() any { return &[]byte{} }}

// maxBuffer is the greatest buffer that is kept, in bytes.
const maxBuffer = 64 << 10

// respond encodes a response into memory of its own.
func (d *Directory) respond(response interface {
	Append(b []byte, f wire.Format) ([]byte, error)
}) ([]byte, error) {
	buffer := buffers.Get().(*[]byte)
	b, err := response.Append((*buffer)[:0], d.format)
	if err != nil {
		return nil, err
	}
	body := bytes.Clone(b)
	if cap(b) <= maxBuffer {
		*buffer = b
		buffers.Put(buffer)
	}
	return body, nil
}
