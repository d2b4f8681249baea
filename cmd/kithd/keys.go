package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kith-kt/kith/directory/keyfile"
	"github.com/kith-kt/kith/proto/record"
)

// readSmall reads a file that may be published: no more than fits.
func readSmall(name string) ([]byte, error) {
	in := io.Reader(os.Stdin)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, keyfile.MaxValue+1))
	if err == nil && len(b) > keyfile.MaxValue {
		err = fmt.Errorf("%s: more than %d bytes", name, keyfile.MaxValue)
	}
	return b, err
}

// errSecret is a file that must not be published.
var errSecret = errors.New("this file holds a secret key, which must never be published")

// publishedKeys reads a key by the same rules as an import: in the form its users
// paste, or in binary.
func publishedKeys(to, kind string, key []byte) (keys []record.PublishedKey, err error) {
	for _, secret := range []string{"PRIVATE KEY", "AGE-SECRET-KEY-", "minisign encrypted secret key", "minisign secret key"} {
		if bytes.Contains(key, []byte(secret)) {
			return nil, failed(errSecret, "give the public key; what is published can never be taken back")
		}
	}
	if kind == record.X509.String() {
		return certificates(to, key)
	}
	if utf8.Valid(key) {
		if keys, err = importedKeys(to, kind, strings.TrimSpace(string(key))); err == nil {
			return keys, nil
		}
	}
	binary, e := importedKeys(to, kind, base64.StdEncoding.EncodeToString(key))
	if e != nil && err != nil && kind != record.OpenPGP.String() { // pasted as armor only, which is no base64
		return nil, err
	}
	return binary, e
}

// certificates reads certificates in PEM, or one in DER.
func certificates(to string, b []byte) (keys []record.PublishedKey, err error) {
	all := [][]byte{b}
	if bytes.Contains(b, []byte("-----BEGIN")) {
		all = nil
		for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				return nil, fmt.Errorf("it holds a %s, not a certificate", block.Type)
			}
			all = append(all, block.Bytes)
		}
	}
	for _, der := range all {
		if _, err := x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("the certificate cannot be read: %w", err)
		}
		one, err := importedKeys(to, record.X509.String(), base64.StdEncoding.EncodeToString(der))
		if err != nil {
			return nil, err
		}
		keys = append(keys, one...)
	}
	return keys, nil
}

// importedKeys reads a key as an import of one line would.
func importedKeys(to, kind, data string) ([]record.PublishedKey, error) {
	type jsonKey struct {
		Type string `json:"type"`
		Data string `json:"data"`
	}
	line, err := json.Marshal(struct {
		Label string    `json:"label"`
		Keys  []jsonKey `json:"keys"`
	}{to, []jsonKey{{kind, data}}})
	if err != nil {
		return nil, err
	}
	for e, err := range keyfile.JSONL(bytes.NewReader(line), time.Now()) {
		switch {
		case err != nil:
			return nil, err
		case e.Skipped != "":
			return nil, fmt.Errorf("%s: %s", e.Skipped, e.Detail)
		}
		return e.Keys, nil
	}
	return nil, errors.New("no key")
}
