package message

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// GroupInfo is the state of a group as a member tells it to somebody who joins:
// "Adding Members to the Group" (12.4.3).
type GroupInfo struct {
	GroupContext    schedule.GroupContext
	Extensions      tree.Extensions // ratchet_tree and external_pub among them
	ConfirmationTag []byte          // of the Commit that began the epoch
	Signer          tree.LeafIndex
	Signature       []byte
}

// WireFormat returns WireFormatGroupInfo.
func (*GroupInfo) WireFormat() WireFormat { return WireFormatGroupInfo }

// marshalTBS writes GroupInfoTBS.
func (g *GroupInfo) marshalTBS(w *syntax.Writer) {
	g.GroupContext.Marshal(w)
	g.Extensions.Marshal(w)
	w.Vector(g.ConfirmationTag)
	w.Uint32(uint32(g.Signer))
}

// Marshal writes the GroupInfo.
func (g *GroupInfo) Marshal(w *syntax.Writer) {
	g.marshalTBS(w)
	w.Vector(g.Signature)
}

// Unmarshal reads a GroupInfo.
func (g *GroupInfo) Unmarshal(r *syntax.Reader) {
	g.GroupContext.Unmarshal(r)
	g.Extensions.Unmarshal(r)
	g.ConfirmationTag = r.Vector()
	g.Signer = tree.LeafIndex(r.Uint32())
	g.Signature = r.Vector()
}

func (g *GroupInfo) tbs() []byte {
	var w syntax.Writer
	g.marshalTBS(&w)
	return w.Bytes()
}

// Sign sets the signature, with the key of the leaf Signer.
func (g *GroupInfo) Sign(s *suite.Suite, signer suite.Signer) (err error) {
	g.Signature, err = s.SignWithLabel(signer, "GroupInfoTBS", g.tbs())
	return err
}

// Verify checks the signature, and that the group is one of the suite s. publicKey
// is that of the leaf Signer in the group's tree, which must not be blank.
func (g *GroupInfo) Verify(s *suite.Suite, publicKey []byte) error {
	if g.GroupContext.CipherSuite != s.ID() {
		return fmt.Errorf("GroupInfo: %w: %v, not %v", ErrSuite, g.GroupContext.CipherSuite, s.ID())
	}
	if err := s.VerifyWithLabel(publicKey, "GroupInfoTBS", g.tbs(), g.Signature); err != nil {
		return fmt.Errorf("GroupInfo: %w", err)
	}
	return nil
}

// ExternalPub returns the key of the external_pub extension, and whether there is
// one: without it nobody can join by an external Commit ("Joining via External
// Commits" (12.4.3.2)).
func (g *GroupInfo) ExternalPub() (publicKey []byte, ok bool, err error) {
	data, ok := g.Extensions.Find(tree.ExtensionExternalPub)
	if !ok {
		return nil, false, nil
	}
	r := syntax.NewReader(data)
	publicKey = r.Vector()
	if err := r.Close(); err != nil {
		return nil, false, fmt.Errorf("external_pub: %w", err)
	}
	return publicKey, true, nil
}

// ExternalPubExtension returns the external_pub extension of a key.
func ExternalPubExtension(publicKey []byte) tree.Extension {
	var w syntax.Writer
	w.Vector(publicKey)
	return tree.Extension{Type: tree.ExtensionExternalPub, Data: w.Bytes()}
}
