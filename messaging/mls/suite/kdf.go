package suite

import (
	"encoding/binary"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// prefix stands before each label but RefHash's.
const prefix = "MLS 1.0 "

// Extract returns KDF.Extract(salt, ikm), HashSize bytes. An empty salt is one of
// HashSize zeros.
func (s *Suite) Extract(salt, ikm []byte) []byte { return s.MAC(salt, ikm) }

// MaxExpand returns how many bytes ExpandWithLabel can return at most: 255 hashes,
// and what fits the label's 16 bits.
func (s *Suite) MaxExpand() int { return min(255*s.hash.size(), 1<<16-1) }

// expand returns KDF.Expand(prk, info, n) of RFC 5869. info has room for a byte
// more, or is copied.
func (a hashAlg) expand(prk, info []byte, n int) []byte {
	out := make([]byte, 0, n)
	if n <= a.size() {
		if n == a.size() {
			return a.mac(out, prk, append(info, 1))
		}
		var t [maxHash]byte
		out = append(out, a.mac(t[:0], prk, append(info, 1))[:n]...)
		clear(t[:])
		return out
	}
	var t [maxHash]byte
	var msg []byte
	for i := byte(1); len(out) < n; i++ {
		if i > 1 {
			msg = append(msg[:0], t[:a.size()]...)
		}
		msg = append(append(msg, info...), i)
		a.mac(t[:0], prk, msg)
		out = append(out, t[:min(a.size(), n-len(out))]...)
	}
	clear(t[:])
	clear(msg)
	return out
}

// ExpandWithLabel returns n bytes derived from secret for one purpose ("Key
// Schedule" (8)), 0 <= n <= MaxExpand; it panics outside of that.
func (s *Suite) ExpandWithLabel(secret []byte, label string, context []byte, n int) []byte {
	if n < 0 || n > s.MaxExpand() {
		panic(fmt.Sprintf("suite: expanding to %d bytes", n))
	}
	// The struct KDFLabel. Only a context longer than a hash needs memory for it.
	var short [maxHash + 96]byte
	info := binary.BigEndian.AppendUint16(short[:0], uint16(n))
	info = syntax.AppendLength(info, len(prefix)+len(label))
	info = append(append(info, prefix...), label...)
	info = syntax.AppendLength(info, len(context))
	info = append(info, context...)
	return s.hash.expand(secret, info, n)
}

// DeriveSecret returns HashSize bytes derived from secret for one purpose ("Key
// Schedule" (8)).
func (s *Suite) DeriveSecret(secret []byte, label string) []byte {
	return s.ExpandWithLabel(secret, label, nil, s.hash.size())
}

// DeriveTreeSecret returns n bytes derived from secret for one purpose and one
// generation of a ratchet ("Encryption Keys" (9.1)).
func (s *Suite) DeriveTreeSecret(secret []byte, label string, generation uint32, n int) []byte {
	var context [4]byte
	binary.BigEndian.PutUint32(context[:], generation)
	return s.ExpandWithLabel(secret, label, context[:], n)
}
