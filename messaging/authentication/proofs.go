package authentication

import (
	"bytes"
	"context"
	"errors"
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

// listed returns nil if a device of a label has a signature key.
func (s *Service) listed(p *proof, label string, key []byte) error {
	if p.lists(s.cfg.Suite, key) {
		return nil
	}
	return fmt.Errorf("%s: %w: their record has no device with the signature key %x… for cipher suite %d; do not trust it before they have published it", label, ErrNotListed, key[:min(len(key), 8)], s.cfg.Suite)
}

// prove asks the directory.
func (s *Service) prove(ctx context.Context, label string) answer {
	now := s.cfg.Now()
	keys, warning, err := s.ask(ctx, label)
	if err != nil {
		cause := context.Cause(ctx)
		if errors.Is(err, context.Canceled) && cause != nil {
			err = cause
		}
		if !errors.Is(err, errStopped) {
			s.forget(label)
		}
		return answer{err: unproved(label, err)}
	}
	p := &proof{now, keys}
	s.keep(label, p)
	return answer{proof: p, warning: warning}
}

// ask goes through the gate. Whatever is not a record that the gate let through, for
// this label and signed by its holder, is an error.
func (s *Service) ask(ctx context.Context, label string) (keys []record.MLSKey, warning, err error) {
	l, err := s.cfg.Directory.Lookup(ctx, label, client.Options{})
	if err != nil {
		return nil, nil, err
	}
	if l == nil {
		return nil, nil, errSetting
	}
	if l.Record == nil || l.Problem != nil && s.cfg.Warn == nil {
		if l.Problem != nil {
			return nil, nil, l.Problem
		}
		return nil, nil, errSetting
	}
	if l.Record.Label != label {
		return nil, nil, fmt.Errorf("%w, %q", errForeign, l.Record.Label)
	}
	if l.Standing != record.Held {
		// A label that was closed lists nobody, and that is proved.
		if l.Standing == record.Vacated {
			return nil, nil, nil
		}
		return nil, nil, errNobody
	}
	for _, d := range l.Record.Devices {
		if d.MLS != nil {
			keys = append(keys, *d.MLS)
		}
	}
	return keys, l.Problem, nil
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
