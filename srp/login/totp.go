package login

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// A totpState is a second factor by one-time codes (RFC 6238).
type totpState struct {
	Sealed    []byte `json:"sealed"` // the secret, in base32
	Confirmed bool   `json:"confirmed"`
	Last      int64  `json:"last"` // step of the code used last: none is good twice
	// Wrong are the codes that were wrong, by lane.
	Wrong map[string]wrong `json:"wrong,omitempty"`
}

// A code has a million values, and who guesses at one knows the password: guesses
// are counted with the account, wherever they come from. They are counted by lane,
// so that somebody who has the password cannot keep the owner out: a device that
// the owner has logged in from waits for its own mistakes only, and may change the
// password, which ends the guessing.
const (
	laneElsewhere = "elsewhere"
	laneDevice    = "device" // known
	laneSession   = "session"

	codeFree = 5
	codeWait = time.Hour // most
)

// wrong is how many codes in a row were wrong, and until when no other is read.
type wrong struct {
	Count int       `json:"count"`
	Until time.Time `json:"until"`
}

// totpPeriod is how long a code is good, in seconds. One before and one after are
// taken too.
const totpPeriod = 30

// SetTOTP makes a secret for one-time codes, which counts from ConfirmTOTP on. It
// returns the URL that an authenticator reads (otpauth://). The session must be
// Fresh, or else it is ErrStale: a stolen one could keep the owner out.
func (s *Service) SetTOTP(ctx context.Context, of *Session) (url string, err error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: s.config.Domain, AccountName: of.Name, Period: totpPeriod, Algorithm: otp.AlgorithmSHA1, Rand: s.config.Rand})
	if err != nil {
		return "", err
	}
	sealed, err := s.config.Key.Seal(place("totp", of.Name, For{}), []byte(key.Secret()), s.config.Rand)
	if err != nil {
		return "", err
	}
	if err := s.edit(ctx, of, func(w Writer, a *account) error {
		if !s.isFresh(of) {
			return ErrStale
		}
		if a.TOTP != nil && a.TOTP.Confirmed {
			return malformed("one-time codes are set up already")
		}
		a.TOTP = &totpState{Sealed: sealed}
		return nil
	}); err != nil {
		return "", err
	}
	return key.URL(), nil
}

// ConfirmTOTP switches one-time codes on, for who can show one.
func (s *Service) ConfirmTOTP(ctx context.Context, of *Session, code string) error {
	return s.withCode(ctx, of, false, code, func(w Writer, a *account) error {
		a.TOTP.Confirmed = true
		return s.note(w, a.Name, Event{What: "one-time codes switched on", Session: of.ID})
	})
}

// ClearTOTP switches one-time codes off, for who shows one.
func (s *Service) ClearTOTP(ctx context.Context, of *Session, code string) error {
	return s.withCode(ctx, of, true, code, func(w Writer, a *account) error {
		a.TOTP = nil
		return s.note(w, a.Name, Event{What: "one-time codes switched off", Session: of.ID})
	})
}

func (s *Service) withCode(ctx context.Context, of *Session, confirmed bool, code string, then func(w Writer, a *account) error) error {
	var denied error
	err := s.edit(ctx, of, func(w Writer, a *account) (err error) {
		if a.TOTP == nil || a.TOTP.Confirmed != confirmed {
			return malformed("one-time codes are not in this state")
		}
		if denied, err = s.useCode(w, a, laneSession, code); denied != nil || err != nil {
			return err
		}
		return then(w, a)
	})
	return errors.Join(err, denied)
}

// FinishTOTP ends a login that waits for its second factor. A wrong code ends it
// too. After some, none is read for a while, and that is a ThrottledError.
func (s *Service) FinishTOTP(ctx context.Context, from Requester, handshake, code string) (*Grant, error) {
	h, err := s.pending.take(handshake, stepFactor, from, s.config.Now())
	if err != nil {
		return nil, err
	}
	lane := laneElsewhere
	if h.known {
		lane = laneDevice
	}
	var g *Grant
	var denied error
	err = s.config.Store.Update(ctx, func(w Writer) error {
		a, err := s.current(w, h)
		if err != nil {
			return err
		}
		if a.TOTP == nil || !a.TOTP.Confirmed {
			return ErrDenied
		}
		if denied, err = s.useCode(w, a, lane, code); err != nil {
			return err
		}
		if denied != nil {
			return putAccount(w, a)
		}
		g, err = s.open(w, a, h, h.how+" + totp")
		return err
	})
	if err := errors.Join(err, denied); err != nil {
		return nil, err
	}
	return g, nil
}

// useCode checks a code and uses it up. denied is why it is not good, which is to
// be told once the account, with one more wrong code, is stored.
func (s *Service) useCode(w Writer, a *account, lane, code string) (denied, err error) {
	now := s.config.Now()
	before := a.TOTP.Wrong[lane]
	if wait := before.Until.Sub(now); wait > 0 && wait <= codeWait { // more: the clock went back
		return &ThrottledError{After: wait}, nil
	}
	secret, err := s.config.Key.Open(place("totp", a.Name, For{}), a.TOTP.Sealed)
	if err != nil {
		return nil, err
	}
	here := now.Unix() / totpPeriod
	for step := max(here-1, a.TOTP.Last+1); step <= here+1; step++ {
		want, err := totp.GenerateCodeCustom(string(secret), time.Unix(step*totpPeriod, 0), totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			a.TOTP.Last = step
			delete(a.TOTP.Wrong, lane)
			return nil, nil
		}
	}
	before.Count++
	if over := before.Count - codeFree; over >= 0 {
		before.Until = now.UTC().Add(min(codeWait, firstWait<<min(over, 20)))
	}
	if a.TOTP.Wrong == nil {
		a.TOTP.Wrong = map[string]wrong{}
	}
	a.TOTP.Wrong[lane] = before
	return ErrDenied, s.note(w, a.Name, Event{What: "wrong one-time code", How: lane})
}
