package login

import (
	"context"
	"crypto/subtle"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// A totpState is a second factor by one-time codes (RFC 6238).
type totpState struct {
	Sealed    []byte `json:"sealed"` // the secret, in base32
	Confirmed bool   `json:"confirmed"`
	Last      int64  `json:"last"` // step of the code used last: none is good twice
}

// totpPeriod is how long a code is good, in seconds. One before and one after are
// taken too.
const totpPeriod = 30

// SetTOTP makes a secret for one-time codes, which counts from ConfirmTOTP on. It
// returns the URL that an authenticator reads (otpauth://).
func (s *Service) SetTOTP(ctx context.Context, of *Session) (url string, err error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: s.config.Domain, AccountName: of.Name, Period: totpPeriod, Algorithm: otp.AlgorithmSHA1, Rand: s.config.Rand})
	if err != nil {
		return "", err
	}
	sealed, err := s.config.Key.Seal(place("totp", of.Name, For{}), []byte(key.Secret()), s.config.Rand)
	if err != nil {
		return "", err
	}
	return key.URL(), s.edit(ctx, of, func(w Writer, a *account) error {
		if a.TOTP != nil && a.TOTP.Confirmed {
			return malformed("one-time codes are set up already")
		}
		a.TOTP = &totpState{Sealed: sealed}
		return nil
	})
}

// ConfirmTOTP switches one-time codes on, for who can show one.
func (s *Service) ConfirmTOTP(ctx context.Context, of *Session, code string) error {
	return s.edit(ctx, of, func(w Writer, a *account) error {
		if a.TOTP == nil || a.TOTP.Confirmed {
			return malformed("there is nothing to confirm")
		}
		if err := s.useCode(a, code); err != nil {
			return err
		}
		a.TOTP.Confirmed = true
		return s.note(w, a.Name, Event{What: "one-time codes switched on", Session: of.ID})
	})
}

// ClearTOTP switches one-time codes off, for who shows one.
func (s *Service) ClearTOTP(ctx context.Context, of *Session, code string) error {
	return s.edit(ctx, of, func(w Writer, a *account) error {
		if a.TOTP == nil || !a.TOTP.Confirmed {
			return malformed("there are none")
		}
		if err := s.useCode(a, code); err != nil {
			return err
		}
		a.TOTP = nil
		return s.note(w, a.Name, Event{What: "one-time codes switched off", Session: of.ID})
	})
}

// FinishTOTP ends a login that waits for its second factor. A wrong code ends it
// too, and is charged like a wrong password.
func (s *Service) FinishTOTP(ctx context.Context, from Requester, handshake, code string) (*Grant, error) {
	h, err := s.pending.take(handshake, stepFactor, from, s.config.Now())
	if err != nil {
		return nil, err
	}
	if err := s.throttle.charge(s.config.Now(), h.scales); err != nil {
		return nil, err
	}
	var g *Grant
	err = s.config.Store.Update(ctx, func(w Writer) error {
		a, err := s.current(w, h)
		if err != nil {
			return err
		}
		if a.TOTP == nil || !a.TOTP.Confirmed {
			return ErrDenied
		}
		if err := s.useCode(a, code); err != nil {
			return err
		}
		g, err = s.open(w, a, h, h.how+" + totp")
		return err
	})
	if err != nil {
		return nil, err
	}
	s.throttle.forgive(h.scales)
	return g, nil
}

// useCode checks a code and uses it up.
func (s *Service) useCode(a *account, code string) error {
	secret, err := s.config.Key.Open(place("totp", a.Name, For{}), a.TOTP.Sealed)
	if err != nil {
		return err
	}
	now := s.config.Now().Unix() / totpPeriod
	for step := max(now-1, a.TOTP.Last+1); step <= now+1; step++ {
		want, err := totp.GenerateCodeCustom(string(secret), time.Unix(step*totpPeriod, 0), totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			a.TOTP.Last = step
			return nil
		}
	}
	return ErrDenied
}
