package directory

import (
	"fmt"
	"hash/maphash"
	"testing"
)

// TestLabelSet holds the set against a map, with labels of one hash among them.
func TestLabelSet(t *testing.T) {
	s := newLabelSet()
	want := map[string]*prepared{}
	for i := range 300 {
		v := &prepared{Value: Value{Label: fmt.Append(nil, i%100), Version: uint32(i)}}
		s.put(v)
		want[string(v.Label)] = v
		if i%3 == 0 { // as if another label had the hash of this one
			other := &prepared{Value: Value{Label: fmt.Append(nil, "x", i)}}
			s.newest[maphash.Bytes(s.seed, v.Label)] = uint32(len(s.values))
			s.values = append(s.values, other)
		}
	}
	for label, v := range want {
		if got := s.get([]byte(label)); got != v || !s.mayHave([]byte(label)) {
			t.Errorf("%s is %v, want %v", label, got, v)
		}
	}
	if s.get([]byte("none")) != nil || s.mayHave([]byte("none")) {
		t.Error("a label that was never put")
	}
}
