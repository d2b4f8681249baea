package group

import "github.com/kith-kt/kith/messaging/mls/tree"

// Branch founds a group of some of this group's members ("Subgroup Branching",
// 11.3), with the same version and cipher suite. Its resumption PSK proves to those
// who are invited that we are one of them. groupID nil: random; extensions nil:
// those of this group. cfg is that of the new group.
//
// It returns our State of the new group, in epoch 1, and the Welcome for the
// others, who join with JoinOptions.Origin. This group goes on as it was.
func (s *State) Branch(cfg Config, groupID []byte, extensions tree.Extensions, o ContinueOptions) (*State, []byte, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, nil, err
	}
	if err := s.active(); err != nil {
		return nil, nil, err
	}
	if err := sameSuite(&cfg, uint16(s.Suite().ID())); err != nil {
		return nil, nil, err
	}
	if err := addsNobody(s.Tree(), o.leaves(&cfg), orCredential(o.Identity)); err != nil {
		return nil, nil, err
	}
	if extensions == nil {
		extensions = s.Context().Extensions
	}
	return continued(cfg, s, purposeBranch, groupID, extensions, o)
}
