package login_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"sync"
)

// noDevices knows no device.
type noDevices struct{}

func (noDevices) DeviceKeys(context.Context, string) ([]ed25519.PublicKey, error) { return nil, nil }

// devices are those of each name.
type devices struct {
	mu   sync.Mutex
	keys map[string][]ed25519.PublicKey
}

func (d *devices) DeviceKeys(_ context.Context, name string) ([]ed25519.PublicKey, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.keys[name]), nil
}

func (d *devices) set(name string, keys ...ed25519.PublicKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys == nil {
		d.keys = map[string][]ed25519.PublicKey{}
	}
	d.keys[name] = keys
}

// sealer encrypts by adding a mask that a name's owner knows.
type sealer struct{}

func (sealer) Seal(_ context.Context, name string, nonce []byte) ([]byte, error) {
	return unseal(name, nonce), nil
}

func unseal(name string, b []byte) []byte {
	mask := sha256.Sum256([]byte(name))
	out := slices.Clone(b)
	for i := range out {
		out[i] ^= mask[i%len(mask)]
	}
	return out
}
