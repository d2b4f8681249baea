package main

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/kith-kt/kith/proto/record"
)

// TestKeyFiles reads what programs write, and writes it again.
func TestKeyFiles(t *testing.T) {
	const (
		ssh   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGWKgavTAYTqmwLkBhQnbLLk0oXVhDbuECcvl1yhjvFM"
		age   = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
		wg    = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
		miniX = "untrusted comment: minisign public key E7620F1842B4E81F\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n"
	)
	for _, c := range []struct {
		kind record.KeyType
		file string
		want []string // parts of it as written again
	}{
		{record.SSH, ssh + " a comment\n", []string{ssh + " ann\n"}},
		{record.SSH, "# mine\n\n" + ssh + "\n", []string{ssh}},
		{record.Age, "# created: now\n" + age + "\n", []string{age + "\n"}},
		{record.WireGuard, wg + "\n", []string{wg + "\n"}},
		{record.Minisign, miniX, []string{"public key E7620F1842B4E81F", "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n"}},
		{0x8001, "\x00\x01", []string{"0001\n"}},
	} {
		keys, err := parseKeys(c.kind, []byte(c.file))
		if err != nil {
			t.Errorf("%v: %v", c.kind, err)
			continue
		}
		out, err := join(keys, "ann", written)
		if err != nil {
			t.Errorf("%v: %v", c.kind, err)
		}
		for _, part := range c.want {
			if !strings.Contains(string(out), part) {
				t.Errorf("%v: %q lacks %q", c.kind, out, part)
			}
		}
		again, err := parseKeys(c.kind, out)
		if c.kind != 0x8001 && (err != nil || len(again) != len(keys) || !same(again[0], keys[0])) {
			t.Errorf("%v: read again: %v", c.kind, err)
		}
	}
}

// TestKeyFilesRefused holds secret keys, options that would be lost, and what is no key back.
func TestKeyFilesRefused(t *testing.T) {
	for _, secret := range []string{
		"-----BEGIN OPENSSH PRIVATE KEY-----\n", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", "-----BEGIN PRIVATE KEY-----\n",
		"AGE-SECRET-KEY-1QQQ\n", "untrusted comment: minisign encrypted secret key\nRW",
	} {
		for _, kind := range []record.KeyType{record.OpenPGP, record.SSH, record.Age, record.Minisign, record.X509, record.WireGuard} {
			if _, err := parseKeys(kind, []byte(secret)); !errors.Is(err, errSecret) {
				t.Errorf("%v: %q: %v", kind, secret, err)
			}
		}
	}
	for _, c := range []struct {
		kind record.KeyType
		file string
	}{
		{record.SSH, ""}, {record.SSH, "ssh-ed25519 AAAA"}, {record.SSH, `command="ls" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGWKgavTAYTqmwLkBhQnbLLk0oXVhDbuECcvl1yhjvFM`},
		{record.Age, "agf1xx"}, {record.OpenPGP, "no key"}, {record.OpenPGP, "-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----\n"},
		{record.Minisign, "RWQ"}, {record.WireGuard, base64.StdEncoding.EncodeToString(make([]byte, 31))},
		{record.X509, "no certificate"}, {record.X509, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
	} {
		if keys, err := parseKeys(c.kind, []byte(c.file)); err == nil {
			t.Errorf("%v: %q gave %d keys", c.kind, c.file, len(keys))
		}
	}
}
