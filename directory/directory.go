package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// ReadConfig is what a Directory needs beside its Sequencer. Zero values of the
// optional fields are good.
type ReadConfig struct {
	// Authorizer decides who may search and update. It is needed.
	Authorizer Authorizer
	// MaxValue bounds one value of an update, in bytes. Default 1 MiB.
	MaxValue int
	// MaxValues bounds the new versions in one update. Default, and most, 128.
	MaxValues int
	// CachedProofs is how many VRF proofs are kept, about 180 bytes each.
	// Default 262144.
	CachedProofs int
	// MonitorPage is how many distinguished entries one answer to an owner
	// covers. Default 16.
	MonitorPage int
	// UpdateWait bounds how long an update waits to be committed and, in
	// ThirdPartyAuditing mode, audited. Default 10 s.
	UpdateWait time.Duration
}

// Bounds of ReadConfig.
const (
	DefaultMaxValue  = 1 << 20
	DefaultMaxValues = 128
)

func (c *ReadConfig) setDefaults() error {
	if c.Authorizer == nil {
		return errors.New("directory: an authorizer is needed")
	}
	if c.MaxValue == 0 {
		c.MaxValue = DefaultMaxValue
	}
	if c.MaxValues == 0 {
		c.MaxValues = DefaultMaxValues
	}
	if c.MaxValues > DefaultMaxValues {
		return fmt.Errorf("directory: at most %d values fit in one update", DefaultMaxValues)
	}
	if c.CachedProofs == 0 {
		c.CachedProofs = 1 << 18
	}
	if c.MonitorPage == 0 {
		c.MonitorPage = 16
	}
	if c.UpdateWait == 0 {
		c.UpdateWait = 10 * time.Second
	}
	return nil
}

// A Directory answers the six user operations of a log ("User Operations"). It
// is safe for concurrent use.
type Directory struct {
	config ReadConfig
	seq    *Sequencer
	log    *wire.Configuration
	format wire.Format
	params combined.Params
	proofs *proofCache
	served servedHeads
}

// NewDirectory returns a Directory that answers from the heads of seq.
func NewDirectory(seq *Sequencer, config ReadConfig) (*Directory, error) {
	if err := config.setDefaults(); err != nil {
		return nil, err
	}
	log := &seq.config.Log
	return &Directory{
		config: config,
		seq:    seq,
		log:    log,
		format: log.Format(),
		params: combined.ParamsOf(log),
		proofs: newProofCache(seq.config.Keys.VRF, config.CachedProofs),
	}, nil
}

// Do answers one call with a response in TLS format. Errors wrap a sentinel of
// proto/problem, or are the directory's own fault.
func (d *Directory) Do(ctx context.Context, call wire.Call) ([]byte, error) {
	if len(call.Body) > d.MaxRequest(call.Operation) {
		return nil, fmt.Errorf("%w: request of %d bytes", problem.ErrTooLarge, len(call.Body))
	}
	response, err := d.dispatch(ctx, &call)
	if err != nil {
		return nil, declined(err)
	}
	return response, nil
}

// MaxRequest returns the greatest length of a request body, in bytes.
func (d *Directory) MaxRequest(op wire.Operation) int {
	if op == wire.OpUpdate {
		return d.config.MaxValue + 4*d.config.MaxValues + 1024
	}
	return 8 << 10
}

func (d *Directory) dispatch(ctx context.Context, call *wire.Call) ([]byte, error) {
	switch call.Operation {
	case wire.OpSearch:
		return handle(ctx, d, call, wire.ParseSearchRequest, d.search)
	case wire.OpContactMonitor:
		return handle(ctx, d, call, wire.ParseContactMonitorRequest, d.contactMonitor)
	case wire.OpOwnerInit:
		return handle(ctx, d, call, wire.ParseOwnerInitRequest, d.ownerInit)
	case wire.OpOwnerMonitor:
		return handle(ctx, d, call, wire.ParseOwnerMonitorRequest, d.ownerMonitor)
	case wire.OpUpdate:
		return handle(ctx, d, call, wire.ParseUpdateRequest, d.update)
	case wire.OpDistinguished:
		return handle(ctx, d, call, wire.ParseDistinguishedRequest, d.distinguished)
	}
	return nil, fmt.Errorf("%w: operation %d", problem.ErrMalformed, call.Operation)
}

func handle[R any](ctx context.Context, d *Directory, call *wire.Call,
	parse func([]byte, wire.Format) (R, error),
	answer func(context.Context, *wire.Call, R) ([]byte, error),
) ([]byte, error) {
	request, err := parse(call.Body, d.format)
	if err != nil {
		return nil, err
	}
	return answer(ctx, call, request)
}

// declined puts an error into the words of proto/problem, where it is the
// request's doing.
func declined(err error) error {
	for inner, outer := range map[error]error{
		wire.ErrMalformed:    problem.ErrMalformed,
		combined.ErrRequest:  problem.ErrRefused,
		combined.ErrNotFound: problem.ErrNoAnswer,
		combined.ErrExpired:  problem.ErrNoAnswer,
		ErrErased:            problem.ErrNoAnswer,
		ErrClosed:            problem.ErrUnavailable,
		ErrFull:              problem.ErrUnavailable,
		ErrReadOnly:          problem.ErrUnavailable,
	} {
		if errors.Is(err, inner) {
			return fmt.Errorf("%w: %w", outer, err)
		}
	}
	return err
}
