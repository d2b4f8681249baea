package page

import (
	"errors"
	"net/http"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// A fault is how an error is told to a person.
type fault struct {
	cause  error
	status int
	said   string
}

// faults is the one table; the first that fits counts.
var faults = []fault{
	{login.ErrStale, http.StatusForbidden, "It is a while since you signed in. Sign in again to change this."},
	{login.ErrDenied, http.StatusForbidden, "That did not work. The passkey is not known here, or it took too long."},
	{login.ErrThrottled, http.StatusTooManyRequests, "Too many attempts. Wait a moment, then try again."},
	{login.ErrBusy, http.StatusServiceUnavailable, "Busy. Try again in a moment."},
	{login.ErrNoSession, http.StatusUnauthorized, "You are signed out. Sign in again."},
	{login.ErrMalformed, http.StatusBadRequest, "That cannot be done."},
	{auth.ErrMalformed, http.StatusBadRequest, "That cannot be done."},
	{nil, http.StatusServiceUnavailable, "The service has a fault. Try again later."},
}

// fault returns how to tell an error, and logs what is the service's.
func (h *handler) fault(r *http.Request, err error) *fault {
	for i := range faults {
		f := &faults[i]
		if f.cause != nil && errors.Is(err, f.cause) {
			return f
		}
		if f.cause == nil {
			if r.Context().Err() == nil && h.faults.Allow() {
				h.config.Logger.Error("login page", "error", err)
			}
			return f
		}
	}
	panic("page: no last row")
}
