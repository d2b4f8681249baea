package prefixtree

import (
	"bytes"
	"crypto/sha256"
	"math/bits"
	"slices"

	"github.com/kith-kt/kith/proto/wire"
)

// Both cipher suites hash with SHA-256 ("KT Cipher Suites").
const (
	leafTag   = 0x02
	parentTag = 0x03
	hashSize  = wire.HashSize
	maxDepth  = 255 // of a leaf; 0 is the root
)

// A preimage is what a node's value is the hash of: a tag and two 32-byte
// halves. It lives on the stack of a whole computation, and saves every node
// the copying of what is already in place.
type preimage [1 + 2*hashSize]byte

// leaf sets out to the value of a leaf.
func (p *preimage) leaf(out *wire.HashValue, key *wire.VRFOutput, commitment *wire.HashValue) {
	p[0] = leafTag
	copy(p[1:33], key[:])
	copy(p[33:65], commitment[:])
	*out = sha256.Sum256(p[:])
}

// parent sets out to the value of the parent of left and right; out may be one of them.
func (p *preimage) parent(out, left, right *wire.HashValue) {
	p[0] = parentTag
	copy(p[1:33], left[:])
	copy(p[33:65], right[:])
	*out = sha256.Sum256(p[:])
}

// bit returns bit i of key, 0 <= i < 256, the most significant bit of the first byte first.
func bit(key *wire.VRFOutput, i int) int {
	return int(key[i>>3]>>(7-i&7)) & 1
}

// commonBits returns the number of leading bits that a and b share, 256 if they are equal.
func commonBits(a, b *wire.VRFOutput) int {
	for i := range a {
		if d := a[i] ^ b[i]; d != 0 {
			return i*8 + bits.LeadingZeros8(d)
		}
	}
	return 8 * len(a)
}

func compareKeys(a, b *wire.VRFOutput) int { return bytes.Compare(a[:], b[:]) }

// SortLeaves sorts leaves ascending by VRF output, as Apply wants them.
func SortLeaves(leaves []wire.PrefixLeaf) {
	slices.SortFunc(leaves, func(a, b wire.PrefixLeaf) int {
		return compareKeys(&a.VRFOutput, &b.VRFOutput)
	})
}

// ascending reports whether leaves are strictly ascending by VRF output.
func ascending(leaves []wire.PrefixLeaf) bool {
	for i := 1; i < len(leaves); i++ {
		if compareKeys(&leaves[i-1].VRFOutput, &leaves[i].VRFOutput) >= 0 {
			return false
		}
	}
	return true
}
