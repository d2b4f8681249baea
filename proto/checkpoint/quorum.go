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

// A Quorum demands cosignatures of Threshold of the witnesses. A key counts once,
// under however many names it is listed. The zero Quorum demands nothing.
type Quorum struct {
	Threshold int
	Of        []*Witness
}

// NewQuorum returns the quorum of threshold of the given verifier keys. It refuses
// a threshold that cannot be met, and a key that is listed twice.
func NewQuorum(threshold int, vkeys ...string) (Quorum, error) {
	q := Quorum{Threshold: threshold}
	for _, vkey := range vkeys {
		w, err := NewWitness(vkey)
		if err != nil {
			return Quorum{}, err
		}
		if twin := q.twin(w); twin != nil {
			return Quorum{}, fmt.Errorf("%w: %s and %s are one key", ErrKey, twin.name, w.name)
		}
		q.Of = append(q.Of, w)
	}
	if threshold < 0 || threshold > len(q.Of) {
		return Quorum{}, fmt.Errorf("%w: %d of %d witnesses", ErrQuorum, threshold, len(q.Of))
	}
	return q, nil
}

// twin returns a witness of the quorum with the key of w, or nil.
func (q *Quorum) twin(w *Witness) *Witness {
	for _, other := range q.Of {
		if other.alg == w.alg && bytes.Equal(other.public, w.public) {
			return other
		}
	}
	return nil
}

// A Shortcoming says why a witness did not count.
type Shortcoming uint8

const (
	Missing  Shortcoming = iota + 1 // no cosignature by it
	TooOld                          // before notBefore; or without a time, which an ML-DSA-44 cosignature may be
	InFuture                        // after notAfter
	Invalid                         // not a signature of its key over this checkpoint
	SameKey                         // its key is listed before, under another name
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
	case SameKey:
		return "key listed twice"
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
// the order of the quorum: one for each key, with the newest time within
// [notBefore, notAfter], in seconds since the Unix epoch. If they are fewer than
// the threshold, the error is a *QuorumError and they are returned all the same.
func (q *Quorum) Check(s *Signed, notBefore, notAfter uint64) ([]Cosignature, error) {
	return nil, errors.New("checkpoint: not there yet")
}
