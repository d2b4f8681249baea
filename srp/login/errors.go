package login

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrDenied is every login that fails, for whatever reason: an unknown name, a
	// wrong password, a handshake that expired or was used.
	ErrDenied = errors.New("login denied")
	// ErrStale is a session too old for what it asks: the password is to be proved
	// again, by a new login. It is an ErrDenied.
	ErrStale = fmt.Errorf("%w: the session is not fresh", ErrDenied)
	// ErrTaken is a name that cannot be registered: it has an account, had one, or
	// was never to be had.
	ErrTaken = errors.New("name cannot be registered")
	// ErrName is a name that is none.
	ErrName = errors.New("not a name")
	// ErrInvite is a registration without a good invitation.
	ErrInvite = errors.New("invitation is not good")
	// ErrMalformed is a message that no client of ours sends.
	ErrMalformed = errors.New("malformed request")
	// ErrWeak is a credential below what the service takes: a weak derivation, or
	// a profile that is switched off.
	ErrWeak = errors.New("credential is not accepted")
	// ErrNoSession is a token that is of no session any more.
	ErrNoSession = errors.New("no such session")
	// ErrBusy is a service with more to compute than it can: try again in a second.
	ErrBusy = errors.New("service is busy")
	// ErrThrottled is a login refused unread after too many failures; see
	// ThrottledError.
	ErrThrottled = errors.New("too many attempts")
	// ErrNotFound is what a Store does not have.
	ErrNotFound = errors.New("not found")
)

// A ThrottledError says when to try again. It is an ErrThrottled.
type ThrottledError struct{ After time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("%v: try again in %s", ErrThrottled, e.After.Round(time.Second))
}

// Unwrap makes errors.Is(err, ErrThrottled) true.
func (e *ThrottledError) Unwrap() error { return ErrThrottled }

// malformed wraps a fault in what a client sent.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}
