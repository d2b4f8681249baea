package mlstest

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"
)

// Rand returns a stream of bytes that depends on seed alone: ChaCha8 under the
// seed's hash. It may be read by several goroutines, and never fails.
func Rand(seed uint64) io.Reader {
	return &stream{c: rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("mlstest"), seed)))}
}

type stream struct {
	mu sync.Mutex
	c  *rand.ChaCha8
}

func (s *stream) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c.Read(b)
}

// Bytes returns the first n bytes of the stream of seed.
func Bytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(Rand(seed), b); err != nil {
		panic(err) // a stream does not fail
	}
	return b
}
