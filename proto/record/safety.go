package record

import (
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const (
	safetyContext = "kith safety number 1"
	safetyRounds  = 5200 // slows a search for a key with a given number
	safetyBlock   = 6    // groups of five digits from one hash
)

// An Identity is what two people compare: who somebody is, and by which key.
type Identity struct {
	Domain string
	Label  string
	Key    []byte // the account key, or the bytes that name a published key
	Type   string // "account", or the key's type
}

// Identity returns what stands for this record in a safety number: its account
// key, or for an imported record the fingerprint of its first published key.
func (r *Record) Identity() (Identity, error) {
	id := Identity{Domain: r.Domain, Label: r.Label}
	switch {
	case r.Account != nil:
		id.Type, id.Key = "account", r.Account[:]
	case len(r.Keys) > 0:
		id.Type, id.Key = r.Keys[0].Type.String(), []byte(r.Keys[0].Fingerprint())
	}
	if len(id.Key) == 0 {
		return Identity{}, errors.New("the record holds no key to compare")
	}
	return id, nil
}

// A SafetyNumber is 60 decimal digits, 12 groups of five separated by spaces.
type SafetyNumber string

// Digits returns the number without spaces, as it stands in a QR code.
func (n SafetyNumber) Digits() string { return strings.ReplaceAll(string(n), " ", "") }

// Safety returns the safety number of one identity: about 199 bits, the same
// for everybody who was shown the same key.
//
// It is h = SHA-512/256(e), then 5200 times h = SHA-512/256(h ‖ e'), with
// e = context ‖ domain ‖ label ‖ type ‖ key, each but the context after its
// length in four bytes, and e' = SHA-512/256(e). Block i = SHA-512/256(h ‖ i)
// gives six groups, each five bytes as a big-endian number modulo 100,000;
// the number is blocks 1 and 2.
func Safety(id Identity) SafetyNumber {
	h := id.stretch()
	return join(append(h.block(1), h.block(2)...))
}

// PairSafety returns the safety number of two people: block 1 of each, the
// smaller first, so that both see the same. Somebody in the middle would have
// to find a key whose 30 digits are those of another, about 2^112 hashes.
func PairSafety(a, b Identity) SafetyNumber {
	ga, gb := a.stretch().block(1), b.stretch().block(1)
	if join(gb) < join(ga) {
		ga, gb = gb, ga
	}
	return join(append(ga, gb...))
}

type stretched [sha512.Size256]byte

func (id Identity) stretch() stretched {
	e := []byte(safetyContext)
	for _, f := range [][]byte{[]byte(id.Domain), []byte(id.Label), []byte(id.Type), id.Key} {
		e = binary.BigEndian.AppendUint32(e, uint32(len(f)))
		e = append(e, f...)
	}
	h := sha512.Sum512_256(e)
	var buf [2 * sha512.Size256]byte
	copy(buf[sha512.Size256:], h[:])
	for range safetyRounds {
		copy(buf[:], h[:])
		h = sha512.Sum512_256(buf[:])
	}
	return h
}

// block returns six groups of five digits.
func (h stretched) block(i byte) []string {
	b := sha512.Sum512_256(append(h[:], i))
	groups := make([]string, safetyBlock)
	for g := range groups {
		var v uint64
		for _, x := range b[g*5 : g*5+5] {
			v = v<<8 | uint64(x)
		}
		groups[g] = fmt.Sprintf("%05d", v%100000)
	}
	return groups
}

func join(groups []string) SafetyNumber { return SafetyNumber(strings.Join(groups, " ")) }
