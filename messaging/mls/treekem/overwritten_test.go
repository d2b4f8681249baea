package treekem

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestPathSecretsAreOverwritten: a path secret is deleted as soon as the node's keys are
// derived from it ("Synchronizing Views of the Tree" (7.5)), also if they are not those
// of the tree.
func TestPathSecretsAreOverwritten(t *testing.T) {
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	secret := func() []byte { return mlstest.Bytes(1, s.HashSize()) }
	_, public, err := nodeKeys(s, secret())
	if err != nil {
		t.Fatal(err)
	}
	for want, key := range map[error][]byte{nil: public, ErrKeyMismatch: mlstest.Bytes(2, len(public))} {
		leaves := []*tree.LeafNode{{EncryptionKey: []byte("a")}, {EncryptionKey: []byte("b")}}
		pair, err := tree.Assemble(s, leaves, []*tree.ParentNode{{EncryptionKey: key}})
		if err != nil {
			t.Fatal(err)
		}
		pathSecret := secret()
		if _, err := NewPrivate(0, []byte("leaf key")).climb(s, pathSecret, []tree.NodeIndex{1}, pair); !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
		if !bytes.Equal(pathSecret, make([]byte, len(pathSecret))) {
			t.Errorf("the path secret is still there after: %v", want)
		}
	}
}
