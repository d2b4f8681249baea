package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/kith-kt/kith/srp"
)

const (
	// sweepEvery is how often Run sweeps.
	sweepEvery = time.Hour
	// sweepBatch bounds what one transaction of a sweep looks at.
	sweepBatch = 1000
)

// Run makes ephemerals ready, and sweeps, until ctx ends. Without it everything
// works; a login costs half as much again, and what is over stays in the store.
func (s *Service) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, w := range s.wells {
		all.Go(func() { s.fill(ctx, w) })
	}
	all.Go(func() {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.config.Logger.Error("sweeping what is over", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	all.Wait()
	return nil
}

func (s *Service) fill(ctx context.Context, w *well) {
	for {
		var e *srp.Ephemeral
		err := s.gate.run(ctx, lineFill, func() (err error) {
			e, err = w.profile.NewEphemeral(s.config.Rand)
			return err
		})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.config.Logger.Error("no randomness", "error", err)
			return
		}
		select {
		case w.ready <- e:
		case <-ctx.Done():
			return
		}
	}
}

// Sweep erases what is over: sessions, invitations, devices not seen for long, and
// the quarantine of names. It returns how many. It writes in small transactions,
// so that logins go on.
func (s *Service) Sweep(ctx context.Context) (erased int, err error) {
	now := s.config.Now()
	over := map[Table]func(key, value []byte) (index []byte, over bool, err error){
		Sessions: func(_, v []byte) ([]byte, bool, error) {
			one := new(Session)
			err := json.Unmarshal(v, one)
			return append(owned(one.Name), one.ID...), !s.good(one, now), err
		},
		Invites: func(_, v []byte) ([]byte, bool, error) {
			var i invitation
			err := json.Unmarshal(v, &i)
			return nil, !now.Before(i.Expires), err
		},
		Devices: func(_, v []byte) ([]byte, bool, error) {
			var d device
			err := json.Unmarshal(v, &d)
			return nil, now.Sub(d.Used) >= deviceLife, err
		},
		Former: func(_, v []byte) ([]byte, bool, error) {
			var until time.Time
			err := json.Unmarshal(v, &until)
			return nil, !until.IsZero() && !now.Before(until), err
		},
	}
	for t, isOver := range over {
		n, err := s.sweep(ctx, t, isOver)
		if erased += n; err != nil {
			return erased, err
		}
	}
	return erased, nil
}

// errFull ends a walk when there is enough for one transaction.
var errFull = errors.New("enough")

func (s *Service) sweep(ctx context.Context, t Table, isOver func(key, value []byte) ([]byte, bool, error)) (erased int, err error) {
	for {
		var keys [][]byte
		err := s.config.Store.View(ctx, func(r Reader) error {
			return r.Each(t, nil, func(k, v []byte) error {
				if err := ctx.Err(); err != nil {
					return err
				}
				_, over, err := isOver(k, v)
				if err != nil || !over {
					return err
				}
				if keys = append(keys, bytes.Clone(k)); len(keys) == sweepBatch {
					return errFull
				}
				return nil
			})
		})
		if err != nil && !errors.Is(err, errFull) || len(keys) == 0 {
			return erased, err
		}
		gone := 0
		if uerr := s.config.Store.Update(ctx, func(w Writer) error {
			gone = 0
			for _, k := range keys {
				v, err := w.Get(t, k)
				if errors.Is(err, ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				index, over, err := isOver(k, v) // it may have changed meanwhile
				if err != nil {
					return err
				}
				if !over {
					continue
				}
				gone++
				if err := w.Delete(t, k); err != nil {
					return err
				}
				if index != nil {
					if err := w.Delete(Owners, index); err != nil {
						return err
					}
				}
			}
			return nil
		}); uerr != nil {
			return erased, uerr
		}
		erased += gone
		if len(keys) < sweepBatch {
			return erased, nil
		}
	}
}
