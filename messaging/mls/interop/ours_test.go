package interop

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// ours is a member of this project, with the authenticator of its tests: it notes
// whom it was asked about, and refuses whom it was told to.
type ours struct {
	t          testing.TB
	who        string
	cfg        group.Config
	credential tree.Credential
	leafCan    *tree.Capabilities // nil: what the package says
	root       *x509.Certificate  // with it, certificates must lead to it
	group      *group.State
	origin     *ours // who this is in the group that ours continues
	packages   []*group.KeyPackage
	psks       map[string][]byte
	questions  []who
	entries    []group.Entry
	identities []string
	keys       [][]byte
}

var errRefused = errors.New("refused by the test")

func newOurs(t testing.TB, s *suite.Suite, name string) *ours {
	t.Helper()
	_, signer, err := s.GenerateSigner(rand.Reader)
	must(t, err)
	m := &ours{t: t, who: name, credential: tree.BasicCredential([]byte(name)), psks: map[string][]byte{}}
	m.cfg = group.Config{
		Suite: s, Signer: signer, Rand: rand.Reader, Now: time.Now,
		Authenticator: opinion{m.authenticate},
		PSK:           func(id []byte) ([]byte, error) { return m.psks[string(id)], nil },
	}
	return m
}

// opinion is an Authenticator that is asked about all successors, as the other side
// asks about them.
type opinion struct{ group.AuthenticatorFunc }

func (opinion) AllowSuccessor([]byte, *group.Candidate) error { return nil }

func (m *ours) authenticate(_ []byte, candidates []group.Candidate) error {
	for _, c := range candidates {
		m.questions = append(m.questions, whoIs(identityOf(&c.Credential), c.SignatureKey))
		m.entries = append(m.entries, c.Entry)
	}
	for _, c := range candidates {
		if slices.Contains(m.identities, identityOf(&c.Credential)) || slices.ContainsFunc(m.keys, func(k []byte) bool { return string(k) == string(c.SignatureKey) }) {
			return fmt.Errorf("%w: %s", errRefused, c.Credential.Identity)
		}
	}
	for _, c := range candidates {
		if m.root != nil && c.Credential.Type == tree.CredentialX509 {
			if err := chain(m.root, c.Credential.Certificates, c.SignatureKey); err != nil {
				return fmt.Errorf("%w: %w", errRefused, err)
			}
		}
	}
	return nil
}

// identityOf is what a credential is called in questions and lists of members.
func identityOf(c *tree.Credential) string {
	if c.Type != tree.CredentialX509 {
		return string(c.Identity)
	}
	all := make([]string, len(c.Certificates))
	for i, cert := range c.Certificates {
		all[i] = fmt.Sprintf("%x", cert)
	}
	return "x509:" + strings.Join(all, ",")
}

func (m *ours) name() string         { return "our " + m.who }
func (m *ours) signatureKey() []byte { return m.cfg.Signer.Public() }

func (m *ours) leaf() group.LeafOptions {
	return group.LeafOptions{Credential: m.credential, Capabilities: m.leafCan}
}

func (m *ours) keyPackage() []byte {
	m.t.Helper()
	kp, err := group.NewKeyPackage(m.cfg, group.KeyPackageOptions{Leaf: m.leaf()})
	must(m.t, err)
	m.packages = append(m.packages, kp)
	return message.Wrap(kp.Public).Bytes()
}

func (m *ours) create(id []byte) {
	m.t.Helper()
	m.found(id, nil)
}

func (m *ours) found(id []byte, extensions tree.Extensions) {
	m.t.Helper()
	s, err := group.Create(m.cfg, id, m.leaf(), group.CreateOptions{Extensions: extensions})
	must(m.t, err)
	m.group = s
}

// body parses an MLSMessage that holds a B.
func body[B message.Body](t testing.TB, b []byte) B {
	t.Helper()
	m, err := message.Parse(b)
	must(t, err)
	body, ok := m.Body.(B)
	if !ok {
		t.Fatalf("a %T", m.Body)
	}
	return body
}

func (m *ours) join(welcome, tree []byte) error {
	m.t.Helper()
	err := errors.New("no key package")
	for _, kp := range m.packages {
		var s *group.State
		if s, err = group.Join(m.cfg, kp, body[*message.Welcome](m.t, welcome), m.joining(tree)); err == nil {
			m.group = s
			return nil
		}
		if !errors.Is(err, message.ErrNotForUs) {
			return err
		}
	}
	return err
}

// joining is what the member has besides a Welcome.
func (m *ours) joining(tree []byte) group.JoinOptions {
	o := group.JoinOptions{RatchetTree: tree}
	if m.origin != nil {
		o.Continues = m.origin.group.GroupID()
		o.Origin = func([]byte) *group.State { return m.origin.group }
	}
	return o
}

func (m *ours) external(groupInfo, tree []byte, resync bool) ([]byte, error) {
	o := group.ExternalOptions{JoinOptions: group.JoinOptions{RatchetTree: tree}, Leaf: m.leaf()}
	if resync {
		o.Resync = m.mine
	}
	return m.enters(groupInfo, o)
}

func (m *ours) enters(groupInfo []byte, o group.ExternalOptions) ([]byte, error) {
	m.t.Helper()
	s, commit, err := group.JoinExternal(m.cfg, body[*message.GroupInfo](m.t, groupInfo), o)
	if err == nil {
		m.group = s
	}
	return commit, err
}

func (m *ours) mine(leaf *tree.LeafNode) bool {
	return string(leaf.SignatureKey) == string(m.signatureKey())
}

func (m *ours) groupInfo(treeInside bool) (groupInfo, tree []byte) {
	m.t.Helper()
	info, err := m.group.GroupInfo(group.GroupInfoOptions{ExternalPub: true, WithoutTree: !treeInside})
	must(m.t, err)
	return message.Wrap(info).Bytes(), syntax.Marshal(m.group.Tree())
}

func (m *ours) proposals(c change) (all []message.Proposal) {
	m.t.Helper()
	for _, kp := range c.add {
		all = append(all, &message.Add{KeyPackage: body[*message.KeyPackage](m.t, kp)})
	}
	for _, i := range c.remove {
		all = append(all, &message.Remove{Removed: tree.LeafIndex(i)})
	}
	if c.psk != "" {
		all = append(all, &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte(c.psk)}})
	}
	if c.epochPSK != nil {
		all = append(all, &message.PreSharedKey{PSK: schedule.PreSharedKeyID{
			Type: schedule.ResumptionPSK, Usage: schedule.UsageApplication, GroupID: []byte(groupID), Epoch: *c.epochPSK,
		}})
	}
	if c.extensions != nil {
		all = append(all, &message.GroupContextExtensions{Extensions: *c.extensions})
	}
	if c.reinit != nil {
		all = append(all, c.reinit)
	}
	if c.custom != nil {
		all = append(all, c.custom)
	}
	return all
}

func (m *ours) leafChange(c change) *group.LeafChange {
	if c.identity == "" && c.certificates == nil {
		return nil
	}
	credential := tree.BasicCredential([]byte(c.identity))
	if c.certificates != nil {
		credential = x509Credential(c.certificates)
	}
	return &group.LeafChange{Credential: &credential}
}

func (m *ours) commit(c change) sent {
	m.t.Helper()
	p, err := m.group.Commit(group.CommitOptions{
		ByValue: m.proposals(c), Leaf: m.leafChange(c), Public: c.public, AAD: []byte(c.aad), WithoutTree: !c.treeInside, OmitPath: c.omitPath,
	})
	must(m.t, err)
	_, err = m.group.Merge(p)
	must(m.t, err)
	return sent{p.Message, p.Welcome, syntax.Marshal(m.group.Tree())}
}

func (m *ours) propose(c change) []byte {
	m.t.Helper()
	o := group.ProposalOptions{Public: c.public, AAD: []byte(c.aad)}
	var b []byte
	var err error
	if c.update {
		b, err = m.group.ProposeUpdate(m.leafChange(c), o)
	} else {
		b, err = m.group.Propose(m.proposals(c)[0], o)
	}
	must(m.t, err)
	return b
}

func (m *ours) process(message []byte) error {
	_, err := m.group.Process(message)
	return err
}

func (m *ours) send(aad string, texts ...string) (messages [][]byte) {
	m.t.Helper()
	for _, text := range texts {
		b, err := m.group.Protect([]byte(text), []byte(aad))
		must(m.t, err)
		messages = append(messages, b)
	}
	return messages
}

func (m *ours) receive(message []byte) (text, aad string, err error) {
	event, err := m.group.Process(message)
	if err != nil {
		return "", "", err
	}
	a, ok := event.(*group.Application)
	if !ok {
		return "", "", fmt.Errorf("a %T", event)
	}
	return string(a.Data), string(a.AAD), nil
}

func (m *ours) psk(id, secret string) { m.psks[id] = []byte(secret) }

func (m *ours) refuse(identities []string, keys [][]byte) { m.identities, m.keys = identities, keys }

func (m *ours) asked() []who {
	all := m.questions
	m.questions, m.entries = nil, nil
	return all
}

func (m *ours) state() state {
	m.t.Helper()
	if m.group.Removed() {
		return state{} // nothing is known any more
	}
	exported, err := m.group.Export(exportLabel, []byte(exportContext), exportLength)
	must(m.t, err)
	var members string
	for i, l := range m.group.Members() {
		members += fmt.Sprintf("%d %s %x\n", i, identityOf(&l.Credential), l.SignatureKey)
	}
	context := m.group.Context()
	return state{true, uint32(m.group.Me()), agreed{
		epoch: context.Epoch, closed: m.group.ReInit() != nil, treeHash: string(context.TreeHash), transcript: string(context.ConfirmedTranscriptHash),
		authenticator: string(m.group.EpochAuthenticator()), exported: string(exported), members: members,
	}}
}
