package group

import (
	"fmt"
	"iter"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// State is one member's view of one group. It is made by Create, Join,
// JoinExternal and Load. It is not safe for concurrent use.
//
// A method that fails leaves the State as it was, except that a key of our own
// ratchets may be used up without a message: never is one used twice.
type State struct {
	suite.Redacted
	cfg     Config
	current *epoch
	past    []*pastEpoch    // the newest first, Limits.PastEpochs at most
	psks    []resumptionPSK // of past epochs of this group, the newest first
	cache   proposalCache   // what waits for a Commit in the current epoch
	pending *Pending        // our own Commit, not merged
	removed bool
	reinit  *message.ReInit // the group was closed in the current epoch
	saved   saved           // what the records have, see Changes
}

// pastEpoch is what late application messages need of an epoch that is over
// ("Delayed and Reordered Application Messages", 15.3).
type pastEpoch struct {
	context    *schedule.GroupContext
	tree       *tree.Tree
	me         tree.LeafIndex
	senderData []byte // sender_data_secret
	keys       *schedule.SecretTree
	aad        aadRule
}

// resumptionPSK is the resumption PSK of an epoch ("Resumption PSK", 8.6).
type resumptionPSK struct {
	epoch  uint64
	secret []byte
}

// newState returns the State that begins with an epoch: that of a new or joined
// group. cfg is complete.
func newState(cfg Config, e *epoch) *State {
	return &State{cfg: cfg, current: e, cache: newProposalCache()}
}

// Suite returns the group's cipher suite.
func (s *State) Suite() *suite.Suite { return s.cfg.Suite }

// GroupID returns the group's identifier, which must not be changed.
func (s *State) GroupID() []byte { return s.current.context.GroupID }

// Epoch returns the number of the current epoch.
func (s *State) Epoch() uint64 { return s.current.context.Epoch }

// Context returns the GroupContext of the current epoch, to read only.
func (s *State) Context() *schedule.GroupContext { return s.current.context }

// View returns what all members know of the group in the current epoch.
func (s *State) View() *View { return s.current.view() }

// Me returns our own leaf index.
func (s *State) Me() tree.LeafIndex { return s.current.me }

// Members goes through the members' leaves in the order of their indices.
func (s *State) Members() iter.Seq2[tree.LeafIndex, *tree.LeafNode] { return s.current.tree.Members() }

// Member returns the leaf at an index; nil if it is blank or there is none.
func (s *State) Member(i tree.LeafIndex) *tree.LeafNode { return s.current.tree.Leaf(i) }

// Tree returns the public tree of the current epoch, which must not be changed.
func (s *State) Tree() *tree.Tree { return s.current.tree }

// ConfirmationTag returns the confirmation tag of the current epoch.
func (s *State) ConfirmationTag() []byte { return s.current.confirmationTag }

// EpochAuthenticator returns the epoch_authenticator: members who have the same are
// in the same epoch of the same group ("Epoch Authenticators", 8.7).
func (s *State) EpochAuthenticator() []byte {
	return slices.Clone(s.current.secrets.EpochAuthenticator)
}

// Export returns n bytes for the application's label and context, the same for all
// members in this epoch ("Exporters", 8.5). ErrRemoved: the secret is gone.
func (s *State) Export(label string, context []byte, n int) ([]byte, error) {
	if s.removed {
		return nil, ErrRemoved
	}
	return s.current.secrets.Export(label, context, n)
}

// ResumptionPSK returns the resumption PSK of an epoch that the State still knows:
// the current one or one of the last Limits.ResumptionEpochs (8.6).
func (s *State) ResumptionPSK(epoch uint64) ([]byte, bool) {
	if s.removed {
		return nil, false
	}
	if epoch == s.Epoch() {
		return slices.Clone(s.current.secrets.ResumptionPSK), true
	}
	for _, p := range s.psks {
		if p.epoch == epoch {
			return slices.Clone(p.secret), true
		}
	}
	return nil, false
}

// ReInit returns the ReInit that closed the group; nil if it is open.
func (s *State) ReInit() *message.ReInit { return s.reinit }

// Removed reports whether we were removed from the group.
func (s *State) Removed() bool { return s.removed }

// active returns ErrRemoved or ErrReinitialized if the group is over for us.
func (s *State) active() error {
	switch {
	case s.removed:
		return ErrRemoved
	case s.reinit != nil:
		return ErrReinitialized
	}
	return nil
}

// signer returns the signer whose key is in our leaf.
func (s *State) signer() (suite.Signer, error) { return s.cfg.signerOf(s.current.leaf()) }

// signerOf returns the signer of a leaf of ours.
func (c *Config) signerOf(leaf *tree.LeafNode) (suite.Signer, error) {
	return c.signerFor(leaf.SignatureKey)
}

func (c *Config) signerFor(public []byte) (suite.Signer, error) {
	if c.Signer != nil && slices.Equal(c.Signer.Public(), public) {
		return c.Signer, nil
	}
	if c.OtherSigners != nil {
		if signer := c.OtherSigners(public); signer != nil && slices.Equal(signer.Public(), public) {
			return signer, nil
		}
	}
	return nil, fmt.Errorf("%w: no signer of our leaf's key", ErrConfig)
}

// enter moves on to the next epoch. What the old one is still good for is kept, the
// rest erased.
func (s *State) enter(next *epoch) {
	old := s.current
	if n := s.cfg.Limits.ResumptionEpochs; n > 0 {
		s.psks = slices.Insert(s.psks, 0, resumptionPSK{old.context.Epoch, slices.Clone(old.secrets.ResumptionPSK)})
		for len(s.psks) > n {
			clear(s.psks[len(s.psks)-1].secret)
			s.psks = s.psks[:len(s.psks)-1]
		}
	}
	if n := s.cfg.Limits.PastEpochs; n > 0 {
		s.past = slices.Insert(s.past, 0, &pastEpoch{
			context:    old.context,
			tree:       old.tree,
			me:         old.me,
			senderData: slices.Clone(old.secrets.SenderData),
			keys:       old.keys,
		})
		for len(s.past) > n {
			s.past[len(s.past)-1].erase()
			s.past = s.past[:len(s.past)-1]
		}
	} else {
		old.keys.Erase()
	}
	old.secrets.Erase()
	if old.private != next.private {
		old.private.Erase()
	}
	s.current = next
	s.cache.reset()
	s.dropPending()
}

func (p *pastEpoch) erase() {
	clear(p.senderData)
	p.keys.Erase()
}

// Erase overwrites all secrets: the group is left for good. The State is of no use
// afterwards.
func (s *State) Erase() {
	s.dropPending()
	s.cache.reset()
	for _, p := range s.past {
		p.erase()
	}
	for _, p := range s.psks {
		clear(p.secret)
	}
	s.past, s.psks = nil, nil
	s.current.erase()
	s.removed = true
}
