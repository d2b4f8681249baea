// Package schedule derives every symmetric secret of an MLS group: the group
// context and the transcript hashes that an epoch is bound to, the key schedule
// with its exporter and its pre-shared keys (RFC 9420, "Key Schedule" (8)), and
// the secret tree that each message's key comes from ("Secret Tree" (9)).
//
// An epoch starts from the init_secret of the one before it:
//
//	secrets := schedule.Next(s, init, commitSecret, pskSecret, context)
//	keys := secrets.SecretTree(leafCount) // takes encryption_secret with it
//	…
//	secrets.Erase() // the epoch is over
//
// "Deletion Schedule" (9.2) shapes the package. What a value was derived from is
// overwritten as soon as the value is used: Next and FromJoiner leave no
// epoch_secret behind, and a SecretTree forgets a message's key, and all above
// it, in the moment that the message is accepted. A message that is refused
// changes nothing, so that a forger can neither use up a key nor move a window.
//
// Nothing here is safe for use by several goroutines at once.
package schedule

import (
	"errors"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

var (
	// ErrVersion: a protocol version other than MLS 1.0.
	ErrVersion = errors.New("mls: unknown protocol version")
	// ErrConfirmation: a confirmation_tag is not that of the epoch.
	ErrConfirmation = errors.New("mls: wrong confirmation tag")
	// ErrLength: a secret of a length that cannot be derived is asked for.
	ErrLength = errors.New("mls: length of a derived secret out of range")
	// ErrPSK: a pre-shared key identity or a list of pre-shared keys that the
	// specification forbids.
	ErrPSK = errors.New("mls: invalid pre-shared key")
	// ErrNoLeaf: a leaf index outside of the secret tree.
	ErrNoLeaf = errors.New("mls: no such leaf in the secret tree")
	// ErrConsumed: the key of a generation was used, or its turn was so long ago
	// that it is not kept any longer (see Window). A replayed message ends here.
	ErrConsumed = errors.New("mls: message key used or expired")
	// ErrTooFarAhead: a generation further than MaxForward after the last one.
	ErrTooFarAhead = errors.New("mls: message generation too far ahead")
	// ErrExhausted: all 2^32 generations of a ratchet were used.
	ErrExhausted = errors.New("mls: message keys of the epoch are exhausted")
	// ErrRecord: a stored record is damaged or missing, or is not this tree's.
	ErrRecord = errors.New("mls: damaged secret tree record")
)

// zero returns the all-zero string of KDF.Nh bytes, "0" in the diagrams.
func zero(s *suite.Suite) []byte { return make([]byte, s.HashSize()) }

// NoSecret returns what stands for an absent commit_secret or psk_secret: KDF.Nh
// zero bytes ("Creating a Commit" (12.4.1), "Pre-Shared Keys" (8.4)).
func NoSecret(s *suite.Suite) []byte { return zero(s) }
