package group

import (
	"errors"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

func wireFormatList(t tree.ExtensionType, formats ...uint16) tree.Extension {
	var w syntax.Writer
	w.Nested(func(w *syntax.Writer) {
		for _, f := range formats {
			w.Uint16(f)
		}
	})
	return tree.Extension{Type: t, Data: w.Bytes()}
}

// TestWireFormatsAfterCommit: who is added supports the wire formats that the group
// requires, and who is there those that a Commit begins to require
// (draft-ietf-mls-extensions, "Negotiating Extensions and Components").
func TestWireFormatsAfterCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 62)
	able := func(o *LeafOptions) {
		c := DefaultCapabilities(tree.CredentialBasic)
		c.Extensions = append(c.Extensions, tree.ExtensionSupportedWireFormats, tree.ExtensionRequiredWireFormats)
		o.Capabilities = &c
	}
	speaking := func(o *LeafOptions) {
		able(o)
		o.Extensions = tree.Extensions{wireFormatList(tree.ExtensionSupportedWireFormats, 0xf001)}
	}
	all := w.clients("alice bob carol dave")
	alice, bob, carol, dave := all[0], all[1], all[2], all[3]
	leaf := alice.leaf()
	speaking(&leaf)
	state, err := Create(alice.cfg, []byte("group"), leaf, CreateOptions{Extensions: tree.Extensions{wireFormatList(tree.ExtensionRequiredWireFormats, 0xf001)}})
	if err != nil {
		t.Fatal(err)
	}
	alice.State = state
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{&message.Add{KeyPackage: bob.keyPackageWith(speaking, nil)}}})
	mute := &message.Add{KeyPackage: carol.keyPackageWith(able, nil)}
	w.refuses(alice.forge(badCommit{proposals: []Covered{alice.value(mute)}}), tree.ErrUnsupported, bob)
	if _, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{mute}}); !errors.Is(err, ErrProposalList) {
		t.Fatal(err)
	}
	more := &message.GroupContextExtensions{Extensions: tree.Extensions{wireFormatList(tree.ExtensionRequiredWireFormats, 0xf001, 0xf002)}}
	w.refuses(alice.forge(badCommit{proposals: []Covered{alice.value(more)}}), tree.ErrUnsupported, bob)
	w.commit(alice, all, CommitOptions{ByValue: []message.Proposal{&message.Add{KeyPackage: dave.keyPackageWith(speaking, nil)}}})
	w.talk(all)
}

// TestWireFormatsAreListedOnce: two long lists are not multiplied.
func TestWireFormatsAreListedOnce(t *testing.T) {
	t.Parallel()
	e := tree.Extensions{wireFormatList(tree.ExtensionRequiredWireFormats, 0xf002, 0xf001, 0xf002)}
	list, err := wireFormats(e, tree.ExtensionRequiredWireFormats)
	if err != nil || !slices.Equal(list, []message.WireFormat{0xf001, 0xf002}) {
		t.Errorf("%v, %v", list, err)
	}
	for n, want := range map[int]error{1 << 16: nil, 1<<16 + 1: syntax.ErrTooLong} {
		e := tree.Extensions{wireFormatList(tree.ExtensionRequiredWireFormats, make([]uint16, n)...)}
		if _, err := wireFormats(e, tree.ExtensionRequiredWireFormats); !errors.Is(err, want) {
			t.Errorf("%d wire formats: %v, want %v", n, err, want)
		}
	}
}
