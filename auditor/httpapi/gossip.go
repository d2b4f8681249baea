package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"

	message "github.com/kith-kt/kith/proto/gossip"
)

// sighting takes what somebody saw, and answers what was audited.
func (h *handler) sighting(w http.ResponseWriter, r *http.Request) error {
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != message.MediaType {
		return errMediaType
	}
	if r.ContentLength > message.MaxSighting {
		return errTooLarge
	}
	who := h.stranger(r)
	done, ok := h.limiter.receive(who)
	if !ok {
		return errBusy
	}
	defer done()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, message.MaxSighting))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return errTooLarge
	}
	if err != nil {
		return errBroken
	}
	if err := h.comparing.Acquire(r.Context(), 1); err != nil {
		return errBusy
	}
	defer h.comparing.Release(1)
	answer, err := h.config.Gossip.Answer(r.Context(), body, sourceOf(who))
	if err != nil {
		return err
	}
	write(w, message.MediaType, noStore, answer)
	return nil
}
