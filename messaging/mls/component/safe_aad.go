package component

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// SafeAAD is the authenticated data of a message in a group whose GroupContext
// has the component SafeAADID ("Safe Additional Authenticated Data (AAD)"): an
// item for each component that has something to say, sorted by component.
type SafeAAD []SafeAADItem

// SafeAADItem is what one component says.
type SafeAADItem struct {
	Component ID
	Data      []byte
}

// Get returns what a component says, and whether it says anything.
func (s SafeAAD) Get(id ID) (data []byte, ok bool) {
	i, ok := slices.BinarySearchFunc(s, id, func(it SafeAADItem, id ID) int { return cmp.Compare(it.Component, id) })
	if !ok {
		return nil, false
	}
	return s[i].Data, true
}

// Check returns ErrOrder if the items are not sorted or a component has two.
// Whoever builds a SafeAAD calls it; Unmarshal does so itself.
func (s SafeAAD) Check() error {
	for i := 1; i < len(s); i++ {
		if s[i-1].Component >= s[i].Component {
			return fmt.Errorf("safe_aad: %w", ErrOrder)
		}
	}
	return nil
}

// Marshal writes the items in their order.
func (s SafeAAD) Marshal(w *syntax.Writer) {
	syntax.WriteList(w, s, func(w *syntax.Writer, it SafeAADItem) {
		w.Uint16(uint16(it.Component))
		w.Vector(it.Data)
	})
}

// Unmarshal reads a SafeAAD. The draft speaks of the increasing order of
// components, so that a component with two items is refused.
func (s *SafeAAD) Unmarshal(r *syntax.Reader) {
	*s = syntax.ReadList(r, func(r *syntax.Reader) SafeAADItem {
		return SafeAADItem{ID(r.Uint16()), r.Vector()}
	})
	if err := s.Check(); err != nil {
		r.Fail(err)
		*s = nil
	}
}
