// Package evil is a provider that lies, as test equipment: what a dishonest
// operator, or somebody who took its place, could do, with real keys and real HTTP.
// Tests and demos play it against real clients and real auditors. It serves nobody.
//
// There are three ways to lie, and they can be combined:
//
//   - Two logs under the same keys. Copy a data folder, Run both, and show each
//     reader its own through Views.
//   - A log that signs its lies. Lie commits log entries that no directory makes
//     to a folder's store; all proofs, roots and signatures of them hold.
//   - Other answers. Handlers stand before an honest directory's and change what
//     it is asked or what it answers.
//
// Attacks names all that a provider can try; each has a test here that shows that
// who does not look closely accepts it.
package evil

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/kith-kt/kith/proto/wire"
)

// A Switch is a handler that can be exchanged while it serves: the same address,
// another provider behind it.
type Switch struct {
	handler atomic.Pointer[http.Handler]
}

// Set serves h from now on. With nil nothing answers.
func (s *Switch) Set(h http.Handler) {
	if h == nil {
		s.handler.Store(nil)
		return
	}
	s.handler.Store(&h)
}

// ServeHTTP implements http.Handler.
func (s *Switch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := s.handler.Load()
	if h == nil {
		http.Error(w, "nobody is here", http.StatusServiceUnavailable)
		return
	}
	(*h).ServeHTTP(w, r)
}

// Requests changes the body of every request for an operation before honest
// sees it.
func Requests(honest http.Handler, op wire.Operation, change func(request []byte) []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isCall(r, op) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			body = change(body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			r.ContentLength = int64(len(body))
		}
		honest.ServeHTTP(w, r)
	})
}

// Responses changes every answer that honest gives to an operation.
func Responses(honest http.Handler, op wire.Operation, change func(response []byte) []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isCall(r, op) {
			honest.ServeHTTP(w, r)
			return
		}
		held := &answer{header: w.Header(), status: http.StatusOK}
		honest.ServeHTTP(held, r)
		body := held.body.Bytes()
		if held.status == http.StatusOK {
			body = change(body)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(held.status)
		w.Write(body) // whoever does not read on has noticed nothing
	})
}

// An answer is held back until it was changed.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func isCall(r *http.Request, op wire.Operation) bool {
	return r.Method == http.MethodPost && r.URL.Path == "/kt/v1/"+op.String()
}

// SwapValue answers every search with another value, and the honest proof.
func SwapValue(honest http.Handler, f wire.Format, value []byte) http.Handler {
	return Responses(honest, wire.OpSearch, func(response []byte) []byte {
		for _, fixed := range []bool{false, true} {
			if r, err := wire.ParseSearchResponse(response, f, fixed); err == nil {
				r.Value.Value = value
				if swapped, err := r.Append(nil, f); err == nil {
					return swapped
				}
			}
		}
		return response
	})
}

// FlipBit changes one bit of every answer to an operation; bit counts from the
// start and wraps around.
func FlipBit(honest http.Handler, op wire.Operation, bit int) http.Handler {
	return Responses(honest, op, func(response []byte) []byte {
		flipped := bytes.Clone(response)
		bit := bit % (8 * len(flipped))
		flipped[bit/8] ^= 1 << (bit % 8)
		return flipped
	})
}

// Withhold answers every search as if the label did not exist.
func Withhold(honest http.Handler, f wire.Format) http.Handler {
	return Requests(honest, wire.OpSearch, func(request []byte) []byte {
		r, err := wire.ParseSearchRequest(request, f)
		if err != nil {
			return request
		}
		r.Label = []byte("nobody@withheld.invalid")
		hidden, err := r.Append(nil, f)
		if err != nil {
			return request
		}
		return hidden
	})
}
