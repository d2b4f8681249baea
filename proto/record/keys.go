package record

import (
	"bytes"
	"crypto/sha1" // the fingerprint of a v4 OpenPGP key is a SHA-1 by definition
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// A KeyType says how the data of a published key is to be read. Types without
// a name here are carried unread; those from 0x8000 on are for private use.
type KeyType uint16

// The registered key types and the form of their data.
const (
	OpenPGP   KeyType = 1 // a transferable public key (RFC 9580), binary
	SSH       KeyType = 2 // a public key blob (RFC 4253, "Public Key Algorithms")
	Age       KeyType = 3 // a recipient string, "age1…"
	Minisign  KeyType = 4 // 42 bytes: "Ed", key id, Ed25519 key
	X509      KeyType = 5 // one certificate, DER (S/MIME)
	WireGuard KeyType = 6 // 32 bytes, X25519
)

var keyTypeNames = map[KeyType]string{
	OpenPGP: "openpgp", SSH: "ssh", Age: "age", Minisign: "minisign", X509: "x509", WireGuard: "wireguard",
}

// String returns the name of a key type, or "type-0x8001" for one without.
func (t KeyType) String() string {
	if n, ok := keyTypeNames[t]; ok {
		return n
	}
	return fmt.Sprintf("type-0x%04x", uint16(t))
}

// ParseKeyType reads what String writes.
func ParseKeyType(s string) (KeyType, error) {
	for t, n := range keyTypeNames {
		if n == s {
			return t, nil
		}
	}
	var n uint16
	if h, ok := strings.CutPrefix(s, "type-0x"); ok && len(h) == 4 {
		if b, err := hex.DecodeString(h); err == nil {
			n = binary.BigEndian.Uint16(b)
		}
	}
	if t := KeyType(n); n != 0 && t.String() == s {
		return t, nil
	}
	return 0, fmt.Errorf("%w: unknown key type %q; use openpgp, ssh, age, minisign, x509 or wireguard", ErrInvalid, s)
}

// A PublishedKey is a public key for use outside this directory.
type PublishedKey struct {
	Type KeyType
	Data []byte // 1 byte to MaxSize
}

// Check reports whether the data has the outer form its type calls for. It is
// asked where keys enter the system, not by Parse: a record with a key that
// some client cannot read stays readable.
func (k PublishedKey) Check() error {
	bad := func(why string) error { return fmt.Errorf("%w: %v key: %s", ErrInvalid, k.Type, why) }
	switch k.Type {
	case OpenPGP:
		if k.Fingerprint() == "" {
			return bad("it does not begin with a public key packet of version 4 or 6")
		}
	case SSH:
		if name := sshName(k.Data); name == "" || strings.ContainsAny(name, " \t\n") {
			return bad("not a public key blob")
		}
	case Age:
		if !strings.HasPrefix(string(k.Data), "age1") || len(k.Data) > 4096 || strings.Trim(string(k.Data), "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return bad("not a recipient of the form age1…")
		}
	case Minisign:
		if len(k.Data) != 42 || !bytes.HasPrefix(k.Data, []byte("Ed")) {
			return bad("not 42 bytes that begin with Ed")
		}
	case X509:
		if _, err := x509.ParseCertificate(k.Data); err != nil {
			return bad("not a certificate in DER")
		}
	case WireGuard:
		if len(k.Data) != 32 {
			return bad("not 32 bytes")
		}
	case 0:
		return bad("type 0 is reserved")
	}
	return nil
}

// Fingerprint returns the customary short name of the key: the primary key's
// fingerprint of an OpenPGP key, "SHA256:…" for SSH, the recipient itself for
// age, else the SHA-256 of the data in hexadecimal. It is "" for an OpenPGP
// key that cannot be read.
func (k PublishedKey) Fingerprint() string {
	switch k.Type {
	case OpenPGP:
		return openPGPFingerprint(k.Data)
	case SSH:
		h := sha256.Sum256(k.Data)
		return "SHA256:" + base64.RawStdEncoding.EncodeToString(h[:])
	case Age:
		return string(k.Data)
	}
	h := sha256.Sum256(k.Data)
	return hex.EncodeToString(h[:])
}

// Text returns the key in the form its users paste: an authorized_keys line, a
// recipient, a base64 line. It is "" for types whose form is binary.
func (k PublishedKey) Text() string {
	switch k.Type {
	case SSH:
		return sshName(k.Data) + " " + base64.StdEncoding.EncodeToString(k.Data)
	case Age:
		return string(k.Data)
	case Minisign, WireGuard:
		return base64.StdEncoding.EncodeToString(k.Data)
	}
	return ""
}

func sshName(blob []byte) string {
	if len(blob) < 4 {
		return ""
	}
	n := binary.BigEndian.Uint32(blob)
	if n == 0 || n > 64 || int(n) > len(blob)-4 {
		return ""
	}
	return string(blob[4 : 4+n])
}

// openPGPFingerprint reads the first packet of a transferable public key
// (RFC 9580, "Packet Headers", "Key IDs and Fingerprints").
func openPGPFingerprint(b []byte) string {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return ""
	}
	var tag byte
	var size, head int
	if b[0]&0x40 != 0 {
		tag = b[0] & 0x3f
		switch l := b[1]; {
		case l < 192:
			size, head = int(l), 2
		case l < 224 && len(b) >= 3:
			size, head = int(l-192)<<8+int(b[2])+192, 3
		case l == 255 && len(b) >= 6:
			size, head = int(binary.BigEndian.Uint32(b[2:])), 6
		default:
			return ""
		}
	} else {
		tag = b[0] >> 2 & 0xf
		head = 1 + 1<<(b[0]&3)
		if b[0]&3 == 3 || len(b) < head {
			return ""
		}
		for _, x := range b[1:head] {
			size = size<<8 | int(x)
		}
	}
	if tag != 6 || size < 6 || size > len(b)-head {
		return ""
	}
	body := b[head : head+size]
	switch body[0] {
	case 4:
		if size > 0xffff {
			return ""
		}
		h := sha1.New()
		h.Write([]byte{0x99, byte(size >> 8), byte(size)})
		h.Write(body)
		return strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
	case 6:
		h := sha256.New()
		h.Write(binary.BigEndian.AppendUint32([]byte{0x9b}, uint32(size)))
		h.Write(body)
		return strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
	}
	return ""
}
