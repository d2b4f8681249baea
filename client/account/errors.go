package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// How a service declines.
var (
	// ErrDenied is every login that fails: an unknown name, a wrong password, a
	// handshake that took too long.
	ErrDenied = errors.New("login denied")
	// ErrThrottled is a login refused unread after too many failures; see
	// ThrottledError.
	ErrThrottled = errors.New("too many attempts")
	// ErrUnavailable is a service that does not answer, or is too busy to.
	ErrUnavailable = errors.New("account service unavailable")
	// ErrTaken is a name that cannot be registered.
	ErrTaken = errors.New("the name is taken")
	// ErrInvite is a registration without a good invitation.
	ErrInvite = errors.New("registration needs an invitation, or is closed")
	// ErrSession is a session that is over.
	ErrSession = errors.New("the session is over")
	// ErrRefused is a name or credential that the service does not take.
	ErrRefused = errors.New("the account service refuses it")
	// ErrMalformed is a request that the service does not understand, or that does
	// not fit how the account stands.
	ErrMalformed = errors.New("the account service does not take this request")
	// ErrNone is an address without an account service.
	ErrNone = errors.New("there is no account service")
)

// What a service must not do.
var (
	// ErrServer is a server that did not prove to know the account. Nothing that it
	// said was believed.
	ErrServer = errors.New("the server did not prove that it knows this account")
	// ErrForeign is an answer that is not an account service's.
	ErrForeign = errors.New("not an account service's answer")
	// ErrLegacy is a server that asks for the hash of an older provider, without
	// Login.Legacy.
	ErrLegacy = errors.New("the server asks for the password's hash at an older provider")
	// ErrChallenge is a challenge for something other than a login here and now.
	// It was neither signed nor answered.
	ErrChallenge = errors.New("the challenge is not for a login here and now")
)

// What is missing for a login.
var (
	// ErrFactor is a second factor that is needed and was not given.
	ErrFactor = errors.New("a second factor is needed")
	// ErrNoBackup is an account without a backup that this login can open.
	ErrNoBackup = errors.New("no backup of the account key")
)

// A ThrottledError says when to try again. It is an ErrThrottled.
type ThrottledError struct{ After time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("%v: try again in %s", ErrThrottled, e.After)
}

// Unwrap makes errors.Is(err, ErrThrottled) true.
func (e *ThrottledError) Unwrap() error { return ErrThrottled }

// problems is the one table from HTTP statuses to errors.
var problems = map[int]error{
	http.StatusBadRequest:          ErrMalformed,
	http.StatusUnauthorized:        ErrSession,
	http.StatusForbidden:           ErrDenied,
	http.StatusNotFound:            ErrNone,
	http.StatusConflict:            ErrTaken,
	http.StatusUnprocessableEntity: ErrRefused,
	http.StatusTooManyRequests:     ErrThrottled,
	http.StatusServiceUnavailable:  ErrUnavailable,
}

const (
	maxProblem    = 4 << 10 // octets of a problem document that are read
	maxRetryAfter = 24 * time.Hour
)

// declined turns an answer that is none into an error.
func declined(resp *http.Response, mediaType, path, token string) error {
	sentinel := problems[resp.StatusCode]
	switch {
	case resp.StatusCode == http.StatusNotFound && path == "/info":
		return fmt.Errorf("account: %w at this address", ErrNone)
	case sentinel == nil && resp.StatusCode >= 500:
		sentinel = ErrUnavailable
	case sentinel == nil || mediaType != "application/problem+json":
		return fmt.Errorf("account: %w: status %d", ErrForeign, resp.StatusCode)
	case resp.StatusCode == http.StatusForbidden && path == "/accounts":
		sentinel = ErrInvite
	case sentinel == ErrThrottled:
		after, _ := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
		return fmt.Errorf("account: %w", &ThrottledError{min(time.Duration(max(after, 1))*time.Second, maxRetryAfter)})
	}
	var body struct{ Title, Detail string }
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if sentinel == ErrRefused || sentinel == ErrMalformed {
		if json.Unmarshal(b, &body) == nil && body.Title != "" {
			if text := printable(strings.TrimSuffix(body.Title+": "+body.Detail, ": ")); token == "" || !strings.Contains(text, token) {
				return fmt.Errorf("account: %w: %s", sentinel, text)
			}
		}
	}
	return fmt.Errorf("account: %w", sentinel)
}

// printable makes a stranger's text fit for a terminal.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "..."
	}
	return s
}
