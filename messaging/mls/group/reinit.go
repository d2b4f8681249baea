package group

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/message"
)

// Reinitialize founds the group that continues one which a ReInit has closed
// ("Reinitialization", 11.2), with the parameters of the ReInit and the members of
// the old group. Any member can do that; if several do, the application decides
// which group it is. cfg is that of the new group: its suite, and our signer there.
//
// It returns our State, in epoch 1, and the Welcome for all others, who join with
// JoinOptions.Origin. The old State stays closed; it can be erased once nobody can
// come with another Welcome.
func (s *State) Reinitialize(cfg Config, o ContinueOptions) (*State, []byte, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, nil, err
	}
	p := s.ReInit()
	switch {
	case s.Removed():
		return nil, nil, ErrRemoved
	case p == nil:
		return nil, nil, fmt.Errorf("%w: no reinit was committed", ErrOrigin)
	case p.Version != message.MLS10:
		return nil, nil, fmt.Errorf("%w: version %d", message.ErrVersion, p.Version)
	}
	if err := sameSuite(&cfg, uint16(p.CipherSuite)); err != nil {
		return nil, nil, err
	}
	if err := keepsMembers(s.Tree(), o.leaves(&cfg), orCredential(o.Identity)); err != nil {
		return nil, nil, err
	}
	return continued(cfg, s, purposeReInit, p.GroupID, p.Extensions, o)
}
