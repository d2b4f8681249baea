package mls

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// countingStore counts reads.
type countingStore struct {
	Memory
	reads int
}

func (s *countingStore) Get(key string) ([]byte, error) {
	s.reads++
	return s.Memory.Get(key)
}

// TestWelcomeOfManyIsCheap: a Welcome for many others is not as many reads of the store.
func TestWelcomeOfManyIsCheap(t *testing.T) {
	t.Parallel()
	store := new(countingStore)
	c := &Client{cfg: Config{Store: store}}
	w := &message.Welcome{CipherSuite: suite.X25519_AES128GCM_SHA256_Ed25519}
	for i := range 1000 {
		w.Secrets = append(w.Secrets, message.EncryptedGroupSecrets{NewMember: []byte{byte(i >> 8), byte(i)}})
	}
	if _, err := c.keyPackageFor(w); !errors.Is(err, ErrNoKeyPackage) || store.reads > 10 {
		t.Errorf("%v, after %d reads", err, store.reads)
	}
}
