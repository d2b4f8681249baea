package authentication

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/proto/record"
)

// proof is what the gate let through about a label.
type proof struct {
	at   time.Time // when it was asked for, by Config.Now
	keys []record.MLSKey
}

func (p *proof) lists(id suite.ID, key []byte) bool {
	for _, k := range p.keys {
		if k.CipherSuite == uint16(id) && bytes.Equal(k.SignatureKey, key) {
			return true
		}
	}
	return false
}

// batch asks about each label once.
type batch struct {
	*Service
	ctx    context.Context
	fresh  map[string]*proof // asked for in this batch
	failed map[string]error
}

func (s *Service) batch(ctx context.Context) *batch {
	return &batch{s, ctx, map[string]*proof{}, map[string]error{}}
}

// check returns nil if a device of a label has a signature key. A proof of earlier
// batches can only say yes: a device may have been added since.
func (b *batch) check(label string, key []byte) error {
	if p := b.reusable(label); p != nil && p.lists(b.cfg.Suite, key) {
		return nil
	}
	p, err := b.prove(label)
	if err != nil {
		return err
	}
	return b.listed(p, label, key)
}

func (s *Service) listed(p *proof, label string, key []byte) error {
	if p.lists(s.cfg.Suite, key) {
		return nil
	}
	return fmt.Errorf("%s: %w: their record has no device with the signature key %x… for cipher suite %d; do not trust it before they have published it", label, ErrNotListed, key[:min(len(key), 8)], s.cfg.Suite)
}

// prove asks the directory, unless it was asked in this batch.
func (b *batch) prove(label string) (*proof, error) {
	if p := b.fresh[label]; p != nil {
		return p, nil
	}
	if err := b.failed[label]; err != nil {
		return nil, err
	}
	now := b.cfg.Now()
	keys, err := b.ask(label)
	if err != nil {
		b.forget(label)
		b.failed[label] = unproved(label, err)
		return nil, b.failed[label]
	}
	p := &proof{now, keys}
	b.fresh[label] = p
	b.keep(label, p)
	return p, nil
}

// ask goes through the gate. Whatever is not a record that the gate let through, for
// this label and signed by its holder, is an error.
func (b *batch) ask(label string) ([]record.MLSKey, error) {
	l, err := b.cfg.Directory.Lookup(b.ctx, label, client.Options{})
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, errSetting
	}
	if l.Record == nil || l.Problem != nil && b.cfg.Warn == nil {
		if l.Problem != nil {
			return nil, l.Problem
		}
		return nil, errSetting
	}
	if l.Record.Label != label {
		return nil, fmt.Errorf("%w, %q", errForeign, l.Record.Label)
	}
	if l.Standing != record.Held {
		// A label that was closed lists nobody, and that is proved.
		if l.Standing == record.Vacated {
			return nil, nil
		}
		return nil, errNobody
	}
	if l.Problem != nil {
		b.cfg.Warn(label, l.Problem)
	}
	var keys []record.MLSKey
	for _, d := range l.Record.Devices {
		if d.MLS != nil {
			keys = append(keys, *d.MLS)
		}
	}
	return keys, nil
}

// reusable returns a proof of an earlier batch that is still good, or nil. A clock that
// was set back makes none good for longer.
func (s *Service) reusable(label string) *proof {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.kept[label]
	if p == nil || !p.good(now, s.cfg.Reuse) {
		return nil
	}
	return p
}

func (p *proof) good(now time.Time, reuse time.Duration) bool {
	return !now.Before(p.at) && now.Sub(p.at) < reuse
}

func (s *Service) keep(label string, p *proof) {
	if s.cfg.Reuse == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) >= maxKept && s.kept[label] == nil {
		for name, old := range s.kept {
			if !old.good(p.at, s.cfg.Reuse) {
				delete(s.kept, name)
			}
		}
		if len(s.kept) >= maxKept {
			clear(s.kept)
		}
	}
	s.kept[label] = p
}

// forget drops what an earlier batch proved: a directory that misbehaves, or has a reset
// to tell of, is not believed for its past.
func (s *Service) forget(label string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, label)
}
