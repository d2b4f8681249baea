package group

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// psk returns a pre-shared key of the application, or of another group
// ("Pre-Shared Keys", 8.4). It is a copy, which the caller overwrites. The error
// wraps ErrPSK.
func (c *Config) psk(id *schedule.PreSharedKeyID) ([]byte, error) {
	var secret []byte
	var err error
	var what string
	switch id.Type {
	case schedule.ExternalPSK:
		what = fmt.Sprintf("external %s", syntax.Hex(id.ID))
		if c.PSK != nil {
			secret, err = c.PSK(id.ID)
		}
	case schedule.ApplicationPSK:
		what = fmt.Sprintf("component %d, %s", id.Component, syntax.Hex(id.ID))
		if c.ComponentPSK != nil {
			secret, err = c.ComponentPSK(component.ID(id.Component), id.ID)
		}
	case schedule.ResumptionPSK:
		what = fmt.Sprintf("epoch %d of group %s", id.Epoch, syntax.Hex(id.GroupID))
		if c.Resumption != nil {
			secret, err = c.Resumption(id.GroupID, id.Epoch)
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrPSK, what, err)
	case secret == nil:
		return nil, fmt.Errorf("%w: %s", ErrPSK, what)
	}
	return slices.Clone(secret), nil
}

// psk is Config.psk, for a group that also knows the resumption PSKs of its own
// last epochs.
func (s *State) psk(id *schedule.PreSharedKeyID) ([]byte, error) {
	if id.Type == schedule.ResumptionPSK && bytes.Equal(id.GroupID, s.GroupID()) {
		if secret, ok := s.ResumptionPSK(id.Epoch); ok {
			return secret, nil
		}
	}
	return s.cfg.psk(id)
}

// once returns a lookup that asks for each key once, however often a list names it with
// other nonces: a key of another group is read from that whole group, and a list may
// name hundreds of thousands. forget overwrites what was found.
func once(lookup func(*schedule.PreSharedKeyID) ([]byte, error)) (get func(*schedule.PreSharedKeyID) ([]byte, error), forget func()) {
	found := make(map[string][]byte)
	get = func(id *schedule.PreSharedKeyID) ([]byte, error) {
		key := *id
		key.Nonce = nil
		name := string(syntax.Marshal(&key))
		secret, ok := found[name]
		if !ok {
			var err error
			if secret, err = lookup(id); err != nil {
				return nil, err
			}
			found[name] = secret
		}
		return slices.Clone(secret), nil
	}
	return get, func() {
		for _, secret := range found {
			clear(secret)
		}
	}
}
