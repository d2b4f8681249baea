package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// ErrCosignature says that a cosignature is not valid.
var ErrCosignature = errors.New("checkpoint: invalid cosignature")

// ErrQuorum says that a checkpoint has too few cosignatures. It is wrapped by
// *QuorumError.
var ErrQuorum = errors.New("checkpoint: too few cosignatures")

// A Cosignature is one that has been verified.
type Cosignature struct {
	Name string
	Key  string // verifier key
	Time uint64 // s since the Unix epoch
}

// A Quorum demands cosignatures of Threshold of the witnesses. A witness counts
// once: one key under two names does, and so do two keys (of the two algorithms)
// under one name. The zero Quorum demands nothing.
type Quorum struct {
	Threshold int
	Of        []*Witness
}

// NewQuorum returns the quorum of threshold of the given verifier keys. It refuses
// a threshold that cannot be met, and a key that is listed twice.
func NewQuorum(threshold int, vkeys ...string) (Quorum, error) {
	q := Quorum{Threshold: threshold}
	names := make(map[string]bool)
	for _, vkey := range vkeys {
		w, err := NewWitness(vkey)
		if err != nil {
			return Quorum{}, err
		}
		for _, other := range q.Of {
			if other.sameKey(w) {
				return Quorum{}, fmt.Errorf("%w: %s and %s are one key", ErrKey, other.name, w.name)
			}
		}
		names[w.name] = true
		q.Of = append(q.Of, w)
	}
	if threshold < 0 || threshold > len(names) {
		return Quorum{}, fmt.Errorf("%w: %d of %d witnesses", ErrQuorum, threshold, len(names))
	}
	return q, nil
}

func (w *Witness) sameKey(other *Witness) bool {
	return w.alg == other.alg && bytes.Equal(w.public, other.public)
}

// A Shortcoming says why a witness did not count.
type Shortcoming uint8

const (
	Missing  Shortcoming = iota + 1 // no cosignature by it
	TooOld                          // before notBefore; or without a time, which an ML-DSA-44 cosignature may be
	InFuture                        // after notAfter
	Invalid                         // not a signature of its key over this checkpoint
	Counted                         // it counted already, by another name or key
	LogKey                          // its key is the log's own
)

// String returns words for people.
func (s Shortcoming) String() string {
	switch s {
	case Missing:
		return "no cosignature"
	case TooOld:
		return "cosignature too old"
	case InFuture:
		return "cosignature from the future"
	case Invalid:
		return "invalid cosignature"
	case Counted:
		return "counted already"
	case LogKey:
		return "key of the log itself"
	}
	return fmt.Sprintf("shortcoming %d", uint8(s))
}

// A Shortfall is one witness that did not count.
type Shortfall struct {
	Name string
	Key  string
	Why  Shortcoming
	Time uint64 // s since the Unix epoch, of its newest valid cosignature, for TooOld and InFuture
}

// A QuorumError says who is missing. It wraps ErrQuorum.
type QuorumError struct {
	Threshold int
	Have      []Cosignature // that counted
	Short     []Shortfall   // every other witness, in the order of the quorum
}

// Error names every witness that did not count, and why.
func (e *QuorumError) Error() string {
	short := make([]string, len(e.Short))
	for i, s := range e.Short {
		short[i] = s.Name + ": " + s.Why.String()
	}
	return fmt.Sprintf("%v: %d of the %d needed (%s)", ErrQuorum, len(e.Have), e.Threshold, strings.Join(short, ", "))
}

// Unwrap returns ErrQuorum.
func (e *QuorumError) Unwrap() error { return ErrQuorum }

// Check verifies the cosignatures of a checkpoint and returns those that count, in
// the order of the quorum: one for each witness, with the newest time within
// [notBefore, notAfter], in seconds since the Unix epoch. If they are fewer than
// the threshold, the error is a *QuorumError and they are returned all the same.
func (q *Quorum) Check(s *Signed, notBefore, notAfter uint64) ([]Cosignature, error) {
	var have []Cosignature
	var short []Shortfall
	var counted []*Witness
	for _, w := range q.Of {
		t, why := w.check(s, counted, notBefore, notAfter)
		if why != 0 {
			short = append(short, Shortfall{w.name, w.vkey, why, t})
			continue
		}
		counted = append(counted, w)
		have = append(have, Cosignature{w.name, w.vkey, t})
	}
	if len(have) < q.Threshold {
		return have, &QuorumError{q.Threshold, have, short}
	}
	return have, nil
}

// check returns the time of the newest cosignature of the witness that counts,
// and 0; or that of its newest valid one, if any, and why it does not count.
func (w *Witness) check(s *Signed, counted []*Witness, notBefore, notAfter uint64) (uint64, Shortcoming) {
	if w.alg == algCosignature && bytes.Equal(w.public, s.key) {
		return 0, LogKey
	}
	for _, other := range counted {
		if other.name == w.name || other.sameKey(w) {
			return 0, Counted
		}
	}
	// A peer may send many lines of one witness; MaxSignatures bounds the work.
	in, old, ahead, invalid := int64(-1), int64(-1), int64(-1), false
	for _, sig := range s.Others[:min(len(s.Others), MaxSignatures)] {
		if !w.Made(sig) {
			continue
		}
		t, err := w.Verify(s.Checkpoint, sig)
		switch {
		case err != nil:
			invalid = true
		case t > notAfter:
			ahead = max(ahead, int64(t))
		case t < notBefore || t == 0 && w.alg == algMLDSA44:
			old = max(old, int64(t))
		default:
			in = max(in, int64(t))
		}
	}
	switch {
	case in >= 0:
		return uint64(in), 0
	case old >= 0:
		return uint64(old), TooOld
	case ahead >= 0:
		return uint64(ahead), InFuture
	case invalid:
		return 0, Invalid
	}
	return 0, Missing
}
