// Package problem names the ways a directory declines a request, as they cross
// the boundary between a directory and its users, in process and over HTTP
// (RFC 9457, "Problem Details for HTTP APIs").
//
// A directory returns errors that wrap one of these sentinels; a client finds
// them with errors.Is. No error here ever proves anything: an answer that
// matters carries its own proof.
package problem

import (
	"errors"
	"time"
)

// The ways a directory declines a request.
var (
	// ErrNoAnswer covers an unknown label or version, an erased value and a
	// forbidden search alike, so that they cannot be told apart.
	ErrNoAnswer = errors.New("no provable answer")
	// ErrMalformed is a request that does not parse.
	ErrMalformed = errors.New("malformed request")
	// ErrTooLarge is a request or value above a limit.
	ErrTooLarge = errors.New("too large")
	// ErrUnauthorized is a missing or unknown token.
	ErrUnauthorized = errors.New("authorization needed")
	// ErrForbidden is a token that does not reach this far.
	ErrForbidden = errors.New("not authorized for this label")
	// ErrConflict is an update that lost against another, or that does not follow the newest version.
	ErrConflict = errors.New("conflicting update")
	// ErrRefused is a request that the draft tells a log to reject, such as a
	// start position that is not distinguished, or a size the log never had.
	ErrRefused = errors.New("request refused")
	// ErrRateLimited is a requester above its limit; see RateLimit.
	ErrRateLimited = errors.New("too many requests")
	// ErrUnavailable is a directory that cannot answer anybody now.
	ErrUnavailable = errors.New("directory unavailable")
)

// A RateLimit is an ErrRateLimited that says when to come back.
type RateLimit struct {
	RetryAfter time.Duration
}

func (e *RateLimit) Error() string { return ErrRateLimited.Error() }

// Unwrap makes errors.Is(err, ErrRateLimited) true.
func (e *RateLimit) Unwrap() error { return ErrRateLimited }
