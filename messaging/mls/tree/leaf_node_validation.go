package tree

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

// "Leaf Node Validation" (7.3), of one leaf node by itself. What it says about
// all members together is in members.go, and the credential's truth is for the
// Authentication Service.

// ValidateLeaf makes the checks that need no other member: source, lifetime,
// extensions, capabilities, keys, signature. index is the leaf's, and replaces is
// the leaf node that an Update or a Commit replaces, nil for a new member.
//
// What is left to do: [Tree.ValidateChanges] once the leaf node is in a tree, and
// asking the Authentication Service.
func ValidateLeaf(s *suite.Suite, l *LeafNode, place Place, index LeafIndex, replaces *LeafNode, rules *Rules) error {
	needs, err := rules.needs()
	if err != nil {
		return err
	}
	return validateLeaf(s, l, place, index, replaces, rules, needs)
}

func validateLeaf(s *suite.Suite, l *LeafNode, place Place, index LeafIndex, replaces *LeafNode, rules *Rules, needs *needs) error {
	if err := l.validateSource(place, replaces); err != nil {
		return err
	}
	if err := l.validateLifetime(rules); err != nil {
		return err
	}
	if err := l.validateCapabilities(s); err != nil {
		return err
	}
	if err := needs.check(&l.Capabilities); err != nil {
		return err
	}
	// Not asked for in 7.3, but a key that nobody can encrypt to would make every
	// later commit of the group fail.
	if err := s.CheckPublicKey(l.EncryptionKey); err != nil {
		return fmt.Errorf("encryption key: %w", err)
	}
	if err := l.VerifySignature(s, rules.GroupID, index); err != nil {
		return fmt.Errorf("leaf node: %w", err)
	}
	return nil
}

func (l *LeafNode) validateSource(place Place, replaces *LeafNode) error {
	var want LeafNodeSource
	switch place {
	case InKeyPackage:
		want = SourceKeyPackage
	case InUpdate:
		want = SourceUpdate
	case InCommit:
		want = SourceCommit
	case InTree:
		return nil
	default:
		panic("tree: a leaf node is found in one of four places")
	}
	if l.Source != want {
		return fmt.Errorf("%w: %d instead of %d", ErrSource, l.Source, want)
	}
	if place == InUpdate && replaces == nil {
		return fmt.Errorf("%w: an update of nothing", ErrIndex)
	}
	// "Synchronizing Views of the Tree" (7.5) asks the same of a Commit.
	if replaces != nil && bytes.Equal(l.EncryptionKey, replaces.EncryptionKey) {
		return fmt.Errorf("%w: the encryption key was not renewed", ErrDuplicateKey)
	}
	return nil
}

func (l *LeafNode) validateLifetime(rules *Rules) error {
	if l.Source != SourceKeyPackage {
		return nil
	}
	most := rules.MaxLifetime
	if most == 0 {
		most = DefaultMaxLifetime
	}
	t := l.Lifetime
	switch {
	case t.NotAfter < t.NotBefore:
		return fmt.Errorf("%w: ends before it begins", ErrLifetime)
	case t.NotAfter-t.NotBefore > most:
		return fmt.Errorf("%w: of %d s, more than %d s", ErrLifetime, t.NotAfter-t.NotBefore, most)
	case rules.Now == 0:
		return nil
	case rules.Now < t.NotBefore:
		return fmt.Errorf("%w: not begun", ErrLifetime)
	case rules.Now > t.NotAfter:
		return fmt.Errorf("%w: over", ErrLifetime)
	}
	return nil
}

// validateCapabilities checks that l lists what it makes use of itself, and the
// group's version and cipher suite.
func (l *LeafNode) validateCapabilities(s *suite.Suite) error {
	c := &l.Capabilities
	if !c.SupportsVersion(MLS10) {
		return fmt.Errorf("%w: the group's version", ErrUnsupported)
	}
	if !c.SupportsSuite(s.ID()) {
		return fmt.Errorf("%w: the group's cipher suite", ErrUnsupported)
	}
	if !c.SupportsCredential(l.Credential.Type) {
		return fmt.Errorf("%w: its own credential %d", ErrUnsupported, l.Credential.Type)
	}
	if err := l.Extensions.Check(); err != nil {
		return err
	}
	var used []ExtensionType
	for i := range l.Extensions {
		if t := l.Extensions[i].Type; !t.IsDefault() {
			used = append(used, t)
		}
	}
	if t, ok := missing(c.Extensions, used); !ok {
		return fmt.Errorf("%w: its own extension %d", ErrUnsupported, t)
	}
	return nil
}
