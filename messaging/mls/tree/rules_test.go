package tree

import (
	"errors"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// "Leaf Node Contents" (7.2): default types are not listed by those who make a leaf
// node. Those who receive one that lists them are not told to mind, and do not.
func TestDefaultTypesAreNotListed_7_2(t *testing.T) {
	for name, list := range map[string]func(*Capabilities){
		"extension application_id":          func(c *Capabilities) { c.Extensions = []ExtensionType{0x0a0a, 1} },
		"extension external_senders":        func(c *Capabilities) { c.Extensions = []ExtensionType{5} },
		"proposal add":                      func(c *Capabilities) { c.Proposals = []ProposalType{ProposalSelfRemove, 1} },
		"proposal group_context_extensions": func(c *Capabilities) { c.Proposals = []ProposalType{7} },
	} {
		g := newTeam(t, x25519)
		g.signers[0] = g.signer()
		c := g.leafCase(InUpdate)
		list(&c.leaf.Capabilities)
		if err := c.leaf.Sign(g.s, g.signers[0], g.id, c.index); !errors.Is(err, ErrDefaultListed) || c.leaf.Signature != nil {
			t.Errorf("%s: %v", name, err)
		}
		var err error
		c.leaf.Signature, err = g.s.SignWithLabel(g.signers[0], leafNodeLabel, c.leaf.signed(g.id, c.index))
		g.must(err)
		if err := ValidateLeaf(g.s, c.leaf, InUpdate, c.index, c.replaces, c.rules); err != nil {
			t.Errorf("%s, of somebody else: %v", name, err)
		}
	}
	c := Capabilities{Extensions: []ExtensionType{0, 6, 0xffff}, Proposals: []ProposalType{0, 8, 0xffff}}
	if err := c.checkListed(); err != nil {
		t.Errorf("types that are no defaults: %v", err)
	}
}

// "Signing" (5.1.2): a member's signature key is one of the group's scheme, however
// well it signs in its own.
func TestSignatureKeyIsOfTheSuite_5_1_2(t *testing.T) {
	for _, id := range suite.All() {
		for _, other := range suite.All() {
			if sameScheme(id, other) {
				continue
			}
			g := newTeam(t, id)
			_, signer, err := mustSuite(t, other).GenerateSigner(mlstest.Rand(5))
			g.must(err)
			l := g.leaf(signer, SourceKeyPackage)
			g.must(l.Sign(mustSuite(t, other), signer, nil, 0))
			if err := ValidateLeaf(g.s, l, InKeyPackage, 0, nil, g.rules()); !errors.Is(err, suite.ErrKey) {
				t.Errorf("key of %v in a group of %v: %v", other, id, err)
			}
		}
	}
}

// sameScheme reports whether two suites sign alike: Ed25519, Ed448, or a curve.
func sameScheme(a, b suite.ID) bool {
	for _, alike := range [][]suite.ID{
		{suite.X25519_AES128GCM_SHA256_Ed25519, suite.X25519_CHACHA20POLY1305_SHA256_Ed25519,
			suite.MLKEM768X25519_AES128GCM_SHA256_Ed25519, suite.MLKEM768X25519_AES256GCM_SHA384_Ed25519},
		{suite.X448_AES256GCM_SHA512_Ed448, suite.X448_CHACHA20POLY1305_SHA512_Ed448},
	} {
		if slices.Contains(alike, a) && slices.Contains(alike, b) {
			return true
		}
	}
	return a == b
}

// What a group requires may be a megabyte, and a Commit may add thousands: it is read
// once for all leaf nodes that are held against the same rules.
func TestRequirementsAreReadOnce(t *testing.T) {
	q := RequiredCapabilities{Extensions: []ExtensionType{0xf123}}
	rules := &Rules{Extensions: Extensions{q.Extension()}}
	first, err := rules.needs()
	if err != nil || !slices.Equal(first.Extensions, q.Extensions) {
		t.Fatal(first, err)
	}
	if again, _ := rules.needs(); again != first {
		t.Error("read again")
	}
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &LeafNode{Source: SourceUpdate, Credential: BasicCredential(nil), Capabilities: Capabilities{
		Versions: []ProtocolVersion{MLS10}, CipherSuites: []suite.ID{s.ID()}, Credentials: []CredentialType{CredentialBasic}}}
	empty := &Rules{Extensions: rules.Extensions}
	for _, validate := range []func(*Rules) error{
		func(r *Rules) error { return ValidateLeaf(s, leaf, InTree, 0, nil, r) },
		func(r *Rules) error {
			g := New(s)
			g.Add(leaf)
			return g.Validate(g.RootHash(), r)
		},
	} {
		// What was read is what counts: rules must not change.
		r := &Rules{Extensions: Extensions{{Type: ExtensionRequiredCapabilities}}}
		r.once.Do(func() { r.need = first })
		if err := validate(r); !errors.Is(err, ErrUnsupported) {
			t.Error(err)
		}
	}
	if err := ValidateLeaf(s, leaf, InTree, 0, nil, empty); !errors.Is(err, ErrUnsupported) || empty.need == nil {
		t.Error(err)
	}
	bad := &Rules{Extensions: Extensions{{Type: ExtensionRequiredCapabilities}}}
	for range 2 {
		if err := ValidateLeaf(s, leaf, InTree, 0, nil, bad); !errors.Is(err, syntax.ErrSyntax) {
			t.Error(err)
		}
	}
}

// What a group needs is looked up in the capabilities of every member: each type once,
// however often required_capabilities names it, and no list is longer than there are
// types.
func TestTypesAreNeededOnce(t *testing.T) {
	q := RequiredCapabilities{
		Extensions:  []ExtensionType{9, 8, 9, 1, 8},
		Proposals:   []ProposalType{10, 10},
		Credentials: []CredentialType{2, 1, 2},
	}
	n, err := Extensions{q.Extension(), {Type: 9}}.needs()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(n.Extensions, []ExtensionType{8, 9}) || !slices.Equal(n.Proposals, []ProposalType{10}) || !slices.Equal(n.Credentials, []CredentialType{1, 2}) {
		t.Errorf("%+v", n)
	}
	for count, want := range map[int]error{1 << 16: nil, 1<<16 + 1: syntax.ErrTooLong} {
		q := RequiredCapabilities{Extensions: make([]ExtensionType, count)}
		if _, err := (Extensions{q.Extension()}).Required(); !errors.Is(err, want) {
			t.Errorf("%d types: %v, want %v", count, err, want)
		}
	}
}
