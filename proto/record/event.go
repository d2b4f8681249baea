package record

import "fmt"

// An EventKind is what happened to a label between two records, as the
// signatures tell it.
type EventKind uint8

// What can happen to a label.
const (
	FirstContact EventKind = iota + 1 // nothing was known before
	Update                            // the holder changed something
	KeyChange                         // the holder moved to a new account key, signed by both
	Claim                             // somebody took a label the provider had asserted
	Reassertion                       // the provider asserted the label again
	Closing                           // the holder gave the label up
	NewPerson                         // somebody took a label that had been given up
	StartedOver                       // the chain broke: a reset; see Reason
)

// Blocks reports whether nothing may be sent until the user has acknowledged it.
func (k EventKind) Blocks() bool { return k == StartedOver || k == NewPerson }

// String returns a short name for programs: "key-change".
func (k EventKind) String() string {
	switch k {
	case FirstContact:
		return "first-contact"
	case Update:
		return "update"
	case KeyChange:
		return "key-change"
	case Claim:
		return "claim"
	case Reassertion:
		return "reassertion"
	case Closing:
		return "closed"
	case NewPerson:
		return "new-person"
	case StartedOver:
		return "reset"
	}
	return "none"
}

// A Reason says why a chain broke.
type Reason uint8

// Why a chain breaks.
const (
	ReasonGap        Reason = iota + 1 // a version between is missing or erased
	ReasonLink                         // it does not follow the record that was pinned
	ReasonUnlinked                     // the pinned account key did not sign it
	ReasonUnsigned                     // the account key it names did not sign it
	ReasonReimported                   // the provider asserted keys over an account
	ReasonRecovered                    // the recovery key signed it, not the account key
)

// String returns a short name for programs: "gap".
func (r Reason) String() string {
	switch r {
	case ReasonGap:
		return "gap"
	case ReasonLink:
		return "link"
	case ReasonUnlinked:
		return "not-signed-by-account"
	case ReasonUnsigned:
		return "unsigned"
	case ReasonReimported:
		return "asserted-over-account"
	case ReasonRecovered:
		return "recovery-key"
	}
	return ""
}

// An Event is one step of a label's chain.
type Event struct {
	Kind    EventKind
	Reason  Reason // StartedOver only
	Version uint32
	Before  Standing
	After   Standing
	Record  *Record
}

// Text explains the event to a person, in one or two sentences.
func (e *Event) Text() string {
	label := e.Record.Label
	moved := ""
	if e.Record.MovedTo != "" && e.After != Asserted {
		moved = fmt.Sprintf(" They say they have moved to %s.", e.Record.MovedTo)
	}
	switch e.Kind {
	case FirstContact:
		switch e.After {
		case Asserted:
			return fmt.Sprintf("First contact with %s. The provider says these are its keys; no person has signed for them yet.", label)
		case Vacated:
			return fmt.Sprintf("%s has been given up by its holder; there is nobody to write to.%s", label, moved)
		}
		return fmt.Sprintf("First contact with %s. The account key is new to you: compare the safety number in person if it matters.%s", label, moved)
	case Update:
		return fmt.Sprintf("%s changed their keys or devices, signed by the account key you know.%s", label, moved)
	case KeyChange:
		return fmt.Sprintf("%s moved to a new account key; the key you know signed the change. Safety numbers with them change.%s", label, moved)
	case Claim:
		return fmt.Sprintf("%s has been claimed: until now the provider vouched for its keys, from now on an account key does. The claim itself rests on the provider's word.%s", label, moved)
	case Reassertion:
		return fmt.Sprintf("The provider published keys for %s again; no person has signed for them.", label)
	case Closing:
		return fmt.Sprintf("%s gave up this label, signed by the account key you know. Nothing can be sent there any more.%s", label, moved)
	case NewPerson:
		return fmt.Sprintf("%s had been given up, and somebody has taken it since. Treat them as a different person: nothing is sent until you accept them.", label)
	case StartedOver:
		return fmt.Sprintf("%s was reset: %s Nothing is sent until you accept it. Ask them over another channel whether this was their doing.", label, e.Reason.text())
	}
	return ""
}

func (r Reason) text() string {
	switch r {
	case ReasonGap:
		return "a version between the one you know and this one is missing, so the change cannot be traced to the key you know."
	case ReasonLink:
		return "the new record does not follow the record you know."
	case ReasonUnlinked:
		return "the new record is not signed by the account key you know."
	case ReasonUnsigned:
		return "nobody has signed the new record, not even the key it names."
	case ReasonReimported:
		return "the provider published keys of its own over a person's account."
	case ReasonRecovered:
		return "the recovery key they had named signed a new account key, in place of the account key you know."
	}
	return ""
}
