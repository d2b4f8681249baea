package directory

import (
	"context"
	"crypto/subtle"
	"fmt"

	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// An Authorizer says who may do what with a label. Its errors wrap
// problem.ErrUnauthorized or problem.ErrForbidden; any other error is a fault of
// its own. It must be safe for concurrent use and take the same time whether or
// not a label exists.
type Authorizer interface {
	// MaySearch decides whether the bearer of token ("" for none) may look label up.
	MaySearch(ctx context.Context, label []byte, token string) error
	// MayUpdate decides whether the bearer of token may publish versions of label.
	MayUpdate(ctx context.Context, label []byte, token string) error
}

// mayOwn lets those pass who may update a label, and those who may search it:
// the owner's operations tell no more than a search does.
func (d *Directory) mayOwn(ctx context.Context, label []byte, token string) error {
	if d.config.Authorizer.MaySearch(ctx, label, token) == nil {
		return nil
	}
	return d.config.Authorizer.MayUpdate(ctx, label, token)
}

// mayMonitor lets those pass who may search a label, and those who show the
// opening of a version they monitor: they looked it up when they were allowed to
// ("Contact Monitor", last paragraph).
func (d *Directory) mayMonitor(ctx context.Context, a *answer, call *wire.Call, entries []wire.MonitorMapEntry) error {
	denied := d.config.Authorizer.MaySearch(ctx, a.label, call.Token)
	if denied == nil || call.Opening == nil {
		return denied
	}
	for _, e := range entries {
		value, err := a.value(e.Version)
		if err == nil && subtle.ConstantTimeCompare(value.Opening[:], call.Opening[:]) == 1 {
			return nil
		}
	}
	return denied
}

func checkLabel(label []byte) error {
	if len(label) == 0 {
		return fmt.Errorf("%w: empty label", problem.ErrMalformed)
	}
	return nil
}
