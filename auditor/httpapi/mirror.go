package httpapi

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/kith-kt/kith/auditor/archive"
	"github.com/kith-kt/kith/proto/checkpoint"
)

// A mirror is what the provider of a domain serves below the same paths, as far as
// it is audited, so that another auditor can hold its own log against it.

func (h *handler) provider(r *http.Request) (*Provider, error) {
	domain := chi.URLParam(r, "domain")
	for i := range h.config.Providers {
		if p := &h.config.Providers[i]; p.Domain == domain {
			return p, nil
		}
	}
	return nil, errNoPath
}

func (h *handler) document(w http.ResponseWriter, r *http.Request) error {
	p, err := h.provider(r)
	if err != nil {
		return err
	}
	_, b := p.View.Document()
	if b == nil {
		return errNotYet
	}
	write(w, "application/json", noCache, b)
	return nil
}

func (h *handler) checkpoint(w http.ResponseWriter, r *http.Request) error {
	p, err := h.provider(r)
	if err != nil {
		return err
	}
	note := p.View.Checkpoint()
	if note == nil {
		return errNotYet
	}
	write(w, "text/plain; charset=utf-8", noCache, note)
	return nil
}

func (h *handler) tile(w http.ResponseWriter, r *http.Request) error {
	p, err := h.provider(r)
	if err != nil {
		return err
	}
	_, path, _ := strings.Cut(r.URL.Path, "/log/")
	tile, err := checkpoint.ParseTilePath(path)
	if err != nil || r.URL.RawQuery != "" {
		return errNoPath
	}
	b, err := p.View.Archive().Tile(tile)
	if errors.Is(err, archive.ErrBeyond) {
		return errNotYet
	}
	if err != nil {
		return err
	}
	write(w, octets, immutable, b)
	return nil
}

// heads serves the history of the heads that the auditor signed.
func (h *handler) heads(w http.ResponseWriter, r *http.Request) error {
	p, err := h.provider(r)
	if err != nil {
		return err
	}
	if p.Heads == nil {
		return errNotYet
	}
	file, err := p.Heads()
	if err != nil {
		return err
	}
	defer file.Close()
	header := w.Header()
	header.Set("Content-Type", "application/jsonl")
	header.Set("Cache-Control", noCache)
	_, _ = io.Copy(w, file)
	return nil
}
