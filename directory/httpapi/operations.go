package httpapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/semaphore"

	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// largeBody is above which length requests and answers share maxMemory.
const largeBody = 64 << 10

// maxToken bounds a token, in bytes; ours have 48.
const maxToken = 512

// operation answers POST /kt/v1/{op}.
func (h *handler) operation(op wire.Operation) func(http.ResponseWriter, *http.Request) error {
	places := h.working
	if op == wire.OpUpdate {
		places = h.updating
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		call := wire.Call{Operation: op}
		var err error
		if call.Token, err = bearer(r); err != nil {
			return err
		}
		if op == wire.OpContactMonitor {
			if call.Opening, err = opening(r); err != nil {
				return err
			}
		}
		body, done, err := h.body(w, r, h.config.Service.MaxRequest(op))
		if err != nil {
			return err
		}
		defer done()
		call.Body = body
		response, err := within(places, func() ([]byte, error) { return h.config.Service.Do(r.Context(), call) })
		if err != nil {
			return told(op, err)
		}
		return h.send(w, r, MediaType, noStore, response)
	}
}

// within computes an answer, unless too many others are at it. The place is
// given up before the answer is sent to a client that may be slow.
func within[T any](places *semaphore.Weighted, compute func() (T, error)) (T, error) {
	if !places.TryAcquire(1) {
		var none T
		return none, errBusy
	}
	defer places.Release(1)
	return compute()
}

// body reads a request body of at most limit bytes. Its memory is given back by
// done, once it is used up.
func (h *handler) body(w http.ResponseWriter, r *http.Request, limit int) (body []byte, done func(), err error) {
	if err := checkMediaType(r); err != nil {
		return nil, nil, err
	}
	if r.ContentLength > int64(limit) {
		return nil, nil, fmt.Errorf("%w: body of %d bytes", problem.ErrTooLarge, r.ContentLength)
	}
	done = func() {}
	expected := r.ContentLength
	if expected < 0 {
		expected = int64(limit)
	}
	if expected > largeBody {
		who := h.requester(r)
		if !h.bodies.lend(who, expected) {
			return nil, nil, errBusy
		}
		done = func() { h.bodies.giveBack(who, expected) }
	}
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	if err == nil {
		return body, done, nil
	}
	done()
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, nil, fmt.Errorf("%w: body above %d bytes", problem.ErrTooLarge, limit)
	}
	return nil, nil, fmt.Errorf("%w: body: %w", problem.ErrMalformed, err)
}

func checkMediaType(r *http.Request) error {
	fields := r.Header.Values("Content-Type")
	if len(fields) != 1 {
		return errMediaType
	}
	got, _, err := mime.ParseMediaType(fields[0])
	if err != nil || got != MediaType || r.Header.Get("Content-Encoding") != "" {
		return errMediaType
	}
	return nil
}

// bearer returns the token of a request, or "".
func bearer(r *http.Request) (string, error) {
	fields := r.Header.Values("Authorization")
	if len(fields) == 0 {
		return "", nil
	}
	scheme, token, ok := strings.Cut(fields[0], " ")
	token = strings.TrimLeft(token, " ")
	if len(fields) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", problem.ErrUnauthorized
	}
	return token, nil
}

// opening returns what a former right to search is proved with, or nil.
func opening(r *http.Request) (*wire.Opening, error) {
	fields := r.Header.Values("Kith-Opening")
	if len(fields) == 0 {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(fields[0])
	var o wire.Opening
	if err != nil || len(fields) > 1 || len(b) != len(o) || len(fields[0]) != base64.RawURLEncoding.EncodedLen(len(o)) {
		return nil, fmt.Errorf("%w: Kith-Opening", problem.ErrMalformed)
	}
	copy(o[:], b)
	return &o, nil
}

// send answers 200 with what may be large and is the requester's alone, unless
// too much such is on its way already.
func (h *handler) send(w http.ResponseWriter, r *http.Request, mediaType, cache string, body []byte) error {
	if n := int64(len(body)); n > largeBody {
		who := h.requester(r)
		if !h.answers.lend(who, n) {
			return errBusy
		}
		defer h.answers.giveBack(who, n)
	}
	write(w, mediaType, cache, body)
	return nil
}

// write answers 200.
func write(w http.ResponseWriter, mediaType, cache string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", mediaType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", cache)
	_, _ = w.Write(body) // to a requester who may be gone
}

// pattern names the route of a request, without what its sender wrote.
func pattern(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil {
		return c.RoutePattern()
	}
	return ""
}
