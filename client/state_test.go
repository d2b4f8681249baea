package client_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/wire"
)

// seal appends the checksum of a saved state.
func seal(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b[:len(b):len(b)], sum[:]...)
}

// TestDamagedState changes every byte of a saved state, and cuts it short.
func TestDamagedState(t *testing.T) {
	_, s := owner(t)
	b := s.Append(nil)
	for i := range b {
		b[i] ^= 1
		if _, err := client.ParseState(b, s.Log()); !errors.Is(err, client.ErrState) {
			t.Fatalf("byte %d of %d: %v", i, len(b), err)
		}
		b[i] ^= 1
	}
	for n := range b {
		if _, err := client.ParseState(b[:n], s.Log()); !errors.Is(err, client.ErrState) {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := client.ParseState(append(b, 0), s.Log()); !errors.Is(err, client.ErrState) {
		t.Fatal(err)
	}
}

// TestStateOfOtherKind: another version, another log.
func TestStateOfOtherKind(t *testing.T) {
	_, s := owner(t)
	b := s.Append(nil)
	later := []byte(strings.Replace(string(b[:len(b)-32]), "state 1\n", "state 3\n", 1))
	if _, err := client.ParseState(seal(later), s.Log()); !errors.Is(err, client.ErrState) || !strings.Contains(err.Error(), "another version") {
		t.Error(err)
	}
	other, err := client.NewLog(testlog.New(wire.KT_128_SHA256_P256, wire.ContactMonitoring, nil).Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ParseState(b, other); !errors.Is(err, client.ErrState) || !strings.Contains(err.Error(), "another log") {
		t.Error(err)
	}
}

// TestNewLogRefuses configurations that cannot be.
func TestNewLogRefuses(t *testing.T) {
	for name, edit := range map[string]func(*wire.Configuration){
		"suite":                          func(c *wire.Configuration) { c.CipherSuite = 7 },
		"mode":                           func(c *wire.Configuration) { c.Mode = 9 },
		"signature key":                  func(c *wire.Configuration) { c.SignaturePublicKey = c.SignaturePublicKey[1:] },
		"VRF key":                        func(c *wire.Configuration) { c.VRFPublicKey = nil },
		"lifetime of zero":               func(c *wire.Configuration) { c.MaximumLifetime = ptr(uint64(0)) },
		"lifetime as long as the window": func(c *wire.Configuration) { c.MaximumLifetime = ptr(c.ReasonableMonitoringWindow) },
		"auditor key":                    func(c *wire.Configuration) { c.Mode = wire.ThirdPartyAuditing },
		"leaf key":                       func(c *wire.Configuration) { c.Mode = wire.ThirdPartyManagement },
	} {
		config := contactLog().Config
		edit(&config)
		if _, err := client.NewLog(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
