package interop

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// device is a member of this project by the session API, with all that it stores.
type device struct {
	*ours  // the authenticator and the proposals; its group stays nil
	client *mls.Client
	in     *mls.Group
	before *device // itself, in the group that this one continues
	out    bool
	closed bool
}

func newDevice(t testing.TB, s *suite.Suite, name string) *device {
	t.Helper()
	d := &device{ours: newOurs(t, s, name)}
	var err error
	d.client, err = mls.NewClient(mls.Config{
		Suite: s.ID(), Credential: tree.BasicCredential([]byte(name)), Signer: d.cfg.Signer, Authenticator: d.cfg.Authenticator,
		Store: new(mls.Memory), Rand: d.cfg.Rand, Now: d.cfg.Now, PSK: d.cfg.PSK,
	})
	must(t, err)
	return d
}

func (d *device) name() string { return "our device " + d.who }

func (d *device) keyPackage() []byte {
	d.t.Helper()
	kps, err := d.client.KeyPackages(1)
	must(d.t, err)
	return kps[0]
}

func (d *device) create(id []byte) {
	d.t.Helper()
	g, err := d.client.Create(id, nil)
	must(d.t, err)
	d.in = g
}

func (d *device) join(welcome, tree []byte) error {
	g, err := d.client.Join(welcome, tree)
	if err == nil {
		d.in = g
	}
	return err
}

func (d *device) external(groupInfo, tree []byte, resync bool) ([]byte, error) {
	g, staged, err := d.client.JoinExternal(groupInfo, mls.ExternalOptions{RatchetTree: tree, Resync: resync})
	if err != nil {
		return nil, err
	}
	if _, err := g.Confirm(); err != nil {
		return nil, err
	}
	d.in = g
	return staged.Message, nil
}

// info is the GroupInfo, with the tree.
func (d *device) info() (encoded []byte, info *message.GroupInfo, ratchetTree []byte) {
	d.t.Helper()
	encoded, err := d.in.GroupInfo()
	must(d.t, err)
	info = body[*message.GroupInfo](d.t, encoded)
	ratchetTree, ok := info.Extensions.Find(tree.ExtensionRatchetTree)
	if !ok {
		d.t.Fatal("a GroupInfo without the tree")
	}
	return encoded, info, ratchetTree
}

func (d *device) groupInfo(bool) (groupInfo, tree []byte) {
	d.t.Helper()
	groupInfo, _, tree = d.info()
	return groupInfo, tree
}

func (d *device) commit(c change) sent {
	d.t.Helper()
	staged, err := d.in.Commit(group.CommitOptions{
		ByValue: d.proposals(c), Leaf: d.leafChange(c), Public: c.public, AAD: []byte(c.aad), WithoutTree: !c.treeInside,
	})
	must(d.t, err)
	event, err := d.in.Confirm()
	must(d.t, err)
	d.saw(event)
	if d.closed {
		return sent{commit: staged.Message}
	}
	_, _, tree := d.info()
	return sent{staged.Message, staged.Welcome, tree}
}

func (d *device) propose(c change) []byte {
	d.t.Helper()
	o := group.ProposalOptions{Public: c.public, AAD: []byte(c.aad)}
	var b []byte
	var err error
	if c.update {
		b, err = d.in.ProposeUpdate(d.leafChange(c), o)
	} else {
		b, err = d.in.Propose(d.proposals(c)[0], o)
	}
	must(d.t, err)
	return b
}

func (d *device) process(message []byte) error {
	event, err := d.in.Receive(message)
	d.saw(event)
	return err
}

func (d *device) saw(event mls.Event) {
	switch event.(type) {
	case *mls.Removed:
		d.out = true
	case *mls.Reinitialized:
		d.closed = true
	}
}

func (d *device) send(aad string, texts ...string) (messages [][]byte) {
	d.t.Helper()
	for _, text := range texts {
		b, err := d.in.Send([]byte(text), []byte(aad))
		must(d.t, err)
		messages = append(messages, b)
	}
	return messages
}

func (d *device) receive(message []byte) (text, aad string, err error) {
	event, err := d.in.Receive(message)
	if err != nil {
		return "", "", err
	}
	m, ok := event.(*mls.Message)
	if !ok {
		return "", "", fmt.Errorf("a %T", event)
	}
	return string(m.Plaintext), string(m.AAD), nil
}

func (d *device) state() state {
	d.t.Helper()
	if d.out {
		return state{}
	}
	_, info, _ := d.info()
	exported, err := d.in.Export(exportLabel, []byte(exportContext), exportLength)
	must(d.t, err)
	authenticator, err := d.in.EpochAuthenticator()
	must(d.t, err)
	me, err := d.in.Me()
	must(d.t, err)
	all, err := d.in.Members()
	must(d.t, err)
	var members string
	for _, m := range all {
		members += fmt.Sprintf("%d %s %x\n", m.Leaf, m.Credential.Identity, m.SignatureKey)
	}
	return state{true, uint32(me.Leaf), agreed{
		epoch: info.GroupContext.Epoch, treeHash: string(info.GroupContext.TreeHash), transcript: string(info.GroupContext.ConfirmedTranscriptHash),
		authenticator: string(authenticator), exported: string(exported), members: members,
	}}
}

// TestDevice plays the life of a group with devices, as an application would have
// them, and members of ts-mls.
func TestDevice(t *testing.T) {
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	for _, public := range []bool{false, true} {
		t.Run(fmt.Sprintf("public=%t", public), func(t *testing.T) {
			t.Parallel()
			p := start(t, "peer.mjs")
			our := func(name string) member { return newDevice(t, s, name) }
			their := func(name string) member { return newTheirs(t, p, s, name, nil) }
			if public {
				our, their = their, our
			}
			session(t, our, their, public)
		})
	}
}

// TestLeave: a device leaves, and a member of ts-mls carries it out. ts-mls does not
// know SelfRemove, so the device proposes its removal.
func TestLeave(t *testing.T) {
	t.Parallel()
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	p := start(t, "peer.mjs")
	a, b, c := newDevice(t, s, "a"), newTheirs(t, p, s, "b", nil), newDevice(t, s, "c")
	a.create(nil)
	adds(t, change{treeInside: true}, b, a)
	adds(t, change{}, c, b, a)
	proposal, err := a.in.Leave()
	must(t, err)
	tell(t, proposal, a, b, c)
	if _, err := c.in.Send([]byte("too early"), nil); !errors.Is(err, mls.ErrUnapplied) {
		t.Errorf("a message while somebody is leaving: %v", err)
	}
	left := b.commit(change{})
	must(t, c.process(left.commit))
	agree(t, b, c)
	goes(t, left.commit, a, false)
}
