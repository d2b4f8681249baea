package message_test

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestKeyPackageValidation: each rule of 10 and 10.1, on KeyPackages whose
// signatures are otherwise right.
func TestKeyPackageValidation(t *testing.T) {
	w := newWorld(t, 1)
	fresh := func() *message.KeyPackage { // not shared: leaf nodes must not be changed
		kp, _ := w.keyPackagePair(t, 30)
		return kp
	}
	resign := func(kp *message.KeyPackage) {
		if err := kp.LeafNode.Sign(w.s, w.signer, nil, 0); err != nil {
			t.Fatal(err)
		}
		if err := kp.Sign(w.s, w.signer); err != nil {
			t.Fatal(err)
		}
	}
	for what, x := range map[string]struct {
		bend func(*message.KeyPackage)
		want error
	}{
		"nothing":              {func(kp *message.KeyPackage) {}, nil},
		"an unknown extension": {func(kp *message.KeyPackage) { kp.Extensions = tree.Extensions{{Type: 0x1a1a, Data: []byte("?")}} }, nil},
		"version":              {func(kp *message.KeyPackage) { kp.Version = 2 }, message.ErrVersion},
		"cipher suite":         {func(kp *message.KeyPackage) { kp.CipherSuite = 3 }, message.ErrSuite},
		"init_key is the encryption_key": {
			func(kp *message.KeyPackage) { kp.InitKey = kp.LeafNode.EncryptionKey }, message.ErrKeyPackage},
		"init_key is no key":      {func(kp *message.KeyPackage) { kp.InitKey = kp.InitKey[:31] }, message.ErrKeyPackage},
		"init_key of low order":   {func(kp *message.KeyPackage) { kp.InitKey = make([]byte, 32) }, message.ErrKeyPackage},
		"leaf node of an update":  {func(kp *message.KeyPackage) { kp.LeafNode.Source = tree.SourceUpdate }, tree.ErrSource},
		"leaf node of a commit":   {func(kp *message.KeyPackage) { kp.LeafNode.Source = tree.SourceCommit }, tree.ErrSource},
		"leaf node without suite": {func(kp *message.KeyPackage) { kp.LeafNode.Capabilities.CipherSuites = nil }, tree.ErrUnsupported},
		"leaf node's extension": {
			func(kp *message.KeyPackage) { kp.LeafNode.Extensions = tree.Extensions{{Type: 0xf009}} }, tree.ErrUnsupported},
		"two extensions of one type": {
			func(kp *message.KeyPackage) { kp.Extensions = tree.Extensions{{Type: 9}, {Type: 9}} }, tree.ErrDuplicateExtension},
	} {
		kp := fresh()
		x.bend(kp)
		resign(kp)
		isErr(t, what, kp.Validate(w.s, &tree.Rules{}), x.want)
	}
	kp := fresh()
	isErr(t, "too early", kp.Validate(w.s, &tree.Rules{Now: 99}), tree.ErrLifetime)
	isErr(t, "in time", kp.Validate(w.s, &tree.Rules{Now: 150}), nil)
	isErr(t, "too late", kp.Validate(w.s, &tree.Rules{Now: 201}), tree.ErrLifetime)

	kp = fresh()
	kp.LeafNode.Signature[0] ^= 1
	if err := kp.Sign(w.s, w.signer); err != nil {
		t.Fatal(err)
	}
	isErr(t, "leaf node's signature", kp.Validate(w.s, &tree.Rules{}), suite.ErrSignature)
}

// TestKeyPackageSignatureCoversEverything: each field, while the leaf node stays
// valid by itself.
func TestKeyPackageSignatureCoversEverything(t *testing.T) {
	w := newWorld(t, 1)
	other, _ := w.keyPackagePair(t, 31)
	for what, bend := range map[string]func(*message.KeyPackage){
		"init_key":   func(kp *message.KeyPackage) { kp.InitKey = other.InitKey },
		"leaf_node":  func(kp *message.KeyPackage) { kp.LeafNode = other.LeafNode },
		"extensions": func(kp *message.KeyPackage) { kp.Extensions = tree.Extensions{{Type: 0x1a1a}} },
		"signature":  func(kp *message.KeyPackage) { kp.Signature[0] ^= 1 },
		"none":       func(kp *message.KeyPackage) { kp.Signature = nil },
	} {
		kp, _ := w.keyPackagePair(t, 30)
		bend(kp)
		isErr(t, what, kp.Validate(w.s, &tree.Rules{}), suite.ErrSignature)
	}
}

// TestNewKeyPackage: the private keys are those of the public ones, all are
// fresh, and the capabilities have to cover the extensions (10).
func TestNewKeyPackage(t *testing.T) {
	for _, id := range suite.All() {
		t.Run(id.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, id)
			kp, private := w.keyPackagePair(t, 30)
			for what, pair := range map[string][2][]byte{
				"init key":       {private.InitKey, kp.InitKey},
				"encryption key": {private.EncryptionKey, kp.LeafNode.EncryptionKey},
			} {
				if public, err := w.s.PublicKey(pair[0]); err != nil || !bytes.Equal(public, pair[1]) {
					t.Errorf("%s: %x, %v", what, public, err)
				}
			}
			again, _ := w.keyPackagePair(t, 31)
			if bytes.Equal(kp.InitKey, again.InitKey) || bytes.Equal(kp.Ref(w.s), again.Ref(w.s)) {
				t.Error("two KeyPackages with one init_key")
			}
			want := w.s.Hash(v([]byte("MLS 1.0 KeyPackage Reference")), v(syntax.Marshal(kp)))
			if !bytes.Equal(kp.Ref(w.s), want) {
				t.Errorf("KeyPackageRef %x, want %x", kp.Ref(w.s), want)
			}
			var stored message.KeyPackagePrivate
			if err := syntax.Unmarshal(syntax.Marshal(private), &stored); err != nil || !bytes.Equal(stored.InitKey, private.InitKey) || !bytes.Equal(stored.EncryptionKey, private.EncryptionKey) {
				t.Errorf("stored and read: %v", err)
			}
			held := private.InitKey
			private.Erase()
			if !bytes.Equal(held, make([]byte, len(held))) || private.InitKey != nil {
				t.Error("not erased")
			}
		})
	}
	w := newWorld(t, 1)
	for typ, want := range map[tree.ExtensionType]error{
		tree.ExtensionAppDataDictionary: nil, 0x2a2a: nil, tree.ExtensionApplicationID: nil, 0xf009: message.ErrKeyPackage,
	} {
		_, _, err := message.NewKeyPackage(w.s, w.signer, mlstest.Rand(1), message.KeyPackageOptions{
			Credential: tree.BasicCredential([]byte("bob")), Capabilities: capabilities(w.s),
			Extensions: tree.Extensions{{Type: typ}},
		})
		isErr(t, "extension", err, want)
	}
	// What nobody would take is not made.
	_, _, err := message.NewKeyPackage(w.s, w.signer, mlstest.Rand(1), message.KeyPackageOptions{Credential: tree.BasicCredential([]byte("bob"))})
	isErr(t, "no capabilities", err, tree.ErrUnsupported)
	_, _, err = message.NewKeyPackage(w.s, w.signer, bytes.NewReader(nil), message.KeyPackageOptions{})
	if err == nil {
		t.Error("keys without randomness")
	}
}
