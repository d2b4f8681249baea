package schedule

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

const (
	// MaxForward is how far a message's generation may be ahead of the next one
	// expected from its sender. Each step costs a key derivation before anything
	// is authenticated; 4,096 of them take a millisecond or two. A sender of whom
	// more messages than that are lost within one epoch cannot be read until the
	// next.
	MaxForward = 4096

	// Window is how many generations behind the newest used one the unused keys
	// are kept: a message overtaken by more of its sender is lost. It bounds what
	// a ratchet holds, in memory and in its record, to Window keys (about 50 kB),
	// and what a stolen device still reads of what was sent before.
	Window = 1024

	// generations is the number of generations of a ratchet, [0, 2^32).
	generations = 1 << 32
)

// Key is a single-use message key.
type Key struct {
	suite.Redacted
	Key   []byte // AEAD.Nk bytes
	Nonce []byte // AEAD.Nn bytes, before the reuse guard
}

// Erase overwrites the key.
func (k *Key) Erase() {
	clear(k.Key)
	clear(k.Nonce)
	*k = Key{}
}

func (k Key) clone() Key {
	return Key{Key: slices.Clone(k.Key), Nonce: slices.Clone(k.Nonce)}
}

// ratchet is a sender ratchet ("Encryption Keys" (9.1)).
type ratchet struct {
	secret []byte // ratchet_secret of generation next; nil if that is 2^32
	next   uint64 // the first generation not derived yet, [0, 2^32]
	unused []unusedKey
	lost   []Span // generations below next that nobody used and whose keys are gone
}

// unusedKey is a key that was passed over. A ratchet's are in ascending order,
// all within [next-Window, next).
type unusedKey struct {
	generation uint32
	key        Key
}

// find returns the position of generation among the unused keys.
func (r *ratchet) find(generation uint32) (int, bool) {
	return slices.BinarySearchFunc(r.unused, generation, func(k unusedKey, g uint32) int {
		switch {
		case k.generation < g:
			return -1
		case k.generation > g:
			return 1
		}
		return 0
	})
}

// check fails if the generation cannot be had. It derives nothing.
func (r *ratchet) check(generation uint32) error {
	switch g := uint64(generation); {
	case g < r.next:
		if _, ok := r.find(generation); !ok {
			return fmt.Errorf("%w: generation %d", ErrConsumed, generation)
		}
	case g-r.next > MaxForward:
		return fmt.Errorf("%w: generation %d, expected %d", ErrTooFarAhead, generation, r.next)
	}
	return nil
}

// advance returns the ratchet secrets of the generations that lead to generation,
// which check has allowed and which is not below next: the last one is its own,
// those before it are the ones within Window of it that have to be passed over.
// The slices are new.
func (r *ratchet) advance(s *suite.Suite, generation uint32) [][]byte {
	secret := slices.Clone(r.secret)
	var passed [][]byte
	for g := r.next; g < uint64(generation); g++ {
		next := s.DeriveTreeSecret(secret, "secret", uint32(g), s.HashSize())
		if uint64(generation)-g < Window {
			passed = append(passed, secret)
		} else {
			clear(secret)
		}
		secret = next
	}
	return append(passed, secret)
}

// messageKey returns the key of a generation, whose ratchet secret is given.
func messageKey(s *suite.Suite, secret []byte, generation uint32) Key {
	return Key{
		Key:   s.DeriveTreeSecret(secret, "key", generation, s.KeySize()),
		Nonce: s.DeriveTreeSecret(secret, "nonce", generation, s.NonceSize()),
	}
}

// use consumes generation: of the unused keys if it is one of them, otherwise by
// moving on to it along secrets, what advance returned for it, which it
// overwrites.
func (r *ratchet) use(s *suite.Suite, generation uint32, secrets [][]byte) {
	if uint64(generation) < r.next {
		i, _ := r.find(generation)
		r.unused[i].key.Erase()
		r.unused = slices.Delete(r.unused, i, i+1)
		return
	}
	passed, last := secrets[:len(secrets)-1], secrets[len(secrets)-1]
	for i, secret := range passed {
		g := generation - uint32(len(passed)-i)
		r.unused = append(r.unused, unusedKey{generation: g, key: messageKey(s, secret, g)})
		clear(secret)
	}
	clear(r.secret)
	r.secret = nil
	skipped := r.next
	r.next = uint64(generation) + 1
	if r.next < generations {
		r.secret = s.DeriveTreeSecret(last, "secret", generation, s.HashSize())
	}
	clear(last)
	r.expire()
	// What is further back than Window was never a key.
	if kept := uint64(generation) - uint64(len(passed)); skipped < kept {
		r.lose(uint32(skipped), uint32(kept-1))
	}
}

// expire erases the unused keys that Window has left behind.
func (r *ratchet) expire() {
	n := 0
	for n < len(r.unused) && uint64(r.unused[n].generation)+Window < r.next {
		r.unused[n].key.Erase()
		r.lose(r.unused[n].generation, r.unused[n].generation)
		n++
	}
	r.unused = slices.Delete(r.unused, 0, n)
}

// erase overwrites the ratchet.
func (r *ratchet) erase() {
	clear(r.secret)
	for i := range r.unused {
		r.unused[i].key.Erase()
	}
	*r = ratchet{next: generations}
}
