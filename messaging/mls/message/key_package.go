package message

import (
	"bytes"
	"fmt"
	"io"
	"math"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// KeyPackage is what a client publishes so that others can add it to groups: "Key
// Packages" (10).
type KeyPackage struct {
	Version     tree.ProtocolVersion
	CipherSuite suite.ID
	InitKey     []byte // HPKE public key, for the Welcome alone
	LeafNode    *tree.LeafNode
	Extensions  tree.Extensions
	Signature   []byte
}

// WireFormat returns WireFormatKeyPackage.
func (*KeyPackage) WireFormat() WireFormat { return WireFormatKeyPackage }

// marshalTBS writes KeyPackageTBS.
func (k *KeyPackage) marshalTBS(w *syntax.Writer) {
	w.Uint16(uint16(k.Version))
	w.Uint16(uint16(k.CipherSuite))
	w.Vector(k.InitKey)
	k.LeafNode.Marshal(w)
	k.Extensions.Marshal(w)
}

// Marshal writes the KeyPackage.
func (k *KeyPackage) Marshal(w *syntax.Writer) {
	k.marshalTBS(w)
	w.Vector(k.Signature)
}

// Unmarshal reads a KeyPackage of any version and suite.
func (k *KeyPackage) Unmarshal(r *syntax.Reader) {
	k.Version = tree.ProtocolVersion(r.Uint16())
	k.CipherSuite = suite.ID(r.Uint16())
	k.InitKey = r.Vector()
	k.LeafNode = new(tree.LeafNode)
	k.LeafNode.Unmarshal(r)
	k.Extensions.Unmarshal(r)
	k.Signature = r.Vector()
}

func (k *KeyPackage) tbs() []byte {
	w := syntax.NewWriter(make([]byte, 0, 512))
	k.marshalTBS(w)
	return w.Bytes()
}

// Ref returns the KeyPackageRef: "Hash-Based Identifiers" (5.2). s is the suite of
// the KeyPackage.
func (k *KeyPackage) Ref(s *suite.Suite) []byte {
	return s.RefHash("MLS 1.0 KeyPackage Reference", syntax.Marshal(k))
}

// Sign sets the signature.
func (k *KeyPackage) Sign(s *suite.Suite, signer suite.Signer) (err error) {
	k.Signature, err = s.SignWithLabel(signer, "KeyPackageTBS", k.tbs())
	return err
}

// Validate makes the checks of "KeyPackage Validation" (10.1), for a group of the
// suite s and the rules given. What is left is what needs the other members
// (Tree.ValidateChanges) and asking the Authentication Service about the leaf. The
// error is ErrVersion, ErrSuite, ErrKeyPackage, suite.ErrSignature, or one of
// package tree.
func (k *KeyPackage) Validate(s *suite.Suite, rules *tree.Rules) error {
	if k.Version != MLS10 {
		return fmt.Errorf("KeyPackage: %w: %d", ErrVersion, k.Version)
	}
	if k.CipherSuite != s.ID() {
		return fmt.Errorf("KeyPackage: %w: %v, not %v", ErrSuite, k.CipherSuite, s.ID())
	}
	// The cheap checks come before the signatures.
	if bytes.Equal(k.InitKey, k.LeafNode.EncryptionKey) {
		return fmt.Errorf("%w: init_key is the leaf's encryption_key", ErrKeyPackage)
	}
	if err := s.CheckPublicKey(k.InitKey); err != nil {
		return fmt.Errorf("%w: init_key: %w", ErrKeyPackage, err)
	}
	if err := k.Extensions.Check(); err != nil {
		return fmt.Errorf("KeyPackage: %w", err)
	}
	if err := tree.ValidateLeaf(s, k.LeafNode, tree.InKeyPackage, 0, nil, rules); err != nil {
		return fmt.Errorf("KeyPackage: %w", err)
	}
	if err := s.VerifyWithLabel(k.LeafNode.SignatureKey, "KeyPackageTBS", k.tbs(), k.Signature); err != nil {
		return fmt.Errorf("KeyPackage: %w", err)
	}
	return nil
}

// KeyPackageOptions says what a new KeyPackage says of its client.
type KeyPackageOptions struct {
	Credential     tree.Credential
	Capabilities   tree.Capabilities
	Lifetime       tree.Lifetime
	LeafExtensions tree.Extensions // LeafNode.extensions
	Extensions     tree.Extensions // KeyPackage.extensions
	Rules          *tree.Rules     // that it must satisfy itself; nil: those of any group, at any time
}

// KeyPackagePrivate is the private half of a KeyPackage.
type KeyPackagePrivate struct {
	suite.Redacted
	InitKey       []byte // decrypts the Welcome; erased after it has
	EncryptionKey []byte // of the leaf
}

// Erase overwrites the keys.
func (p *KeyPackagePrivate) Erase() {
	clear(p.InitKey)
	clear(p.EncryptionKey)
	*p = KeyPackagePrivate{}
}

// Marshal writes the private keys, for a Store and nothing else.
func (p *KeyPackagePrivate) Marshal(w *syntax.Writer) {
	w.Vector(p.InitKey)
	w.Vector(p.EncryptionKey)
}

// Unmarshal reads the private keys, which are copied.
func (p *KeyPackagePrivate) Unmarshal(r *syntax.Reader) {
	p.InitKey = bytes.Clone(r.Vector())
	p.EncryptionKey = bytes.Clone(r.Vector())
}

// NewKeyPackage makes a KeyPackage with fresh keys, signed with the client's
// signature key. The error is ErrKeyPackage if its capabilities do not cover its
// extensions (10): types that RFC 9420 has by default and GREASE need not be
// listed for KeyPackage.extensions, others do.
func NewKeyPackage(s *suite.Suite, signer suite.Signer, rand io.Reader, o KeyPackageOptions) (*KeyPackage, *KeyPackagePrivate, error) {
	for _, e := range o.Extensions {
		if !o.Capabilities.SupportsExtension(e.Type) && !tree.IsGREASE(uint16(e.Type)) {
			return nil, nil, fmt.Errorf("%w: extension %d is not among its capabilities", ErrKeyPackage, e.Type)
		}
	}
	initPrivate, initPublic, err := s.GenerateKeyPair(rand)
	if err != nil {
		return nil, nil, fmt.Errorf("init key: %w", err)
	}
	leafPrivate, leafPublic, err := s.GenerateKeyPair(rand)
	if err != nil {
		clear(initPrivate)
		return nil, nil, fmt.Errorf("encryption key: %w", err)
	}
	k := &KeyPackage{
		Version:     MLS10,
		CipherSuite: s.ID(),
		InitKey:     initPublic,
		LeafNode: &tree.LeafNode{
			EncryptionKey: leafPublic,
			SignatureKey:  signer.Public(),
			Credential:    o.Credential,
			Capabilities:  o.Capabilities,
			Source:        tree.SourceKeyPackage,
			Lifetime:      o.Lifetime,
			Extensions:    o.LeafExtensions,
		},
		Extensions: o.Extensions,
	}
	private := &KeyPackagePrivate{InitKey: initPrivate, EncryptionKey: leafPrivate}
	if err := k.LeafNode.Sign(s, signer, nil, 0); err != nil {
		private.Erase()
		return nil, nil, fmt.Errorf("KeyPackage: %w", err)
	}
	if err := k.Sign(s, signer); err != nil {
		private.Erase()
		return nil, nil, fmt.Errorf("KeyPackage: %w", err)
	}
	// A KeyPackage that nobody would take is not published.
	rules := o.Rules
	if rules == nil {
		rules = &tree.Rules{MaxLifetime: math.MaxUint64}
	}
	if err := k.Validate(s, rules); err != nil {
		private.Erase()
		return nil, nil, err
	}
	return k, private, nil
}
