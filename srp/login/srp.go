package login

import (
	"bytes"
	"context"
	"errors"

	"github.com/kith-kt/kith/srp"
)

// Steps that may follow.
const (
	stepSRP    = "srp"
	stepOPAQUE = "opaque"
	stepDevice = "device"
	stepSealed = "sealed"
	stepFactor = "factor"
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
	// The decoy is made in any case, and the sealed verifier opened in any case.
	c := s.decoySRP(p, h.name)
	verifier := s.config.Key.decoyVerifier(p, h.name)
	real := account.credential(stepSRP, purpose)
	if real == nil || real.Profile != profile {
		real, h.account = nil, 0
	} else {
		opened, err := s.config.Key.Open(place("verifier", h.name, purpose), real.Sealed)
		if err != nil {
			return nil, err
		}
		c, verifier, h.legacy = real, opened, real.Legacy
	}
	var challenge *SRPChallenge
	err = s.gate.run(ctx, func() error {
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
	err = s.gate.run(ctx, func() (err error) {
		m2, _, err = h.srp.Verify(h.a, m1)
		return err
	})
	switch {
	case errors.Is(err, srp.ErrProof), errors.Is(err, srp.ErrPublic):
		return nil, nil, ErrDenied
	case err != nil:
		return nil, nil, err
	case h.account == 0 || h.recovery != recovery:
		return nil, nil, ErrDenied
	}
	s.throttle.forgive(h.scales)
	return h, m2, nil
}

// begin charges an attempt and looks the account up; nil: there is none.
func (s *Service) begin(ctx context.Context, from Requester, given, kind string) (*handshake, *account, error) {
	name, err := s.name(given)
	if err != nil {
		return nil, nil, err
	}
	h := &handshake{kind: kind, name: name, from: from}
	var found *account
	err = s.config.Store.View(ctx, func(r Reader) error {
		found, err = getAccount(r, name)
		if errors.Is(err, ErrNotFound) {
			found, err = nil, nil
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	hash, known := found.knows(from.Device)
	h.known, h.scales = known, scales(name, from.Network, hash, known)
	if err := s.throttle.charge(s.config.Now(), h.scales); err != nil {
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

// decoySRP is the credential of a name that has none: always the same.
func (s *Service) decoySRP(p *srp.Profile, name string) *credential {
	return &credential{Profile: p.Name, KDF: s.decoyKDF(p, name), Salt: s.config.Key.decoy("salt", name, 16)}
}
