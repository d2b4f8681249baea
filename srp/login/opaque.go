package login

import (
	"context"
	"errors"

	"github.com/kith-kt/kith/srp/opaque"
)

// RegisterOPAQUE answers a RegistrationRequest. It keeps nothing: the record that
// the client makes of the answer comes with Register, ChangePassword or Recover.
func (s *Service) RegisterOPAQUE(ctx context.Context, from Requester, given string, request []byte) (response []byte, err error) {
	name, err := s.name(given)
	if err != nil {
		return nil, err
	}
	if len(request) != opaque.RequestSize {
		return nil, malformed("RegistrationRequest")
	}
	charged, err := s.throttle.charge(s.config.Now(), evaluations(name, from.Network))
	if err != nil {
		return nil, err
	}
	err = s.gate.run(ctx, lineFirst, func() error {
		response, err = s.opaque.Register(request, []byte(name))
		return err
	})
	if err != nil {
		s.throttle.refund(charged)
		if errors.Is(err, opaque.ErrMessage) {
			return nil, malformed("RegistrationRequest")
		}
		return nil, err
	}
	return response, nil
}

// An OPAQUEChallenge is KE2, and what names the handshake.
type OPAQUEChallenge struct {
	Handshake string
	KE2       []byte
}

// BeginOPAQUE is the first step of a login by OPAQUE. The client identity is the
// canonical name, the server identity the domain.
func (s *Service) BeginOPAQUE(ctx context.Context, from Requester, given string, ke1 []byte) (*OPAQUEChallenge, error) {
	if len(ke1) != opaque.KE1Size {
		return nil, malformed("KE1")
	}
	h, account, err := s.begin(ctx, from, given, stepOPAQUE)
	if err != nil {
		return nil, err
	}
	// A sealed record is opened in any case.
	sealed, at := s.nobody.record, placeNobody
	c := account.credential(stepOPAQUE, For{})
	if c != nil {
		sealed, at = c.Sealed, place("record", h.name, For{})
	}
	record, err := s.config.Key.Open(at, sealed)
	if err != nil {
		return nil, err
	}
	if c == nil {
		record, h.account = nil, 0 // of nobody
	}
	challenge := new(OPAQUEChallenge)
	err = s.gate.run(ctx, h.line(lineFirst), func() error {
		h.opaque, challenge.KE2, err = s.opaque.Login(ke1, record, []byte(h.name), s.opaqueIdentities(h.name), s.config.Rand)
		return err
	})
	if err != nil {
		s.throttle.refund(h.charged)
		if errors.Is(err, opaque.ErrMessage) {
			return nil, malformed("KE1")
		}
		return nil, err
	}
	challenge.Handshake, err = s.pending.add(h, s.config.Now(), s.config.Rand)
	return challenge, err
}

// FinishOPAQUE is the second step: it takes KE3, and grants a session.
func (s *Service) FinishOPAQUE(ctx context.Context, from Requester, handshake string, ke3 []byte) (*Grant, error) {
	h, err := s.proveOPAQUE(from, handshake, ke3)
	if err != nil {
		return nil, err
	}
	return s.grant(ctx, h, "password")
}

func (s *Service) proveOPAQUE(from Requester, handshake string, ke3 []byte) (*handshake, error) {
	h, err := s.pending.take(handshake, stepOPAQUE, from, s.config.Now())
	if err != nil {
		return nil, err
	}
	if _, err := h.opaque.Finish(ke3); err != nil || h.account == 0 {
		return nil, ErrDenied
	}
	s.throttle.forgive(h.charged)
	return h, nil
}
