package message_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// world is a group of which only the keys exist that messages need. All senders,
// member or not, have the same signature key.
type world struct {
	s             *suite.Suite
	signer        suite.Signer
	ctx           *schedule.GroupContext
	membershipKey []byte
	senderData    []byte
	encryption    []byte
}

func newWorld(t testing.TB, id suite.ID) *world {
	t.Helper()
	s := get(t, id)
	_, signer, err := s.GenerateSigner(mlstest.Rand(uint64(id)))
	if err != nil {
		t.Fatal(err)
	}
	secret := func(seed uint64) []byte { return mlstest.Bytes(seed, s.HashSize()) }
	return &world{
		s:      s,
		signer: signer,
		ctx: &schedule.GroupContext{
			CipherSuite: id, GroupID: []byte("group"), Epoch: 7,
			TreeHash: secret(11), ConfirmedTranscriptHash: secret(12),
		},
		membershipKey: secret(13), senderData: secret(14), encryption: secret(15),
	}
}

// key is the SignatureKey of the world.
func (w *world) key(*message.FramedContent) ([]byte, error) { return w.signer.Public(), nil }

// content returns content of the world's epoch: an Add, a Commit with a path, or
// application data.
func (w *world) content(t testing.TB, from message.Sender, kind message.ContentType) message.FramedContent {
	t.Helper()
	c := message.FramedContent{
		GroupID: w.ctx.GroupID, Epoch: w.ctx.Epoch, Sender: from,
		AuthenticatedData: []byte("aad"), ContentType: kind,
	}
	switch kind {
	case message.ContentApplication:
		c.ApplicationData = []byte("hello")
	case message.ContentProposal:
		c.Proposal = &message.Add{KeyPackage: w.keyPackage(t)}
	case message.ContentCommit:
		c.Commit = &message.Commit{
			Proposals: []message.ProposalOrRef{{Reference: mlstest.Bytes(16, w.s.HashSize())}},
			Path:      &treekem.UpdatePath{LeafNode: *w.leaf(tree.SourceCommit)},
		}
	}
	return c
}

func (w *world) leaf(source tree.LeafNodeSource) *tree.LeafNode {
	_, public, err := w.s.GenerateKeyPair(mlstest.Rand(17))
	if err != nil {
		panic(err)
	}
	l := &tree.LeafNode{
		EncryptionKey: public, SignatureKey: w.signer.Public(),
		Credential: tree.BasicCredential([]byte("alice")), Capabilities: capabilities(w.s),
		Source: source,
	}
	if source == tree.SourceKeyPackage {
		l.Lifetime = tree.Lifetime{NotBefore: 100, NotAfter: 200}
	}
	if source == tree.SourceCommit {
		l.ParentHash = []byte{}
	}
	if err := l.Sign(w.s, w.signer, w.ctx.GroupID, 1); err != nil {
		panic(err)
	}
	return l
}

func capabilities(s *suite.Suite) tree.Capabilities {
	return tree.Capabilities{
		Versions:     []tree.ProtocolVersion{tree.MLS10},
		CipherSuites: []suite.ID{s.ID(), 0x3a3a},
		Extensions:   []tree.ExtensionType{tree.ExtensionAppDataDictionary},
		Proposals:    []tree.ProposalType{tree.ProposalSelfRemove},
		Credentials:  []tree.CredentialType{tree.CredentialBasic},
	}
}

func (w *world) keyPackage(t testing.TB) *message.KeyPackage {
	t.Helper()
	kp, _ := w.keyPackagePair(t, 18)
	return kp
}

func (w *world) keyPackagePair(t testing.TB, seed uint64) (*message.KeyPackage, *message.KeyPackagePrivate) {
	t.Helper()
	kp, private, err := message.NewKeyPackage(w.s, w.signer, mlstest.Rand(seed), message.KeyPackageOptions{
		Credential: tree.BasicCredential([]byte("bob")), Capabilities: capabilities(w.s),
		Lifetime: tree.Lifetime{NotBefore: 100, NotAfter: 200},
	})
	if err != nil {
		t.Fatal(err)
	}
	return kp, private
}

// proposals returns one proposal of every type, and one of an unknown type.
func (w *world) proposals(t testing.TB) []message.Proposal {
	return []message.Proposal{
		&message.Add{KeyPackage: w.keyPackage(t)},
		&message.Update{LeafNode: w.leaf(tree.SourceUpdate)},
		&message.Remove{Removed: 3},
		&message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("id"), Nonce: mlstest.Bytes(19, w.s.HashSize())}},
		&message.ReInit{GroupID: []byte("next"), Version: tree.MLS10, CipherSuite: w.s.ID()},
		&message.ExternalInit{KEMOutput: []byte("kem output")},
		&message.GroupContextExtensions{Extensions: tree.Extensions{{Type: 0xf001, Data: []byte("x")}}},
		&message.SelfRemove{},
		&message.AppDataUpdate{Component: component.PrivateUse, Update: []byte("new")},
		&message.AppEphemeral{Component: component.AppAckID, Data: []byte{0}},
		&message.Unknown{Type: 0xf123, Data: []byte("unknown")},
	}
}

// protect does the whole of sending.
func (w *world) protect(t testing.TB, format message.WireFormat, c message.FramedContent) []byte {
	t.Helper()
	a, err := message.Sign(w.s, w.signer, format, c, w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	tagged(w.s, a, nil)
	if format == message.WireFormatPublicMessage {
		m, err := a.ProtectPublic(w.s, w.membershipKey, w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		return message.Wrap(m).Bytes()
	}
	leaf, _ := c.Sender.Leaf()
	generation, key, err := w.secretTree().NextKey(leaf, c.ContentType.Kind())
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.ProtectPrivate(w.s, w.senderData, generation, key, mlstest.Rand(20), nil, w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return message.Wrap(m).Bytes()
}

func (w *world) secretTree() *schedule.SecretTree {
	return schedule.NewSecretTree(w.s, bytes.Clone(w.encryption), 8)
}

// unprotect does the whole of receiving.
func (w *world) unprotect(b []byte) (*message.AuthenticatedContent, error) {
	m, err := message.Parse(b)
	if err != nil {
		return nil, err
	}
	switch m := m.Body.(type) {
	case *message.PublicMessage:
		return m.Unprotect(w.s, w.membershipKey, w.ctx, w.key)
	case *message.PrivateMessage:
		data, err := m.SenderData(w.s, w.senderData)
		if err != nil {
			return nil, err
		}
		opening, err := w.secretTree().Peek(data.LeafIndex, m.ContentType.Kind(), data.Generation)
		if err != nil {
			return nil, err
		}
		return m.Unprotect(w.s, data, opening.Key(), w.ctx, w.key)
	}
	return nil, errors.New("not a message with content")
}

func isErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}
