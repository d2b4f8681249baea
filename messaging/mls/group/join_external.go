package group

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// ErrNotOpen: a GroupInfo is without external_pub: its group cannot be joined by an
// external Commit.
var ErrNotOpen = errors.New("mls: group info does not let anybody join")

// ExternalOptions says how a group is joined by an external Commit. Of
// JoinOptions, Origin, Continues and Identity have no meaning here.
type ExternalOptions struct {
	JoinOptions
	Leaf LeafOptions
	// Resync picks the leaf that we had before, which the Commit removes: we have
	// lost our state. nil: we are new.
	Resync func(leaf *tree.LeafNode) bool
	// PSKs that the Commit injects. Those without a nonce get a fresh one.
	PSKs []schedule.PreSharedKeyID
	// SelfRemoves are the SelfRemove proposals of the epoch (MLSMessages), which
	// come with the GroupInfo: the Commit carries them out. One that is invalid
	// makes JoinExternal fail.
	SelfRemoves [][]byte
	// AppData are AppDataUpdate and AppEphemeral proposals, that the draft on
	// extensions allows in an external Commit.
	AppData []message.Proposal
	AAD     []byte
	// Made is told what the Commit does, and what the group is before it, which the
	// State does not know. nil: nobody is.
	Made func(c *Committed, before *View)
}

// JoinExternal enters a group by an external Commit ("Joining via External
// Commits", 12.4.3.2), on the word of a GroupInfo with external_pub. It makes the
// checks of Join that do not need a Welcome; what it cannot check is whether the
// GroupInfo is the group's latest, and its confirmation tag.
//
// The State is in the epoch that the Commit, an MLSMessage, begins. It counts only
// if the group follows that Commit. If another one wins the epoch, both are
// dropped, and the next attempt begins with the next epoch's GroupInfo.
func JoinExternal(cfg Config, info *message.GroupInfo, o ExternalOptions) (*State, []byte, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, nil, err
	}
	s := cfg.Suite
	from, err := cfg.outside(info, &o.JoinOptions)
	if err != nil {
		return nil, nil, err
	}
	public, ok, err := info.ExternalPub()
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, ErrNotOpen
	}
	leaf, err := cfg.newLeaf(o.Leaf)
	if err != nil {
		return nil, nil, err
	}
	if err := leaf.Capabilities.SupportsGroup(from.context.Extensions); err != nil {
		return nil, nil, fmt.Errorf("own leaf: %w", err)
	}
	members, err := cfg.candidates(InExternalJoin, from.tree, from.context)
	if err != nil {
		return nil, nil, err
	}
	kemOutput, init, err := s.ExportSend(public, externalInitLabel, s.HashSize())
	if err != nil {
		return nil, nil, fmt.Errorf("external_pub: %w", err)
	}
	defer clear(init)
	proposals, err := cfg.externalProposals(from, kemOutput, &o)
	if err != nil {
		return nil, nil, err
	}
	d := &draft{
		cfg:           &cfg,
		from:          from,
		sender:        message.Sender{Type: message.SenderNewMemberCommit},
		members:       members,
		proposals:     proposals,
		leaf:          *leaf,
		signer:        cfg.Signer,
		contentSigner: cfg.Signer,
		init:          init,
		psk:           cfg.psk,
		public:        true,
		aad:           slices.Clone(o.AAD),
	}
	pending, err := d.make()
	if err != nil {
		return nil, nil, err
	}
	if o.Made != nil {
		o.Made(pending.Committed, from.view())
	}
	return newState(cfg, pending.next), pending.Message, nil
}

// outside returns the epoch of a GroupInfo as somebody sees it who is no member:
// without keys.
func (c *Config) outside(info *message.GroupInfo, o *JoinOptions) (*epoch, error) {
	t, err := c.groupOf(info, o)
	if err != nil {
		return nil, err
	}
	if n := len(info.ConfirmationTag); n != c.Suite.HashSize() {
		return nil, fmt.Errorf("%w: of %d bytes", ErrConfirmation, n)
	}
	context := info.GroupContext.Copy()
	return &epoch{
		context:         context,
		tree:            t,
		confirmationTag: info.ConfirmationTag,
		interim:         schedule.InterimTranscriptHash(c.Suite, context.ConfirmedTranscriptHash, info.ConfirmationTag),
	}, nil
}

// externalProposals is the list of an external Commit: one ExternalInit, then what
// is asked for.
func (c *Config) externalProposals(from *epoch, kemOutput []byte, o *ExternalOptions) ([]Covered, error) {
	me := message.Sender{Type: message.SenderNewMemberCommit}
	all := []Covered{{Proposal: &message.ExternalInit{KEMOutput: kemOutput}, Sender: me}}
	leaving := make(map[tree.LeafIndex]bool)
	for i, encoded := range o.SelfRemoves {
		p, err := c.selfRemoveFor(from, encoded)
		if err != nil {
			return nil, fmt.Errorf("self_remove %d: %w", i, err)
		}
		if leaf, _ := p.Sender.Leaf(); !leaving[leaf] {
			leaving[leaf] = true
			all = append(all, p)
		}
	}
	if o.Resync != nil {
		old, err := findOld(from.tree, o.Resync)
		if err != nil {
			return nil, err
		}
		// Who left before it came back needs no Remove, which would be invalid.
		if !leaving[old] {
			all = append(all, Covered{Proposal: &message.Remove{Removed: old}, Sender: me})
		}
	}
	for _, id := range o.PSKs {
		if id.Nonce == nil {
			if err := id.FreshNonce(c.Suite, c.Rand); err != nil {
				return nil, err
			}
		}
		all = append(all, Covered{Proposal: &message.PreSharedKey{PSK: id}, Sender: me})
	}
	for _, p := range o.AppData {
		switch p.(type) {
		case *message.AppDataUpdate, *message.AppEphemeral:
			all = append(all, Covered{Proposal: p, Sender: me})
		default:
			return nil, fmt.Errorf("%w: proposal of type %d in an external commit", ErrConfig, p.ProposalType())
		}
	}
	return all, nil
}

// findOld returns the one leaf that was ours.
func findOld(t *tree.Tree, mine func(*tree.LeafNode) bool) (tree.LeafIndex, error) {
	var old tree.LeafIndex
	found := false
	for i, leaf := range t.Members() {
		if !mine(leaf) {
			continue
		}
		if found {
			return 0, fmt.Errorf("%w: leaves %d and %d are both taken for our old one", ErrConfig, old, i)
		}
		old, found = i, true
	}
	if !found {
		return 0, fmt.Errorf("%w: no leaf is our old one", ErrNotAdded)
	}
	return old, nil
}

// selfRemoveFor verifies a SelfRemove that comes with a GroupInfo. All is checked
// but the membership tag, which only members can ("SelfRemove Proposal").
func (c *Config) selfRemoveFor(from *epoch, encoded []byte) (Covered, error) {
	if len(encoded) > c.Limits.MessageSize {
		return Covered{}, fmt.Errorf("%w: message of %d bytes", ErrLimit, len(encoded))
	}
	m, err := message.Parse(encoded)
	if err != nil {
		return Covered{}, err
	}
	public, ok := m.Body.(*message.PublicMessage)
	if !ok {
		return Covered{}, fmt.Errorf("%w: self_remove in wire format %d", ErrUnexpected, m.Body.WireFormat())
	}
	content, err := public.UnprotectByJoiner(c.Suite, from.context, func(content *message.FramedContent) ([]byte, error) {
		leaf, ok := content.Sender.Leaf()
		if !ok || from.tree.Leaf(leaf) == nil {
			return nil, fmt.Errorf("%w: %v", ErrSender, content.Sender)
		}
		return from.tree.Leaf(leaf).SignatureKey, nil
	})
	if err != nil {
		return Covered{}, err
	}
	// Whether the group is one where it can be used, is checked with the whole list.
	return Covered{Proposal: content.Content.Proposal, Sender: content.Content.Sender, Ref: content.Ref(c.Suite)}, nil
}
