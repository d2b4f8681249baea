package main

import (
	"bytes"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/agessh"
)

const (
	maxIdentity  = 64 << 10 // octets of a file with private keys
	maxChallenge = 4 << 10  // octets that a challenge can hold
)

// identity returns what opens challenges with the private keys in a file: of age, or
// of OpenSSH without a passphrase.
func (p *program) identity(path string) (func(sealed []byte) ([]byte, error), error) {
	b, err := p.readFile(path, maxIdentity)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	var identities []age.Identity
	if bytes.Contains(b, []byte("PRIVATE KEY")) {
		one, err := agessh.ParseIdentity(b)
		if err != nil { // its text may show what it read
			return nil, failed("give an OpenSSH private key without a passphrase, or log in with --agent", "%s cannot be used", path)
		}
		identities = []age.Identity{one}
	} else if identities, err = age.ParseIdentities(bytes.NewReader(b)); err != nil {
		return nil, failed("it is a file as age-keygen writes it", "%s holds no age identity", path)
	}
	return func(sealed []byte) ([]byte, error) {
		r, err := age.Decrypt(bytes.NewReader(sealed), identities...)
		if err != nil {
			return nil, fmt.Errorf("with the keys in %s: %w", path, err)
		}
		return io.ReadAll(io.LimitReader(r, maxChallenge))
	}, nil
}
