package provider

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/kith-kt/kith/proto/wire"
)

// A Fingerprint names a log: SHA-256 over a fixed string, the cipher suite,
// and the signature and VRF public keys, each after its length in two bytes.
type Fingerprint [sha256.Size]byte

// ErrFingerprint is a fingerprint that was not copied in full.
var ErrFingerprint = errors.New("not a fingerprint")

const fingerprintContext = "kith log fingerprint 1\x00"

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// FingerprintOf returns the fingerprint of the log with a configuration.
func FingerprintOf(c *wire.Configuration) Fingerprint {
	b := []byte(fingerprintContext)
	b = binary.BigEndian.AppendUint16(b, uint16(c.CipherSuite))
	for _, k := range [][]byte{c.SignaturePublicKey, c.VRFPublicKey} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(k)))
		b = append(b, k...)
	}
	return sha256.Sum256(b)
}

// String returns the fingerprint as people copy it: 13 groups of four
// characters of lower-case base32, joined by hyphens.
func (f Fingerprint) String() string {
	s := base32Lower.EncodeToString(f[:])
	var groups []string
	for ; len(s) > 4; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(append(groups, s), "-")
}

// ParseFingerprint reads what String writes, in either case and with the groups
// joined by hyphens, spaces or nothing.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	s = strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(strings.TrimSpace(s)))
	b, err := base32Lower.DecodeString(s)
	if err != nil || len(b) != len(f) || base32Lower.EncodeToString(b) != s {
		return f, fmt.Errorf("%w: 13 groups of four letters a-z and digits 2-7 were expected", ErrFingerprint)
	}
	return Fingerprint(b), nil
}

// MarshalText writes the form of String.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads the form of String only.
func (f *Fingerprint) UnmarshalText(b []byte) error {
	p, err := ParseFingerprint(string(b))
	if err == nil && p.String() != string(b) {
		err = fmt.Errorf("%w: not in its one form", ErrFingerprint)
	}
	*f = p
	return err
}
