package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/kith-kt/kith/auditor/gossip"
)

// Faults of a request.
var (
	errNoPath    = errors.New("no such path")
	errMethod    = errors.New("method not allowed")
	errNotYet    = errors.New("the log has no such thing, or not yet")
	errMediaType = errors.New("media type is not that of a sighting")
	errTooLarge  = errors.New("too large")
	errBroken    = errors.New("request ends early")
	errBusy      = errors.New("too much to do")
)

// A tooMany is a stranger without budget.
type tooMany struct{ wait time.Duration }

func (*tooMany) Error() string { return "too many requests" }

// A decline is how an error is told: a status, and a body that depends on nothing
// but the row it stands in (RFC 9457).
type decline struct {
	cause  error
	status int
	title  string
	detail string
	retry  time.Duration // for Retry-After; 0: none
	body   []byte
}

// declines is the one table from errors to answers; the first row that fits
// counts. What fits no row is a fault of the auditor: the last row.
var declines = withBodies([]decline{
	{cause: gossip.ErrMalformed, status: http.StatusBadRequest, title: "malformed request", detail: "the request does not parse"},
	{cause: errBroken, status: http.StatusBadRequest, title: "malformed request", detail: "the request does not parse"},
	{cause: gossip.ErrUnknownLog, status: http.StatusNotFound, title: "another log", detail: "this auditor does not follow the log that was sighted"},
	{cause: gossip.ErrSignature, status: http.StatusUnprocessableEntity, title: "not the provider's", detail: "something in the sighting is not signed by the keys of the log, so it says nothing about it"},
	{cause: gossip.ErrNothing, status: http.StatusServiceUnavailable, title: "nothing is audited yet", retry: 10 * time.Second},
	{cause: errMediaType, status: http.StatusUnsupportedMediaType, title: "other media type", detail: "a sighting is " + gossip.MediaType},
	{cause: errTooLarge, status: http.StatusRequestEntityTooLarge, title: "too large"},
	{cause: errNoPath, status: http.StatusNotFound, title: "no such path"},
	{cause: errNotYet, status: http.StatusNotFound, title: "the log has no such thing, or not yet"},
	{cause: errMethod, status: http.StatusMethodNotAllowed, title: "method not allowed"},
	{cause: errBusy, status: http.StatusServiceUnavailable, title: "auditor busy", retry: 5 * time.Second},
	{cause: nil, status: http.StatusServiceUnavailable, title: "auditor unavailable", retry: 10 * time.Second},
})

var declineTooMany = withBodies([]decline{{status: http.StatusTooManyRequests, title: "too many requests"}})[0]

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
func declineOf(err error) decline {
	if e, ok := errors.AsType[*tooMany](err); ok {
		d := declineTooMany
		d.retry = e.wait
		return d
	}
	for _, d := range declines {
		if d.cause == nil || errors.Is(err, d.cause) {
			return d
		}
	}
	return declines[len(declines)-1]
}

func (h *handler) decline(w http.ResponseWriter, err error) {
	d := declineOf(err)
	if d.cause == nil && d.status == http.StatusServiceUnavailable {
		h.config.Logger.Warn("a request could not be answered", "error", err)
	}
	header := w.Header()
	if d.retry > 0 {
		header.Set("Retry-After", seconds(d.retry))
	}
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", noStore)
	w.WriteHeader(d.status)
	_, _ = w.Write(d.body)
}
