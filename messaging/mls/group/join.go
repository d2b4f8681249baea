package group

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

var (
	// ErrMember: we are in a group of this identifier already (12.4.3).
	ErrMember = errors.New("mls: member of this group already")
	// ErrNoTree: a Welcome or GroupInfo comes without the ratchet tree, and we were
	// not given it in another way.
	ErrNoTree = errors.New("mls: ratchet tree is missing")
	// ErrNotAdded: the tree of the group does not have our leaf.
	ErrNotAdded = errors.New("mls: not a member of the group")
	// ErrOrigin: the group is not what the ReInit, or the branch, of our group would
	// make (11.2, 11.3), or we are not in the group that it continues.
	ErrOrigin = errors.New("mls: not the group that continues ours")
)

// JoinOptions says what a new member has besides the Welcome.
type JoinOptions struct {
	// RatchetTree is the tree of the group (the content of a ratchet_tree
	// extension), for a Welcome or GroupInfo without it. It need not come from
	// somebody trusted.
	RatchetTree []byte
	// Member reports whether we are in a group of this identifier already, which
	// can then not be joined. nil: we are in none.
	Member func(groupID []byte) bool
	// Origin returns our State of the group that this one continues (ReInit) or is
	// a branch of, whose resumption PSK the Welcome names. nil, or returning nil:
	// we are in no such group, and the Welcome is refused.
	Origin func(groupID []byte) *State
	// Continues is the group that the new one must continue, or be a branch of: what
	// the application waits for after a ReInit, so that no other group of the same
	// identifier takes its place. Nor does a branch of a group that we know to be
	// closed. nil: any, or none.
	Continues []byte
	// Identity returns what a leaf's credential presents as its identity, by which
	// members of the group of Origin are found again. nil: the whole credential.
	Identity func(leaf *tree.LeafNode) string
	// AllowExpired takes leaves whose KeyPackage's lifetime is over: a member need
	// not have sent a Commit since it was added. "Leaf Node Validation" (7.3)
	// recommends not to, and does not require it.
	AllowExpired bool
}

// Join enters a group by a Welcome ("Joining via Welcome Message", 12.4.3.1). kp is
// the KeyPackage that we were added with; its keys are erased after success, unless
// it is one of last resort.
//
// What it verifies, in this order: the Welcome is for kp and of its suite; all PSKs
// are there; the group is none that we are in; the ratchet tree is whole, all its
// leaves are valid and support the group's extensions, and its hash is that of the
// GroupInfo; the GroupInfo is signed by a member; our leaf is in the tree; the path
// secret gives the keys that are in the tree; the confirmation tag; if the group
// comes from a ReInit or a branch, that it is what was agreed on ("Reinitialization",
// 11.2, "Subgroup Branching", 11.3); and, last, the Authenticator, about all leaves.
func Join(cfg Config, kp *KeyPackage, w *message.Welcome, o JoinOptions) (*State, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := cfg.Suite
	group, err := w.Open(s, kp.Public, kp.Private.InitKey)
	if err != nil {
		return nil, err
	}
	defer group.Erase()
	pskSecret, origin, err := cfg.welcomePSKs(group.PSKs, &o)
	if err != nil {
		return nil, err
	}
	defer clear(pskSecret)

	welcomeSecret := schedule.WelcomeSecret(s, group.JoinerSecret, pskSecret)
	defer clear(welcomeSecret)
	info, err := w.GroupInfo(s, welcomeSecret)
	if err != nil {
		return nil, err
	}
	t, err := cfg.groupOf(info, &o)
	if err != nil {
		return nil, err
	}
	me, err := findLeaf(t, kp.Public.LeafNode)
	if err != nil {
		return nil, err
	}
	if err := kp.Public.LeafNode.Capabilities.SupportsGroup(info.GroupContext.Extensions); err != nil {
		return nil, fmt.Errorf("own leaf: %w", err)
	}
	if cfg.Signer, err = cfg.signerOf(kp.Public.LeafNode); err != nil {
		return nil, err
	}
	private, err := treekem.FromWelcome(s, t, me, kp.Private.EncryptionKey, info.Signer, group.PathSecret)
	if err != nil {
		return nil, err
	}
	secrets := schedule.FromJoiner(s, group.JoinerSecret, pskSecret, &info.GroupContext)
	secrets.ForgetJoiner()
	err = secrets.CheckConfirmationTag(info.GroupContext.ConfirmedTranscriptHash, info.ConfirmationTag)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrConfirmation, err)
	}
	if err == nil && origin != nil {
		err = origin.check(info, t, &o)
	}
	if err == nil {
		err = cfg.authenticateAll(InWelcome, t, &info.GroupContext)
	}
	if err != nil {
		secrets.Erase()
		private.Erase()
		return nil, err
	}
	if !kp.LastResort() {
		kp.Private.Erase()
	}
	return newState(cfg, newEpoch(s, info.GroupContext.Copy(), t, private, me, secrets)), nil
}

// groupOf returns the ratchet tree of a GroupInfo, after all that can be checked
// with public information, but the Authenticator.
func (c *Config) groupOf(info *message.GroupInfo, o *JoinOptions) (*tree.Tree, error) {
	context := &info.GroupContext
	if o.Member != nil && o.Member(context.GroupID) {
		return nil, fmt.Errorf("%w: %s", ErrMember, syntax.Hex(context.GroupID))
	}
	encoded, ok := info.Extensions.Find(tree.ExtensionRatchetTree)
	if !ok {
		encoded = o.RatchetTree
	}
	if encoded == nil {
		return nil, ErrNoTree
	}
	t, err := tree.Parse(c.Suite, encoded)
	if err != nil {
		return nil, err
	}
	// The signature first: what follows takes longer, and is worth it only for
	// the word of somebody in this very tree.
	signer := t.Leaf(info.Signer)
	if signer == nil {
		return nil, fmt.Errorf("%w: group info signed by leaf %d, which is blank", ErrSender, info.Signer)
	}
	if err := info.Verify(c.Suite, signer.SignatureKey); err != nil {
		return nil, err
	}
	if n := t.MemberCount(); n > c.Limits.Members {
		return nil, fmt.Errorf("%w: %d members", ErrLimit, n)
	}
	if err := t.Validate(context.TreeHash, c.leafRules(context.GroupID, context.Extensions, !o.AllowExpired)); err != nil {
		return nil, err
	}
	return t, c.checkGroup(t, context)
}

// findLeaf returns where our leaf is in a tree.
func findLeaf(t *tree.Tree, leaf *tree.LeafNode) (tree.LeafIndex, error) {
	for i, l := range t.Members() {
		if string(l.EncryptionKey) == string(leaf.EncryptionKey) && l.Equal(leaf) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: no leaf is that of the key package", ErrNotAdded)
}

// welcomePSKs looks up the pre-shared keys of a Welcome and returns the psk_secret,
// and where the group comes from, nil if from nowhere. That there is one origin at
// most was checked with the GroupSecrets.
func (c *Config) welcomePSKs(ids []schedule.PreSharedKeyID, o *JoinOptions) (secret []byte, from *origin, err error) {
	var psks []schedule.PSK
	defer func() {
		for _, p := range psks {
			clear(p.Secret)
		}
	}()
	psk, forget := once(c.psk)
	defer forget()
	seen := make(map[string]bool)
	for _, id := range ids {
		// They are those of a Commit, which has each once (12.2).
		encoded := string(syntax.Marshal(&id))
		if seen[encoded] {
			return nil, nil, fmt.Errorf("%w: used twice", schedule.ErrPSK)
		}
		seen[encoded] = true
		var key []byte
		if id.Type == schedule.ResumptionPSK && id.Usage != schedule.UsageApplication {
			if from, key, err = findOrigin(&id, o); err != nil {
				return nil, nil, err
			}
		} else if key, err = psk(&id); err != nil {
			return nil, nil, err
		}
		psks = append(psks, schedule.PSK{ID: id, Secret: key})
	}
	if o.Continues != nil && (from == nil || !from.continues(o.Continues)) {
		return nil, nil, fmt.Errorf("%w: it does not continue group %s", ErrOrigin, syntax.Hex(o.Continues))
	}
	secret, err = schedule.PSKSecret(c.Suite, psks)
	return secret, from, err
}
