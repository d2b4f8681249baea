package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// update answers an UpdateRequest ("Updating a Label") with one UpdateResponse:
// for the versions the request creates, or, if it knows less than the log, for
// the oldest ones it does not know.
func (d *Directory) update(ctx context.Context, call *wire.Call, request *wire.UpdateRequest) ([]byte, error) {
	if err := checkLabel(request.Label); err != nil {
		return nil, err
	}
	if err := d.checkValues(request.Values); err != nil {
		return nil, err
	}
	var err error
	if len(request.Values) > 0 {
		err = d.config.Authorizer.MayUpdate(ctx, request.Label, call.Token)
	} else {
		err = d.mayOwn(ctx, request.Label, call.Token)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.config.UpdateWait)
	defer cancel()

	known, err := d.known(request)
	if err != nil {
		return nil, err
	}
	var own *Placement
	if known == currentVersion {
		if own, err = d.submit(ctx, request); err != nil {
			return nil, err
		}
	}
	a, err := d.beginOver(ctx, request, own)
	if err != nil {
		return nil, err
	}
	defer a.release()
	return a.updateResponse(request, own)
}

func (d *Directory) checkValues(values []wire.LabelValue) error {
	if len(values) > d.config.MaxValues {
		return fmt.Errorf("%w: %d values, of at most %d", problem.ErrTooLarge, len(values), d.config.MaxValues)
	}
	for _, v := range values {
		if len(v.Value) > d.config.MaxValue {
			return fmt.Errorf("%w: value of %d bytes, of at most %d", problem.ErrTooLarge, len(v.Value), d.config.MaxValue)
		}
	}
	return nil
}

// What the greatest_version of an UpdateRequest is.
type knownVersion int

const (
	currentVersion knownVersion = iota // the newest: the request creates versions
	olderVersion                       // not the newest: it learns of others
)

// known compares the request with the newest head, and rejects what the draft
// rejects.
func (d *Directory) known(request *wire.UpdateRequest) (knownVersion, error) {
	snap, err := d.seq.Snapshot()
	if err != nil {
		return 0, err
	}
	defer snap.Release()
	count, err := snap.Versions(request.Label, snap.Head().Size)
	if err != nil {
		return 0, err
	}
	if request.Last != nil && *request.Last > snap.Head().Size {
		return 0, fmt.Errorf("%w: the log has %d entries, not %d", problem.ErrRefused, snap.Head().Size, *request.Last)
	}
	next := nextVersion(request.GreatestVersion)
	switch {
	case next < uint64(count):
		return olderVersion, nil
	case next > uint64(count):
		return 0, fmt.Errorf("%w: the label has no version %d", problem.ErrRefused, next-1)
	case len(request.Values) == 0:
		return 0, fmt.Errorf("%w: there is no newer version, and none was given", problem.ErrRefused)
	}
	return currentVersion, nil
}

// nextVersion is the version after greatest; it may be 2^32.
func nextVersion(greatest *uint32) uint64 {
	if greatest == nil {
		return 0
	}
	return uint64(*greatest) + 1
}

// submit creates the request's versions. Where another update came first, the
// placement is nil.
func (d *Directory) submit(ctx context.Context, request *wire.UpdateRequest) (*Placement, error) {
	update := &Update{Label: request.Label, Greatest: request.GreatestVersion}
	for _, v := range request.Values {
		update.Values = append(update.Values, v.Value)
	}
	placement, err := d.seq.Submit(ctx, update)
	if errors.Is(err, ErrStale) {
		return nil, nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%w: the update was not committed in time; it may still be", problem.ErrUnavailable)
	}
	return placement, err
}

// beginOver begins an answer from a head that covers the entry to be told of. In
// ThirdPartyAuditing mode it waits for the auditor.
func (d *Directory) beginOver(ctx context.Context, request *wire.UpdateRequest, own *Placement) (*answer, error) {
	for {
		changed := d.seq.Changed()
		a, err := d.begin(request.Last, request.Label)
		if err != nil {
			return nil, err
		}
		position := uint64(0)
		if own != nil {
			position = own.Position
		} else if place, err := a.place(uint32(nextVersion(request.GreatestVersion))); err == nil {
			position = place.Position
		} else {
			a.release()
			return nil, err
		}
		if position < a.size() {
			return a, nil
		}
		a.release()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ErrNotAudited
		}
	}
}

// updateResponse tells of the versions after the request's greatest one that
// were created in one log entry.
func (a *answer) updateResponse(request *wire.UpdateRequest, own *Placement) ([]byte, error) {
	first := uint32(nextVersion(request.GreatestVersion))
	position, greatest, err := a.created(first)
	if err != nil {
		return nil, err
	}
	if own != nil && (own.Position != position || own.Count != int(greatest-first)+1) {
		return nil, fmt.Errorf("%w: the index disagrees with the placement of an update", ErrCorrupt)
	}
	response := wire.UpdateResponse{FullTreeHead: a.head(), Position: position}
	for v := first; ; v++ {
		value, err := a.value(v)
		if err != nil {
			return nil, err
		}
		suffix := wire.UpdateSuffix{Signature: value.Suffix}
		response.Info = append(response.Info, wire.UpdateInfo{Opening: value.Opening, Suffix: suffix})
		if own == nil {
			response.Values = append(response.Values, wire.LabelValue{Value: value.Value})
		}
		if v == greatest {
			break
		}
	}
	if err := a.update(); err != nil {
		return nil, err
	}
	change := combined.LabelUpdate{Position: position, Greatest: greatest, Previous: request.GreatestVersion}
	index, fault := a.index()
	if change.Previous != nil {
		place, err := a.place(*change.Previous)
		if err != nil {
			return nil, err
		}
		change.PreviousPosition, change.At = place.Position, index
	}
	if _, err := a.view.LabelUpdate(change); err != nil {
		return nil, err
	}
	if *fault != nil {
		return nil, *fault
	}
	known, knows := deref(request.GreatestVersion)
	response.BinaryLadder, err = a.steps(combined.UpdateVersions(change.Previous, greatest), func(v uint32) bool {
		return knows && v < known
	})
	if err != nil {
		return nil, err
	}
	proof, err := a.finish()
	if err != nil {
		return nil, err
	}
	response.Update = *proof
	return a.directory.respond(&response)
}

// created returns the log entry that created version first, and the greatest
// version that it created.
func (a *answer) created(first uint32) (position uint64, greatest uint32, err error) {
	places, err := a.snap.Places(a.label, first, first+min(256, wire.MaxVersion-first))
	if err != nil {
		return 0, 0, err
	}
	if len(places) == 0 {
		return 0, 0, fmt.Errorf("%w: version %d", ErrNotFound, first)
	}
	for i, place := range places {
		if place.Position != places[0].Position {
			break
		}
		greatest = first + uint32(i)
	}
	return places[0].Position, greatest, nil
}
