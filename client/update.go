package client

import (
	"fmt"
	"slices"
	"time"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/wire"
)

// An Updated is the proved result of an Update: the new versions of a label in
// one log entry.
type Updated struct {
	Label    string
	Position uint64
	First    uint32   // version of Values[0]
	Skipped  uint32   // versions skipped before First (third-party management)
	Values   [][]byte // ascending by version
	// Own says that these are the values of the request or of the saved intent.
	// If they are not, the owner did not publish them.
	Own bool
}

// maxNew bounds the versions of one label in one log entry; the binary ladder
// of a response has no room for more.
const maxNew = 255

// WithIntent returns the state with an update that is about to be sent. It is to
// be saved before the request is: if the reply is lost, the values that come
// back later are then known to be the owner's own.
func (s *State) WithIntent(label string, values [][]byte) (*State, error) {
	o := s.owned[label]
	if o == nil {
		return nil, argument(fmt.Errorf("%s is not an owned label", label))
	}
	if len(values) == 0 || len(values) > maxNew {
		return nil, argument(fmt.Errorf("%d values", len(values)))
	}
	owned := *o
	owned.Intent = &Intent{Greatest: o.greatest(), Values: values}
	return s.withOwned(&owned), nil
}

// WithoutIntent returns the state after giving up an update.
func (s *State) WithoutIntent(label string) *State {
	o := s.owned[label]
	if o == nil || o.Intent == nil {
		return s
	}
	owned := *o
	owned.Intent = nil
	return s.withOwned(&owned)
}

// WithoutAlerts returns the state after the owner took note of the versions it did not publish.
func (s *State) WithoutAlerts(label string) *State {
	o := s.owned[label]
	if o == nil || o.Alerts == nil {
		return s
	}
	owned := *o
	owned.Alerts = nil
	return s.withOwned(&owned)
}

// Update asks for new versions of an owned label ("Updating a Label"): with
// values to be created, or without, to be told of versions created by others.
//
// The directory disregards the values if there are versions that the owner does
// not know yet, and tells of the first of these instead: the result then is not
// Own, and the next state has an alert for each.
func (s *State) Update(label string, values [][]byte) (wire.Call, Verify[*Updated], error) {
	o := s.owned[label]
	if o == nil {
		return wire.Call{}, nil, argument(fmt.Errorf("%s is not an owned label", label))
	}
	request := wire.UpdateRequest{Last: s.last(), Label: []byte(label), GreatestVersion: o.greatest()}
	for _, v := range values {
		request.Values = append(request.Values, wire.LabelValue{Value: v})
	}
	body, err := request.Append(nil, s.log.format)
	if err != nil {
		return wire.Call{}, nil, argument(err)
	}
	return wire.Call{Operation: wire.OpUpdate, Body: body}, func(response []byte, now time.Time) (*Updated, *State, error) {
		return s.verifyUpdate(o, values, response, now)
	}, nil
}

func (s *State) verifyUpdate(o *Owned, requested [][]byte, response []byte, now time.Time) (*Updated, *State, error) {
	resp, err := wire.ParseUpdateResponse(response, s.log.format)
	if err != nil {
		return nil, nil, unproved(err)
	}
	u, err := o.updated(requested, resp) // steps 1 and 2
	if err != nil {
		return nil, nil, err
	}
	known, err := s.updateLadder(o, u, resp) // steps 3 and 4
	if err != nil {
		return nil, nil, err
	}
	steps, err := merge(o.Steps, known)
	if err != nil {
		return nil, nil, err
	}
	a, err := s.open(&resp.FullTreeHead, &resp.Update, asKnown(steps))
	if err != nil {
		return nil, nil, err
	}
	before, _ := o.Greatest()
	distinguished, err := a.view.LabelUpdate(combined.LabelUpdate{ // step 5
		Position: u.Position, Greatest: u.greatest(), Previous: o.greatest(), PreviousPosition: before.Position, At: o.History.At,
	})
	if err != nil {
		return nil, nil, unproved(err)
	}
	next, err := a.settle(now) // steps 6 and 7
	if err != nil {
		return nil, nil, err
	}
	owned := *o
	owned.Steps = steps
	owned.History = append(slices.Clone(o.History), wire.MonitorMapEntry{Position: u.Position, Version: u.greatest()})
	if !distinguished {
		owned.Monitor = combined.AddToMap(o.Monitor, u.Position, u.greatest())
	}
	if u.Own {
		owned.Intent = nil
	} else {
		owned.Alerts = slices.Clone(o.Alerts)
		for i := range u.Values {
			v := u.First + uint32(i)
			// An owner who began again meets versions it was alerted of before.
			if at, found := slices.BinarySearch(owned.Alerts, v); !found {
				owned.Alerts = slices.Insert(owned.Alerts, at, v)
			}
		}
	}
	owned.prune()
	return u, next.withOwned(&owned), nil
}

func (u *Updated) greatest() uint32 { return u.First + uint32(len(u.Values)) - 1 }

// updated reads the new versions out of a response.
func (o *Owned) updated(requested [][]byte, resp *wire.UpdateResponse) (*Updated, error) {
	u := &Updated{Label: o.Label, Position: resp.Position, Skipped: resp.SkippedVersions}
	after := o.Start
	first := uint64(resp.SkippedVersions)
	if g, ok := o.Greatest(); ok {
		after = max(after, g.Position)
		first += uint64(g.Version) + 1
	}
	if u.Position <= after { // step 1
		return nil, misbehaved(BadProof, nil, "new versions of %s are said to be in entry %d, which is not after entry %d", o.Label, u.Position, after)
	}
	u.Values, u.Own = requested, true
	if len(resp.Values) > 0 {
		u.Values = nil
		for _, v := range resp.Values {
			u.Values = append(u.Values, v.Value)
		}
		u.Own = o.Intent != nil && equalVersions(o.Intent.Greatest, o.greatest()) && slices.EqualFunc(u.Values, o.Intent.Values, slices.Equal)
	}
	if len(resp.Info) == 0 || len(resp.Info) != len(u.Values) { // step 2
		return nil, misbehaved(BadProof, nil, "the response has openings for %d new versions of %s, not %d", len(resp.Info), o.Label, len(u.Values))
	}
	if first+uint64(len(u.Values))-1 > wire.MaxVersion || uint64(u.Skipped)+uint64(len(u.Values)) > maxNew {
		return nil, misbehaved(BadProof, nil, "%d skipped and %d new versions of %s are too many", u.Skipped, len(u.Values), o.Label)
	}
	u.First = uint32(first)
	return u, nil
}

func equalVersions(a, b *uint32) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// updateLadder verifies the suffixes and VRF proofs of an UpdateResponse and
// returns what is known of its versions.
func (s *State) updateLadder(o *Owned, u *Updated, resp *wire.UpdateResponse) ([]combined.Known, error) {
	commitments := make([]wire.HashValue, len(u.Values))
	for i, value := range u.Values {
		var err error
		update := &wire.UpdateValue{Value: value, Suffix: resp.Info[i].Suffix}
		if commitments[i], err = s.log.commit(o.Label, u.First+uint32(i), update, &resp.Info[i].Opening); err != nil {
			return nil, err
		}
	}
	previous := o.greatest()
	known, err := s.log.ladder(o.Label, combined.UpdateVersions(previous, u.greatest()), resp.BinaryLadder)
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		if k.Commitment != nil && (previous == nil || k.Version > *previous) {
			return nil, misbehaved(BadProof, nil, "a commitment is given for version %d, which is new", k.Version)
		}
	}
	// New versions that are not in the response's ladder were in the one before.
	for n := uint64(u.First) - uint64(u.Skipped); n <= uint64(u.greatest()); n++ {
		v := uint32(n)
		commitment := new(wire.HashValue) // of a skipped version: all zero
		if v >= u.First {
			commitment = &commitments[v-u.First]
		}
		i := slices.IndexFunc(known, func(k combined.Known) bool { return k.Version == v })
		if i >= 0 {
			known[i].Commitment = commitment
			continue
		}
		j := slices.IndexFunc(o.Steps, func(s Step) bool { return s.Version == v })
		if j < 0 {
			return nil, misbehaved(BadProof, nil, "nothing is known of version %d", v)
		}
		known = append(known, combined.Known{Version: v, Output: o.Steps[j].Output, Commitment: commitment})
	}
	return known, nil
}
