package mls_test

import (
	"errors"

	"github.com/kith-kt/kith/messaging/mls"
)

var errPower = errors.New("the power went")

// crashStore is a store that fails at one Apply, before or after writing, and from
// then on, if down, at every call: then the power has gone, and what was applied is
// all that the next program finds.
type crashStore struct {
	*mls.Memory
	at      int  // the Apply that fails, counted from 0; negative: none
	after   bool // it writes before it fails
	down    bool // nothing works afterwards
	applies int
	failed  bool
	written int // bytes of the last batch
}

func (s *crashStore) dead() bool { return s.failed && s.down }

func (s *crashStore) Get(key string) ([]byte, error) {
	if s.dead() {
		return nil, errPower
	}
	return s.Memory.Get(key)
}

func (s *crashStore) List(prefix string) ([]string, error) {
	if s.dead() {
		return nil, errPower
	}
	return s.Memory.List(prefix)
}

func (s *crashStore) Apply(b mls.Batch) error {
	if s.dead() {
		return errPower
	}
	s.written = 0
	for _, w := range b.Write {
		s.written += len(w.Key) + len(w.Value)
	}
	n := s.applies
	s.applies++
	if n != s.at {
		return s.Memory.Apply(b)
	}
	s.failed = true
	if s.after {
		if err := s.Memory.Apply(b); err != nil {
			return err
		}
	}
	return errPower
}
