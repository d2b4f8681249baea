package schedule_test

import (
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// References, written from the prose of RFC 9420 and as slow as it.

// slowNode is tree_node_[N]_secret where N is the subtree of the leaves [lo, hi),
// a power of two of them, that has the leaf: "Secret Tree" (9), from the root down.
func slowLeafSecret(s *suite.Suite, secret []byte, lo, hi, leaf int) []byte {
	if hi-lo == 1 {
		return secret
	}
	mid := (lo + hi) / 2
	if leaf < mid {
		return slowLeafSecret(s, s.ExpandWithLabel(secret, "tree", []byte("left"), s.HashSize()), lo, mid, leaf)
	}
	return slowLeafSecret(s, s.ExpandWithLabel(secret, "tree", []byte("right"), s.HashSize()), mid, hi, leaf)
}

// slowRatchet is <kind>_ratchet_secret_[N]_[j], "Encryption Keys" (9.1).
func slowRatchet(s *suite.Suite, leafSecret []byte, kind schedule.Kind, j uint32) []byte {
	if j == 0 {
		return s.ExpandWithLabel(leafSecret, kind.String(), []byte{}, s.HashSize())
	}
	return s.DeriveTreeSecret(slowRatchet(s, leafSecret, kind, j-1), "secret", j-1, s.HashSize())
}

// slowKey is ratchet_key_[N]_[j] and ratchet_nonce_[N]_[j].
func slowKey(s *suite.Suite, encryption []byte, leaves, leaf int, kind schedule.Kind, j uint32) schedule.Key {
	secret := slowRatchet(s, slowLeafSecret(s, encryption, 0, leaves, leaf), kind, j)
	return schedule.Key{
		Key:   s.DeriveTreeSecret(secret, "key", j, s.KeySize()),
		Nonce: s.DeriveTreeSecret(secret, "nonce", j, s.NonceSize()),
	}
}

// slowPSKSecret is psk_secret_[i], "Pre-Shared Keys" (8.4).
func slowPSKSecret(s *suite.Suite, psks []schedule.PSK, i int) []byte {
	zero := make([]byte, s.HashSize())
	if i == 0 {
		return zero
	}
	psk := psks[i-1]
	var label syntax.Writer
	psk.ID.Marshal(&label)
	label.Uint16(uint16(i - 1))
	label.Uint16(uint16(len(psks)))
	input := s.ExpandWithLabel(s.Extract(zero, psk.Secret), "derived psk", label.Bytes(), s.HashSize())
	return s.Extract(input, slowPSKSecret(s, psks, i-1))
}

// window says which generations of one ratchet can be had, from "Deletion
// Schedule" (9.2) and the two bounds: all that were not used, unless they are too
// far ahead of the newest used one, or too far behind.
type window struct {
	used   map[uint32]bool
	newest int64 // -1 before the first
}

func newWindow() *window { return &window{used: map[uint32]bool{}, newest: -1} }

func (w *window) want(g uint32) error {
	switch {
	case int64(g) > w.newest+1+schedule.MaxForward:
		return schedule.ErrTooFarAhead
	case w.used[g], int64(g) <= w.newest-schedule.Window:
		return schedule.ErrConsumed
	}
	return nil
}

func (w *window) use(g uint32) {
	w.used[g] = true
	w.newest = max(w.newest, int64(g))
}
