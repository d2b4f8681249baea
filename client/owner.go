package client

import (
	"fmt"
	"slices"
	"time"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// An Initialised is the proved result of an OwnerInit.
type Initialised struct {
	Label    string
	Start    uint64
	Greatest *uint32 // as of Start; nil if the label did not exist
}

// OwnerInit asks to become the owner of a label from a starting position on,
// which must be an unexpired distinguished log entry ("Owner Initialization").
//
// Versions created after start are not part of the result; process them with
// Update. An owner who starts again keeps the intent and alerts, and forgets
// the rest.
func (s *State) OwnerInit(label string, start uint64) (wire.Call, Verify[*Initialised], error) {
	request := wire.OwnerInitRequest{Last: s.last(), Label: []byte(label), Start: start}
	body, err := request.Append(nil, s.log.format)
	if err != nil {
		return wire.Call{}, nil, argument(err)
	}
	return wire.Call{Operation: wire.OpOwnerInit, Body: body}, func(response []byte, now time.Time) (*Initialised, *State, error) {
		return s.verifyInit(label, start, response, now)
	}, nil
}

func (s *State) verifyInit(label string, start uint64, response []byte, now time.Time) (*Initialised, *State, error) {
	resp, err := wire.ParseOwnerInitResponse(response, s.log.format)
	if err != nil {
		return nil, nil, unproved(err)
	}
	// Step 1, before any work is done that the number of versions decides; the
	// exact number of entries is checked by OwnerInit below.
	versions := resp.GreatestVersions
	if len(versions) > treemath.MaxDepth+1 {
		return nil, nil, misbehaved(BadProof, nil, "%d greatest versions are more than any log has entries on a path", len(versions))
	}
	if !slices.IsSortedFunc(versions, func(a, b uint32) int { return int(int64(b) - int64(a)) }) {
		return nil, nil, misbehaved(BadProof, nil, "the greatest versions do not descend")
	}
	known, err := s.log.ladder(label, combined.OwnerInitVersions(versions), resp.BinaryLadder) // step 2
	if err != nil {
		return nil, nil, err
	}
	for _, k := range known {
		exists := len(versions) > 0 && k.Version <= versions[0]
		switch {
		case !exists && k.Commitment != nil:
			return nil, nil, misbehaved(BadProof, nil, "a commitment is given for version %d, which does not exist yet", k.Version)
		case k.Commitment == nil && slices.Contains(versions, k.Version):
			return nil, nil, misbehaved(BadProof, nil, "no commitment is given for version %d", k.Version)
		}
	}
	a, err := s.open(&resp.FullTreeHead, &resp.Init, known)
	if err != nil {
		return nil, nil, err
	}
	if _, err := a.view.OwnerInit(start, versions); err != nil { // step 3
		return nil, nil, unproved(err)
	}
	next, err := a.settle(now) // steps 4 and 5
	if err != nil {
		return nil, nil, err
	}
	owned := &Owned{Label: label, Start: start, Verified: start}
	if before := s.owned[label]; before != nil {
		owned.Intent, owned.Alerts = before.Intent, before.Alerts
	}
	result := &Initialised{Label: label, Start: start}
	if len(versions) > 0 {
		result.Greatest = &versions[0]
		owned.History = combined.History{{Position: start, Version: versions[0]}}
	}
	if owned.Steps, err = merge(nil, known); err != nil {
		return nil, nil, err
	}
	owned.prune()
	return result, next.withOwned(owned), nil
}

// An OwnerWatched is the proved result of an OwnerMonitor.
type OwnerWatched struct {
	Label     string
	Inspected []uint64 // distinguished log entries, ascending
	Verified  uint64   // rightmost distinguished log entry verified so far
	Done      bool     // Verified is the rightmost distinguished log entry there is
}

// OwnerMonitor asks for proof that no version of an owned label exists but those
// known, in the next distinguished log entries ("Owner Monitoring"). Unless the
// result is Done, ask again from the next state; if Verified did not move, there
// are new versions, which Update finds.
func (s *State) OwnerMonitor(label string) (wire.Call, Verify[*OwnerWatched], error) {
	o := s.owned[label]
	if o == nil {
		return wire.Call{}, nil, argument(fmt.Errorf("%s is not an owned label", label))
	}
	request := wire.OwnerMonitorRequest{Last: s.last(), Label: []byte(label), Entries: o.Monitor, Start: o.Verified, GreatestVersion: o.greatest()}
	body, err := request.Append(nil, s.log.format)
	if err != nil {
		return wire.Call{}, nil, argument(err)
	}
	return wire.Call{Operation: wire.OpOwnerMonitor, Body: body}, func(response []byte, now time.Time) (*OwnerWatched, *State, error) {
		return s.verifyOwner(o, response, now)
	}, nil
}

func (s *State) verifyOwner(o *Owned, response []byte, now time.Time) (*OwnerWatched, *State, error) {
	resp, err := wire.ParseOwnerMonitorResponse(response, s.log.format)
	if err != nil {
		return nil, nil, unproved(err)
	}
	a, err := s.open(&resp.FullTreeHead, &resp.Monitor, asKnown(o.Steps))
	if err != nil {
		return nil, nil, err
	}
	rest, err := a.view.Contact(o.Monitor, &o.Verified) // step 1
	if err != nil {
		return nil, nil, unproved(err)
	}
	walk, err := a.view.OwnerMonitor(o.Verified, o.History.At, a.replay.Exhausted)
	if err != nil {
		return nil, nil, unproved(err)
	}
	next, err := a.settle(now) // steps 2 and 3
	if err != nil {
		return nil, nil, err
	}
	owned := *o
	owned.Monitor, owned.Verified = rest, walk.Start
	owned.prune()
	next = next.withOwned(&owned).withDistinguished(a.result, walk.Verified)
	return &OwnerWatched{Label: o.Label, Inspected: walk.Verified, Verified: walk.Start, Done: walk.Done}, next, nil
}

// greatest is the greatest_version field of a request.
func (o *Owned) greatest() *uint32 {
	if g, ok := o.Greatest(); ok {
		return &g.Version
	}
	return nil
}
