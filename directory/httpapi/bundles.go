package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/problem"
)

// updatesBundle serves a bundle of AuditorUpdates by the path that it has on a
// file host too.
func (h *handler) updatesBundle(w http.ResponseWriter, r *http.Request) error {
	index, width, err := checkpoint.ParseUpdatesPath(strings.TrimPrefix(r.URL.Path, "/log/"))
	if err != nil || r.URL.RawQuery != "" {
		return fmt.Errorf("%w: bundle of updates", problem.ErrMalformed)
	}
	body, err := within(h.auditing, func() ([]byte, error) { return h.bundle(r, index, width) })
	if err != nil {
		return err
	}
	h.limiter.charge(h.requester(r), reads, len(body)/readBytes, h.config.Now())
	cache := noCache // a partial bundle is asked for once, before the next one
	if width == checkpoint.UpdatesWidth {
		cache = immutable
	}
	return h.send(w, r, octets, cache, body)
}

func (h *handler) bundle(r *http.Request, index uint64, width int) ([]byte, error) {
	snap, err := h.config.Log.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	lo := index * checkpoint.UpdatesWidth
	hi := lo + uint64(width)
	if hi > snap.Head().Size {
		return nil, errNotYet
	}
	return directory.AuditUpdates(r.Context(), snap, h.config.Configuration.Format(), lo, hi, 0)
}
