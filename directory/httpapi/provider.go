package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/kith-kt/kith/proto/problem"
)

// document serves the provider document, in its exact bytes.
func (h *handler) document(w http.ResponseWriter, r *http.Request) error {
	var b []byte
	if h.config.Document != nil {
		b = h.config.Document()
	}
	if b == nil {
		return fmt.Errorf("%w: there is no provider document", problem.ErrUnavailable)
	}
	hash := sha256.Sum256(b)
	tag := `"` + hex.EncodeToString(hash[:16]) + `"`
	w.Header().Set("ETag", tag)
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.Header().Set("Cache-Control", noCache)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	write(w, "application/json", noCache, b)
	return nil
}

// matches reports whether an If-None-Match field names a tag.
func matches(field, tag string) bool {
	for candidate := range strings.SplitSeq(field, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}

func (h *handler) healthz(w http.ResponseWriter, _ *http.Request) {
	write(w, "text/plain; charset=utf-8", noStore, []byte("ok\n"))
}

func (h *handler) readyz(w http.ResponseWriter, _ *http.Request) {
	if h.config.Ready != nil {
		if err := h.config.Ready(); err != nil {
			header := w.Header()
			header.Set("Content-Type", "text/plain; charset=utf-8")
			header.Set("Cache-Control", noStore)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintln(w, err)
			return
		}
	}
	write(w, "text/plain; charset=utf-8", noStore, []byte("ready\n"))
}
