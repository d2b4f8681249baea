package tiled

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// An Appender computes the stored hashes of new leaves. Of the log so far it
// knows the heads of the full subtrees, which is all it needs.
type Appender struct {
	size uint64
	full []tlog.Hash // left to right
}

// NewAppender continues a log of size leaves whose stored hashes r reads.
func NewAppender(size uint64, r tlog.HashReader) (*Appender, error) {
	indexes := fullSubtrees(size)
	full, err := r.ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	if len(full) != len(indexes) {
		return nil, fmt.Errorf("audit log: %d hashes for %d", len(full), len(indexes))
	}
	return &Appender{size, full}, nil
}

// fullSubtrees returns the stored indexes of the full subtrees of a log, left to right.
func fullSubtrees(size uint64) []int64 {
	var indexes []int64
	for rest := size; rest != 0; {
		level := bits.Len64(rest) - 1
		rest &^= 1 << level
		indexes = append(indexes, tlog.StoredHashIndex(level, int64(size>>level-1)))
	}
	return indexes
}

// Size returns the number of leaves.
func (a *Appender) Size() uint64 { return a.size }

// Append appends to dst the stored hashes of the next leaf, in the order of
// tlog.StoredHashIndex.
func (a *Appender) Append(dst []tlog.Hash, leaf []byte) []tlog.Hash {
	h := tlog.RecordHash(leaf)
	dst = append(dst, h)
	for range bits.TrailingZeros64(^a.size) {
		h = tlog.NodeHash(a.full[len(a.full)-1], h)
		a.full = a.full[:len(a.full)-1]
		dst = append(dst, h)
	}
	a.full = append(a.full, h)
	a.size++
	return dst
}

// Root returns the root of the log.
func (a *Appender) Root() tlog.Hash {
	if a.size == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	h := a.full[len(a.full)-1]
	for i := len(a.full) - 2; i >= 0; i-- {
		h = tlog.NodeHash(a.full[i], h)
	}
	return h
}
