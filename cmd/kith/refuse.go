package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/provider"
)

// kindConvicted is the kind of misbehaviour that a refusal rests on, in JSON.
const kindConvicted = "convicted"

// refusal is that a log was caught, by evidence that was verified here. Nothing of
// it is handed out any more.
func refusal(ring *keyring.Ring, c *keyring.Conviction) *failure {
	path := ring.EvidencePath(c.Evidence)
	return &failure{
		code: exitMisbehaved, kind: kindConvicted, evidence: []string{path},
		err: fmt.Errorf("the log of %s was caught, and is refused since %s: %s", ring.Domain(), clock(c.Noted), c.Text),
		hint: "look at the evidence with: kith verify " + path + "; once the provider has another log, accept it with: kith use --accept URL" +
			"; to use this one nevertheless: kith policy forgive " + c.Evidence,
	}
}

// refused returns the refusal of the pinned log, or nil.
func (s *session) refused() error {
	c, err := s.ring.Convicted(s.log.Fingerprint())
	if err != nil {
		return err
	}
	if c != nil {
		return refusal(s.ring, c)
	}
	return nil
}

// onlineAnyway is online for work that hands out no key, and is done for a log that
// was caught too: its owner wants to know, and to be gone. That it was caught is
// said all the same.
func (p *program) onlineAnyway(ctx context.Context, work func(*session) error) error {
	return p.onlineIf(ctx, enforcing, func(*session) error { return nil }, func(s *session) error {
		caught := s.refused()
		err := work(s)
		if caught == nil {
			caught = s.refused() // found out meanwhile
		}
		if caught == nil || err != nil && asFailure(err).code == exitMisbehaved {
			return err
		}
		f := *asFailure(caught)
		if err != nil {
			p.warn("%s", plain(err))
		}
		f.told = true
		return &f
	})
}

// onlineIf is online for work that is allowed.
func (p *program) onlineIf(ctx context.Context, adjust func(*client.Policy), allowed, work func(*session) error) error {
	s, err := p.openWith(ctx, adjust)
	if err != nil {
		return err
	}
	defer s.close()
	if err := allowed(s); err != nil {
		return err
	}
	if err := s.fresh(ctx); err != nil {
		return s.keep(err, "")
	}
	return s.keep(work(s), "")
}

// caught returns the refusal of a log, whichever provider of the keyring it is
// that of, or nil.
func (p *program) caught(ctx context.Context, log provider.Fingerprint) error {
	dir, err := keyring.DefaultDir(p.getenv)
	if err != nil {
		return nil // whoever has no keyring has caught nobody
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	home, err := keyring.OpenHome(dir)
	if err != nil {
		return err
	}
	domains, err := home.Domains()
	if err != nil {
		return err
	}
	for _, domain := range domains {
		ring, err := p.lock(ctx, home, domain)
		if err != nil {
			return err
		}
		c, err := ring.Convicted(log)
		ring.Close()
		if err != nil {
			return err
		}
		if c != nil {
			return refusal(ring, c)
		}
	}
	return nil
}
