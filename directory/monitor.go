package directory

import (
	"context"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

func isForbidden(err error) bool { return errors.Is(err, problem.ErrForbidden) }

// contactMonitor answers a ContactMonitorRequest ("Contact Monitor").
func (d *Directory) contactMonitor(ctx context.Context, call *wire.Call, request *wire.ContactMonitorRequest) ([]byte, error) {
	if err := checkLabel(request.Label); err != nil {
		return nil, err
	}
	a, err := d.begin(request.Last, request.Label)
	if err != nil {
		return nil, err
	}
	defer a.release()
	if err := d.mayMonitor(ctx, a, call, request.Entries); err != nil {
		return nil, hidden(err)
	}
	if err := a.checkMap(request.Entries); err != nil {
		return nil, err
	}
	if err := a.update(); err != nil {
		return nil, err
	}
	if _, err := a.view.Contact(request.Entries, nil); err != nil {
		return nil, err
	}
	proof, err := a.finish()
	if err != nil {
		return nil, err
	}
	response := wire.ContactMonitorResponse{FullTreeHead: a.head(), Monitor: *proof}
	return d.respond(&response)
}

// checkMap verifies a user's monitoring map: ascending, without duplicates, and
// every position on the direct path of the first entry that contains the version
// ("Contact Monitor"; "Owner Monitoring", step 1).
func (a *answer) checkMap(entries []wire.MonitorMapEntry) error {
	versions := make(map[uint32]bool, len(entries))
	for i, e := range entries {
		if i > 0 && e.Position <= entries[i-1].Position {
			return fmt.Errorf("%w: monitoring map does not ascend by position", problem.ErrRefused)
		}
		if versions[e.Version] {
			return fmt.Errorf("%w: monitoring map has a version twice", problem.ErrRefused)
		}
		versions[e.Version] = true
		place, err := a.place(e.Version)
		if errors.Is(err, ErrNotFound) {
			return problem.ErrNoAnswer
		}
		if err != nil {
			return err
		}
		if e.Position >= a.size() || !combined.OnPath(e.Position, place.Position) {
			return fmt.Errorf("%w: a position is not on the path of its version", problem.ErrRefused)
		}
	}
	return nil
}
