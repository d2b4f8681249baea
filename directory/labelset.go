package directory

import (
	"bytes"
	"hash/maphash"
)

// A committed batch of this load, which blocks evaluated before it know nothing of.
type committed struct {
	from, to uint64 // sizes of the log before and after
	labels   *labelSet
}

// A labelSet holds the values of a batch by label. It has few pointers, which
// would be followed at every collection.
type labelSet struct {
	seed   maphash.Seed
	newest map[uint64]uint32 // by hash of the label: index in values
	values []*prepared
}

func newLabelSet() *labelSet {
	return &labelSet{seed: maphash.MakeSeed(), newest: map[uint64]uint32{}}
}

// mayHave reports whether a label is in the set, or one of the same hash.
func (s *labelSet) mayHave(label []byte) bool {
	_, ok := s.newest[maphash.Bytes(s.seed, label)]
	return ok
}

// get returns the newest value of a label, or nil.
func (s *labelSet) get(label []byte) *prepared {
	i, ok := s.newest[maphash.Bytes(s.seed, label)]
	if !ok {
		return nil
	}
	for ; ; i-- { // of two labels with one hash, the other may be newer
		if bytes.Equal(s.values[i].Label, label) {
			return s.values[i]
		}
		if i == 0 {
			return nil
		}
	}
}

func (s *labelSet) put(v *prepared) {
	s.newest[maphash.Bytes(s.seed, v.Label)] = uint32(len(s.values))
	s.values = append(s.values, v)
}
