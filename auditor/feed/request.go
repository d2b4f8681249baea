package feed

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/kith-kt/kith/proto/problem"
)

// problems is the one table from HTTP statuses to the ways a provider declines.
var problems = map[int]error{
	http.StatusBadRequest:            problem.ErrMalformed,
	http.StatusNotFound:              problem.ErrNoAnswer,
	http.StatusRequestEntityTooLarge: problem.ErrTooLarge,
	http.StatusUnprocessableEntity:   problem.ErrRefused,
	http.StatusTooManyRequests:       problem.ErrRateLimited,
	http.StatusServiceUnavailable:    problem.ErrUnavailable,
}

// maxProblem bounds the part of a problem body that is read, in bytes.
const maxProblem = 4 << 10

// A RequestError says what was asked for, of a request that was not answered as it
// should.
type RequestError struct {
	Path string // below the provider's address, with its query
	Err  error
}

func (e *RequestError) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *RequestError) Unwrap() error { return e.Err }

// get fetches a path whose answer must have the media type and at most limit
// bytes. When the provider asks to come back later, it does, within MaxWait.
func (f *Feed) get(ctx context.Context, path, query, mediaType string, limit int64) ([]byte, error) {
	u := f.base
	u.Path, u.RawQuery = u.Path+path, query
	waited := time.Duration(0)
	for {
		body, after, err := f.once(ctx, http.MethodGet, u.String(), nil, mediaType, limit)
		if err == nil {
			return body, nil
		}
		err = &RequestError{(&url.URL{Path: path, RawQuery: query}).RequestURI(), err}
		if after == 0 {
			return nil, err
		}
		if waited += after; waited > f.options.MaxWait || f.options.Sleep(ctx, after) != nil {
			return nil, err
		}
	}
}

// post posts a body that the provider takes without an answer.
func (f *Feed) post(ctx context.Context, path string, body []byte) error {
	u := f.base
	u.Path = path
	_, _, err := f.once(ctx, http.MethodPost, u.String(), body, "", 0)
	return err
}

// once makes one request. after is when the provider says to come back, 0 if it
// does not. mediaType is that of the answer, and of a body; "" is a head, to which
// there is none.
func (f *Feed) once(ctx context.Context, method, target string, body []byte, mediaType string, limit int64) (b []byte, after time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.options.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, 0, fmt.Errorf("feed: %w", err)
	}
	req.Header.Set("User-Agent", "kith-auditor")
	req.Header.Set("Accept-Encoding", "identity") // a bounded body must not unfold into an unbounded one
	if method == http.MethodPost {
		req.Header.Set("Content-Type", cmp.Or(mediaType, MediaType))
	}
	resp, err := f.http.Do(req)
	if err != nil {
		if errors.Is(err, ErrForeign) || errors.Is(err, ErrInsecure) {
			return nil, 0, fmt.Errorf("feed: %s: %w", req.URL.Path, err)
		}
		return nil, 0, fmt.Errorf("feed: %s: %w: %w", req.URL.Path, problem.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch coding := resp.Header.Get("Content-Encoding"); {
	case coding != "" && coding != "identity":
		return nil, 0, fmt.Errorf("feed: %s: %w: compressed as %.40q, unasked", req.URL.Path, ErrForeign, coding)
	case mediaType == "" && resp.StatusCode == http.StatusNoContent:
		return nil, 0, nil
	case mediaType == anything && absent[resp.StatusCode]:
		return nil, 0, fmt.Errorf("feed: %s: %w", req.URL.Path, ErrAbsent)
	case mediaType == "" || resp.StatusCode != http.StatusOK:
		after, err := declined(resp, got)
		return nil, after, fmt.Errorf("feed: %s: %w", req.URL.Path, err)
	case got != mediaType && (mediaType != anything || got == "text/html"):
		return nil, 0, fmt.Errorf("feed: %s: %w: media type %.80q", req.URL.Path, ErrForeign, got)
	case resp.ContentLength > limit:
		return nil, 0, fmt.Errorf("feed: %s: %w: %d bytes, above the limit of %d", req.URL.Path, ErrForeign, resp.ContentLength, limit)
	}
	b, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, 0, fmt.Errorf("feed: %s: %w: %w", req.URL.Path, problem.ErrUnavailable, err)
	}
	if int64(len(b)) > limit {
		return nil, 0, fmt.Errorf("feed: %s: %w: above the limit of %d bytes", req.URL.Path, ErrForeign, limit)
	}
	return b, 0, nil
}

// declined turns an answer that is not the one wanted into an error.
func declined(resp *http.Response, mediaType string) (after time.Duration, err error) {
	sentinel := problems[resp.StatusCode]
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		if n, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); err == nil {
			after = max(time.Duration(n)*time.Second, time.Second)
		}
	}
	if sentinel == nil || mediaType != "application/problem+json" {
		if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
			return after, fmt.Errorf("%w: status %d", problem.ErrUnavailable, resp.StatusCode)
		}
		return 0, fmt.Errorf("%w: status %d", ErrForeign, resp.StatusCode)
	}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	var body struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(b, &body) == nil && body.Detail != "" {
		return after, fmt.Errorf("%w: %s", sentinel, printable(body.Detail))
	}
	return after, sentinel
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

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
