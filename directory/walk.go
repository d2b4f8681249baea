package directory

import (
	"context"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/wire"
)

// distinguished answers a DistinguishedRequest ("Walking Distinguished Heads").
func (d *Directory) distinguished(_ context.Context, _ *wire.Call, request *wire.DistinguishedRequest) ([]byte, error) {
	a, err := d.begin(request.Last, nil)
	if err != nil {
		return nil, err
	}
	defer a.release()
	if err := a.update(); err != nil {
		return nil, err
	}
	if _, err := a.view.Distinguished(combined.KithRecent, request.Stop); err != nil {
		return nil, err
	}
	proof, err := a.finish()
	if err != nil {
		return nil, err
	}
	response := wire.DistinguishedResponse{FullTreeHead: a.head(), Distinguished: *proof}
	return d.respond(&response)
}
