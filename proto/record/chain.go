package record

import (
	"fmt"
)

// A Standing is what a client knows about who holds a label.
type Standing uint8

// The standings of a label.
const (
	Unknown  Standing = iota // nothing is pinned yet
	Asserted                 // the provider says so; nobody has signed
	Held                     // an account key is pinned
	Vacated                  // the holder closed the account
)

// A State is what a client pins about one label: the newest record it has
// checked. The zero State is that of a label never seen.
type State struct {
	Standing Standing
	Version  uint32 // of the newest record checked; Standing != Unknown
	Hash     Hash   // of its encoding; Standing != Unknown
	Account  Key    // Standing == Held or Vacated
	Recovery *Key   // Standing == Held: the recovery key the holder named

	// Blocked is the event that the user must acknowledge before a key of this
	// label is used, or 0. Later records do not lift it; only Acknowledge does.
	Blocked EventKind
}

// Acknowledge returns the state after the user accepted the blocking event.
func (s State) Acknowledge() State {
	s.Blocked = 0
	return s
}

// A Place is where the log says a record stands. The client takes it from the
// proof, never from the record.
type Place struct {
	Domain  string
	Label   string
	Version uint32
}

// Next applies the rules of the chain to the record found at a place: given
// what is pinned, it returns what is then pinned and what happened.
//
// A client goes through every version after the pinned one, in order. One that
// no longer exists is left out; the gap is noticed here. What happened follows
// from the signatures and the links, never from the record's kind:
//
//   - With nothing pinned it is FirstContact.
//   - From a pinned key: a record signed by that key which names the pinned
//     record as its previous one is an Update, a KeyChange when it names a new
//     key that signed too, or Closing.
//   - From a label asserted by the provider: a Claim when a key signed and the
//     link holds, a Reassertion when still nobody signed.
//   - After Closing whatever comes is NewPerson.
//   - Everything else (a version left out, a link that does not hold, no
//     signature of the pinned key, no signature of the key it names) is
//     StartedOver, for a reason.
//
// NewPerson and StartedOver block. An error means that the bytes are no record for
// this place; nothing may be taken from them, and the state stays.
func Next(s State, at Place, encoded []byte) (State, *Event, error) {
	r, err := Parse(encoded)
	if err != nil {
		return s, nil, err
	}
	if err := r.placed(at); err != nil {
		return s, nil, err
	}
	if s.Standing != Unknown && at.Version <= s.Version {
		return s, nil, fmt.Errorf("%w: version %d offered after version %d", ErrOrder, at.Version, s.Version)
	}

	own := r.VerifyAccount()
	e := &Event{Record: r, Version: at.Version, Before: s.Standing}
	if s.Standing == Unknown && r.Kind != Imported && !own {
		return s, nil, fmt.Errorf("%w: %s version %d", ErrSignature, at.Label, at.Version)
	}
	e.Kind, e.Reason = judge(s, r, own)

	next := State{Version: at.Version, Hash: HashOf(encoded), Blocked: s.Blocked}
	switch {
	case !own: // nobody vouches for the key it names, if any
		next.Standing = Asserted
	case r.Kind == Closed:
		next.Standing, next.Account = Vacated, *r.Account
	default:
		next.Standing, next.Account = Held, *r.Account
		next.Recovery = r.Recovery
	}
	if e.Kind.Blocks() {
		next.Blocked = e.Kind
	}
	e.After = next.Standing
	return next, e, nil
}

// placed reports whether the record says it stands where the log says it does.
func (r *Record) placed(at Place) error {
	switch {
	case r.Domain != at.Domain:
		return fmt.Errorf("%w: made for the provider %q, found at %q", ErrMisplaced, r.Domain, at.Domain)
	case r.Label != at.Label:
		return fmt.Errorf("%w: made for %q, found at %q", ErrMisplaced, r.Label, at.Label)
	case r.Version != at.Version:
		return fmt.Errorf("%w: made as version %d of %q, found as version %d", ErrMisplaced, r.Version, r.Label, at.Version)
	}
	return nil
}

// judge is the table in the comment of Next. own: the record's own account key signed it.
func judge(s State, r *Record, own bool) (EventKind, Reason) {
	switch s.Standing {
	case Unknown:
		return FirstContact, 0
	case Vacated:
		return NewPerson, 0
	}
	// uint64, so that the last version has no successor
	if uint64(r.Version) != uint64(s.Version)+1 {
		return StartedOver, ReasonGap
	}
	if r.Previous == nil || *r.Previous != s.Hash {
		return StartedOver, ReasonLink
	}
	if s.Standing == Asserted {
		switch {
		case own:
			return Claim, 0
		case r.Kind == Imported:
			return Reassertion, 0
		}
		return StartedOver, ReasonUnsigned
	}
	switch {
	case r.Kind == Imported:
		return StartedOver, ReasonReimported
	case !own:
		return StartedOver, ReasonUnsigned
	case r.VerifyPrevious(s.Account):
		if r.Kind == Closed {
			return Closing, 0
		}
		if *r.Account != s.Account {
			return KeyChange, 0
		}
		return Update, 0
	case s.Recovery != nil && r.verify(*s.Recovery, rolePrevious, r.PreviousSignature):
		return StartedOver, ReasonRecovered
	}
	return StartedOver, ReasonUnlinked
}
