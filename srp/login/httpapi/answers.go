package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// Faults of a request that exist in HTTP only.
var (
	errNoPath    = errors.New("no such path")
	errMethod    = errors.New("method not allowed")
	errMediaType = errors.New("media type is not application/json")
	errTooLarge  = fmt.Errorf("%w: body too large", auth.ErrMalformed)
)

// A row says how an error is told (RFC 9457).
type row struct {
	cause  error
	status int
	title  string
	detail string
	retry  time.Duration // for Retry-After; 0: none
}

// rows is the one table from errors to answers; the first that fits counts.
var rows = []row{
	{errTooLarge, http.StatusRequestEntityTooLarge, "body too large", "", 0},
	{login.ErrStale, http.StatusForbidden, "session is not fresh", "log in again, and ask again within ten minutes", 0},
	{login.ErrDenied, http.StatusForbidden, "login denied", "the name or the password is wrong, or the login took too long", 0},
	{login.ErrThrottled, http.StatusTooManyRequests, "too many attempts", "", time.Second},
	{login.ErrBusy, http.StatusServiceUnavailable, "service busy", "", time.Second},
	{login.ErrNoSession, http.StatusUnauthorized, "login needed", "there is no session, or it is over: log in", 0},
	{login.ErrTaken, http.StatusConflict, "name is taken", "choose another name", 0},
	{login.ErrInvite, http.StatusForbidden, "invitation needed", "registration is closed, or needs an invitation that is still good", 0},
	{login.ErrName, http.StatusUnprocessableEntity, "not a name", "", 0},
	{login.ErrWeak, http.StatusUnprocessableEntity, "credential is not accepted", "the key derivation is too weak or unknown, or the profile is not taken here", 0},
	{login.ErrMalformed, http.StatusBadRequest, "malformed request", "", 0},
	{auth.ErrMalformed, http.StatusBadRequest, "malformed request", "", 0},
	{errMediaType, http.StatusUnsupportedMediaType, "not JSON", "send application/json", 0},
	{errNoPath, http.StatusNotFound, "no such path", "", 0},
	{errMethod, http.StatusMethodNotAllowed, "method not allowed", "", 0},
	{nil, http.StatusServiceUnavailable, "service unavailable", "", 5 * time.Second},
}

// decline answers with a problem document, and logs what is the service's fault.
func (h *handler) decline(w http.ResponseWriter, r *http.Request, name string, err error) {
	var d *row
	for i := range rows {
		if d = &rows[i]; d.cause == nil || errors.Is(err, d.cause) {
			break
		}
	}
	if d.cause == nil && r.Context().Err() == nil && h.faults.Allow() {
		h.config.Logger.Error("account service", "operation", name, "error", err)
	}
	h.answers.WithLabelValues(name, strconv.Itoa(d.status)).Inc()
	body, e := json.Marshal(map[string]any{"type": "about:blank", "title": d.title, "status": d.status, "detail": d.detail})
	if e != nil {
		panic(e) // three strings and a number
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	if d.status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", "Bearer")
	}
	if wait := d.retry; wait > 0 {
		if t, ok := errors.AsType[*login.ThrottledError](err); ok {
			wait = max(wait, t.After)
		}
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	w.WriteHeader(d.status)
	_, _ = w.Write(append(body, '\n')) // to a requester who may be gone
}

// answer answers with JSON, or with 204 if there is nothing to say.
func (h *handler) answer(w http.ResponseWriter, name string, v any) {
	w.Header().Set("Cache-Control", "no-store")
	if v == nil {
		h.answers.WithLabelValues(name, "204").Inc()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	status := http.StatusOK
	if name == "register" {
		status = http.StatusCreated
	}
	h.answers.WithLabelValues(name, strconv.Itoa(status)).Inc()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// Serve answers one request of another package: do decodes it by Read, and returns
// what is to be answered, nil for 204, or an error of package login.
func (k *Kit) Serve(w http.ResponseWriter, r *http.Request, name string, do func(ctx context.Context) (any, error)) {
	k.h.serve(w, r, name, do)
}

// Read decodes the body of a request.
func (k *Kit) Read(_ http.ResponseWriter, r *http.Request, q any) error { return k.h.read(r, q) }

// Session returns the session of a request, or login.ErrNoSession.
func (k *Kit) Session(ctx context.Context, r *http.Request) (*login.Session, error) {
	return k.h.session(ctx, r)
}

// Requester returns who asks.
func (k *Kit) Requester(r *http.Request, device string) login.Requester {
	q := k.h.requester(r)
	q.Device = device
	return q
}

// Grant is a grant as it travels.
func Grant(g *login.Grant, err error) (any, error) { return grantOf(g, err) }
