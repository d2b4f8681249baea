package directory

import (
	"context"
	"fmt"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// ownerInit answers an OwnerInitRequest ("Owner Initialization"). A label that
// does not exist can be initialised: its first version will be its owner's.
func (d *Directory) ownerInit(ctx context.Context, call *wire.Call, request *wire.OwnerInitRequest) ([]byte, error) {
	if err := checkLabel(request.Label); err != nil {
		return nil, err
	}
	if err := d.mayOwn(ctx, request.Label, call.Token); err != nil {
		return nil, err
	}
	a, err := d.begin(request.Last, request.Label)
	if err != nil {
		return nil, err
	}
	defer a.release()
	if request.Start >= a.size() {
		return nil, fmt.Errorf("%w: start is beyond the log", problem.ErrRefused)
	}
	if err := a.update(); err != nil {
		return nil, err
	}
	entries, err := a.view.InitEntries(request.Start)
	if err != nil {
		return nil, err
	}
	var greatest []uint32
	for _, pos := range entries {
		version, exists, err := a.greatestAt(pos)
		if err != nil {
			return nil, err
		}
		if !exists {
			break
		}
		greatest = append(greatest, version)
	}
	if _, err := a.view.OwnerInit(request.Start, greatest); err != nil {
		return nil, err
	}
	steps, err := a.steps(combined.OwnerInitVersions(greatest), func(v uint32) bool {
		return len(greatest) > 0 && v <= greatest[0]
	})
	if err != nil {
		return nil, err
	}
	proof, err := a.finish()
	if err != nil {
		return nil, err
	}
	response := wire.OwnerInitResponse{
		FullTreeHead:     a.head(),
		GreatestVersions: greatest,
		BinaryLadder:     steps,
		Init:             *proof,
	}
	return d.respond(&response)
}

// ownerMonitor answers an OwnerMonitorRequest ("Owner Monitoring").
func (d *Directory) ownerMonitor(ctx context.Context, call *wire.Call, request *wire.OwnerMonitorRequest) ([]byte, error) {
	if err := checkLabel(request.Label); err != nil {
		return nil, err
	}
	if err := d.mayOwn(ctx, request.Label, call.Token); err != nil {
		return nil, err
	}
	a, err := d.begin(request.Last, request.Label)
	if err != nil {
		return nil, err
	}
	defer a.release()
	if err := a.checkMap(request.Entries); err != nil {
		return nil, err
	}
	if request.Start >= a.size() {
		return nil, fmt.Errorf("%w: start is beyond the log", problem.ErrRefused)
	}
	if err := a.checkKnown(request); err != nil {
		return nil, err
	}
	if err := a.update(); err != nil {
		return nil, err
	}
	if _, err := a.view.Contact(request.Entries, &request.Start); err != nil {
		return nil, err
	}
	index, fault := a.index()
	stop := combined.StopAt(d.config.MonitorPage, request.GreatestVersion, index)
	if _, err := a.view.OwnerMonitor(request.Start, index, stop); err != nil {
		return nil, err
	}
	if *fault != nil {
		return nil, *fault
	}
	proof, err := a.finish()
	if err != nil {
		return nil, err
	}
	response := wire.OwnerMonitorResponse{FullTreeHead: a.head(), Monitor: *proof}
	return d.respond(&response)
}

// checkKnown is step 3 of the verification of an OwnerMonitorRequest.
func (a *answer) checkKnown(request *wire.OwnerMonitorRequest) error {
	newest, exists, err := a.greatestAt(a.size() - 1)
	if err != nil {
		return err
	}
	known, knows := deref(request.GreatestVersion)
	if knows && (!exists || known > newest) {
		return fmt.Errorf("%w: the label has no version %d", problem.ErrRefused, known)
	}
	then, existed, err := a.greatestAt(request.Start)
	if err != nil {
		return err
	}
	if existed && (!knows || known < then) {
		return fmt.Errorf("%w: the label had a greater version at the start position", problem.ErrRefused)
	}
	return nil
}
