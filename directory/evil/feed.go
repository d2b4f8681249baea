package evil

import (
	"encoding/binary"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

const (
	checkpointPath = "/log/checkpoint"
	updatesPath    = "/audit/v1/updates"
)

// WithoutFeed serves everything but what auditors read, of which they are told that
// it is not there: they see signed checkpoints that grow, and nothing that stands
// under them.
func WithoutFeed(honest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.Path; strings.HasPrefix(path, "/audit/") || strings.HasPrefix(path, "/log/updates/") || strings.HasPrefix(path, "/log/tile/") {
			notThere(honest, w, r)
			return
		}
		honest.ServeHTTP(w, r)
	})
}

// notThere has a directory say in its own way that it has no such thing.
func notThere(honest http.Handler, w http.ResponseWriter, r *http.Request) {
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawQuery = "/nothing", ""
	honest.ServeHTTP(w, r)
}

// WithStalledFeed serves everything, and checkpoints that grow; but for the log
// entries from size on, no AuditorUpdates come.
func WithStalledFeed(honest http.Handler, size uint64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/log/updates/") {
			notThere(honest, w, r)
			return
		}
		if r.URL.Path != updatesPath {
			honest.ServeHTTP(w, r)
			return
		}
		held := &answer{header: w.Header(), status: http.StatusOK}
		honest.ServeHTTP(held, r)
		start, _ := strconv.ParseUint(r.URL.Query().Get("start"), 10, 64)
		body := held.body.Bytes()
		if held.status == http.StatusOK {
			body = firstUpdates(body, size-min(size, start))
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(held.status)
		w.Write(body)
	})
}

// firstUpdates returns the first n updates of a page, each behind its length.
func firstUpdates(page []byte, n uint64) []byte {
	at := 0
	for ; n > 0 && len(page)-at >= 4; n-- {
		at += 4 + int(binary.BigEndian.Uint32(page[at:]))
	}
	return page[:min(at, len(page))]
}

// Frozen serves everything but the checkpoint: that stays as it is now for ever,
// whatever honest goes on to. Clients are served by honest.
func Frozen(honest http.Handler) (http.Handler, error) {
	r, err := http.NewRequest(http.MethodGet, checkpointPath, nil)
	if err != nil {
		return nil, err
	}
	frozen := &answer{header: http.Header{}, status: http.StatusOK}
	honest.ServeHTTP(frozen, r)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != checkpointPath {
			honest.ServeHTTP(w, r)
			return
		}
		maps.Copy(w.Header(), frozen.header)
		w.WriteHeader(frozen.status)
		w.Write(frozen.body.Bytes())
	}), nil
}

// Instead serves what is below one of some paths from another handler, such as the
// provider document, and everything else from honest.
func Instead(honest, other http.Handler, paths ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, path := range paths {
			if strings.HasPrefix(r.URL.Path, path) {
				other.ServeHTTP(w, r)
				return
			}
		}
		honest.ServeHTTP(w, r)
	})
}
