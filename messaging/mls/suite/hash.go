package suite

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// hashAlg is a hash function of the SHA-2 family. Its methods call the functions
// on whole messages, not hash.Hash: a secret tree is nothing but short HMACs, and
// this way they need no memory but their result.
type hashAlg uint8

const (
	sha2_256 hashAlg = iota
	sha2_384
	sha2_512
)

const (
	maxBlock     = 128 // of SHA-384 and SHA-512, bytes
	maxHash      = 64
	shortMessage = 256 // a MAC of at most this much is made on the stack, bytes
)

func (a hashAlg) size() int {
	switch a {
	case sha2_256:
		return sha256.Size
	case sha2_384:
		return sha512.Size384
	default:
		return sha512.Size
	}
}

func (a hashAlg) block() int {
	if a == sha2_256 {
		return sha256.BlockSize
	}
	return sha512.BlockSize
}

// sum appends the hash of msg to dst.
func (a hashAlg) sum(dst, msg []byte) []byte {
	switch a {
	case sha2_256:
		h := sha256.Sum256(msg)
		return append(dst, h[:]...)
	case sha2_384:
		h := sha512.Sum384(msg)
		return append(dst, h[:]...)
	default:
		h := sha512.Sum512(msg)
		return append(dst, h[:]...)
	}
}

// mac appends HMAC(key, msg) to dst (RFC 2104): H(K^opad || H(K^ipad || msg)).
// Its copies of the key and of the message are erased: what Extract takes in is a
// secret too.
func (a hashAlg) mac(dst, key, msg []byte) []byte {
	var hashed [maxHash]byte
	block := a.block()
	if len(key) > block {
		key = a.sum(hashed[:0], key)
	}
	var short [maxBlock + shortMessage]byte
	buf := short[:]
	if block+len(msg) > len(buf) {
		buf = make([]byte, block+len(msg))
	}
	buf = buf[:block+len(msg)]

	copy(buf, key)
	for i := range block {
		buf[i] ^= 0x36
	}
	copy(buf[block:], msg)
	var inner [maxHash]byte
	digest := a.sum(inner[:0], buf)

	for i := range block {
		buf[i] ^= 0x36 ^ 0x5c
	}
	// A hash is at most as long as a block, and buf may be shorter than both.
	var outer [maxBlock + maxHash]byte
	n := copy(outer[:], buf[:block])
	n += copy(outer[n:], digest)
	dst = a.sum(dst, outer[:n])
	clear(buf)
	clear(outer[:])
	clear(inner[:])
	clear(hashed[:])
	return dst
}

// Hash returns the hash of the concatenation of parts, HashSize bytes.
func (s *Suite) Hash(parts ...[]byte) []byte {
	var msg []byte
	if len(parts) == 1 {
		msg = parts[0]
	} else {
		n := 0
		for _, p := range parts {
			n += len(p)
		}
		msg = make([]byte, 0, n)
		for _, p := range parts {
			msg = append(msg, p...)
		}
	}
	return s.hash.sum(make([]byte, 0, s.hash.size()), msg)
}

// MAC returns the HMAC of msg, HashSize bytes.
func (s *Suite) MAC(key, msg []byte) []byte {
	return s.hash.mac(make([]byte, 0, s.hash.size()), key, msg)
}

// VerifyMAC reports whether tag is MAC(key, msg), in time that does not depend on
// where they differ.
func (s *Suite) VerifyMAC(key, msg, tag []byte) bool {
	return hmac.Equal(s.MAC(key, msg), tag)
}

// RefHash returns the hash that refers to value, such as a KeyPackageRef
// ("Hash-Based Identifiers" (5.2)). The label is used as it is, without the prefix
// that the other labelled functions add.
func (s *Suite) RefHash(label string, value []byte) []byte {
	w := syntax.NewWriter(make([]byte, 0, 8+len(label)+len(value)))
	w.Vector([]byte(label))
	w.Vector(value)
	return s.hash.sum(make([]byte, 0, s.hash.size()), w.Bytes())
}
