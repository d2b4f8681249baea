package tree

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"pgregory.net/rapid"
)

var (
	anyBytes     = rapid.SliceOfN(rapid.Byte(), 0, 70)
	anyExtension = rapid.Custom(func(t *rapid.T) Extension {
		return Extension{ExtensionType(rapid.Uint16().Draw(t, "type")), anyBytes.Draw(t, "data")}
	})
	anyCredential  = rapid.Custom(drawCredential)
	anyLeafNode    = rapid.Custom(drawLeafNode)
	distinctByType = func(e Extension) ExtensionType { return e.Type }
)

func drawCredential(t *rapid.T) Credential {
	switch kind := rapid.Uint16Range(0, 5).Draw(t, "credential type"); kind {
	case 1:
		return BasicCredential(anyBytes.Draw(t, "identity"))
	case 2:
		return Credential{Type: CredentialX509, Certificates: rapid.SliceOfN(anyBytes, 1, 3).Draw(t, "certificates")}
	default:
		return Credential{Type: CredentialType(kind), Unknown: anyBytes.Draw(t, "unknown")}
	}
}

func drawLeafNode(t *rapid.T) LeafNode {
	l := LeafNode{
		EncryptionKey: anyBytes.Draw(t, "encryption key"),
		SignatureKey:  anyBytes.Draw(t, "signature key"),
		Credential:    anyCredential.Draw(t, "credential"),
		Capabilities: Capabilities{
			Versions:     rapid.SliceOf(rapid.Map(rapid.Uint16(), func(v uint16) ProtocolVersion { return ProtocolVersion(v) })).Draw(t, "versions"),
			CipherSuites: rapid.SliceOf(rapid.Map(rapid.Uint16(), func(v uint16) suite.ID { return suite.ID(v) })).Draw(t, "cipher suites"),
			Extensions:   rapid.SliceOf(rapid.Map(rapid.Uint16(), func(v uint16) ExtensionType { return ExtensionType(v) })).Draw(t, "extensions"),
			Proposals:    rapid.SliceOf(rapid.Map(rapid.Uint16(), func(v uint16) ProposalType { return ProposalType(v) })).Draw(t, "proposals"),
			Credentials:  rapid.SliceOf(rapid.Map(rapid.Uint16(), func(v uint16) CredentialType { return CredentialType(v) })).Draw(t, "credentials"),
		},
		Source:     LeafNodeSource(rapid.Uint8Range(1, 3).Draw(t, "source")),
		Extensions: rapid.SliceOfNDistinct(anyExtension, 1, 4, distinctByType).Draw(t, "extensions"),
		Signature:  anyBytes.Draw(t, "signature"),
	}
	switch l.Source {
	case SourceKeyPackage:
		l.Lifetime = Lifetime{rapid.Uint64().Draw(t, "not before"), rapid.Uint64().Draw(t, "not after")}
	case SourceCommit:
		l.ParentHash = anyBytes.Draw(t, "parent hash")
	}
	return l
}

// What was written is read, field by field, whatever the values.
func TestStructuresAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLeafNode.Draw(t, "leaf node")
		same(t, &l, new(LeafNode))
		c := anyCredential.Draw(t, "credential")
		same(t, &c, new(Credential))
		same(t, &l.Capabilities, new(Capabilities))
		same(t, &l.Extensions[0], new(Extension))
		same(t, &l.Extensions, new(Extensions))
		same(t, &ExternalSender{l.SignatureKey, c}, new(ExternalSender))
		same(t, &RequiredCapabilities{l.Capabilities.Extensions, l.Capabilities.Proposals, l.Capabilities.Credentials}, new(RequiredCapabilities))
		same(t, &ParentNode{l.EncryptionKey, l.Signature, rapid.SliceOf(rapid.Map(rapid.Uint32(), func(v uint32) LeafIndex { return LeafIndex(v) })).Draw(t, "unmerged")}, new(ParentNode))

		senders := []ExternalSender{{l.SignatureKey, c}, {l.EncryptionKey, l.Credential}}
		got, err := Extensions{ExternalSendersExtension(senders)}.ExternalSenders()
		if err != nil || fmt.Sprint(got) != fmt.Sprint(senders) {
			t.Errorf("external senders: %v, %v", got, err)
		}
	})
}

func same[T any, P interface {
	*T
	syntax.Marshaler
	syntax.Unmarshaler
}](t *rapid.T, want, got P) {
	t.Helper()
	b := syntax.Marshal(want)
	if err := syntax.Unmarshal(b, got); err != nil {
		t.Fatalf("%T: %v", want, err)
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%T: %v, want %v", want, got, want)
	}
	for n := range b {
		if err := syntax.Unmarshal(b[:n], P(new(T))); !errors.Is(err, syntax.ErrSyntax) {
			t.Fatalf("%T, %d of %d bytes: %v", want, n, len(b), err)
		}
	}
}

// The bytes of the structures, written down by hand from their definitions.
func TestStructuresByHand(t *testing.T) {
	l := LeafNode{
		EncryptionKey: []byte{0xe1, 0xe2}, SignatureKey: []byte{0x51},
		Credential: BasicCredential([]byte("me")),
		Capabilities: Capabilities{[]ProtocolVersion{1}, []suite.ID{1, 2}, []ExtensionType{6},
			[]ProposalType{}, []CredentialType{1}},
		Source: SourceKeyPackage, Lifetime: Lifetime{1, 0x0203},
		Extensions: Extensions{{ExtensionApplicationID, []byte{0xaa}}},
		Signature:  []byte{0xff},
	}
	head := "02e1e2" + "0151" + "0001026d65" + "020001" + "0400010002" + "020006" + "00" + "020001"
	for source, body := range map[LeafNodeSource]string{
		SourceKeyPackage: "01" + "0000000000000001" + "0000000000000203",
		SourceUpdate:     "02",
		SourceCommit:     "03" + "0177",
	} {
		l := l
		l.Source, l.ParentHash = source, []byte{0x77}
		extensions := "04" + "000101aa"
		if got, want := hex.EncodeToString(syntax.Marshal(&l)), head+body+extensions+"01ff"; got != want {
			t.Errorf("source %d: %s, want %s", source, got, want)
		}
		context := ""
		if source != SourceKeyPackage {
			context = "0167" + "01020304"
		}
		if got, want := hex.EncodeToString(l.signed([]byte("g"), 0x01020304)), head+body+extensions+context; got != want {
			t.Errorf("source %d, signed: %s, want %s", source, got, want)
		}
	}
	for want, c := range map[string]Credential{
		"0002" + "05" + "020102" + "0103": {Type: CredentialX509, Certificates: [][]byte{{1, 2}, {3}}},
		"f001" + "0109":                   {Type: 0xf001, Unknown: []byte{9}},
	} {
		if got := hex.EncodeToString(syntax.Marshal(&c)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	p := ParentNode{[]byte{1}, []byte{2, 3}, []LeafIndex{4, 5}}
	if got, want := hex.EncodeToString(syntax.Marshal(&p)), "0101"+"020203"+"08"+"00000004"+"00000005"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestStructuresThatAreRefused(t *testing.T) {
	var w syntax.Writer
	Extensions{{Type: 7}, {Type: 7, Data: []byte{1}}}.Marshal(&w)
	if err := syntax.Unmarshal(w.Bytes(), new(Extensions)); !errors.Is(err, ErrDuplicateExtension) {
		t.Errorf("an extension twice: %v", err)
	}
	for _, source := range []LeafNodeSource{0, 4, 255} {
		b := syntax.Marshal(&LeafNode{Source: source})
		if err := syntax.Unmarshal(b, new(LeafNode)); !errors.Is(err, syntax.ErrValue) {
			t.Errorf("source %d: %v", source, err)
		}
	}
	if err := syntax.Unmarshal([]byte{1, 0, 0, 0, 0, 0}, new(Capabilities)); !errors.Is(err, syntax.ErrTruncated) {
		t.Errorf("half a version: %v", err)
	}
	if err := syntax.Unmarshal([]byte{0, 0, 3, 0, 0, 0}, new(ParentNode)); !errors.Is(err, syntax.ErrTruncated) {
		t.Errorf("three quarters of an unmerged leaf: %v", err)
	}
	if _, err := (Extensions{{ExtensionExternalSenders, []byte{0, 0}}}).ExternalSenders(); !errors.Is(err, syntax.ErrTrailing) {
		t.Errorf("external senders and more: %v", err)
	}
}

// nodes returns the content of a ratchet_tree of these nodes.
func nodes(list ...[]byte) []byte {
	var w syntax.Writer
	syntax.WriteList(&w, list, (*syntax.Writer).Raw)
	return w.Bytes()
}

// "Ratchet Tree Extension" (12.4.3.3).
func TestRatchetTreeExtension(t *testing.T) {
	s := mustSuite(t, x25519)
	leaf := append([]byte{1, 1}, syntax.Marshal(&LeafNode{Source: SourceUpdate})...)
	parent := append([]byte{1, 2}, syntax.Marshal(&ParentNode{})...)
	blank := []byte{0}
	for _, c := range []struct {
		name   string
		nodes  [][]byte
		leaves uint32
		want   error
	}{
		{"one leaf", [][]byte{leaf}, 1, nil},
		{"two leaves", [][]byte{leaf, blank, leaf}, 2, nil},
		{"two leaves under a parent", [][]byte{leaf, parent, leaf}, 2, nil},
		{"six leaves, as in the figure", [][]byte{leaf, parent, leaf, parent, leaf, blank, leaf, parent, leaf, parent, leaf}, 8, nil},
		{"the right edge", [][]byte{blank, blank, blank, blank, leaf}, 4, nil},
		{"the first leaf of a larger tree", [][]byte{blank, blank, blank, blank, blank, blank, blank, blank, leaf}, 8, nil},
		{"a parent at the end, whose right leaf is blank", [][]byte{leaf, parent}, 2, nil},
		{"a root at the end", [][]byte{leaf, blank, leaf, parent}, 4, nil},

		{"nothing", nil, 0, ErrRatchetTree},
		{"a blank only", [][]byte{blank}, 0, ErrRatchetTree},
		{"a blank at the end", [][]byte{leaf, blank}, 0, ErrRatchetTree},
		{"blanks at the end", [][]byte{leaf, parent, leaf, blank, blank}, 0, ErrRatchetTree},
		{"a parent in a leaf's place", [][]byte{leaf, parent, parent}, 0, ErrRatchetTree},
		{"a leaf in a parent's place", [][]byte{leaf, leaf, leaf}, 0, ErrRatchetTree},
		{"an unknown type of node", [][]byte{leaf, append([]byte{1, 3}, parent[2:]...), leaf}, 0, ErrRatchetTree},
		{"neither blank nor present", [][]byte{leaf, {2}, leaf}, 0, syntax.ErrValue},
		{"half a node", [][]byte{leaf, blank, leaf[:len(leaf)-1]}, 0, syntax.ErrTruncated},
	} {
		b := nodes(c.nodes...)
		tree, err := Parse(s, b)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if err != nil {
			continue
		}
		if tree.LeafCount() != c.leaves || len(tree.parents) != int(c.leaves)-1 || len(tree.hashes) != 2*int(c.leaves)-1 {
			t.Errorf("%s: %d leaves, want %d", c.name, tree.LeafCount(), c.leaves)
		}
		if e := tree.Extension(); e.Type != ExtensionRatchetTree || !bytes.Equal(e.Data, b) {
			t.Errorf("%s: written as %x, want %x", c.name, e.Data, b)
		}
	}
	if _, err := Parse(s, append(nodes(leaf), 0)); !errors.Is(err, syntax.ErrTrailing) {
		t.Errorf("a byte more: %v", err)
	}
}

func TestParseCopies(t *testing.T) {
	b := syntax.Marshal(grown(t, x25519, 3).tree)
	tree := mustParse(t, x25519, b)
	before := bytes.Clone(tree.RootHash())
	clear(b)
	tree = tree.Clone()
	tree.forget(0)
	tree.forget(1)
	if !bytes.Equal(tree.RootHash(), before) {
		t.Error("the tree is made of the caller's bytes")
	}
}

// One blank leaf more than there may be, and a tree that grew as far.
func TestMaxLeaves(t *testing.T) {
	s := mustSuite(t, x25519)
	leaf := append([]byte{1, 1}, syntax.Marshal(&LeafNode{Source: SourceUpdate, Credential: BasicCredential(nil)})...)
	most := nodes(make([]byte, 2*MaxLeaves-2), leaf)
	tree, err := Parse(s, most)
	if err != nil || tree.LeafCount() != MaxLeaves || tree.Leaf(MaxLeaves-1) == nil {
		t.Fatalf("as many leaves as there may be: %v", err)
	}
	if _, err := Parse(s, nodes(make([]byte, 2*MaxLeaves), leaf)); !errors.Is(err, ErrRatchetTree) {
		t.Errorf("a leaf more: %v", err)
	}
	if _, err := Parse(s, nodes(make([]byte, 2*MaxLeaves-2), leaf, []byte{1, 2}, syntax.Marshal(&ParentNode{}))); !errors.Is(err, ErrRatchetTree) {
		t.Errorf("a parent more: %v", err)
	}
	if err := tree.ValidateChanges(tree.Clone()); errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	before := tree.Clone()
	tree.extend()
	if err := tree.ValidateChanges(before); !errors.Is(err, ErrTooLarge) {
		t.Errorf("twice as many: %v", err)
	}
}
