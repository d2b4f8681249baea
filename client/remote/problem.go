package remote

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

	"github.com/kith-kt/kith/proto/problem"
)

// problems is the one table from HTTP statuses to the ways a directory declines.
var problems = map[int]error{
	http.StatusBadRequest:            problem.ErrMalformed,
	http.StatusUnauthorized:          problem.ErrUnauthorized,
	http.StatusForbidden:             problem.ErrForbidden,
	http.StatusNotFound:              problem.ErrNoAnswer,
	http.StatusConflict:              problem.ErrConflict,
	http.StatusRequestEntityTooLarge: problem.ErrTooLarge,
	http.StatusUnprocessableEntity:   problem.ErrRefused,
	http.StatusTooManyRequests:       problem.ErrRateLimited,
	http.StatusServiceUnavailable:    problem.ErrUnavailable,
}

// maxProblem bounds the part of a problem body that is read, in bytes.
const maxProblem = 4 << 10

// An unavailable is a 503 that says when to come back.
type unavailable struct{ after time.Duration }

func (e *unavailable) Error() string { return problem.ErrUnavailable.Error() }
func (e *unavailable) Unwrap() error { return problem.ErrUnavailable }

// declined turns a response that is not 200 into an error. Only a problem
// document (RFC 9457) declines for the directory: a 404 of something else that
// listens at the address says nothing about a label.
func declined(resp *http.Response, mediaType string) error {
	sentinel := problems[resp.StatusCode]
	if sentinel == nil || mediaType != "application/problem+json" {
		if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
			return fmt.Errorf("remote: %w: status %d", problem.ErrUnavailable, resp.StatusCode)
		}
		return fmt.Errorf("remote: %w: status %d", ErrForeign, resp.StatusCode)
	}
	after, ok := parseRetryAfter(resp.Header.Get("Retry-After"))
	switch {
	case sentinel == problem.ErrRateLimited:
		sentinel = &problem.RateLimit{RetryAfter: after}
	case sentinel == problem.ErrUnavailable && ok:
		sentinel = &unavailable{after}
	}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	var body struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(b, &body) == nil && body.Detail != "" {
		return fmt.Errorf("remote: %w: %s", sentinel, printable(body.Detail))
	}
	return fmt.Errorf("remote: %w", sentinel)
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

// parseRetryAfter reads a number of seconds, the only form a directory uses (RFC 9110, "Retry-After").
func parseRetryAfter(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// retryAfter says whether and when a request may be repeated.
func retryAfter(err error) (time.Duration, bool) {
	if limit, ok := errors.AsType[*problem.RateLimit](err); ok && limit.RetryAfter > 0 {
		return limit.RetryAfter, true
	}
	if busy, ok := errors.AsType[*unavailable](err); ok {
		return max(busy.after, time.Second), true
	}
	return 0, false
}
