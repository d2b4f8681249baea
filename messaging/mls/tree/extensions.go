package tree

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// ProtocolVersion is a version of MLS ("Group Context" (8.1) and everywhere).
type ProtocolVersion uint16

// MLS10 is the version of RFC 9420.
const MLS10 ProtocolVersion = 1

// ExtensionType is a value of the registry "MLS Extension Types" (17.3).
type ExtensionType uint16

const (
	ExtensionApplicationID        ExtensionType = 1 // in leaf nodes
	ExtensionRatchetTree          ExtensionType = 2 // in GroupInfo
	ExtensionRequiredCapabilities ExtensionType = 3 // in GroupContext
	ExtensionExternalPub          ExtensionType = 4 // in GroupInfo
	ExtensionExternalSenders      ExtensionType = 5 // in GroupContext

	// Of draft-ietf-mls-extensions, with the values that it suggests.
	ExtensionAppDataDictionary    ExtensionType = 6
	ExtensionSupportedWireFormats ExtensionType = 7
	ExtensionRequiredWireFormats  ExtensionType = 8
)

// IsDefault reports whether every client knows t, so that capabilities do not
// list it ("Leaf Node Contents" (7.2)).
func (t ExtensionType) IsDefault() bool {
	return t >= ExtensionApplicationID && t <= ExtensionExternalSenders
}

// ProposalType is a value of the registry "MLS Proposal Types" (17.4).
type ProposalType uint16

const (
	ProposalAdd                    ProposalType = 1
	ProposalUpdate                 ProposalType = 2
	ProposalRemove                 ProposalType = 3
	ProposalPSK                    ProposalType = 4
	ProposalReInit                 ProposalType = 5
	ProposalExternalInit           ProposalType = 6
	ProposalGroupContextExtensions ProposalType = 7

	// Of draft-ietf-mls-extensions, with the values that it suggests.
	ProposalAppDataUpdate ProposalType = 8
	ProposalAppEphemeral  ProposalType = 9
	ProposalSelfRemove    ProposalType = 10
)

// IsDefault reports whether every client knows t, so that capabilities do not
// list it ("Leaf Node Contents" (7.2)).
func (t ProposalType) IsDefault() bool {
	return t >= ProposalAdd && t <= ProposalGroupContextExtensions
}

// ErrDuplicateExtension: a list has two extensions of one type ("Extensions" (13.4)).
var ErrDuplicateExtension = fmt.Errorf("%w: extension type used twice", syntax.ErrValue)

// Extension is "Leaf Node Contents" (7.2). What Data means depends on Type, and
// is not looked at here.
type Extension struct {
	Type ExtensionType
	Data []byte // extension_data
}

// Marshal writes e.
func (e *Extension) Marshal(w *syntax.Writer) {
	w.Uint16(uint16(e.Type))
	w.Vector(e.Data)
}

// Unmarshal reads e.
func (e *Extension) Unmarshal(r *syntax.Reader) {
	e.Type = ExtensionType(r.Uint16())
	e.Data = r.Vector()
}

// Extensions is Extension<V>, in the sender's order.
type Extensions []Extension

// Find returns the data of the extension of type t, and whether there is one.
func (e Extensions) Find(t ExtensionType) ([]byte, bool) {
	for i := range e {
		if e[i].Type == t {
			return e[i].Data, true
		}
	}
	return nil, false
}

// Copy returns e in memory of its own.
func (e Extensions) Copy() Extensions {
	c := slices.Clone(e)
	for i := range c {
		c[i].Data = bytes.Clone(c[i].Data)
	}
	return c
}

// Marshal writes the list with its length.
func (e Extensions) Marshal(w *syntax.Writer) {
	w.Nested(func(w *syntax.Writer) {
		for i := range e {
			e[i].Marshal(w)
		}
	})
}

// Unmarshal reads a list, and fails with ErrDuplicateExtension if two have one type,
// or with syntax.ErrTooLong if there are more than there are types.
func (e *Extensions) Unmarshal(r *syntax.Reader) {
	*e = syntax.ReadListOf(r, math.MaxUint16+1, func(r *syntax.Reader) (x Extension) {
		x.Unmarshal(r)
		return x
	})
	if err := e.Check(); err != nil {
		r.Fail(err)
	}
}

// Check returns ErrDuplicateExtension if two extensions have one type.
func (e Extensions) Check() error {
	if len(e) < 2 {
		return nil
	}
	seen := make(map[ExtensionType]struct{}, len(e))
	for i := range e {
		if _, ok := seen[e[i].Type]; ok {
			return fmt.Errorf("%w: %d", ErrDuplicateExtension, e[i].Type)
		}
		seen[e[i].Type] = struct{}{}
	}
	return nil
}
