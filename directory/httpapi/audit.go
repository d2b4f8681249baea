package httpapi

import (
	"fmt"
	"net/http"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// Bounds of one answer to an auditor.
const (
	maxUpdates     = 512
	maxUpdateBytes = 4 << 20 // the update that reaches it is the last one
	maxAuditorHead = 1 << 10 // bytes of a request

	// readBytes is how much of an answer to an auditor costs as much as one read.
	readBytes = 128 << 10
)

// auditUpdates serves AuditorUpdates, made again from the nodes of the tree.
func (h *handler) auditUpdates(w http.ResponseWriter, r *http.Request) error {
	start, err := numberOf(r.URL.RawQuery, "start")
	if err != nil {
		return err
	}
	body, err := within(h.auditing, func() ([]byte, error) { return h.updatesFrom(r, start) })
	if err != nil {
		return err
	}
	h.limiter.charge(h.requester(r), reads, len(body)/readBytes, h.config.Now())
	return h.send(w, r, octets, noCache, body)
}

func (h *handler) updatesFrom(r *http.Request, start uint64) ([]byte, error) {
	snap, err := h.config.Log.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	size := snap.Head().Size
	if start > size {
		return nil, errNotYet
	}
	return directory.AuditUpdates(r.Context(), snap, h.config.Configuration.Format(), start, min(size, start+maxUpdates), maxUpdateBytes)
}

// auditHead takes a head of the auditor. Its signature is all that is asked for:
// whoever has it may bring it.
func (h *handler) auditHead(w http.ResponseWriter, r *http.Request) error {
	if h.config.Auditor == nil || h.config.Configuration.Mode != wire.ThirdPartyAuditing {
		return errNoPath
	}
	body, done, err := h.body(w, r, maxAuditorHead)
	if err != nil {
		return err
	}
	defer done()
	head, err := wire.ParseAuditorTreeHead(body, h.config.Configuration.Format())
	if err != nil {
		return fmt.Errorf("%w: %w", problem.ErrMalformed, err)
	}
	_, err = within(h.heads, func() (struct{}, error) {
		return struct{}{}, h.config.Auditor.PutAuditorHead(r.Context(), head)
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", noStore)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
