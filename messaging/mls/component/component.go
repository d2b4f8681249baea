// Package component is what applications attach to MLS: the data that they keep
// in a group, a leaf, a KeyPackage or a GroupInfo, told apart by the component
// that it belongs to (draft-ietf-mls-extensions, "The Safe Application
// Interface").
//
// It has the structures and their rules. Where they stand (proposals, extensions,
// authenticated data) is the matter of package message, and what they do to a
// group that of package group.
package component

import (
	"errors"
	"fmt"
	"math"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// ID is a ComponentID: it identifies a component within an application. Values
// from PrivateUse on are the application's own.
type ID uint16

// The identifiers of "MLS Component Types".
const (
	AppComponentsID        ID = 1 // LeafNode, GroupContext: a List
	SafeAADID              ID = 2 // LeafNode, GroupContext: a List
	ContentMediaTypesID    ID = 3 // LeafNode, GroupContext: media types, opaque here
	LastResortKeyPackageID ID = 4 // KeyPackage: empty
	AppAckID               ID = 5 // AppEphemeral proposal: an AppAck
	PrivateUse             ID = 0x8000
)

var (
	// ErrOrder: entries are not sorted by component, or a component has two.
	ErrOrder = fmt.Errorf("%w: components out of order", syntax.ErrSyntax)
	// ErrRange: a range of messages whose end is before its start.
	ErrRange = fmt.Errorf("%w: empty range of generations", syntax.ErrSyntax)
	// ErrData: a component's data is not what its identifier says.
	ErrData = errors.New("mls: component data is invalid")
)

// String returns the identifier as the registry writes it.
func (id ID) String() string { return fmt.Sprintf("component 0x%04x", uint16(id)) }

// List is a ComponentsList: which components a leaf supports, or which ones a
// group requires, under AppComponentsID and SafeAADID ("Negotiating Extensions
// and Components"). Its order means nothing and is kept; unknown identifiers,
// GREASE among them, stay where they are.
type List []ID

// Marshal writes the list.
func (l List) Marshal(w *syntax.Writer) {
	syntax.WriteList(w, l, func(w *syntax.Writer, id ID) { w.Uint16(uint16(id)) })
}

// Unmarshal reads a list. syntax.ErrTooLong: it has more than there are components.
func (l *List) Unmarshal(r *syntax.Reader) {
	*l = syntax.ReadListOf(r, math.MaxUint16+1, func(r *syntax.Reader) ID { return ID(r.Uint16()) })
}

// Supports reports whether every component of required is in l, and if not, the
// first that is not.
func (l List) Supports(required List) (missing ID, ok bool) {
	have := make(map[ID]bool, len(l))
	for _, id := range l {
		have[id] = true
	}
	for _, id := range required {
		if !have[id] {
			return id, false
		}
	}
	return 0, true
}

// OperationLabel is the encoding of a ComponentOperationLabel: the label under
// which a component signs, encrypts, or exports, so that neither MLS nor another
// component ever uses the same one ("Component IDs").
func OperationLabel(id ID, label string) string {
	var w syntax.Writer
	w.Vector([]byte("MLS Component"))
	w.Uint16(uint16(id))
	w.Vector([]byte(label))
	return string(w.Bytes())
}
