package group

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// origin is where a new group comes from: a group that we are in, whose
// resumption PSK the new one's first Commit has with the usage reinit
// ("Reinitialization", 11.2) or branch ("Subgroup Branching", 11.3).
type origin struct {
	usage schedule.ResumptionUsage
	state *State
}

// findOrigin finds the group that a Welcome's PSK of usage reinit or branch names,
// and the key.
func findOrigin(id *schedule.PreSharedKeyID, o *JoinOptions) (*origin, []byte, error) {
	var s *State
	if o.Origin != nil {
		s = o.Origin(id.GroupID)
	}
	if s == nil || string(s.GroupID()) != string(id.GroupID) || s.Removed() {
		return nil, nil, fmt.Errorf("%w: we are not in group %s", ErrOrigin, syntax.Hex(id.GroupID))
	}
	// "the last Commit to the referenced group contains a ReInit proposal": the
	// group is closed, and the key that of its last epoch.
	if id.Usage == schedule.UsageReInit && (s.ReInit() == nil || id.Epoch != s.Epoch()) {
		return nil, nil, fmt.Errorf("%w: no reinit led to epoch %d of group %s", ErrOrigin, id.Epoch, syntax.Hex(id.GroupID))
	}
	key, ok := s.ResumptionPSK(id.Epoch)
	if !ok {
		return nil, nil, fmt.Errorf("%w: epoch %d of group %s", ErrPSK, id.Epoch, syntax.Hex(id.GroupID))
	}
	return &origin{id.Usage, s}, key, nil
}

// continues reports whether a new group is what somebody waits for who is in the group
// id. After a ReInit that is not a branch, which has other members and parameters.
func (g *origin) continues(id []byte) bool {
	return string(g.state.GroupID()) == string(id) && (g.usage == schedule.UsageReInit || g.state.ReInit() == nil)
}

// check holds the GroupInfo and tree of a new group against its origin.
func (g *origin) check(info *message.GroupInfo, t *tree.Tree, o *JoinOptions) error {
	if info.GroupContext.Epoch != 1 {
		return fmt.Errorf("%w: epoch %d instead of 1", ErrOrigin, info.GroupContext.Epoch)
	}
	if g.usage == schedule.UsageReInit {
		if err := matchesReInit(g.state.ReInit(), &info.GroupContext); err != nil {
			return err
		}
		return keepsMembers(g.state.Tree(), t, o.identity())
	}
	if info.GroupContext.CipherSuite != g.state.Suite().ID() {
		return fmt.Errorf("%w: cipher suite of a branch", ErrOrigin)
	}
	return addsNobody(g.state.Tree(), t, o.identity())
}

// keepsMembers requires that everybody of the old group is in the new one: a member
// is a leaf, so that who has three leaves has at least three again.
func keepsMembers(old, t *tree.Tree, identity func(*tree.LeafNode) string) error {
	have := make(map[string]int)
	for _, leaf := range t.Members() {
		have[identity(leaf)]++
	}
	for i, leaf := range old.Members() {
		who := identity(leaf)
		if have[who]--; have[who] < 0 {
			return fmt.Errorf("%w: member %d of the old group is missing", ErrOrigin, i)
		}
	}
	return nil
}

// addsNobody requires that everybody of a branch is in the old group.
func addsNobody(old, t *tree.Tree, identity func(*tree.LeafNode) string) error {
	have := make(map[string]bool)
	for _, leaf := range old.Members() {
		have[identity(leaf)] = true
	}
	for i, leaf := range t.Members() {
		if !have[identity(leaf)] {
			return fmt.Errorf("%w: member %d of the branch is not in the old group", ErrOrigin, i)
		}
	}
	return nil
}

// matchesReInit compares a group with the ReInit that it follows.
func matchesReInit(p *message.ReInit, context *schedule.GroupContext) error {
	var what string
	switch {
	case p.Version != message.MLS10:
		what = "version"
	case p.CipherSuite != context.CipherSuite:
		what = "cipher suite"
	case string(p.GroupID) != string(context.GroupID):
		what = "group id"
	case string(syntax.Marshal(p.Extensions)) != string(syntax.Marshal(context.Extensions)):
		what = "extensions"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s differs from the reinit", ErrOrigin, what)
}

// identity returns what tells whether leaves of two groups are the same member.
func (o *JoinOptions) identity() func(*tree.LeafNode) string { return orCredential(o.Identity) }

func orCredential(identity func(*tree.LeafNode) string) func(*tree.LeafNode) string {
	if identity != nil {
		return identity
	}
	return func(leaf *tree.LeafNode) string { return string(syntax.Marshal(&leaf.Credential)) }
}
