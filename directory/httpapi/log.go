package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/problem"
)

const octets = "application/octet-stream"

func (h *handler) checkpoint(w http.ResponseWriter, _ *http.Request) error {
	var signed []byte
	if h.config.Checkpoint != nil {
		signed = h.config.Checkpoint()
	}
	if signed == nil {
		return fmt.Errorf("%w: no checkpoint is signed yet", problem.ErrUnavailable)
	}
	write(w, "text/plain; charset=utf-8", noCache, signed)
	return nil
}

// tile serves tiles of hashes and bundles of entries (C2SP tlog-tiles).
func (h *handler) tile(w http.ResponseWriter, r *http.Request) error {
	tile, err := checkpoint.ParseTilePath(strings.TrimPrefix(r.URL.Path, "/log/"))
	if err != nil || r.URL.RawQuery != "" {
		return fmt.Errorf("%w: tile", problem.ErrMalformed)
	}
	data, err := within(h.working, func() ([]byte, error) {
		snap, err := h.config.Log.Snapshot()
		if err != nil {
			return nil, err
		}
		defer snap.Release()
		if !tile.Within(snap.Head().Size) {
			return nil, errNotYet
		}
		return directory.AuditTile(snap, tile)
	})
	if err != nil {
		return err
	}
	write(w, octets, immutable, data)
	return nil
}
