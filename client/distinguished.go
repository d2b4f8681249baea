package client

import (
	"cmp"
	"slices"
	"time"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/wire"
)

// A Walked is the proved result of a Walk.
type Walked struct {
	Positions []uint64 // of the distinguished log entries met, ascending
}

// Walk asks for the recent distinguished log entries to the right of stop, or
// all of them if stop is nil ("Walking Distinguished Heads"). The next state
// retains them.
func (s *State) Walk(stop *uint64) (wire.Call, Verify[*Walked], error) {
	request := wire.DistinguishedRequest{Last: s.last(), Stop: stop}
	body, err := request.Append(nil, s.log.format)
	if err != nil {
		return wire.Call{}, nil, argument(err)
	}
	return wire.Call{Operation: wire.OpDistinguished, Body: body}, func(response []byte, now time.Time) (*Walked, *State, error) {
		resp, err := wire.ParseDistinguishedResponse(response, s.log.format)
		if err != nil {
			return nil, nil, unproved(err)
		}
		a, err := s.open(&resp.FullTreeHead, &resp.Distinguished, nil)
		if err != nil {
			return nil, nil, err
		}
		positions, err := a.view.Distinguished(combined.KithRecent, stop) // step 1
		if err != nil {
			return nil, nil, unproved(err)
		}
		next, err := a.settle(now) // steps 2 and 3
		if err != nil {
			return nil, nil, err
		}
		return &Walked{Positions: positions}, next.withDistinguished(a.result, positions), nil
	}, nil
}

// withDistinguished retains distinguished log entries that a settled proof
// speaks of, and drops those that are no longer recent.
func (s *State) withDistinguished(result *combined.Result, positions []uint64) *State {
	next := s.clone()
	next.distinguished = slices.Clone(s.distinguished)
	for _, pos := range positions {
		i, found := next.findDistinguished(pos)
		if found {
			continue
		}
		root, err := result.RootAt(pos)
		if err != nil {
			continue // the proof does not reach it; nothing is lost but a credential's base
		}
		retained, err := result.RetainedAt(pos)
		if err != nil {
			continue
		}
		d := &Distinguished{Position: pos, Entry: retained.Frontier[len(retained.Frontier)-1], Root: root, Retained: retained}
		next.distinguished = slices.Insert(next.distinguished, i, d)
	}
	if extra := len(next.distinguished) - combined.KithRecent.Count; extra > 0 {
		next.distinguished = next.distinguished[extra:]
	}
	next.dropExpired()
	return next
}

// dropExpired drops distinguished log entries that have expired under the newest
// head, which no definition of "recent" may include.
func (s *State) dropExpired() {
	lifetime, now := s.log.params.MaximumLifetime, s.head.Time()
	for lifetime != 0 && len(s.distinguished) > 0 && now-s.distinguished[0].Entry.Timestamp >= lifetime {
		s.distinguished = s.distinguished[1:]
	}
}

func (s *State) findDistinguished(pos uint64) (int, bool) {
	return slices.BinarySearchFunc(s.distinguished, pos, func(d *Distinguished, pos uint64) int { return cmp.Compare(d.Position, pos) })
}

// RightmostDistinguished returns the rightmost distinguished log entry of the
// newest head, or false if there is none. It is where an ownership begins.
func (s *State) RightmostDistinguished() (uint64, bool) {
	if s.head == nil {
		return 0, false
	}
	r := &s.head.Retained
	view, err := combined.NewView(nil, s.log.params, r.Size, r.Size, r.Frontier) // asks nothing of its source
	if err != nil {
		return 0, false
	}
	return view.RightmostDistinguished()
}

// DistinguishedHead returns the roots of the log at the n newest distinguished
// log entries retained, or fewer, for comparison with another user ("Detecting
// Forks"). Users should compare at least two.
func (s *State) DistinguishedHead(n int) *wire.DistinguishedHead {
	head := new(wire.DistinguishedHead)
	for _, d := range s.distinguished[max(0, len(s.distinguished)-n):] {
		head.Heads = append(head.Heads, d.Root)
	}
	return head
}

// The ways two lists of roots do not show the same log.
var (
	ErrIncomparable = gossip.ErrIncomparable
	ErrNoOverlap    = gossip.ErrNoOverlap
)

// CompareRoots is gossip.CompareRoots.
func CompareRoots(a, b []wire.HashValue) error { return gossip.CompareRoots(a, b) }
