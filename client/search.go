package client

import (
	"cmp"
	"slices"
	"time"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/wire"
)

// A Found is the proved result of a Search.
type Found struct {
	Label      string
	Version    uint32
	Greatest   bool // the version was proved to be the greatest
	Value      []byte
	Opening    wire.Opening
	Commitment wire.HashValue

	Terminal     uint64 // position of the terminal log entry
	TerminalTime uint64 // its timestamp, ms since the Unix epoch
	Watched      bool   // the label is now in the monitoring map
	Size         uint64 // of the tree head it was proved under
	HeadTime     uint64 // timestamp of the rightmost log entry, ms since the Unix epoch
	Ladder       int    // VRF proofs verified
	Same         bool   // under the head seen before

	response *wire.SearchResponse
}

// Search asks for the value of a label ("Search"): for a version, or for the
// greatest if version is nil.
//
// The next state has the new head, remembers the version, and in Contact
// Monitoring mode has it in the label's monitoring map if the terminal entry is
// to the right of the rightmost distinguished one.
func (s *State) Search(label string, version *uint32) (wire.Call, Verify[*Found], error) {
	request := wire.SearchRequest{Last: s.last(), Label: []byte(label), Version: version}
	body, err := request.Append(nil, s.log.format)
	if err != nil {
		return wire.Call{}, nil, argument(err)
	}
	verify := func(response []byte, now time.Time) (*Found, *State, error) {
		return s.verifySearch(label, version, response, now)
	}
	return wire.Call{Operation: wire.OpSearch, Body: body}, verify, nil
}

func (s *State) verifySearch(label string, version *uint32, response []byte, now time.Time) (*Found, *State, error) {
	resp, err := wire.ParseSearchResponse(response, s.log.format, version != nil)
	if err != nil {
		return nil, nil, unproved(err)
	}
	target := version
	if target == nil {
		target = resp.Version
	}
	f := &Found{
		Label: label, Version: *target, Greatest: version == nil, Value: resp.Value.Value, Opening: resp.Opening,
		Ladder: len(resp.BinaryLadder), Same: resp.FullTreeHead.HeadType == wire.HeadSame, response: resp,
	}
	known, err := s.searchLadder(f, &resp.Value, resp.BinaryLadder)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.open(&resp.FullTreeHead, &resp.Search, known) // step 5, in part
	if err != nil {
		return nil, nil, err
	}
	if f.Greatest { // step 4
		f.Terminal, err = a.view.Greatest(f.Version)
	} else {
		f.Terminal, err = a.view.Fixed(f.Version)
	}
	if err != nil {
		return nil, nil, unproved(err)
	}
	next, err := a.settle(now) // steps 5 and 6
	if err != nil {
		return nil, nil, err
	}
	f.Size, f.HeadTime = a.size, a.view.Rightmost()
	if f.TerminalTime, err = a.view.Timestamp(f.Terminal); err != nil {
		return nil, nil, unproved(err)
	}
	f.Watched = s.log.config.Mode == wire.ContactMonitoring && a.view.MustMonitor(f.Terminal)
	if err := s.owned[label].agrees(f); err != nil {
		return nil, nil, err
	}
	contact, err := s.contacts[label].with(f, known)
	if err != nil {
		return nil, nil, err
	}
	if contact != s.contacts[label] {
		next = next.withContact(contact)
	}
	return f, next, nil
}

// agrees holds a proved search against what its owner (nil: somebody else) knows
// of the label.
func (o *Owned) agrees(f *Found) error {
	if o == nil {
		return nil
	}
	if g, ok := o.Greatest(); ok && f.Greatest && g.Version > f.Version {
		return misbehaved(Rewritten, nil, "version %d of your label %s exists, and version %d is said to be the greatest", g.Version, f.Label, f.Version)
	}
	i, found := slices.BinarySearchFunc(o.Steps, f.Version, func(s Step, v uint32) int { return cmp.Compare(s.Version, v) })
	if found && o.Steps[i].Commitment != nil && *o.Steps[i].Commitment != f.Commitment {
		return misbehaved(Rewritten, nil, "version %d of your label %s has another value than the one you know", f.Version, f.Label)
	}
	return nil
}

// searchLadder is steps 1 to 3 of "Search", shared with "Credentials". It sets
// f.Commitment.
func (s *State) searchLadder(f *Found, value *wire.UpdateValue, steps []wire.BinaryLadderStep) ([]combined.Known, error) {
	var err error
	if f.Commitment, err = s.log.commit(f.Label, f.Version, value, &f.Opening); err != nil {
		return nil, err
	}
	known, err := s.log.ladder(f.Label, combined.SearchVersions(f.Version), steps)
	if err != nil {
		return nil, err
	}
	for i := range known {
		k := &known[i]
		switch {
		case k.Version == f.Version && k.Commitment != nil:
			return nil, misbehaved(BadProof, nil, "a commitment is given for the target version %d", k.Version)
		case k.Version == f.Version:
			k.Commitment = &f.Commitment
		case k.Version > f.Version && f.Greatest && k.Commitment != nil:
			return nil, misbehaved(BadProof, nil, "a commitment is given for version %d, greater than the greatest", k.Version)
		}
	}
	return known, nil
}

// with returns the contact (nil: a new one) after a proved search. A log that
// proves something else than it proved before has rewritten its past.
func (c *Contact) with(f *Found, known []combined.Known) (*Contact, error) {
	next := &Contact{Label: f.Label}
	if c != nil {
		*next = *c
	}
	if greatest, ok := next.Greatest(); ok && f.Greatest && greatest > f.Version {
		return nil, misbehaved(Rewritten, nil, "version %d of %s was proved before, now version %d is said to be the greatest", greatest, f.Label, f.Version)
	}
	i, found := slices.BinarySearchFunc(next.Seen, f.Version, func(p Proved, v uint32) int { return cmp.Compare(p.Version, v) })
	if !found {
		next.Seen = slices.Insert(slices.Clone(next.Seen), i, Proved{Version: f.Version, Opening: f.Opening, Commitment: f.Commitment})
	} else if next.Seen[i].Commitment != f.Commitment {
		return nil, misbehaved(Rewritten, nil, "version %d of %s has another value than before", f.Version, f.Label)
	} else if !f.Watched {
		return c, nil
	}
	if f.Watched {
		next.Monitor = combined.AddToMap(next.Monitor, f.Terminal, f.Version)
		known = slices.DeleteFunc(slices.Clone(known), func(k combined.Known) bool { return k.Version > f.Version })
		steps, err := merge(next.Steps, known)
		if err != nil {
			return nil, err
		}
		next.Steps = steps
		next.prune()
	}
	return next, nil
}
