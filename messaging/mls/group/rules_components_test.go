package group

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Extensions draft, "Attaching Application Data to MLS Messages": who advertises
// app_data_dictionary advertises app_components.
func TestAppComponentsAreAdvertised(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 81)
	c := w.client("alice")
	own := component.Dictionary{}.With(appendID, []byte("data"))
	chosen := own.With(component.AppComponentsID, syntax.Marshal(component.List{appendID}))
	for name, x := range map[string]struct {
		extensions tree.Extensions
		want       component.List
	}{
		"nothing":         {nil, c.cfg.knownComponents()},
		"other data":      {own.Into(nil), c.cfg.knownComponents()},
		"chosen":          {chosen.Into(nil), component.List{appendID}},
		"other extension": {tree.Extensions{{Type: tree.ExtensionApplicationID}}, c.cfg.knownComponents()},
	} {
		o := c.leaf()
		o.Extensions = x.extensions
		kp, err := NewKeyPackage(c.cfg, KeyPackageOptions{Leaf: o})
		if err != nil {
			t.Fatal(err)
		}
		list, ok, err := components(kp.Public.LeafNode.Extensions, component.AppComponentsID)
		if err != nil || !ok || string(syntax.Marshal(list)) != string(syntax.Marshal(x.want)) {
			t.Errorf("%s: %v, %v, want %v", name, list, err, x.want)
		}
		if before, _, _ := component.FromExtensions(x.extensions); before.Len() > 0 {
			after, _, _ := component.FromExtensions(kp.Public.LeafNode.Extensions)
			if data, _ := after.Get(appendID); string(data) != "data" {
				t.Errorf("%s: our own data is %q", name, data)
			}
		}
	}
	o := c.leaf()
	o.Extensions = tree.Extensions{{Type: tree.ExtensionAppDataDictionary, Data: []byte{9}}}
	if _, err := NewKeyPackage(c.cfg, KeyPackageOptions{Leaf: o}); !errors.Is(err, ErrConfig) {
		t.Errorf("a malformed dictionary: %v", err)
	}
	old := DefaultCapabilities(tree.CredentialBasic)
	old.Extensions = nil
	o = c.leaf()
	o.Capabilities = &old
	kp, err := NewKeyPackage(c.cfg, KeyPackageOptions{Leaf: o})
	if err != nil || len(kp.Public.LeafNode.Extensions) != 0 {
		t.Errorf("without support for it: %v", err)
	}
}

// Extensions draft, "Updating Application Data in the GroupContext": the first data of a
// group makes the extension, which all members must support ("Extensions", 13.4).
func TestFirstDataNeedsSupport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 82)
	all := w.clients("alice bob carol")
	alice, bob, carol := all[0], all[1], all[2]
	alice.create(CreateOptions{})
	without := carol.keyPackageWith(func(o *LeafOptions) { o.Capabilities.Extensions = nil }, nil)
	w.commit(alice, all, CommitOptions{ByValue: append(adds(bob), &message.Add{KeyPackage: without})})
	first := update(component.AppComponentsID, "\x00")
	if _, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{first}}); !errors.Is(err, ErrProposalList) {
		t.Errorf("made: %v", err)
	}
	msg := alice.forgeUpdates(badCommit{}, first)
	w.refuses(msg, ErrProposalList, bob, carol)
	// Without Carol it is right.
	remove := alice.value(&message.Remove{Removed: carol.Me()})
	if _, err := bob.Process(alice.forgeUpdates(badCommit{proposals: []Covered{remove}}, first)); err != nil {
		t.Error(err)
	}
}

// forgeUpdates makes a Commit with an AppDataUpdate of one of the draft's lists.
func (c *peer) forgeUpdates(f badCommit, p message.Proposal) []byte {
	c.w.t.Helper()
	q := p.(*message.AppDataUpdate)
	old := c.current.context
	dictionary, _, err := component.FromExtensions(old.Extensions)
	if err != nil {
		c.w.t.Fatal(err)
	}
	f.proposals = append(f.proposals, c.value(p))
	f.extensions = dictionary.With(q.Component, q.Update).Into(old.Extensions)
	return c.forge(f)
}

// Extensions draft, "Negotiating Extensions and Components": nobody enters a group whose
// wire formats some member does not support.
func TestGroupOfOtherWireFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 84)
	c := w.client("alice")
	capabilities := DefaultCapabilities(tree.CredentialBasic)
	capabilities.Extensions = append(capabilities.Extensions, tree.ExtensionRequiredWireFormats, tree.ExtensionSupportedWireFormats)
	required := tree.Extensions{wireFormatList(tree.ExtensionRequiredWireFormats, 0xf001)}
	for format, want := range map[uint16]error{0xf001: nil, 0xf002: tree.ErrUnsupported} {
		o := c.leaf()
		o.Capabilities = &capabilities
		o.Extensions = tree.Extensions{wireFormatList(tree.ExtensionSupportedWireFormats, format)}
		if _, err := Create(c.cfg, nil, o, CreateOptions{Extensions: required}); !errors.Is(err, want) {
			t.Errorf("supporting %x: %v, want %v", format, err, want)
		}
	}
}
