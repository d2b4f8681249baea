package group

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// CreateOptions says what a new group has.
type CreateOptions struct {
	// Extensions of the GroupContext: required_capabilities, external_senders, an
	// app_data_dictionary. All that become members must support them.
	Extensions tree.Extensions
}

// Create founds a group whose one member we are ("Group Creation", 11). groupID
// must be unlike that of all other groups; nil: KDF.Nh random bytes.
//
// If members are to be added at once, the caller chooses Config.Suite as the best
// that the capabilities in their KeyPackages have in common.
func Create(cfg Config, groupID []byte, me LeafOptions, o CreateOptions) (*State, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := cfg.Suite
	if groupID == nil {
		if groupID, err = random(cfg.Rand, s.HashSize()); err != nil {
			return nil, err
		}
	}
	leaf, err := cfg.newLeaf(me)
	if err != nil {
		return nil, err
	}
	key, public, err := s.GenerateKeyPair(cfg.Rand)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	leaf.EncryptionKey = public
	if err := leaf.Sign(s, cfg.Signer, nil, 0); err != nil {
		return nil, err
	}
	t := tree.New(s)
	t.Add(leaf)
	context := &schedule.GroupContext{
		CipherSuite: s.ID(),
		GroupID:     slices.Clone(groupID),
		TreeHash:    t.RootHash(),
		Extensions:  slices.Clone(o.Extensions),
	}
	if err := cfg.checkFounding(t, context); err != nil {
		return nil, err
	}

	// 11 has the epoch secret drawn at random. Drawing the joiner secret makes it
	// as random, and the rest comes about as in any other epoch.
	joiner, err := random(cfg.Rand, s.HashSize())
	if err != nil {
		return nil, err
	}
	defer clear(joiner)
	secrets := schedule.FromJoiner(s, joiner, schedule.NoSecret(s), context)
	secrets.ForgetJoiner()
	return newState(cfg, newEpoch(s, context, t, treekem.NewPrivate(0, key), 0, secrets)), nil
}

// checkFounding holds our own leaf and extensions against the rules that everybody
// who is added will hold them against, and asks the Authenticator about them.
func (c *Config) checkFounding(t *tree.Tree, context *schedule.GroupContext) error {
	if err := context.Extensions.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := c.checkGroup(t, context); err != nil {
		return err
	}
	leaf := t.Leaf(0)
	if err := leaf.Capabilities.SupportsGroup(context.Extensions); err != nil {
		return fmt.Errorf("own leaf: %w", err)
	}
	if err := tree.ValidateLeaf(c.Suite, leaf, tree.InKeyPackage, 0, nil, c.leafRules(context.GroupID, context.Extensions, true)); err != nil {
		return fmt.Errorf("own leaf: %w", err)
	}
	return c.authenticateAll(InCreate, t, context)
}

// checkGroup is what the tree and the extensions of every group must satisfy that
// we enter, besides what package tree validates: our limits, and what the
// extensions draft asks of all members together.
func (c *Config) checkGroup(t *tree.Tree, context *schedule.GroupContext) error {
	if n := extensionsSize(context.Extensions); n > c.Limits.ExtensionsSize {
		return fmt.Errorf("%w: group context extensions of %d bytes", ErrLimit, n)
	}
	for i, leaf := range t.Members() {
		if err := c.sizes(leaf); err != nil {
			return fmt.Errorf("leaf %d: %w", i, err)
		}
	}
	if err := checkComponents(t, nil, context.Extensions); err != nil {
		return err
	}
	return checkWireFormats(t, nil, context.Extensions)
}

// extensionsSize returns the bytes that extensions take.
func extensionsSize(extensions tree.Extensions) int {
	n := 0
	for i := range extensions {
		n += 8 + len(extensions[i].Data)
	}
	return n
}

// authenticateAll asks the Authenticator, in one batch, about every leaf of a tree
// and every external sender of its group.
func (c *Config) authenticateAll(entry Entry, t *tree.Tree, context *schedule.GroupContext) error {
	all, err := c.candidates(entry, t, context)
	if err != nil {
		return err
	}
	return c.authenticate(context.GroupID, all)
}

// candidates returns every leaf of a tree and every external sender of its group.
func (c *Config) candidates(entry Entry, t *tree.Tree, context *schedule.GroupContext) ([]Candidate, error) {
	var all []Candidate
	for i, leaf := range t.Members() {
		all = append(all, Candidate{Entry: entry, Index: i, Credential: leaf.Credential, SignatureKey: leaf.SignatureKey, Leaf: leaf})
	}
	senders, err := context.Extensions.ExternalSenders()
	if err != nil {
		return nil, fmt.Errorf("external_senders: %w", err)
	}
	if entry != InCreate {
		entry = InExternalSender
	}
	for i, sender := range senders {
		if err := c.Suite.CheckSignatureKey(sender.SignatureKey); err != nil {
			return nil, fmt.Errorf("external sender %d: %w", i, err)
		}
		all = append(all, Candidate{Entry: entry, Index: tree.LeafIndex(i), Credential: sender.Credential, SignatureKey: sender.SignatureKey})
	}
	return all, nil
}
