package group

import (
	"errors"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestComponentListsAreTheMembers: what components members must support, and how they
// write authenticated data, is not for an external sender or a joiner to say, by
// whichever proposal.
func TestComponentListsAreTheMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 85)
	robot := w.client("robot")
	all := w.group("alice bob", CreateOptions{Extensions: tree.Extensions{tree.ExternalSendersExtension([]tree.ExternalSender{
		{SignatureKey: robot.cfg.Signer.Public(), Credential: robot.leaf().Credential}})}})
	alice, bob := all[0], all[1]
	list := string(syntax.Marshal(component.List{}))
	lists := []component.ID{component.AppComponentsID, component.SafeAADID}
	for _, id := range lists {
		w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{update(id, list)}})
	}
	info, err := alice.GroupInfo(GroupInfoOptions{ExternalPub: true})
	if err != nil {
		t.Fatal(err)
	}
	dave := w.client("dave")
	cfg := &bob.State.cfg
	for _, id := range lists {
		for what, p := range map[string]message.Proposal{"update": update(id, list), "removal": remove(id)} {
			for _, by := range []message.Sender{message.External(0), {Type: message.SenderNewMemberCommit}} {
				covered := []Covered{{Proposal: p, Sender: by}}
				if _, err := bob.checkProposal(covered[0], false); !errors.Is(err, ErrForbidden) {
					t.Errorf("%v: %s by itself from %v: %v", id, what, by, err)
				}
				if _, err := applyAppData(cfg, bob.View(), bob.Context().Extensions, covered); !errors.Is(err, ErrForbidden) {
					t.Errorf("%v: %s in a Commit from %v: %v", id, what, by, err)
				}
			}
			covered := Covered{Proposal: p, Sender: message.Member(0)}
			if _, err := bob.checkProposal(covered, false); err != nil {
				t.Errorf("%v: %s of a member: %v", id, what, err)
			}
			o := ExternalOptions{Leaf: dave.leaf(), AppData: []message.Proposal{p}, AAD: []byte(list)}
			if _, _, err := JoinExternal(dave.cfg, info, o); !errors.Is(err, ErrForbidden) {
				t.Errorf("%v: %s of a joiner: %v", id, what, err)
			}
		}
		dictionary, _, err := component.FromExtensions(alice.Context().Extensions)
		if err != nil {
			t.Fatal(err)
		}
		without, _ := dictionary.Without(id)
		for what, d := range map[string]component.Dictionary{"other": dictionary.With(id, []byte{2, 0, 1}), "none": without, "same": dictionary} {
			p := &message.GroupContextExtensions{Extensions: d.Into(alice.Context().Extensions)}
			want := ErrForbidden
			if what == "same" {
				want = nil
			}
			if err := keepsDictionary(bob.Context().Extensions, p.Extensions, message.External(0)); !errors.Is(err, want) {
				t.Errorf("%v: group_context_extensions with %s: %v", id, what, err)
			}
			if err := keepsDictionary(bob.Context().Extensions, p.Extensions, message.Member(0)); err != nil {
				t.Errorf("%v: group_context_extensions of a member with %s: %v", id, what, err)
			}
			to := target(alice.State)
			to.AAD = []byte(list)
			msg, err := ProposeExternal(w.suite, robot.cfg.Signer, to, 0, p)
			if err != nil {
				t.Fatal(err)
			}
			if want != nil {
				w.refuses(msg, want, bob)
			} else if _, err := bob.Process(msg); err != nil {
				t.Error(err)
			}
			bob.cache.reset()
		}
	}
	// In a Commit that covers it, it is refused as well.
	p := Covered{Proposal: &message.GroupContextExtensions{}, Sender: message.External(0)}
	if _, err := apply(cfg, bob.current, message.Member(0), []Covered{p}, purposeNone, false); !errors.Is(err, ErrForbidden) {
		t.Errorf("covered: %v", err)
	}
}

// TestRequiredComponentsAreLookedUpOnce, however often a list names them.
func TestRequiredComponentsAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	e := component.Dictionary{}.With(component.SafeAADID, syntax.Marshal(component.List{9, 7, 9, 9, 7})).Into(nil)
	if list, err := requiredComponents(e, component.SafeAADID); err != nil || !slices.Equal(list, component.List{7, 9}) {
		t.Errorf("%v, %v", list, err)
	}
}

// Extensions draft, "Safe Additional Authenticated Data": all members support what is
// required in authenticated data: nobody is added without, and no requirement goes
// beyond it.
func TestSafeAADIsSupportedByAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 86)
	all := w.clients("alice bob")
	alice, bob := all[0], all[1]
	supporting := func(ids ...component.ID) func(o *LeafOptions) {
		return func(o *LeafOptions) {
			o.Extensions = component.Dictionary{}.With(component.SafeAADID, syntax.Marshal(component.List(ids))).Into(nil)
		}
	}
	o := alice.leaf()
	supporting(appendID, 0x8002)(&o)
	s, err := Create(alice.cfg, nil, o, CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	alice.State = s
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{&message.Add{KeyPackage: bob.keyPackageWith(supporting(appendID), nil)}}})
	require := func(ids ...component.ID) message.Proposal {
		return update(component.SafeAADID, string(syntax.Marshal(component.List(ids))))
	}
	if _, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{require(0x8002)}}); !errors.Is(err, tree.ErrUnsupported) {
		t.Errorf("made: %v", err)
	}
	w.refuses(alice.forgeUpdates(badCommit{}, require(0x8002)), tree.ErrUnsupported, bob)
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{require(appendID)}})

	// From now on, authenticated data is a SafeAAD.
	carol := w.client("carol")
	none := []byte{0}
	for what, with := range map[string]func(o *LeafOptions){"another": supporting(0x8002), "nothing": nil} {
		add := &message.Add{KeyPackage: carol.keyPackageWith(with, nil)}
		if _, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{add}, AAD: none}); !errors.Is(err, tree.ErrUnsupported) {
			t.Errorf("an Add of one who supports %s: %v", what, err)
		}
		w.refuses(alice.forge(badCommit{proposals: []Covered{alice.value(add)}, aad: none}), tree.ErrUnsupported, bob)
	}
	all = append(all, carol)
	w.commit(alice, all, CommitOptions{AAD: none, ByValue: []message.Proposal{&message.Add{KeyPackage: carol.keyPackageWith(supporting(appendID), nil)}}})
}

// Extensions draft, "Attaching Application Data to MLS Messages": who advertises
// app_data_dictionary advertises app_components, whatever changes in the leaf.
func TestLeafChangeKeepsAppComponents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 87)
	all := w.clients("alice bob")
	alice, bob := all[0], all[1]
	chosen := component.List{appendID}
	o := alice.leaf()
	o.Extensions = component.Dictionary{}.With(component.AppComponentsID, syntax.Marshal(chosen)).Into(nil)
	s, err := Create(alice.cfg, nil, o, CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	alice.State = s
	w.commit(alice, all, CommitOptions{ByValue: adds(bob)})
	advertised := func(what string, leaf *tree.LeafNode, want component.List) {
		t.Helper()
		list, ok, err := components(leaf.Extensions, component.AppComponentsID)
		if err != nil || ok != (want != nil) || !slices.Equal(list, want) {
			t.Errorf("%s: %v, %v, %v; want %v", what, list, ok, err, want)
		}
	}
	change := func(c *LeafChange) {
		w.commit(alice, all, CommitOptions{Leaf: c})
	}
	change(&LeafChange{Extensions: tree.Extensions{{Type: tree.ExtensionApplicationID, Data: []byte("x")}}})
	leaf := alice.Member(alice.Me())
	advertised("another extension", leaf, chosen)
	if data, ok := leaf.Extensions.Find(tree.ExtensionApplicationID); !ok || string(data) != "x" {
		t.Errorf("application_id: %q", data)
	}
	change(&LeafChange{Extensions: tree.Extensions{}})
	advertised("none", alice.Member(alice.Me()), chosen)
	other := component.List{appendID, 0x8002}
	change(&LeafChange{Extensions: component.Dictionary{}.With(component.AppComponentsID, syntax.Marshal(other)).Into(nil)})
	advertised("others", alice.Member(alice.Me()), other)
	bad := &LeafChange{Extensions: tree.Extensions{{Type: tree.ExtensionAppDataDictionary, Data: []byte{9}}}}
	if _, err := alice.Commit(CommitOptions{Leaf: bad}); !errors.Is(err, ErrConfig) {
		t.Errorf("a malformed dictionary: %v", err)
	}
	if _, err := alice.ProposeUpdate(bad, ProposalOptions{}); !errors.Is(err, ErrConfig) {
		t.Errorf("a malformed dictionary in an Update: %v", err)
	}
	without := alice.Member(alice.Me()).Capabilities
	without.Extensions = nil
	change(&LeafChange{Capabilities: &without, Extensions: tree.Extensions{}})
	advertised("no app_data_dictionary", alice.Member(alice.Me()), nil)
	with := DefaultCapabilities(tree.CredentialBasic)
	msg, err := alice.ProposeUpdate(&LeafChange{Capabilities: &with}, ProposalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.tell(alice, all, msg)
	w.commit(bob, all, CommitOptions{})
	advertised("app_data_dictionary again", alice.Member(alice.Me()), alice.cfg.knownComponents())
}
