package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// suites are the cipher suites by the names that kithd init has for them.
var suites = map[string]wire.CipherSuite{"ed25519": wire.KT_128_SHA256_Ed25519, "p256": wire.KT_128_SHA256_P256}

func suiteName(id wire.CipherSuite) string {
	for name, s := range suites {
		if s == id {
			return name
		}
	}
	return fmt.Sprintf("%#04x", uint16(id))
}

var errKeyFile = errors.New("not an auditor's key")

// keyMagic begins the key file: the name of the suite and the secret in base64 follow.
const keyMagic = "kith-auditor-key-1"

// A key signs heads of logs of its suite.
type key struct {
	suite wire.CipherSuite
	suite.Signer
}

// key returns the folder's key, nil if it has none.
func (f *folder) key() (*key, error) {
	b, err := f.read(keyFile)
	if b == nil || err != nil {
		return nil, err
	}
	bad := func(err error) (*key, error) { return nil, fmt.Errorf("%s: %w: %w", f.path(keyFile), errKeyFile, err) }
	words := strings.Fields(string(b))
	if len(words) != 3 || words[0] != keyMagic {
		return bad(errors.New("unknown format"))
	}
	id, ok := suites[words[1]]
	if !ok {
		return bad(suite.ErrUnknownSuite)
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(words[2])
	if err != nil {
		return bad(err)
	}
	s, err := suite.Get(id)
	if err != nil {
		return bad(err)
	}
	signer, err := s.ParseSigner(secret)
	if err != nil {
		return bad(err)
	}
	return &key{id, signer}, nil
}

// makeKey returns the folder's key, which it makes if there is none.
func (f *folder) makeKey(id wire.CipherSuite, rand io.Reader) (*key, error) {
	k, err := f.key()
	if err != nil {
		return nil, err
	}
	if k != nil {
		if k.suite != id {
			return nil, failed(fmt.Errorf("%s is of suite %s, not %s", f.path(keyFile), suiteName(k.suite), suiteName(id)), "choose another folder")
		}
		return k, nil
	}
	s, err := suite.Get(id)
	if err != nil {
		return nil, err
	}
	signer, err := s.GenerateSigner(rand)
	if err != nil {
		return nil, err
	}
	line := keyMagic + " " + suiteName(id) + " " + base64.StdEncoding.EncodeToString(signer.Bytes()) + "\n"
	return &key{id, signer}, f.write(keyFile, []byte(line))
}

func (k *key) text() string { return base64.StdEncoding.EncodeToString(k.Public()) }
