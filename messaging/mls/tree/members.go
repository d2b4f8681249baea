package tree

import (
	"bytes"
	"fmt"
)

// What "Leaf Node Validation" (7.3) asks of all members together.

// ValidateChanges checks, after proposals or an update path were applied to a
// clone of before, which was valid: that no encryption key and no signature key
// is used twice, that all members support all credential types in use, and that
// there are at most MaxLeaves. New leaf nodes must have passed [ValidateLeaf].
func (t *Tree) ValidateChanges(before *Tree) error {
	if t.LeafCount() > MaxLeaves {
		return ErrTooLarge
	}
	if err := t.validateCredentials(); err != nil {
		return err
	}
	changed := t.changed(before)
	if len(changed) > fewChanges {
		return t.validateKeys()
	}
	for _, x := range changed {
		if err := t.validateKeysOf(x); err != nil {
			return err
		}
	}
	return nil
}

// fewChanges is up to how many nodes looking through the whole tree for each is
// cheaper than a table of all keys.
const fewChanges = 32

// changed returns the nodes of t that have other keys than in before. Clones
// share nodes, so that comparing pointers nearly does it.
func (t *Tree) changed(before *Tree) []NodeIndex {
	var changed []NodeIndex
	for i, l := range t.leaves {
		if l != nil && l != before.Leaf(LeafIndex(i)) {
			changed = append(changed, LeafIndex(i).Node())
		}
	}
	for i, p := range t.parents {
		x := NodeIndex(2*i + 1)
		if p == nil || p == before.Parent(x) {
			continue
		}
		// A leaf more among the unmerged is not a new key.
		if b := before.Parent(x); b == nil || !bytes.Equal(p.EncryptionKey, b.EncryptionKey) {
			changed = append(changed, x)
		}
	}
	return changed
}

// validateKeysOf returns ErrDuplicateKey if another node has a key of node x,
// which is not blank.
func (t *Tree) validateKeysOf(x NodeIndex) error {
	key := t.EncryptionKey(x)
	for i, l := range t.leaves {
		if y := LeafIndex(i).Node(); l == nil || x == y {
			continue
		} else if bytes.Equal(l.EncryptionKey, key) {
			return duplicate("encryption", x, y)
		} else if x.IsLeaf() && bytes.Equal(l.SignatureKey, t.leaves[x>>1].SignatureKey) {
			return duplicate("signature", x, y)
		}
	}
	for i, p := range t.parents {
		if y := NodeIndex(2*i + 1); p != nil && x != y && bytes.Equal(p.EncryptionKey, key) {
			return duplicate("encryption", x, y)
		}
	}
	return nil
}

// validateKeys is validateKeysOf of all nodes.
func (t *Tree) validateKeys() error {
	encryption := make(map[string]NodeIndex, 2*len(t.leaves))
	signature := make(map[string]NodeIndex, len(t.leaves))
	for i, l := range t.leaves {
		if l == nil {
			continue
		}
		x := LeafIndex(i).Node()
		if y, ok := encryption[string(l.EncryptionKey)]; ok {
			return duplicate("encryption", x, y)
		}
		if y, ok := signature[string(l.SignatureKey)]; ok {
			return duplicate("signature", x, y)
		}
		encryption[string(l.EncryptionKey)] = x
		signature[string(l.SignatureKey)] = x
	}
	for i, p := range t.parents {
		if p == nil {
			continue
		}
		x := NodeIndex(2*i + 1)
		if y, ok := encryption[string(p.EncryptionKey)]; ok {
			return duplicate("encryption", x, y)
		}
		encryption[string(p.EncryptionKey)] = x
	}
	return nil
}

func duplicate(kind string, x, y NodeIndex) error {
	return fmt.Errorf("%w: %s key of nodes %d and %d", ErrDuplicateKey, kind, min(x, y), max(x, y))
}

// validateCredentials returns ErrUnsupported unless each member supports the
// credential types of all others. Its time is that of reading the lists once,
// however many types are in use.
func (t *Tree) validateCredentials() error {
	inUse := make(map[CredentialType]LeafIndex) // a member who uses it
	for i, l := range t.Members() {
		inUse[l.Credential.Type] = i
	}
	seen := make(map[CredentialType]struct{}, len(inUse))
	for i, l := range t.Members() {
		if len(inUse) == 1 && l.Capabilities.SupportsCredential(l.Credential.Type) {
			continue // nearly every group
		}
		clear(seen)
		for _, c := range l.Capabilities.Credentials {
			if _, ok := inUse[c]; ok {
				seen[c] = struct{}{}
			}
		}
		if len(seen) == len(inUse) {
			continue
		}
		for c, j := range inUse {
			if _, ok := seen[c]; !ok {
				return fmt.Errorf("%w: leaf %d lacks the credential type %d of leaf %d", ErrUnsupported, i, c, j)
			}
		}
	}
	return nil
}

// ValidateSupport returns ErrUnsupported unless all members support what the
// extensions of a GroupContext ask for ("GroupContextExtensions" (12.1.7)).
func (t *Tree) ValidateSupport(extensions Extensions) error {
	needs, err := extensions.needs()
	if err != nil {
		return err
	}
	for i, l := range t.Members() {
		if err := needs.check(&l.Capabilities); err != nil {
			return fmt.Errorf("leaf %d: %w", i, err)
		}
	}
	return nil
}

// SupportsProposal reports whether all members support a type of proposal, which
// a Commit with one requires ("Proposals" (13.2)).
func (t *Tree) SupportsProposal(p ProposalType) bool {
	for _, l := range t.Members() {
		if !l.Capabilities.SupportsProposal(p) {
			return false
		}
	}
	return true
}
