package passkey

import (
	"context"
	"time"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// A Link is given to who is logged in where there is no browser, and opened in one.
// It allows to make one passkey, and nothing else: neither does it log anybody in,
// nor does it outlive the session that asked for it.
//
// What opens it stands behind the # of the address, which browsers do not send and
// servers do not log.

// Link returns an address where a passkey for the account of a session is made.
func (s *Service) Link(ctx context.Context, of *login.Session) (*auth.PasskeyLink, error) {
	if _, _, err := s.user(ctx, of); err != nil {
		return nil, err
	}
	if err := s.fresh(of); err != nil {
		return nil, err
	}
	t := &ticket{kind: kindLink, of: *of}
	secret, err := s.tickets.add(t, s.config.Now(), s.config.Rand)
	if err != nil {
		return nil, err
	}
	return &auth.PasskeyLink{URL: s.config.Page + "#make=" + secret, Expires: t.until.UTC().Truncate(time.Second)}, nil
}

// Open uses up a link, once, and returns what goes on in its place for the network
// that opened it, and the name of the account, for the person to see.
func (s *Service) Open(ctx context.Context, from login.Requester, secret string) (open, name string, err error) {
	t, err := s.tickets.get(secret, kindLink, from.Network, s.config.Now(), true)
	if err != nil {
		return "", "", err
	}
	if _, _, err := s.user(ctx, &t.of); err != nil {
		return "", "", err
	}
	open, err = s.tickets.add(&ticket{kind: kindOpen, of: t.of, network: from.Network, until: t.until}, s.config.Now(), s.config.Rand)
	return open, t.of.Name, err
}

// BeginTicket is BeginMake for who opened a link. A person may begin again.
func (s *Service) BeginTicket(ctx context.Context, from login.Requester, open string) (*Challenge, error) {
	t, err := s.tickets.get(open, kindOpen, from.Network, s.config.Now(), false)
	if err != nil {
		return nil, err
	}
	return s.beginMake(ctx, &ticket{kind: kindMake, of: t.of, network: from.Network, link: open, until: t.until})
}

// MakeTicket is Make for who opened a link, which is used up by it.
func (s *Service) MakeTicket(ctx context.Context, from login.Requester, handshake, name string, response []byte) (*auth.Passkey, error) {
	t, err := s.tickets.get(handshake, kindMake, from.Network, s.config.Now(), true)
	if err != nil {
		return nil, err
	}
	// There is none of the name "", which a session's ticket has.
	if _, err := s.tickets.get(t.link, kindOpen, from.Network, s.config.Now(), true); err != nil {
		return nil, err
	}
	return s.make(ctx, t, name, response)
}
