package tree

import (
	"fmt"
	"math"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// Capabilities is "Leaf Node Contents" (7.2): what a client supports. Unknown
// values are kept and ignored. Default extension and proposal types are not listed.
type Capabilities struct {
	Versions     []ProtocolVersion
	CipherSuites []suite.ID
	Extensions   []ExtensionType
	Proposals    []ProposalType
	Credentials  []CredentialType
}

// Marshal writes c.
func (c *Capabilities) Marshal(w *syntax.Writer) {
	writeTypes(w, c.Versions)
	writeTypes(w, c.CipherSuites)
	writeTypes(w, c.Extensions)
	writeTypes(w, c.Proposals)
	writeTypes(w, c.Credentials)
}

// Unmarshal reads c.
func (c *Capabilities) Unmarshal(r *syntax.Reader) {
	c.Versions = readTypes[ProtocolVersion](r)
	c.CipherSuites = readTypes[suite.ID](r)
	c.Extensions = readTypes[ExtensionType](r)
	c.Proposals = readTypes[ProposalType](r)
	c.Credentials = readTypes[CredentialType](r)
}

// SupportsVersion reports whether v is listed.
func (c *Capabilities) SupportsVersion(v ProtocolVersion) bool { return slices.Contains(c.Versions, v) }

// SupportsSuite reports whether id is listed.
func (c *Capabilities) SupportsSuite(id suite.ID) bool { return slices.Contains(c.CipherSuites, id) }

// SupportsExtension reports whether t is a default type or listed.
func (c *Capabilities) SupportsExtension(t ExtensionType) bool {
	return t.IsDefault() || slices.Contains(c.Extensions, t)
}

// SupportsProposal reports whether t is a default type or listed.
func (c *Capabilities) SupportsProposal(t ProposalType) bool {
	return t.IsDefault() || slices.Contains(c.Proposals, t)
}

// SupportsCredential reports whether t is listed: no credential type is a default.
func (c *Capabilities) SupportsCredential(t CredentialType) bool {
	return slices.Contains(c.Credentials, t)
}

// checkListed returns ErrDefaultListed if c lists a default type.
func (c *Capabilities) checkListed() error {
	if i := slices.IndexFunc(c.Extensions, ExtensionType.IsDefault); i >= 0 {
		return fmt.Errorf("%w: extension %d", ErrDefaultListed, c.Extensions[i])
	}
	if i := slices.IndexFunc(c.Proposals, ProposalType.IsDefault); i >= 0 {
		return fmt.Errorf("%w: proposal %d", ErrDefaultListed, c.Proposals[i])
	}
	return nil
}

func writeTypes[T ~uint16](w *syntax.Writer, types []T) {
	w.Nested(func(w *syntax.Writer) {
		for _, t := range types {
			w.Uint16(uint16(t))
		}
	})
}

// readTypes fails with syntax.ErrTooLong if there are more than there are types.
func readTypes[T ~uint16](r *syntax.Reader) []T {
	in := r.Nested()
	if in.Len() > 2*(math.MaxUint16+1) {
		in.Fail(syntax.ErrTooLong)
	}
	types := make([]T, 0, in.Len()/2)
	for !in.Empty() {
		types = append(types, T(in.Uint16()))
	}
	if in.Close() != nil {
		return nil
	}
	return types
}
