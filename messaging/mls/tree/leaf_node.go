package tree

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// LeafNodeSource says how a leaf node came into the tree.
type LeafNodeSource uint8

const (
	SourceKeyPackage LeafNodeSource = 1
	SourceUpdate     LeafNodeSource = 2
	SourceCommit     LeafNodeSource = 3
)

// Lifetime is the time in which a leaf node of a KeyPackage is valid, both ends
// included, in seconds since the Unix epoch.
type Lifetime struct{ NotBefore, NotAfter uint64 }

// LeafNode is "Leaf Node Contents" (7.2): a client's appearance in a group. It
// must not be changed once it is in a [Tree], nor may the slices in it.
type LeafNode struct {
	EncryptionKey []byte // HPKEPublicKey
	SignatureKey  []byte // SignaturePublicKey
	Credential    Credential
	Capabilities  Capabilities
	Source        LeafNodeSource
	Lifetime      Lifetime // SourceKeyPackage only
	ParentHash    []byte   // SourceCommit only
	Extensions    Extensions
	Signature     []byte
}

func (l *LeafNode) content(w *syntax.Writer) {
	w.Vector(l.EncryptionKey)
	w.Vector(l.SignatureKey)
	l.Credential.Marshal(w)
	l.Capabilities.Marshal(w)
	w.Uint8(uint8(l.Source))
	switch l.Source {
	case SourceKeyPackage:
		w.Uint64(l.Lifetime.NotBefore)
		w.Uint64(l.Lifetime.NotAfter)
	case SourceCommit:
		w.Vector(l.ParentHash)
	}
	l.Extensions.Marshal(w)
}

// Marshal writes l.
func (l *LeafNode) Marshal(w *syntax.Writer) {
	l.content(w)
	w.Vector(l.Signature)
}

// Unmarshal reads l, whose slices alias the input.
func (l *LeafNode) Unmarshal(r *syntax.Reader) {
	*l = LeafNode{EncryptionKey: r.Vector(), SignatureKey: r.Vector()}
	l.Credential.Unmarshal(r)
	l.Capabilities.Unmarshal(r)
	l.Source = LeafNodeSource(r.Uint8())
	switch l.Source {
	case SourceKeyPackage:
		l.Lifetime = Lifetime{r.Uint64(), r.Uint64()}
	case SourceUpdate:
	case SourceCommit:
		l.ParentHash = r.Vector()
	default:
		r.Fail(fmt.Errorf("%w: leaf node source %d", syntax.ErrValue, l.Source))
	}
	l.Extensions.Unmarshal(r)
	l.Signature = r.Vector()
}

// Copy returns l in memory of its own, as long as the leaf and no longer: what is in a
// tree for long does not keep the message alive that it came with.
func (l *LeafNode) Copy() (*LeafNode, error) {
	c := new(LeafNode)
	return c, syntax.Copy(c, l)
}

// Equal reports whether l and m have the same encoding.
func (l *LeafNode) Equal(m *LeafNode) bool {
	return l == m || bytes.Equal(syntax.Marshal(l), syntax.Marshal(m))
}

const leafNodeLabel = "LeafNodeTBS"

// signed returns LeafNodeTBS. The group and the index are part of it unless the
// leaf node is for a KeyPackage, whose maker knows neither.
func (l *LeafNode) signed(groupID []byte, index LeafIndex) []byte {
	w := syntax.NewWriter(make([]byte, 0, 512))
	l.content(w)
	switch l.Source {
	case SourceUpdate, SourceCommit:
		w.Vector(groupID)
		w.Uint32(uint32(index))
	}
	return w.Bytes()
}

// Sign sets the signature. signer must hold l.SignatureKey, otherwise Sign returns
// ErrSignatureKey. groupID and index are not looked at for SourceKeyPackage. The
// error is ErrDefaultListed if the capabilities list what must not be listed, which
// is a rule for those who make leaf nodes, and not for those who receive them.
func (l *LeafNode) Sign(s *suite.Suite, signer suite.Signer, groupID []byte, index LeafIndex) error {
	if !bytes.Equal(signer.Public(), l.SignatureKey) {
		return ErrSignatureKey
	}
	if err := l.Capabilities.checkListed(); err != nil {
		return err
	}
	signature, err := s.SignWithLabel(signer, leafNodeLabel, l.signed(groupID, index))
	if err != nil {
		return err
	}
	l.Signature = signature
	return nil
}

// VerifySignature checks the signature of a leaf node that is, or is to be, the
// leaf index of the group. Both are not looked at for SourceKeyPackage.
func (l *LeafNode) VerifySignature(s *suite.Suite, groupID []byte, index LeafIndex) error {
	return s.VerifyWithLabel(l.SignatureKey, leafNodeLabel, l.signed(groupID, index), l.Signature)
}
