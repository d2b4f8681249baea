package login

import (
	"bytes"
	"context"
	"errors"

	"github.com/kith-kt/kith/srp"
)

// Steps that may follow.
const (
	stepSRP     = "srp"
	stepOPAQUE  = "opaque"
	stepDevice  = "device"
	stepSealed  = "sealed"
	stepFactor  = "factor"
	stepPasskey = "passkey"
)

// For is what a proof of a password is for.
type For struct {
	// Recovery proves the recovery code instead of the password.
	Recovery bool
}

// An SRPChallenge is what a client needs to prove a password.
type SRPChallenge struct {
	Handshake string // names it for the next step
	Profile   string
	KDF       string // how the password is stretched; see package srp, and legacy
	Salt      []byte
	B         []byte // padded
}

// BeginSRP is the first step of a login by SRP-6a. profile "" is the default. The
// answer is the same, and takes as long, for names that have no account.
func (s *Service) BeginSRP(ctx context.Context, from Requester, given, profile string, a []byte, purpose For) (*SRPChallenge, error) {
	if profile == "" {
		profile = DefaultProfile
	}
	p, ok := s.profiles[profile]
	if !ok {
		return nil, malformed("profile")
	}
	if err := p.CheckPublic(a); err != nil {
		return nil, malformed("A")
	}
	h, account, err := s.begin(ctx, from, given, stepSRP)
	if err != nil {
		return nil, err
	}
	h.recovery, h.a = purpose.Recovery, bytes.Clone(a)
	// The decoy is made in any case, and a sealed verifier opened in any case.
	c, verifier, err := s.decoySRP(p, h.name, purpose)
	if err != nil {
		return nil, err
	}
	sealed, at := s.nobody.verifiers[profile], placeNobody
	real := account.credential(stepSRP, purpose)
	if real == nil || real.Profile != profile {
		real, h.account = nil, 0
	} else {
		sealed, at = real.Sealed, place("verifier", h.name, purpose)
	}
	opened, err := s.config.Key.Open(at, sealed)
	if err != nil {
		return nil, err
	}
	if real != nil {
		c, verifier, h.legacy = real, opened, real.Legacy
	}
	var challenge *SRPChallenge
	err = s.gate.run(ctx, h.line(lineFirst), func() error {
		e, err := s.wells[profile].take(s)
		if err != nil {
			return err
		}
		if h.srp, err = e.NewServer([]byte(h.name), c.Salt, verifier); err != nil {
			return err
		}
		challenge = &SRPChallenge{Profile: profile, KDF: c.KDF, Salt: c.Salt, B: h.srp.B()}
		return nil
	})
	if err != nil {
		s.throttle.refund(h.charged)
		return nil, err
	}
	challenge.Handshake, err = s.pending.add(h, s.config.Now(), s.config.Rand)
	return challenge, err
}

// FinishSRP is the second step: it takes M1, and grants a session. Its M2 proves
// the server to the client.
func (s *Service) FinishSRP(ctx context.Context, from Requester, handshake string, m1 []byte) (*Grant, error) {
	h, m2, err := s.proveSRP(ctx, from, handshake, m1, false)
	if err != nil {
		return nil, err
	}
	g, err := s.grant(ctx, h, "password")
	if err != nil {
		return nil, err
	}
	g.M2 = m2
	return g, nil
}

// proveSRP checks M1.
func (s *Service) proveSRP(ctx context.Context, from Requester, handshake string, m1 []byte, recovery bool) (*handshake, []byte, error) {
	h, err := s.pending.take(handshake, stepSRP, from, s.config.Now())
	if err != nil {
		return nil, nil, err
	}
	var m2 []byte
	err = s.gate.run(ctx, h.line(lineSecond), func() (err error) {
		m2, _, err = h.srp.Verify(h.a, m1)
		return err
	})
	switch {
	case errors.Is(err, srp.ErrProof), errors.Is(err, srp.ErrPublic):
		return nil, nil, ErrDenied
	case err != nil:
		s.throttle.refund(h.charged) // M1 was not looked at
		return nil, nil, err
	case h.account == 0 || h.recovery != recovery:
		return nil, nil, ErrDenied
	}
	s.throttle.forgive(h.charged)
	return h, m2, nil
}

// begin charges an attempt and looks the account up; nil: there is none. It reads
// and parses as much in either case.
func (s *Service) begin(ctx context.Context, from Requester, given, kind string) (*handshake, *account, error) {
	name, err := s.name(given)
	if err != nil {
		return nil, nil, err
	}
	h := &handshake{kind: kind, name: name, from: from}
	var found *account
	err = s.config.Store.View(ctx, func(r Reader) error {
		b, err := r.Get(Accounts, []byte(name))
		absent := errors.Is(err, ErrNotFound)
		if absent {
			b, err = s.nobody.account, nil
		}
		if err != nil {
			return err
		}
		if found, err = parseAccount(b); err != nil {
			return err
		}
		if absent {
			found = nil
		} else if found.Name != name {
			return errOther
		}
		h.known, err = s.knows(r, name, from.Device)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	now := s.config.Now()
	if err := s.pending.room(h, now); err != nil {
		return nil, nil, err
	}
	if h.charged, err = s.throttle.charge(now, scales(name, from.Network, from.Device, h.known)); err != nil {
		return nil, nil, err
	}
	if found != nil {
		h.account = found.Generation
	}
	return h, found, nil
}

// credential returns what proves the password or recovery code by a protocol.
func (a *account) credential(protocol string, purpose For) *credential {
	switch {
	case a == nil:
		return nil
	case purpose.Recovery && protocol == stepSRP:
		return a.Recovery
	case purpose.Recovery:
		return nil
	}
	return a.Passwords[protocol]
}

// place is where something of a name is stored.
func place(what, name string, purpose For) string {
	if purpose.Recovery {
		what += "-recovery"
	}
	return what + " " + name
}
