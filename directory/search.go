package directory

import (
	"context"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// search answers a SearchRequest ("Search").
func (d *Directory) search(ctx context.Context, call *wire.Call, request *wire.SearchRequest) ([]byte, error) {
	if err := checkLabel(request.Label); err != nil {
		return nil, err
	}
	if err := d.config.Authorizer.MaySearch(ctx, request.Label, call.Token); err != nil {
		return nil, hidden(err)
	}
	a, err := d.begin(request.Last, request.Label)
	if err != nil {
		return nil, err
	}
	defer a.release()
	count, err := a.snap.Versions(a.label, a.size())
	if err != nil {
		return nil, err
	}
	target, fixed := deref(request.Version)
	if !fixed {
		target = count - 1
	}
	if count == 0 || target >= count {
		return nil, problem.ErrNoAnswer
	}
	value, err := a.value(target)
	if err != nil {
		return nil, err
	}
	if err := a.update(); err != nil {
		return nil, err
	}
	if fixed {
		_, err = a.view.Fixed(target)
	} else {
		_, err = a.view.Greatest(target)
	}
	if err != nil {
		return nil, err
	}
	steps, err := a.steps(combined.SearchVersions(target), func(v uint32) bool { return v < count && v != target })
	if err != nil {
		return nil, err
	}
	proof, err := a.finish()
	if err != nil {
		return nil, err
	}
	response := wire.SearchResponse{
		FullTreeHead: a.head(),
		Opening:      value.Opening,
		Value:        wire.UpdateValue{Value: value.Value, Suffix: wire.UpdateSuffix{Signature: value.Suffix}},
		BinaryLadder: steps,
		Search:       *proof,
	}
	if !fixed {
		response.Version = &target
	}
	return d.respond(&response)
}

// hidden makes a forbidden search look like that of an unknown label. A search
// without a token, where one is needed, may say so: that tells nothing of labels.
func hidden(err error) error {
	if isForbidden(err) {
		return problem.ErrNoAnswer
	}
	return err
}
