package group

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// "Key Packages" (10), "Leaf Node Contents" (7.2), "GREASE" (13.5): what a KeyPackage
// of ours says by default.
func TestNewKeyPackage_10(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *world) {
		c := w.client("alice")
		c.cfg.Components = map[component.ID]Component{appendID: appendComponent{}}
		kp, err := NewKeyPackage(c.cfg, KeyPackageOptions{Leaf: c.leaf()})
		if err != nil {
			t.Fatal(err)
		}
		if err := kp.Public.Validate(w.suite, &tree.Rules{Now: uint64(w.now.Unix())}); err != nil {
			t.Error(err)
		}
		leaf := kp.Public.LeafNode
		if l := leaf.Lifetime; l.NotAfter-l.NotBefore != uint64((DefaultLifetime+time.Hour)/time.Second) {
			t.Errorf("lifetime %v", l)
		}
		caps := &leaf.Capabilities
		for _, p := range caps.Proposals {
			if p.IsDefault() {
				t.Errorf("proposal %d is listed, and a default", p)
			}
		}
		greased := []bool{
			slices.ContainsFunc(caps.CipherSuites, func(v suite.ID) bool { return tree.IsGREASE(uint16(v)) }),
			slices.ContainsFunc(caps.Extensions, func(v tree.ExtensionType) bool { return tree.IsGREASE(uint16(v)) }),
			slices.ContainsFunc(caps.Proposals, func(v tree.ProposalType) bool { return tree.IsGREASE(uint16(v)) }),
			slices.ContainsFunc(caps.Credentials, func(v tree.CredentialType) bool { return tree.IsGREASE(uint16(v)) }),
			slices.ContainsFunc(kp.Public.Extensions, func(e tree.Extension) bool { return tree.IsGREASE(uint16(e.Type)) }),
		}
		if slices.Contains(greased, false) {
			t.Errorf("GREASE: %v", greased)
		}
		list, ok, err := components(leaf.Extensions, component.AppComponentsID)
		if _, all := list.Supports(component.List{component.AppComponentsID, component.AppAckID, appendID}); !ok || err != nil || !all {
			t.Errorf("app_components: %v, %v", list, err)
		}

		again := new(KeyPackage)
		if err := syntax.Unmarshal(syntax.Marshal(kp), again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(syntax.Marshal(again), syntax.Marshal(kp)) || !bytes.Equal(again.Private.InitKey, kp.Private.InitKey) {
			t.Error("a KeyPackage is stored as another one")
		}
		if err := syntax.Unmarshal([]byte{1, 0, 0, 0}, new(KeyPackage)); !errors.Is(err, syntax.ErrSyntax) {
			t.Errorf("damaged: %v", err)
		}
	})
}

// "GREASE" (13.5): the 15 values, and no others.
func TestGREASEValues_13_5(t *testing.T) {
	seen := map[uint16]bool{}
	rand := mlstest.Rand(1)
	for range 1000 {
		v, err := greaseValue(rand)
		if err != nil || !tree.IsGREASE(v) {
			t.Fatalf("%04x, %v", v, err)
		}
		seen[v] = true
	}
	if len(seen) != 15 {
		t.Errorf("%d values", len(seen))
	}
}

// "Capabilities" of a KeyPackage that others would refuse (10, 7.2).
func TestNewKeyPackageRejects_10(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	c := w.client("alice")
	caps := DefaultCapabilities(tree.CredentialBasic)
	for name, o := range map[string]KeyPackageOptions{
		"leaf extension that is not listed": {Leaf: LeafOptions{Credential: c.leaf().Credential, Capabilities: &caps, Extensions: tree.Extensions{{Type: 0xf0f0}}}},
		"extension that is not listed":      {Leaf: c.leaf(), Extensions: tree.Extensions{{Type: 0xf0f0}}},
		"credential that is not listed":     {Leaf: LeafOptions{Credential: tree.Credential{Type: 0xf000}, Capabilities: &caps}},
		"lifetime that is too long":         {Leaf: LeafOptions{Credential: c.leaf().Credential, Lifetime: tree.Lifetime{NotAfter: 1 << 60}}},
		"malformed dictionary":              {Leaf: c.leaf(), Extensions: tree.Extensions{{Type: tree.ExtensionAppDataDictionary, Data: []byte{7}}}, LastResort: true},
	} {
		if _, err := NewKeyPackage(c.cfg, o); err == nil {
			t.Errorf("%s: made", name)
		}
	}
}

// "GroupInfo" (12.4.3): extensions once each, the tree only if wanted, an invitation
// only if wanted, and one extension that nobody knows (13.5).
func TestGroupInfo_12_4_3(t *testing.T) {
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	all := w.group("alice bob", CreateOptions{})
	for _, o := range []GroupInfoOptions{{}, {ExternalPub: true}, {WithoutTree: true}, {Extensions: tree.Extensions{{Type: 0xf0f0, Data: []byte("x")}}}} {
		info, err := all[1].GroupInfo(o)
		if err != nil {
			t.Fatal(err)
		}
		_, hasTree := info.Extensions.Find(tree.ExtensionRatchetTree)
		_, open := info.Extensions.Find(tree.ExtensionExternalPub)
		_, more := info.Extensions.Find(0xf0f0)
		grease := slices.ContainsFunc(info.Extensions, func(e tree.Extension) bool { return tree.IsGREASE(uint16(e.Type)) })
		if hasTree == o.WithoutTree || open != o.ExternalPub || more != (o.Extensions != nil) || !grease {
			t.Errorf("%+v: %v", o, info.Extensions)
		}
		if err := info.Verify(w.suite, all[1].cfg.Signer.Public()); err != nil || info.Signer != 1 {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := all[0].GroupInfo(GroupInfoOptions{Extensions: tree.Extensions{all[0].Tree().Extension()}}); !errors.Is(err, ErrConfig) {
		t.Errorf("two trees: %v", err)
	}
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: 1}}})
	if all[1].State != nil {
		t.Error("bob is still there")
	}
}

// Extensions draft, "Negotiating Extensions and Components": required_wire_formats
// are those that every leaf has among its supported_wire_formats.
func TestRequiredWireFormats(t *testing.T) {
	formats := func(t tree.ExtensionType, list ...uint16) tree.Extension {
		var w syntax.Writer
		syntax.WriteList(&w, list, func(w *syntax.Writer, v uint16) { w.Uint16(v) })
		return tree.Extension{Type: t, Data: w.Bytes()}
	}
	s, _ := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	for name, c := range map[string]struct {
		required, supported tree.Extensions
		want                error
	}{
		"nothing":          {nil, nil, nil},
		"nothing required": {nil, tree.Extensions{formats(tree.ExtensionSupportedWireFormats, 0xf001)}, nil},
		"supported":        {tree.Extensions{formats(tree.ExtensionRequiredWireFormats, 0xf001)}, tree.Extensions{formats(tree.ExtensionSupportedWireFormats, 0xf000, 0xf001)}, nil},
		"not supported":    {tree.Extensions{formats(tree.ExtensionRequiredWireFormats, 0xf001)}, tree.Extensions{formats(tree.ExtensionSupportedWireFormats, 0xf000)}, tree.ErrUnsupported},
		"not listed":       {tree.Extensions{formats(tree.ExtensionRequiredWireFormats, 0xf001)}, nil, tree.ErrUnsupported},
		"of RFC 9420":      {tree.Extensions{formats(tree.ExtensionRequiredWireFormats, 1, 2)}, nil, nil},
		"malformed":        {tree.Extensions{{Type: tree.ExtensionRequiredWireFormats, Data: []byte{1, 1}}}, nil, syntax.ErrSyntax},
		"malformed leaf":   {tree.Extensions{formats(tree.ExtensionRequiredWireFormats, 0xf001)}, tree.Extensions{{Type: tree.ExtensionSupportedWireFormats, Data: []byte{1, 1}}}, syntax.ErrSyntax},
	} {
		tr := tree.New(s)
		tr.Add(&tree.LeafNode{Extensions: c.supported})
		if err := checkWireFormats(tr, nil, c.required); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err := checkWireFormats(tr, tr.Clone(), c.required); c.want == tree.ErrUnsupported && err != nil {
			t.Errorf("%s: a leaf that was there before: %v", name, err)
		}
	}
}
