package schedule

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// TestConsumedSecretsAreOverwritten: "Deletion Schedule" (9.2) is about all
// representations of a value, so what was consumed is gone from memory too, and not only
// from what is stored.
func TestConsumedSecretsAreOverwritten(t *testing.T) {
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	overwritten := func(what string, secrets ...[]byte) {
		t.Helper()
		for i, b := range secrets {
			if len(b) == 0 || !bytes.Equal(b, make([]byte, len(b))) {
				t.Errorf("%s: secret %d of %d is still there", what, i, len(secrets))
			}
		}
	}
	keys := NewSecretTree(s, mlstest.Bytes(1, s.HashSize()), 4)
	peek := func(generation uint32) *Opening {
		t.Helper()
		o, err := keys.Peek(3, Application, generation)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	commit := func(o *Opening) {
		t.Helper()
		if err := o.Commit(); err != nil {
			t.Fatal(err)
		}
	}

	refused := peek(2)
	held := append([][]byte{refused.key.Key, refused.key.Nonce}, refused.secrets...)
	held = append(held, refused.first.leaf[Handshake].secret, refused.first.leaf[Application].secret)
	for _, secret := range refused.first.beside {
		held = append(held, secret)
	}
	refused.Discard()
	overwritten("refused message", held...)

	first := peek(0)
	held = append([][]byte{first.key.Key, first.key.Nonce, first.first.leaf[Application].secret}, first.secrets...)
	commit(first)
	overwritten("first message of the leaf", held...)

	r := &keys.leaves[3][Application]
	ahead := peek(5)
	held = append([][]byte{r.secret, ahead.key.Key, ahead.key.Nonce}, ahead.secrets...)
	commit(ahead)
	overwritten("message ahead of four others", held...)

	late := r.unused[1].key
	commit(peek(2))
	overwritten("late message", late.Key, late.Nonce)

	expired := r.unused[0].key
	commit(peek(5 + Window))
	overwritten("key that Window has left behind", expired.Key, expired.Nonce)
}
