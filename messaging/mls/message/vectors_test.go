package message_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// codec is a structure that can be read and written.
type codec interface {
	syntax.Marshaler
	syntax.Unmarshaler
}

// TestVectorsMessages reads and writes every structure of every case.
func TestVectorsMessages(t *testing.T) {
	var cases []map[string]mlstest.Hex
	mlstest.Vectors(t, "messages.json", &cases)
	bodies := map[string]func() codec{
		"group_secrets":                     func() codec { return new(message.GroupSecrets) },
		"add_proposal":                      func() codec { return new(message.Add) },
		"update_proposal":                   func() codec { return new(message.Update) },
		"remove_proposal":                   func() codec { return new(message.Remove) },
		"pre_shared_key_proposal":           func() codec { return new(message.PreSharedKey) },
		"re_init_proposal":                  func() codec { return new(message.ReInit) },
		"external_init_proposal":            func() codec { return new(message.ExternalInit) },
		"group_context_extensions_proposal": func() codec { return new(message.GroupContextExtensions) },
		"commit":                            func() codec { return new(message.Commit) },
	}
	formats := map[string]message.WireFormat{
		"mls_welcome":                message.WireFormatWelcome,
		"mls_group_info":             message.WireFormatGroupInfo,
		"mls_key_package":            message.WireFormatKeyPackage,
		"public_message_application": message.WireFormatPublicMessage,
		"public_message_proposal":    message.WireFormatPublicMessage,
		"public_message_commit":      message.WireFormatPublicMessage,
		"private_message":            message.WireFormatPrivateMessage,
	}
	contents := map[string]message.ContentType{
		"public_message_application": message.ContentApplication,
		"public_message_proposal":    message.ContentProposal,
		"public_message_commit":      message.ContentCommit,
	}
	ran := 0
	for i, c := range cases {
		ok := len(c) == len(bodies)+len(formats)+1
		if !ok {
			t.Errorf("case %d has %d fields", i, len(c))
		}
		for name, want := range c {
			var got []byte
			var err error
			if name == "ratchet_tree" {
				s, e := suite.Get(1) // trees do not say their suite; none is needed to read one
				if e != nil {
					t.Fatal(e)
				}
				var nodes *tree.Tree
				if nodes, err = tree.Parse(s, want); err == nil {
					got = syntax.Marshal(nodes)
				}
			} else if f, is := formats[name]; is {
				var m *message.MLSMessage
				if m, err = message.Parse(want); err == nil {
					got = m.Bytes()
					if m.Body.WireFormat() != f {
						t.Errorf("case %d: %s: wire format %d", i, name, m.Body.WireFormat())
						ok = false
					}
					if p, public := m.Body.(*message.PublicMessage); public && p.Content.ContentType != contents[name] {
						t.Errorf("case %d: %s: content type %d", i, name, p.Content.ContentType)
						ok = false
					}
				}
			} else if empty, is := bodies[name]; is {
				v := empty()
				if err = syntax.Unmarshal(want, v); err == nil {
					got = syntax.Marshal(v)
				}
			} else {
				t.Errorf("case %d: unknown field %s", i, name)
				ok = false
				continue
			}
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("case %d: %s: %v\n got %x\nwant %x", i, name, err, got, want)
				ok = false
			}
		}
		if ok {
			ran++
		}
	}
	mlstest.Report(t, "messages.json", ran, len(cases))
}

// get returns a suite, which must be supported: no case is skipped.
func get(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	s, err := suite.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse[B message.Body](t testing.TB, b []byte) B {
	t.Helper()
	m, err := message.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	body, ok := m.Body.(B)
	if !ok {
		t.Fatalf("a message of wire format %d", m.Body.WireFormat())
	}
	return body
}

// TestVectorsMessageProtection is "Message Protection" of the vectors' document:
// what it sent is read, and what is made of its values is read again.
func TestVectorsMessageProtection(t *testing.T) {
	var cases []struct {
		CipherSuite             suite.ID    `json:"cipher_suite"`
		GroupID                 mlstest.Hex `json:"group_id"`
		Epoch                   uint64      `json:"epoch"`
		TreeHash                mlstest.Hex `json:"tree_hash"`
		ConfirmedTranscriptHash mlstest.Hex `json:"confirmed_transcript_hash"`
		SignaturePriv           mlstest.Hex `json:"signature_priv"`
		SignaturePub            mlstest.Hex `json:"signature_pub"`
		EncryptionSecret        mlstest.Hex `json:"encryption_secret"`
		SenderDataSecret        mlstest.Hex `json:"sender_data_secret"`
		MembershipKey           mlstest.Hex `json:"membership_key"`
		Proposal                mlstest.Hex `json:"proposal"`
		ProposalPub             mlstest.Hex `json:"proposal_pub"`
		ProposalPriv            mlstest.Hex `json:"proposal_priv"`
		Commit                  mlstest.Hex `json:"commit"`
		CommitPub               mlstest.Hex `json:"commit_pub"`
		CommitPriv              mlstest.Hex `json:"commit_priv"`
		Application             mlstest.Hex `json:"application"`
		ApplicationPriv         mlstest.Hex `json:"application_priv"`
	}
	mlstest.Vectors(t, "message-protection.json", &cases)
	ran := 0
	for _, c := range cases {
		ran += pass(t, c.CipherSuite.String(), func(t *testing.T) {
			s := get(t, c.CipherSuite)
			g := &vectorGroup{
				s: s,
				ctx: &schedule.GroupContext{
					CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
					TreeHash: c.TreeHash, ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
				},
				membershipKey: c.MembershipKey, senderData: c.SenderDataSecret, public: c.SignaturePub,
			}
			var err error
			if g.signer, err = s.NewSigner(mlstest.PrivateKey(uint16(c.CipherSuite), c.SignaturePriv)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(g.signer.Public(), c.SignaturePub) {
				t.Fatal("the keys are not a pair")
			}
			for _, x := range []struct {
				kind                 message.ContentType
				raw, public, private []byte
			}{
				{message.ContentProposal, c.Proposal, c.ProposalPub, c.ProposalPriv},
				{message.ContentCommit, c.Commit, c.CommitPub, c.CommitPriv},
				{message.ContentApplication, c.Application, nil, c.ApplicationPriv},
			} {
				g.keys = schedule.NewSecretTree(s, bytes.Clone(c.EncryptionSecret), 2)
				content := g.content(t, x.kind, x.raw)

				signed, err := message.Sign(s, g.signer, message.WireFormatPublicMessage, content, g.ctx)
				if x.kind == message.ContentApplication {
					if !errors.Is(err, message.ErrMalformed) {
						t.Errorf("application data in a PublicMessage: %v", err)
					}
				} else {
					g.expect(t, x.kind, x.raw, g.openPublic(t, x.public))
					m, err := tagged(s, signed, err).ProtectPublic(s, g.membershipKey, g.ctx)
					if err != nil {
						t.Fatal(err)
					}
					g.expect(t, x.kind, x.raw, g.openPublic(t, message.Wrap(m).Bytes()))
				}

				g.expect(t, x.kind, x.raw, g.openPrivate(t, x.private))
				signed, err = message.Sign(s, g.signer, message.WireFormatPrivateMessage, content, g.ctx)
				own := schedule.NewSecretTree(s, bytes.Clone(c.EncryptionSecret), 2)
				generation, key, nextErr := own.NextKey(1, x.kind.Kind())
				if nextErr == nil && generation == 0 { // the vector has used that one
					generation, key, nextErr = own.NextKey(1, x.kind.Kind())
				}
				if nextErr != nil {
					t.Fatal(nextErr)
				}
				m, err := tagged(s, signed, err).ProtectPrivate(s, g.senderData, generation, key, mlstest.Rand(1), message.PadToBlock(64), g.ctx)
				if err != nil {
					t.Fatal(err)
				}
				g.expect(t, x.kind, x.raw, g.openPrivate(t, message.Wrap(m).Bytes()))
			}
		})
	}
	mlstest.Report(t, "message-protection.json", ran, len(cases))
}

// pass runs a subtest and returns 1 if it passed.
func pass(t *testing.T, name string, f func(*testing.T)) int {
	if t.Run(name, f) {
		return 1
	}
	return 0
}

// tagged gives a Commit some confirmation tag: the vectors have no new epoch.
func tagged(s *suite.Suite, a *message.AuthenticatedContent, err error) *message.AuthenticatedContent {
	if err != nil {
		panic(err)
	}
	if a.Content.ContentType == message.ContentCommit {
		a.Auth.ConfirmationTag = make([]byte, s.HashSize())
	}
	return a
}

type vectorGroup struct {
	s                         *suite.Suite
	ctx                       *schedule.GroupContext
	membershipKey, senderData []byte
	public                    []byte
	signer                    suite.Signer
	keys                      *schedule.SecretTree
}

func (g *vectorGroup) key(*message.FramedContent) ([]byte, error) { return g.public, nil }

func (g *vectorGroup) content(t *testing.T, kind message.ContentType, raw []byte) message.FramedContent {
	t.Helper()
	c := message.FramedContent{GroupID: g.ctx.GroupID, Epoch: g.ctx.Epoch, Sender: message.Member(1), ContentType: kind}
	r := syntax.NewReader(raw)
	switch kind {
	case message.ContentApplication:
		c.ApplicationData = r.Raw(len(raw))
	case message.ContentProposal:
		c.Proposal = message.ReadProposal(r)
	case message.ContentCommit:
		c.Commit = new(message.Commit)
		c.Commit.Unmarshal(r)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return c
}

func (g *vectorGroup) openPublic(t *testing.T, b []byte) *message.AuthenticatedContent {
	t.Helper()
	a, err := parse[*message.PublicMessage](t, b).Unprotect(g.s, g.membershipKey, g.ctx, g.key)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (g *vectorGroup) openPrivate(t *testing.T, b []byte) *message.AuthenticatedContent {
	t.Helper()
	m := parse[*message.PrivateMessage](t, b)
	data, err := m.SenderData(g.s, g.senderData)
	if err != nil {
		t.Fatal(err)
	}
	opening, err := g.keys.Peek(data.LeafIndex, m.ContentType.Kind(), data.Generation)
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Unprotect(g.s, data, opening.Key(), g.ctx, g.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := opening.Commit(); err != nil {
		t.Fatal(err)
	}
	return a
}

func (g *vectorGroup) expect(t *testing.T, kind message.ContentType, raw []byte, a *message.AuthenticatedContent) {
	t.Helper()
	var w syntax.Writer
	switch kind {
	case message.ContentApplication:
		w.Raw(a.Content.ApplicationData)
	case message.ContentProposal:
		message.WriteProposal(&w, a.Content.Proposal)
	case message.ContentCommit:
		a.Content.Commit.Marshal(&w)
	}
	if !bytes.Equal(w.Bytes(), raw) || a.Content.Sender != message.Member(1) {
		t.Errorf("content %d from %v:\n got %x\nwant %x", kind, a.Content.Sender, w.Bytes(), raw)
	}
}

// TestVectorsWelcome is "Welcome" of the vectors' document.
func TestVectorsWelcome(t *testing.T) {
	var cases []struct {
		CipherSuite suite.ID    `json:"cipher_suite"`
		InitPriv    mlstest.Hex `json:"init_priv"`
		SignerPub   mlstest.Hex `json:"signer_pub"`
		KeyPackage  mlstest.Hex `json:"key_package"`
		Welcome     mlstest.Hex `json:"welcome"`
	}
	mlstest.Vectors(t, "welcome.json", &cases)
	ran := 0
	for _, c := range cases {
		ran += pass(t, c.CipherSuite.String(), func(t *testing.T) {
			s := get(t, c.CipherSuite)
			kp := parse[*message.KeyPackage](t, c.KeyPackage)
			w := parse[*message.Welcome](t, c.Welcome)
			secrets, err := w.Open(s, kp, mlstest.PrivateKey(uint16(c.CipherSuite), c.InitPriv))
			if err != nil {
				t.Fatal(err)
			}
			noPSK, err := schedule.PSKSecret(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			info, err := w.GroupInfo(s, schedule.WelcomeSecret(s, secrets.JoinerSecret, noPSK))
			if err != nil {
				t.Fatal(err)
			}
			if err := info.Verify(s, c.SignerPub); err != nil {
				t.Fatal(err)
			}
			epoch := schedule.FromJoiner(s, secrets.JoinerSecret, noPSK, &info.GroupContext)
			if err := epoch.CheckConfirmationTag(info.GroupContext.ConfirmedTranscriptHash, info.ConfirmationTag); err != nil {
				t.Fatal(err)
			}
		})
	}
	mlstest.Report(t, "welcome.json", ran, len(cases))
}

// TestVectorsTranscriptHashes is "Transcript Hashes" of the vectors' document.
func TestVectorsTranscriptHashes(t *testing.T) {
	var cases []struct {
		CipherSuite          suite.ID    `json:"cipher_suite"`
		ConfirmationKey      mlstest.Hex `json:"confirmation_key"`
		AuthenticatedContent mlstest.Hex `json:"authenticated_content"`
		InterimBefore        mlstest.Hex `json:"interim_transcript_hash_before"`
		ConfirmedAfter       mlstest.Hex `json:"confirmed_transcript_hash_after"`
		InterimAfter         mlstest.Hex `json:"interim_transcript_hash_after"`
	}
	mlstest.Vectors(t, "transcript-hashes.json", &cases)
	ran := 0
	for _, c := range cases {
		ran += pass(t, c.CipherSuite.String(), func(t *testing.T) {
			s := get(t, c.CipherSuite)
			var a message.AuthenticatedContent
			if err := syntax.Unmarshal(c.AuthenticatedContent, &a); err != nil {
				t.Fatal(err)
			}
			if got := syntax.Marshal(&a); !bytes.Equal(got, c.AuthenticatedContent) {
				t.Errorf("written again: %x", got)
			}
			if a.Content.ContentType != message.ContentCommit {
				t.Fatal("not a Commit")
			}
			confirmed := schedule.ConfirmedTranscriptHash(s, c.InterimBefore, a.ConfirmedTranscriptHashInput())
			if !bytes.Equal(confirmed, c.ConfirmedAfter) {
				t.Errorf("confirmed transcript hash %s", hex.EncodeToString(confirmed))
			}
			if !s.VerifyMAC(c.ConfirmationKey, confirmed, a.Auth.ConfirmationTag) {
				t.Error("the confirmation tag does not verify")
			}
			interim := schedule.InterimTranscriptHash(s, confirmed, a.Auth.ConfirmationTag)
			if !bytes.Equal(interim, c.InterimAfter) {
				t.Errorf("interim transcript hash %x", interim)
			}
		})
	}
	mlstest.Report(t, "transcript-hashes.json", ran, len(cases))
}
