package message

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Proposal is a change that is proposed to a group: "Proposals" (12.1). It is one
// of *Add, *Update, *Remove, *PreSharedKey, *ReInit, *ExternalInit,
// *GroupContextExtensions, *SelfRemove, *AppDataUpdate, *AppEphemeral, and
// *Unknown for all other types.
//
// Marshal and Unmarshal are those of the body; WriteProposal and ReadProposal put
// the type before it.
type Proposal interface {
	syntax.Marshaler
	syntax.Unmarshaler
	ProposalType() tree.ProposalType
	proposal()
}

// Add proposes a new member (12.1.1).
type Add struct{ KeyPackage *KeyPackage }

// Update proposes a new leaf for its sender (12.1.2).
type Update struct{ LeafNode *tree.LeafNode }

// Remove proposes that a member is removed (12.1.3).
type Remove struct{ Removed tree.LeafIndex }

// PreSharedKey proposes that a pre-shared key enters the key schedule (12.1.4).
type PreSharedKey struct{ PSK schedule.PreSharedKeyID }

// ReInit proposes that the group ends and another one continues it (12.1.5).
type ReInit struct {
	GroupID     []byte // of the group to come
	Version     tree.ProtocolVersion
	CipherSuite suite.ID
	Extensions  tree.Extensions
}

// ExternalInit carries what the next init secret is derived from, in external
// Commits alone (12.1.6).
type ExternalInit struct{ KEMOutput []byte }

// GroupContextExtensions proposes other extensions of the GroupContext, all of
// them (12.1.7).
type GroupContextExtensions struct{ Extensions tree.Extensions }

// SelfRemove proposes that its sender is removed (extensions draft, "SelfRemove
// Proposal"). It is sent as a PublicMessage, and committed by reference only.
type SelfRemove struct{}

// AppDataUpdate proposes a change of a component's data in the GroupContext, or
// its removal (extensions draft, "Updating Application Data in the
// GroupContext").
type AppDataUpdate struct {
	Component component.ID
	Remove    bool
	Update    []byte // read by the component; nil if Remove
}

// AppEphemeral gives a component data with the Commit that covers it (extensions
// draft, "Attaching Application Data to a Commit").
type AppEphemeral struct {
	Component component.ID
	Data      []byte
}

// Unknown is a proposal of a type that this package does not know. RFC 9420 does
// not say where such a proposal ends. Its content is taken to be one opaque<V>,
// as implementations of MLS write the proposals of applications; content of
// another form does not parse.
type Unknown struct {
	Type tree.ProposalType
	Data []byte
}

// ProposalType returns the type.
func (*Add) ProposalType() tree.ProposalType          { return tree.ProposalAdd }
func (*Update) ProposalType() tree.ProposalType       { return tree.ProposalUpdate }
func (*Remove) ProposalType() tree.ProposalType       { return tree.ProposalRemove }
func (*PreSharedKey) ProposalType() tree.ProposalType { return tree.ProposalPSK }
func (*ReInit) ProposalType() tree.ProposalType       { return tree.ProposalReInit }
func (*ExternalInit) ProposalType() tree.ProposalType { return tree.ProposalExternalInit }
func (*GroupContextExtensions) ProposalType() tree.ProposalType {
	return tree.ProposalGroupContextExtensions
}
func (*SelfRemove) ProposalType() tree.ProposalType    { return tree.ProposalSelfRemove }
func (*AppDataUpdate) ProposalType() tree.ProposalType { return tree.ProposalAppDataUpdate }
func (*AppEphemeral) ProposalType() tree.ProposalType  { return tree.ProposalAppEphemeral }
func (p *Unknown) ProposalType() tree.ProposalType     { return p.Type }

func (*Add) proposal()                    {}
func (*Update) proposal()                 {}
func (*Remove) proposal()                 {}
func (*PreSharedKey) proposal()           {}
func (*ReInit) proposal()                 {}
func (*ExternalInit) proposal()           {}
func (*GroupContextExtensions) proposal() {}
func (*SelfRemove) proposal()             {}
func (*AppDataUpdate) proposal()          {}
func (*AppEphemeral) proposal()           {}
func (*Unknown) proposal()                {}

// PathRequired reports whether a Commit that covers a proposal of this type must
// have a path ("Commit" (12.4)). Of unknown types it is assumed.
func PathRequired(t tree.ProposalType) bool {
	switch t {
	case tree.ProposalAdd, tree.ProposalPSK, tree.ProposalReInit,
		tree.ProposalAppDataUpdate, tree.ProposalAppEphemeral:
		return false
	}
	return true
}

// ExternalAllowed reports whether an external sender may send a proposal of this
// type ("External Proposals" (12.1.8)). Unknown types it may not.
func ExternalAllowed(t tree.ProposalType) bool {
	switch t {
	case tree.ProposalAdd, tree.ProposalRemove, tree.ProposalPSK, tree.ProposalReInit,
		tree.ProposalGroupContextExtensions, tree.ProposalAppDataUpdate, tree.ProposalAppEphemeral:
		return true
	}
	return false
}

// WriteProposal writes a proposal with its type.
func WriteProposal(w *syntax.Writer, p Proposal) {
	w.Uint16(uint16(p.ProposalType()))
	p.Marshal(w)
}

// ReadProposal reads a proposal with its type, nil if there is an error.
func ReadProposal(r *syntax.Reader) Proposal {
	t := tree.ProposalType(r.Uint16())
	if r.Err() != nil {
		return nil
	}
	p := newProposal(t)
	if p == nil {
		r.Fail(fmt.Errorf("proposal_type: %w", syntax.ErrValue))
		return nil
	}
	p.Unmarshal(r)
	if r.Err() != nil {
		return nil
	}
	return p
}

// newProposal returns an empty proposal of a type, nil for the reserved type 0.
func newProposal(t tree.ProposalType) Proposal {
	switch t {
	case 0:
		return nil
	case tree.ProposalAdd:
		return new(Add)
	case tree.ProposalUpdate:
		return new(Update)
	case tree.ProposalRemove:
		return new(Remove)
	case tree.ProposalPSK:
		return new(PreSharedKey)
	case tree.ProposalReInit:
		return new(ReInit)
	case tree.ProposalExternalInit:
		return new(ExternalInit)
	case tree.ProposalGroupContextExtensions:
		return new(GroupContextExtensions)
	case tree.ProposalSelfRemove:
		return new(SelfRemove)
	case tree.ProposalAppDataUpdate:
		return new(AppDataUpdate)
	case tree.ProposalAppEphemeral:
		return new(AppEphemeral)
	}
	return &Unknown{Type: t}
}
