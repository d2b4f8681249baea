package auditor

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// A State is stored as, all big-endian:
//
//	 1  format version, 1
//	 8  window   8 start   8 size
//	32  prefix root
//	32  each full subtree of the log tree
//	 8  each timestamp of the frontier
//	 8  number of recent leaves
//	40  each recent leaf, strictly ascending: VRF output, position
//
// The numbers of subtrees and timestamps follow from the size.
const (
	stateVersion = 1
	additionSize = wire.VRFOutputSize + 8
)

// Append appends the encoding of s to b.
func (s State) Append(b []byte) []byte {
	w := &appender{b}
	_, _ = s.WriteTo(w) // an appender takes all
	return w.b
}

// An appender is a Writer that cannot fail.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// WriteTo writes the encoding of s, in pieces: it may be large, and is never in
// memory as a whole.
func (s State) WriteTo(w io.Writer) (written int64, err error) {
	b := make([]byte, 0, 4096)
	b = append(b, stateVersion)
	b = binary.BigEndian.AppendUint64(b, s.window)
	b = binary.BigEndian.AppendUint64(b, s.start)
	b = binary.BigEndian.AppendUint64(b, s.size)
	b = append(b, s.prefixRoot[:]...)
	for i := range s.full {
		b = append(b, s.full[i][:]...)
	}
	for _, ms := range s.frontier {
		b = binary.BigEndian.AppendUint64(b, ms)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(s.recent.count()))
	flush := func() bool {
		var n int
		n, err = w.Write(b)
		written, b = written+int64(n), b[:0]
		return err == nil
	}
	s.recent.each(func(a *addition) bool {
		if len(b)+additionSize > cap(b) && !flush() {
			return false
		}
		b = append(b, a.key[:]...)
		b = binary.BigEndian.AppendUint64(b, a.pos)
		return true
	})
	if err == nil {
		flush()
	}
	return written, err
}

// ParseState reads what Append wrote, and nothing else. Its errors wrap ErrState.
func ParseState(b []byte) (s State, err error) {
	malformed := func(what string) (State, error) {
		return State{}, fmt.Errorf("%w: %s", ErrState, what)
	}
	const fixed = 1 + 8 + 8 + 8 + wire.HashSize
	if len(b) < fixed || b[0] != stateVersion {
		return malformed("unknown format")
	}
	s.window = binary.BigEndian.Uint64(b[1:])
	s.start = binary.BigEndian.Uint64(b[9:])
	s.size = binary.BigEndian.Uint64(b[17:])
	copy(s.prefixRoot[:], b[25:])
	b = b[fixed:]
	if s.size > treemath.MaxSize {
		return malformed("too large")
	}
	subtrees, timestamps := bits.OnesCount64(s.size), 0
	if s.size > 0 {
		timestamps = len(treemath.Frontier(s.size))
	}
	if len(b) < subtrees*wire.HashSize+timestamps*8+8 {
		return malformed("too short")
	}
	for range subtrees {
		s.full = append(s.full, wire.HashValue(b[:wire.HashSize]))
		b = b[wire.HashSize:]
	}
	for range timestamps {
		s.frontier = append(s.frontier, binary.BigEndian.Uint64(b))
		b = b[8:]
	}
	n := binary.BigEndian.Uint64(b)
	b = b[8:]
	if n > uint64(len(b)) || n*additionSize != uint64(len(b)) {
		return malformed("wrong length")
	}
	limit := max(smallRun, n/8)
	var last *wire.VRFOutput
	for left := n; left > 0; {
		leaves := make([]addition, min(left, limit))
		left -= uint64(len(leaves))
		for i := range leaves {
			leaves[i] = addition{wire.VRFOutput(b[:wire.VRFOutputSize]), binary.BigEndian.Uint64(b[wire.VRFOutputSize:])}
			b = b[additionSize:]
			if leaves[i].pos >= s.size || last != nil && compare(last, &leaves[i].key) >= 0 {
				return malformed("recent leaves out of place")
			}
			last = &leaves[i].key
		}
		s.recent = append(s.recent, makeRun(leaves))
	}
	if s.size == 0 && s.prefixRoot != (wire.HashValue{}) {
		return malformed("an empty log with a prefix tree")
	}
	if err := s.check(); err != nil {
		return State{}, err
	}
	return s, nil
}
