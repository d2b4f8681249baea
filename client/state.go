package client

import (
	"maps"
	"slices"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/wire"
)

// A State is what a user retains about one log: the newest head it verified
// and what is needed to hold every later head against it, the recently seen
// distinguished entries, the labels it looked up, and the labels it owns.
//
// A State is immutable. It is safe for concurrent use, but two requests made
// from one state lead to two next states of which only one can be kept.
type State struct {
	log           *Log
	head          *Head
	distinguished []*Distinguished // ascending by Position, at most maxDistinguished
	contacts      map[string]*Contact
	owned         map[string]*Owned
	pending       *Pending
	covered       *Covered
}

// A Head is the newest tree head a user verified ("User Operations":
// "Users MUST retain the most recent TreeHead and AuditorTreeHead").
type Head struct {
	Tree     wire.TreeHead
	Auditor  *wire.AuditorTreeHead // ThirdPartyAuditing only
	Root     wire.HashValue        // of the log tree with Tree.TreeSize leaves
	Retained combined.Retained     // full subtrees and frontier
}

// Time returns the timestamp of the rightmost log entry, in ms since the Unix epoch.
func (h *Head) Time() uint64 {
	if n := len(h.Retained.Frontier); n > 0 {
		return h.Retained.Frontier[n-1].Timestamp
	}
	return 0
}

// A Distinguished is a recently issued distinguished log entry that the user
// verified, with the log tree as it was when this entry was the rightmost
// ("Credentials", "Detecting Forks").
type Distinguished struct {
	Position uint64
	Entry    wire.LogEntry
	Root     wire.HashValue    // of the log tree with Position+1 leaves
	Retained combined.Retained // of the log tree with Position+1 leaves
}

// A Contact is a label the user looked up.
type Contact struct {
	Label string
	// Seen are the versions proved so far, ascending by Version, with what the
	// directory needs to allow monitoring ("Contact Monitor", last paragraph).
	Seen []Proved
	// Monitor is the monitoring map, ascending by Position ("Contact Algorithm").
	Monitor []wire.MonitorMapEntry
	// Steps are what monitoring needs to know of versions, ascending by Version.
	Steps []Step
	// Pin is the chain of account records as far as it was followed; its zero
	// value says that no record was seen.
	Pin record.State
}

// Greatest returns the greatest version ever proved to exist.
func (c *Contact) Greatest() (version uint32, ok bool) {
	if len(c.Seen) == 0 {
		return 0, false
	}
	return c.Seen[len(c.Seen)-1].Version, true
}

// A Proved is a label-version pair whose value was proved.
type Proved struct {
	Version    uint32
	Opening    wire.Opening
	Commitment wire.HashValue
}

// An Owned is a label the user owns ("Owner Algorithm", "Updating a Label").
type Owned struct {
	Label string
	// Start is the starting position of the ownership.
	Start uint64
	// Verified is the rightmost distinguished log entry verified as correct.
	Verified uint64
	// History says which version is the greatest from which log entry on.
	// Elements that Verified has overtaken are dropped, but for the last. For a
	// version that existed before the ownership began, the position is Start. It
	// is empty if the label does not exist.
	History combined.History
	// Steps are the VRF outputs known, ascending by version, with the
	// commitment of each version that exists.
	Steps []Step
	// Monitor is the monitoring map, ascending by Position.
	Monitor []wire.MonitorMapEntry
	// Intent is an update that was sent, or is about to be, and not yet seen to succeed.
	Intent *Intent
	// Alerts are versions that the owner did not publish, ascending, not yet acknowledged.
	Alerts []uint32
}

// Greatest returns the greatest version known, with the position of the log
// entry that created it; ok is false if the label does not exist.
func (o *Owned) Greatest() (greatest wire.MonitorMapEntry, ok bool) {
	if len(o.History) == 0 {
		return greatest, false
	}
	return o.History[len(o.History)-1], true
}

// A Step is one rung of a binary ladder as a user knows it.
type Step struct {
	Version    uint32
	Output     wire.VRFOutput
	Commitment *wire.HashValue // nil if the version is not known to exist
}

// An Intent is an update as it is saved before it is sent, so that its echo
// is recognised after a lost reply.
type Intent struct {
	Greatest *uint32 // of the request
	Values   [][]byte
}

// NewState returns the state of a user who never saw the log.
func NewState(log *Log) *State {
	return &State{log: log}
}

// Log returns the log that the state belongs to.
func (s *State) Log() *Log { return s.log }

// Head returns the newest head verified, or nil. It is not to be changed.
func (s *State) Head() *Head { return s.head }

// Distinguished returns the recently seen distinguished log entries, ascending. They are not to be changed.
func (s *State) Distinguished() []*Distinguished { return slices.Clone(s.distinguished) }

// Contact returns what is known of a label the user looked up, or nil. It is not to be changed.
func (s *State) Contact(label string) *Contact { return s.contacts[label] }

// Contacts returns the labels the user looked up, sorted.
func (s *State) Contacts() []string { return slices.Sorted(maps.Keys(s.contacts)) }

// Owned returns what is known of a label the user owns, or nil. It is not to be changed.
func (s *State) Owned(label string) *Owned { return s.owned[label] }

// OwnedLabels returns the labels the user owns, sorted.
func (s *State) OwnedLabels() []string { return slices.Sorted(maps.Keys(s.owned)) }

// WithoutContact returns the state after forgetting a contact: its pin, its
// proved versions and its monitoring map.
func (s *State) WithoutContact(label string) *State {
	next := s.clone()
	next.contacts = maps.Clone(s.contacts)
	delete(next.contacts, label)
	return next
}

// WithoutOwned returns the state after giving up the ownership of a label,
// for example to start again with OwnerInit.
func (s *State) WithoutOwned(label string) *State {
	next := s.clone()
	next.owned = maps.Clone(s.owned)
	delete(next.owned, label)
	return next
}

// last is the `last` field of the next request.
func (s *State) last() *uint64 {
	if s.head == nil {
		return nil
	}
	size := s.head.Tree.TreeSize
	return &size
}

// clone returns a shallow copy; whoever changes a map or slice of it copies that first.
func (s *State) clone() *State {
	next := *s
	return &next
}

func (s *State) withContact(c *Contact) *State {
	next := s.clone()
	next.contacts = maps.Clone(s.contacts)
	if next.contacts == nil {
		next.contacts = make(map[string]*Contact)
	}
	next.contacts[c.Label] = c
	return next
}

func (s *State) withOwned(o *Owned) *State {
	next := s.clone()
	next.owned = maps.Clone(s.owned)
	if next.owned == nil {
		next.owned = make(map[string]*Owned)
	}
	next.owned[o.Label] = o
	return next
}
