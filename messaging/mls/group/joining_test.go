package group

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// everybody is who the Authenticator of a client has been asked about since the
// last call, as "entry index name".
func (w *world) everybody(c *peer) map[string]int {
	asked := map[string]int{}
	for _, a := range w.asked[c.name] {
		asked[fmt.Sprintf("%v %d %s", a.Entry, a.Index, a.Credential.Identity)]++
	}
	w.asked[c.name] = nil
	return asked
}

func sameKeys(t *testing.T, got map[string]int, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("asked about %v, want %v", got, want)
		return
	}
	for _, k := range want {
		if got[k] != 1 {
			t.Errorf("asked about %v, want %v", got, want)
			return
		}
	}
}

func senders(w *world, names ...string) tree.Extension {
	var list []tree.ExternalSender
	for _, name := range names {
		c := w.client(name)
		list = append(list, tree.ExternalSender{SignatureKey: c.cfg.Signer.Public(), Credential: tree.BasicCredential([]byte(name))})
	}
	return tree.ExternalSendersExtension(list)
}

// "Credential Validation" (5.3.1): whoever founds or joins a group asks about every
// leaf and every external sender, in one batch, and one refusal refuses the group.
func TestAuthenticatorIsAskedAboutEverybody_5_3_1(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob carol", CreateOptions{Extensions: tree.Extensions{senders(w, "robot", "admin")}})
	sameKeys(t, w.everybody(all[0]), "creation 0 alice", "creation 0 robot", "creation 1 admin", "KeyPackage 1 bob", "KeyPackage 2 carol", "Commit 0 alice")
	sameKeys(t, w.everybody(all[2]), "Welcome 0 alice", "Welcome 1 bob", "Welcome 2 carol", "external sender 0 robot", "external sender 1 admin")

	dave := w.client("dave")
	info := groupInfo(t, all[1])
	if _, _, err := JoinExternal(dave.cfg, info, ExternalOptions{Leaf: dave.leaf()}); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, w.everybody(dave), "external join 0 alice", "external join 1 bob", "external join 2 carol", "external sender 0 robot", "external sender 1 admin", "external Commit 3 dave")

	p, err := all[0].Commit(CommitOptions{ByValue: adds(dave)})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "bob", "carol", "dave", "robot", "admin"} {
		w.refuse = func(client string, c Candidate) error {
			if client == "dave" && string(c.Credential.Identity) == name {
				return errStranger
			}
			return nil
		}
		if err := dave.join(p.Welcome); !errors.Is(err, ErrUnauthenticated) || !errors.Is(err, errStranger) {
			t.Errorf("dave joins by Welcome, although the authenticator refuses %s: %v", name, err)
		}
		if _, _, err := JoinExternal(dave.cfg, info, ExternalOptions{Leaf: dave.leaf()}); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("dave joins by external Commit, although the authenticator refuses %s: %v", name, err)
		}
	}
	for _, name := range []string{"eve", "robot"} {
		eve := w.client("eve")
		w.refuse = func(client string, c Candidate) error {
			if string(c.Credential.Identity) == name {
				return errStranger
			}
			return nil
		}
		if _, err := Create(eve.cfg, nil, eve.leaf(), CreateOptions{Extensions: tree.Extensions{senders(w, "robot")}}); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("eve founds a group, although the authenticator refuses %s: %v", name, err)
		}
	}
}

// There is no way to a State without an Authenticator, and none to a KeyPackage.
func TestNoAuthenticator(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob", CreateOptions{})
	info := groupInfo(t, all[0])
	none := w.client("none")
	none.cfg.Authenticator = nil
	for what, try := range map[string]func() error{
		"Create": func() error { _, err := Create(none.cfg, nil, none.leaf(), CreateOptions{}); return err },
		"NewKeyPackage": func() error {
			_, err := NewKeyPackage(none.cfg, KeyPackageOptions{Leaf: none.leaf()})
			return err
		},
		"Join": func() error {
			_, err := Join(none.cfg, new(KeyPackage), new(message.Welcome), JoinOptions{})
			return err
		},
		"JoinExternal": func() error { _, _, err := JoinExternal(none.cfg, info, ExternalOptions{}); return err },
		"Branch": func() error {
			_, _, err := all[0].Branch(none.cfg, nil, nil, ContinueOptions{})
			return err
		},
		"Reinitialize": func() error { _, _, err := all[0].Reinitialize(none.cfg, ContinueOptions{}); return err },
	} {
		if err := try(); !errors.Is(err, ErrNoAuthenticator) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// groupInfo is a member's GroupInfo that lets others join, over the wire.
func groupInfo(t tb, c *peer) *message.GroupInfo {
	t.Helper()
	info, err := c.GroupInfo(GroupInfoOptions{ExternalPub: true})
	if err != nil {
		t.Fatal(err)
	}
	m, err := message.Parse(message.Wrap(info).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return m.Body.(*message.GroupInfo)
}

// "Group Creation" (11): what would keep others from joining is refused at once.
func TestCreateRejects_11(t *testing.T) {
	for name, c := range map[string]struct {
		change func(c *peer, leaf *LeafOptions, o *CreateOptions)
		want   error
	}{
		"two extensions of one type (13.4)": {func(_ *peer, _ *LeafOptions, o *CreateOptions) {
			o.Extensions = tree.Extensions{requiresUnknown, requiresUnknown}
		}, ErrConfig},
		"required capability that we lack (11.1)": {func(_ *peer, _ *LeafOptions, o *CreateOptions) {
			o.Extensions = tree.Extensions{requiresUnknown}
		}, tree.ErrUnsupported},
		"extension that we lack (13.4)": {func(_ *peer, _ *LeafOptions, o *CreateOptions) { o.Extensions = tree.Extensions{{Type: 0x0a0a}} }, tree.ErrUnsupported},
		"malformed app_data_dictionary": {func(_ *peer, _ *LeafOptions, o *CreateOptions) {
			o.Extensions = tree.Extensions{{Type: tree.ExtensionAppDataDictionary, Data: []byte{1}}}
		}, nil},
		"malformed external_senders (12.1.8.1)": {func(_ *peer, _ *LeafOptions, o *CreateOptions) {
			o.Extensions = tree.Extensions{{Type: tree.ExtensionExternalSenders, Data: []byte{1}}}
		}, nil},
		"malformed required_capabilities (11.1)": {func(_ *peer, _ *LeafOptions, o *CreateOptions) {
			o.Extensions = tree.Extensions{{Type: tree.ExtensionRequiredCapabilities, Data: []byte{1}}}
		}, nil},
		"own leaf has expired (7.3)": {func(c *peer, leaf *LeafOptions, _ *CreateOptions) {
			leaf.Lifetime = tree.Lifetime{NotBefore: 1, NotAfter: 2}
		}, tree.ErrLifetime},
		"own credential is not supported (7.3)": {func(c *peer, leaf *LeafOptions, _ *CreateOptions) {
			caps := DefaultCapabilities(tree.CredentialX509)
			leaf.Capabilities = &caps
		}, tree.ErrUnsupported},
		"no randomness": {func(c *peer, _ *LeafOptions, _ *CreateOptions) { c.cfg.Rand = nil }, ErrConfig},
		"no clock":      {func(c *peer, _ *LeafOptions, _ *CreateOptions) { c.cfg.Now = nil }, ErrConfig},
		"no signer":     {func(c *peer, _ *LeafOptions, _ *CreateOptions) { c.cfg.Signer = nil }, ErrConfig},
		"no suite":      {func(c *peer, _ *LeafOptions, _ *CreateOptions) { c.cfg.Suite = nil }, ErrConfig},
	} {
		w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
		alice := w.client("alice")
		leaf, o := alice.leaf(), CreateOptions{}
		c.change(alice, &leaf, &o)
		_, err := Create(alice.cfg, nil, leaf, o)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// "Group Creation" (11): a new group is in epoch 0, with one member and an empty
// transcript, and two groups have different identifiers.
func TestCreate_11(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		alice := w.client("alice")
		one, err := Create(alice.cfg, nil, alice.leaf(), CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		two, err := Create(alice.cfg, nil, alice.leaf(), CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(one.GroupID()) != w.suite.HashSize() || string(one.GroupID()) == string(two.GroupID()) {
			t.Errorf("group ids %x, %x", one.GroupID(), two.GroupID())
		}
		if one.Epoch() != 0 || one.Tree().MemberCount() != 1 || one.Me() != 0 || len(one.Context().ConfirmedTranscriptHash) != 0 {
			t.Errorf("epoch %d, %d members", one.Epoch(), one.Tree().MemberCount())
		}
		if string(one.EpochAuthenticator()) == string(two.EpochAuthenticator()) {
			t.Error("two groups have one secret")
		}
	})
}

// "KeyPackage Reuse" (16.8) and the draft's "Last-Resort KeyPackages": the keys of
// any other KeyPackage are gone once it was used.
func TestLastResortKeyPackage(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	for _, last := range []bool{false, true} {
		name := fmt.Sprint("bob", last)
		bob := w.client(name)
		kp, err := NewKeyPackage(bob.cfg, KeyPackageOptions{Leaf: bob.leaf(), LastResort: last})
		if err != nil {
			t.Fatal(err)
		}
		if kp.LastResort() != last {
			t.Errorf("last resort: %v", kp.LastResort())
		}
		for i := range 2 {
			alice := w.client(fmt.Sprint("alice", last, i))
			alice.create(CreateOptions{})
			p, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{&message.Add{KeyPackage: kp.Public}}})
			if err != nil {
				t.Fatal(err)
			}
			bob.kp = kp
			if err := bob.join(p.Welcome); (err == nil) != (last || i == 0) {
				t.Errorf("last resort %v, use %d: %v", last, i+1, err)
			}
		}
	}
}
