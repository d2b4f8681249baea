package group

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// ContinueOptions says who is in a group that continues another one.
type ContinueOptions struct {
	Leaf LeafOptions
	// KeyPackages of all the others, fresh ones and of the new group's suite.
	KeyPackages []*message.KeyPackage
	// Identity is that of JoinOptions.
	Identity func(leaf *tree.LeafNode) string
	// GroupInfo has further extensions for the Welcome's GroupInfo.
	GroupInfo tree.Extensions
	// WithoutTree leaves the ratchet_tree extension out of the Welcome.
	WithoutTree bool
}

// continued founds a group that continues that of old, and adds the others with
// its first Commit, which has the resumption PSK of old's current epoch. It returns
// the State in epoch 1, and the Welcome (an MLSMessage), nil if there are no others.
// The Commit itself is for nobody: we are the only member that it has to reach.
func continued(cfg Config, old *State, why purpose, groupID []byte, extensions tree.Extensions, o ContinueOptions) (*State, []byte, error) {
	s, err := Create(cfg, groupID, o.Leaf, CreateOptions{Extensions: extensions})
	if err != nil {
		return nil, nil, err
	}
	usage := schedule.UsageReInit
	if why == purposeBranch {
		usage = schedule.UsageBranch
	}
	id := schedule.PreSharedKeyID{Type: schedule.ResumptionPSK, Usage: usage, GroupID: old.GroupID(), Epoch: old.Epoch()}
	if err := id.FreshNonce(s.cfg.Suite, s.cfg.Rand); err != nil {
		return nil, nil, err
	}
	proposals := make([]message.Proposal, 0, len(o.KeyPackages)+1)
	for _, kp := range o.KeyPackages {
		proposals = append(proposals, &message.Add{KeyPackage: kp})
	}
	proposals = append(proposals, &message.PreSharedKey{PSK: id})

	others := s.cfg.Resumption
	s.cfg.Resumption = func(groupID []byte, epoch uint64) ([]byte, error) {
		if !bytes.Equal(groupID, old.GroupID()) {
			return nil, ErrPSK
		}
		secret, _ := old.ResumptionPSK(epoch)
		return secret, nil
	}
	defer func() { s.cfg.Resumption = others }()
	pending, err := s.Commit(CommitOptions{
		ByValue:     proposals,
		References:  []message.ProposalRef{},
		WithoutTree: o.WithoutTree,
		GroupInfo:   o.GroupInfo,
		purpose:     why,
	})
	if err != nil {
		return nil, nil, err
	}
	welcome := pending.Welcome
	if _, err := s.Merge(pending); err != nil {
		return nil, nil, err
	}
	return s, welcome, nil
}

// leaves returns a tree of nothing but the leaves that a new group will have, to
// compare its members before anything is made.
func (o *ContinueOptions) leaves(cfg *Config) *tree.Tree {
	t := tree.New(cfg.Suite)
	t.Add(&tree.LeafNode{Credential: o.Leaf.Credential, SignatureKey: cfg.Signer.Public(), Extensions: o.Leaf.Extensions})
	for _, kp := range o.KeyPackages {
		t.Add(kp.LeafNode)
	}
	return t
}

func sameSuite(cfg *Config, want uint16) error {
	if uint16(cfg.Suite.ID()) != want {
		return fmt.Errorf("%w: the new group's cipher suite is 0x%04x", ErrConfig, want)
	}
	return nil
}
