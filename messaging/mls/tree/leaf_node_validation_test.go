package tree

import (
	"errors"
	"math"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

const x25519 = suite.X25519_AES128GCM_SHA256_Ed25519

// leafCase is a leaf node, and what it is measured by. Everything is as it should
// be, until a test changes one thing.
type leafCase struct {
	leaf     *LeafNode
	place    Place
	index    LeafIndex // that it is signed for and found at
	replaces *LeafNode
	rules    *Rules
}

func (g *team) leafCase(place Place) *leafCase {
	source := map[Place]LeafNodeSource{InKeyPackage: SourceKeyPackage, InUpdate: SourceUpdate, InCommit: SourceCommit, InTree: SourceCommit}[place]
	c := &leafCase{place: place, index: 3, rules: g.rules()}
	c.leaf = g.leaf(g.signers[0], source)
	if place == InUpdate || place == InCommit {
		c.replaces = g.leaf(g.signers[0], SourceUpdate)
	}
	return c
}

func (g *team) run(t *testing.T, c *leafCase) error {
	t.Helper()
	g.sign(c.leaf, c.index, g.signers[0])
	return ValidateLeaf(g.s, c.leaf, c.place, c.index, c.replaces, c.rules)
}

// "Leaf Node Validation" (7.3), rule by rule.
func TestLeafNodeValidation(t *testing.T) {
	caps := func(f func(*Capabilities)) func(*leafCase) {
		return func(c *leafCase) { f(&c.leaf.Capabilities) }
	}
	group := func(e ...Extension) func(*leafCase) {
		return func(c *leafCase) { c.rules.Extensions = e }
	}
	required := func(q RequiredCapabilities) func(*leafCase) { return group(q.Extension()) }
	both := func(fs ...func(*leafCase)) func(*leafCase) {
		return func(c *leafCase) {
			for _, f := range fs {
				f(c)
			}
		}
	}
	lifetime := func(from, to uint64) func(*leafCase) {
		return func(c *leafCase) { c.leaf.Lifetime = Lifetime{from, to} }
	}
	at := func(now uint64) func(*leafCase) { return func(c *leafCase) { c.rules.Now = now } }
	everywhere := []Place{InKeyPackage, InUpdate, InCommit, InTree}
	packaged := []Place{InKeyPackage}
	for _, rule := range []struct {
		name   string
		places []Place
		change func(*leafCase)
		want   error // nil: accepted
	}{
		{"nothing changed", everywhere, func(*leafCase) {}, nil},

		{"group extension not supported", everywhere, group(Extension{Type: 0xf001}), ErrUnsupported},
		{"group extension supported", everywhere, both(group(Extension{Type: 0xf001}), caps(func(c *Capabilities) { c.Extensions = []ExtensionType{0xf001} })), nil},
		{"default group extensions need no support", everywhere, group(ExternalSendersExtension(nil)), nil},
		{"required extension not supported", everywhere, required(RequiredCapabilities{Extensions: []ExtensionType{0xf001}}), ErrUnsupported},
		{"required extension supported", everywhere, both(required(RequiredCapabilities{Extensions: []ExtensionType{0xf001}}), caps(func(c *Capabilities) { c.Extensions = []ExtensionType{7, 0xf001} })), nil},
		{"required proposal not supported", everywhere, required(RequiredCapabilities{Proposals: []ProposalType{ProposalSelfRemove}}), ErrUnsupported},
		{"required proposal supported", everywhere, both(required(RequiredCapabilities{Proposals: []ProposalType{ProposalSelfRemove}}), caps(func(c *Capabilities) { c.Proposals = []ProposalType{ProposalSelfRemove} })), nil},
		{"required credential not supported", everywhere, required(RequiredCapabilities{Credentials: []CredentialType{CredentialX509}}), ErrUnsupported},
		{"required credential supported", everywhere, required(RequiredCapabilities{Credentials: []CredentialType{CredentialBasic}}), nil},
		{"default types required need not be listed", everywhere, required(RequiredCapabilities{Extensions: []ExtensionType{1, 2, 3, 4, 5}, Proposals: []ProposalType{1, 2, 3, 4, 5, 6, 7}}), nil},
		{"required_capabilities that cannot be read", everywhere, group(Extension{ExtensionRequiredCapabilities, []byte{0, 0}}), syntax.ErrSyntax},

		{"version not supported", everywhere, caps(func(c *Capabilities) { c.Versions = []ProtocolVersion{2} }), ErrUnsupported},
		{"cipher suite not supported", everywhere, caps(func(c *Capabilities) { c.CipherSuites = []suite.ID{2, 3} }), ErrUnsupported},
		{"own credential not listed", everywhere, caps(func(c *Capabilities) { c.Credentials = []CredentialType{CredentialX509} }), ErrUnsupported},
		{"own extension not listed", everywhere, func(c *leafCase) { c.leaf.Extensions = Extensions{{Type: 0xf002}} }, ErrUnsupported},
		{"own extension listed", everywhere, func(c *leafCase) {
			c.leaf.Extensions = Extensions{{Type: 0xf002}}
			c.leaf.Capabilities.Extensions = []ExtensionType{0xf002}
		}, nil},
		{"own default extension", everywhere, func(c *leafCase) { c.leaf.Extensions = Extensions{{Type: ExtensionApplicationID}} }, nil},
		{"extension twice", everywhere, func(c *leafCase) {
			c.leaf.Extensions = Extensions{{Type: ExtensionApplicationID}, {Type: ExtensionApplicationID, Data: []byte{1}}}
		}, ErrDuplicateExtension},
		{"GREASE is like any unknown value", everywhere, func(c *leafCase) {
			c.leaf.Capabilities = Capabilities{
				Versions:     []ProtocolVersion{0x0a0a, MLS10},
				CipherSuites: []suite.ID{0x1a1a, x25519},
				Extensions:   []ExtensionType{0x2a2a, 0xf003},
				Proposals:    []ProposalType{0x3a3a},
				Credentials:  []CredentialType{0x4a4a, CredentialBasic},
			}
			c.leaf.Extensions = Extensions{{Type: 0x2a2a, Data: []byte("anything")}}
		}, nil},
		{"GREASE extension not listed", everywhere, func(c *leafCase) { c.leaf.Extensions = Extensions{{Type: 0x2a2a}} }, ErrUnsupported},

		{"before its time", packaged, at(began - 1), ErrLifetime},
		{"in its first second", packaged, at(began), nil},
		{"in its last second", packaged, at(ends), nil},
		{"after its time", packaged, at(ends + 1), ErrLifetime},
		{"at an unknown time", packaged, at(0), nil},
		{"lifetime too long", packaged, lifetime(began, began+DefaultMaxLifetime+1), ErrLifetime},
		{"lifetime as long as can be", packaged, lifetime(began, began+DefaultMaxLifetime), nil},
		{"lifetime longer than the application's bound", packaged, func(c *leafCase) { c.rules.MaxLifetime = ends - began - 1 }, ErrLifetime},
		{"lifetime of the application's bound", packaged, func(c *leafCase) { c.rules.MaxLifetime = ends - began }, nil},
		{"lifetime without a bound", packaged, both(lifetime(0, math.MaxUint64), func(c *leafCase) { c.rules.MaxLifetime = math.MaxUint64 }), nil},
		{"lifetime backwards", packaged, both(lifetime(ends, began), at(0), func(c *leafCase) { c.rules.MaxLifetime = math.MaxUint64 }), ErrLifetime},
		{"lifetime in a tree", []Place{InTree}, both(func(c *leafCase) { c.leaf.Source = SourceKeyPackage }, at(ends+1)), ErrLifetime},
		{"no lifetime outside of KeyPackages", []Place{InUpdate, InCommit, InTree}, at(ends + 1), nil},

		{"key_package as a source", []Place{InUpdate, InCommit}, func(c *leafCase) { c.leaf.Source = SourceKeyPackage }, ErrSource},
		{"update as a source", []Place{InKeyPackage, InCommit}, func(c *leafCase) { c.leaf.Source = SourceUpdate }, ErrSource},
		{"commit as a source", []Place{InKeyPackage, InUpdate}, func(c *leafCase) { c.leaf.Source = SourceCommit }, ErrSource},
		{"any source in a tree", []Place{InTree}, func(c *leafCase) { c.leaf.Source = SourceUpdate }, nil},

		{"encryption key of the leaf replaced", []Place{InUpdate, InCommit}, func(c *leafCase) { c.replaces.EncryptionKey = c.leaf.EncryptionKey }, ErrDuplicateKey},
		{"update of nothing", []Place{InUpdate}, func(c *leafCase) { c.replaces = nil }, ErrIndex},
		{"commit of somebody who joins", []Place{InCommit}, func(c *leafCase) { c.replaces = nil }, nil},

		{"encryption key that is none", everywhere, func(c *leafCase) { c.leaf.EncryptionKey = []byte{1, 2, 3} }, suite.ErrKey},
	} {
		t.Run(rule.name, func(t *testing.T) {
			for _, place := range rule.places {
				g := newTeam(t, x25519)
				g.signers[0] = g.signer()
				c := g.leafCase(place)
				rule.change(c)
				if err := g.run(t, c); !errors.Is(err, rule.want) {
					t.Errorf("place %d: %v, want %v", place, err, rule.want)
				}
			}
		})
	}
}

// What a signature covers ("Leaf Node Contents" (7.2)): all fields, and the group
// and the leaf index, except in a KeyPackage.
func TestLeafNodeSignature(t *testing.T) {
	for _, place := range []Place{InKeyPackage, InUpdate, InCommit} {
		for name, change := range map[string]func(*LeafNode){
			"encryption key":   func(l *LeafNode) { l.EncryptionKey = append([]byte{9}, l.EncryptionKey[1:]...) },
			"credential":       func(l *LeafNode) { l.Credential = BasicCredential([]byte("somebody else")) },
			"capabilities":     func(l *LeafNode) { l.Capabilities.Proposals = []ProposalType{8} },
			"extensions":       func(l *LeafNode) { l.Extensions = Extensions{{Type: ExtensionApplicationID}} },
			"lifetime":         func(l *LeafNode) { l.Lifetime.NotAfter--; l.ParentHash = []byte{1} },
			"signature":        func(l *LeafNode) { l.Signature = append([]byte{l.Signature[0] ^ 1}, l.Signature[1:]...) },
			"no signature":     func(l *LeafNode) { l.Signature = nil },
			"signature longer": func(l *LeafNode) { l.Signature = append(l.Signature[:len(l.Signature):len(l.Signature)], 0) },
		} {
			if name == "lifetime" && place == InUpdate {
				continue // has neither of the two
			}
			g := newTeam(t, x25519)
			g.signers[0] = g.signer()
			c := g.leafCase(place)
			if err := g.run(t, c); err != nil {
				t.Fatal(err)
			}
			change(c.leaf)
			if err := ValidateLeaf(g.s, c.leaf, place, c.index, c.replaces, c.rules); !errors.Is(err, suite.ErrSignature) {
				t.Errorf("place %d, other %s: %v", place, name, err)
			}
		}

		g := newTeam(t, x25519)
		g.signers[0] = g.signer()
		c := g.leafCase(place)
		g.sign(c.leaf, c.index, g.signers[0])
		var want error
		if place != InKeyPackage {
			want = suite.ErrSignature
		}
		if err := ValidateLeaf(g.s, c.leaf, place, c.index+1, c.replaces, c.rules); !errors.Is(err, want) {
			t.Errorf("place %d, other index: %v", place, err)
		}
		c.rules.GroupID = []byte("another group")
		if err := ValidateLeaf(g.s, c.leaf, place, c.index, c.replaces, c.rules); !errors.Is(err, want) {
			t.Errorf("place %d, other group: %v", place, err)
		}
	}
}

func TestSignNeedsTheKeyOfTheLeaf(t *testing.T) {
	g := newTeam(t, x25519)
	l := g.leaf(g.signer(), SourceKeyPackage)
	if err := l.Sign(g.s, g.signer(), nil, 0); !errors.Is(err, ErrSignatureKey) || l.Signature != nil {
		t.Errorf("%v", err)
	}
}

// missing has two ways to go about it, which must not differ.
func TestMissing(t *testing.T) {
	for _, n := range []int{0, 1, 31, 200} {
		have := make([]ProposalType, n)
		for i := range have {
			have[i] = ProposalType(100 + i)
		}
		want := append([]ProposalType(nil), have...)
		if _, ok := missing(have, want); !ok {
			t.Errorf("%d of %d", n, n)
		}
		if got, ok := missing(have, append(want, 7)); ok || got != 7 {
			t.Errorf("%d of %d and one more: %d", n, n, got)
		}
	}
}
