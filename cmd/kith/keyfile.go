package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"golang.org/x/crypto/ssh"

	"github.com/kith-kt/kith/proto/record"
)

// errSecret is a file that must not be published.
var errSecret = errors.New("this file holds a secret key, which must never be published")

// parseKeys reads a file of public keys of one type, in the form their programs
// write it.
func parseKeys(t record.KeyType, b []byte) ([]record.PublishedKey, error) {
	for _, secret := range []string{"PRIVATE KEY", "AGE-SECRET-KEY-", "minisign encrypted secret key", "minisign secret key"} {
		if bytes.Contains(b, []byte(secret)) {
			return nil, errSecret
		}
	}
	parsers := map[record.KeyType]func([]byte) ([][]byte, error){
		record.OpenPGP: openPGPKeys, record.SSH: sshKeys, record.Age: ageKeys,
		record.Minisign: minisignKeys, record.X509: certificates, record.WireGuard: wireGuardKeys,
	}
	parse := parsers[t]
	if parse == nil {
		parse = func(b []byte) ([][]byte, error) { return [][]byte{b}, nil }
	}
	all, err := parse(b)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("it holds no %s key", t)
	}
	keys := make([]record.PublishedKey, len(all))
	for i, data := range all {
		keys[i] = record.PublishedKey{Type: t, Data: data}
		if err := keys[i].Check(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// openPGPKeys reads one transferable public key, armored or binary.
func openPGPKeys(b []byte) ([][]byte, error) {
	if bytes.Contains(b, []byte("-----BEGIN PGP")) {
		block, err := armor.Decode(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("the OpenPGP armor cannot be read: %w", err)
		}
		if block.Type != "PGP PUBLIC KEY BLOCK" {
			return nil, fmt.Errorf("it is a %s, not a public key", block.Type)
		}
		if b, err = io.ReadAll(block.Body); err != nil {
			return nil, fmt.Errorf("the OpenPGP armor cannot be read: %w", err)
		}
	}
	entities, err := readEntities(b)
	if err != nil {
		return nil, err
	}
	if len(entities) != 1 {
		return nil, fmt.Errorf("it holds %s; give one at a time, as gpg --export KEYID writes it", count(len(entities), "OpenPGP key"))
	}
	if entities[0].PrivateKey != nil {
		return nil, errSecret
	}
	return [][]byte{b}, nil
}

func readEntities(b []byte) (openpgp.EntityList, error) {
	entities, err := openpgp.ReadKeyRing(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("the OpenPGP key cannot be read: %w", err)
	}
	return entities, nil
}

// userIDs returns the user ids of an OpenPGP key.
func userIDs(data []byte) []string {
	entities, err := readEntities(data)
	if err != nil {
		return nil
	}
	var ids []string
	for _, e := range entities {
		for id := range e.Identities {
			ids = append(ids, id)
		}
	}
	return ids
}

// lines are the lines of a text that are neither empty nor begin with #.
func lines(b []byte) []string {
	var all []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all
}

// sshKeys reads lines of an id_*.pub or authorized_keys file.
func sshKeys(b []byte) ([][]byte, error) {
	var keys [][]byte
	for _, line := range lines(b) {
		key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("an SSH key cannot be read: %w", err)
		}
		if len(options) > 0 {
			return nil, errors.New("an SSH key has options, which would be lost: give the plain line of the .pub file")
		}
		keys = append(keys, key.Marshal())
	}
	return keys, nil
}

// ageKeys reads recipients, one a line.
func ageKeys(b []byte) ([][]byte, error) {
	var keys [][]byte
	for _, line := range lines(b) {
		keys = append(keys, []byte(line))
	}
	return keys, nil
}

// minisignKeys reads a .pub file: a comment line and a line of base64.
func minisignKeys(b []byte) ([][]byte, error) {
	var keys [][]byte
	for _, line := range lines(b) {
		if strings.HasPrefix(line, "untrusted comment:") {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, fmt.Errorf("a minisign key cannot be read: %w", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// certificates reads certificates in PEM, or one in DER.
func certificates(b []byte) ([][]byte, error) {
	var keys [][]byte
	if bytes.Contains(b, []byte("-----BEGIN")) {
		for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				return nil, fmt.Errorf("it holds a %s, not a certificate", block.Type)
			}
			keys = append(keys, block.Bytes)
		}
	} else {
		keys = [][]byte{b}
	}
	for _, der := range keys {
		if _, err := x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("the certificate cannot be read: %w", err)
		}
	}
	return keys, nil
}

// wireGuardKeys reads public keys as wg pubkey writes them.
func wireGuardKeys(b []byte) ([][]byte, error) {
	var keys [][]byte
	for _, line := range lines(b) {
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return nil, fmt.Errorf("a WireGuard key cannot be read: %w", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
