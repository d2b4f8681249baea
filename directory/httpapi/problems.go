package httpapi

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// Faults of a request that exist in HTTP only.
var (
	errMediaType = errors.New("media type is not that of this revision of the draft")
	errNoPath    = errors.New("no such path")
	errMethod    = errors.New("method not allowed")
	errNotYet    = errors.New("the log has no such thing, or not yet")
	errBusy      = errors.New("too much to do")
)

// A decline is how an error is told: a status, and a body that depends on
// nothing but the row it stands in (RFC 9457).
type decline struct {
	cause  error
	status int
	title  string
	detail string
	retry  time.Duration // for Retry-After; 0: none
	body   []byte
}

// declines is the one table from errors to answers; the first row that fits
// counts. What fits no row is a fault of the directory: the last row.
var declines = withBodies([]decline{
	{cause: problem.ErrNoAnswer, status: http.StatusNotFound, title: "no provable answer"},
	{cause: problem.ErrRateLimited, status: http.StatusTooManyRequests, title: "too many requests", retry: time.Second},
	{cause: problem.ErrTooLarge, status: http.StatusRequestEntityTooLarge, title: "too large",
		detail: "the request, or a value in it, is above a limit; the provider document has the limits"},
	{cause: problem.ErrMalformed, status: http.StatusBadRequest, title: "malformed request",
		detail: "the request does not parse"},
	{cause: problem.ErrUnauthorized, status: http.StatusUnauthorized, title: "authorization needed",
		detail: "a token of the provider is needed, or the one given is unknown"},
	{cause: problem.ErrForbidden, status: http.StatusForbidden, title: "not authorized for this label"},
	{cause: problem.ErrConflict, status: http.StatusConflict, title: "conflicting update",
		detail: "another update of the label was first: read again and sign again"},
	{cause: problem.ErrRefused, status: http.StatusUnprocessableEntity, title: "request refused",
		detail: "the draft tells the log to reject this request"},
	{cause: errMediaType, status: http.StatusUnsupportedMediaType, title: "other revision",
		detail: "this directory speaks " + MediaType},
	{cause: errNoPath, status: http.StatusNotFound, title: "no such path"},
	{cause: errNotYet, status: http.StatusNotFound, title: "the log has no such thing, or not yet"},
	{cause: errMethod, status: http.StatusMethodNotAllowed, title: "method not allowed"},
	{cause: errBusy, status: http.StatusServiceUnavailable, title: "directory busy", retry: time.Second},
	{cause: directory.ErrNoAuditorHead, status: http.StatusServiceUnavailable, title: "waiting for the auditor", retry: 5 * time.Second,
		detail: "the auditor of this log has not signed a head yet, and without one there are no answers"},
	{cause: directory.ErrNotAudited, status: http.StatusServiceUnavailable, title: "waiting for the auditor", retry: 5 * time.Second,
		detail: "the update is committed; the auditor has not seen it yet, or is late"},
	{cause: nil, status: http.StatusServiceUnavailable, title: "directory unavailable", retry: 5 * time.Second},
})

func withBodies(rows []decline) []decline {
	for i := range rows {
		d := &rows[i]
		b, err := json.Marshal(struct {
			Type   string `json:"type"`
			Title  string `json:"title"`
			Status int    `json:"status"`
			Detail string `json:"detail,omitempty"`
		}{"about:blank", d.title, d.status, d.detail})
		if err != nil {
			panic(err) // three strings and a number
		}
		d.body = append(b, '\n')
	}
	return rows
}

// declineOf returns the row for an error.
func declineOf(err error) *decline {
	for i := range declines {
		if d := &declines[i]; d.cause == nil || errors.Is(err, d.cause) {
			return d
		}
	}
	panic("the last row fits everything")
}

// told returns what an operation tells of an error. Only updates say that a
// label is forbidden, and they say it whether or not there is such a label.
func told(op wire.Operation, err error) error {
	if op != wire.OpUpdate && errors.Is(err, problem.ErrForbidden) {
		return problem.ErrNoAnswer
	}
	return err
}

// decline answers with a problem document, and logs what is the directory's fault.
func (h *handler) decline(w http.ResponseWriter, r *http.Request, err error) {
	d := declineOf(err)
	if d.cause == nil && r.Context().Err() == nil {
		h.logFault(r, err)
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", strconv.Itoa(len(d.body)))
	header.Set("Cache-Control", noStore)
	if d.status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", "Bearer")
	}
	if wait := d.retry; wait > 0 {
		if limit, ok := errors.AsType[*problem.RateLimit](err); ok {
			wait = max(wait, limit.RetryAfter)
		}
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	w.WriteHeader(d.status)
	_, _ = w.Write(d.body) // to a requester who may be gone
}
