package systemtest

import (
	"context"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/wire"
)

// A serviceFunc is a client.Service made of a function: what stands between a
// client and the directory.
type serviceFunc func(ctx context.Context, call wire.Call) ([]byte, error)

var _ client.Service = serviceFunc(nil)

func (f serviceFunc) Do(ctx context.Context, call wire.Call) ([]byte, error) { return f(ctx, call) }
