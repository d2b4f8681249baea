package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/kith-kt/kith/proto/evidence"
)

// maxFiles bounds the evidence that is listed: the first that Evidence names.
const maxFiles = 256

// An evidenceView is one file in the list of evidence.
type evidenceView struct {
	File        string `json:"file"`
	Kind        string `json:"kind"`
	Proved      bool   `json:"proved"` // nobody need be believed
	Domain      string `json:"domain"`
	Fingerprint string `json:"fingerprint"`
	Entry       uint64 `json:"entry"`
	Text        string `json:"text"` // one sentence
	// Update is the file beside, with the update that the evidence has no room for.
	Update string `json:"update,omitempty"`
}

// besides is what follows the name of a file in that of the file beside it.
const besides = ".update"

// An evidenceCache keeps what was found of a file: files never change.
type evidenceCache struct {
	mu    sync.Mutex
	known map[string]evidenceView
}

// listEvidence serves the list of all evidence.
func (h *handler) listEvidence(w http.ResponseWriter, _ *http.Request) error {
	list := []evidenceView{}
	names, err := h.evidenceNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		v, err := h.judge(name)
		if err != nil {
			h.config.Logger.Warn("an evidence file does not hold", "file", name, "error", err)
			continue
		}
		list = append(list, v)
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	write(w, "application/json", noCache, append(b, '\n'))
	return nil
}

func (h *handler) evidenceNames() ([]string, error) {
	if h.config.Evidence == nil {
		return nil, nil
	}
	names, err := h.config.Evidence.Names()
	if err != nil {
		return nil, err
	}
	names = names[:min(len(names), maxFiles)]
	slices.Sort(names)
	return slices.Compact(names), nil
}

// judge says what a file shows.
func (h *handler) judge(name string) (evidenceView, error) {
	h.files.mu.Lock()
	defer h.files.mu.Unlock()
	if v, ok := h.files.known[name]; ok {
		return v, nil
	}
	file, err := h.config.Evidence.Read(name)
	if err != nil {
		return evidenceView{}, err
	}
	e, err := evidence.Parse(file)
	if err != nil {
		return evidenceView{}, err
	}
	var beside string
	verdict, err := e.Verify()
	if errors.Is(err, evidence.ErrMissing) {
		beside = name + besides
		if e.Detached, err = h.config.Evidence.Read(beside); err == nil {
			verdict, err = e.Verify()
		}
	}
	if err != nil {
		return evidenceView{}, err
	}
	v := evidenceView{name, verdict.Kind.String(), verdict.Proved, verdict.Domain, verdict.Fingerprint.String(), verdict.Entry, verdict.Text, beside}
	if h.files.known == nil {
		h.files.known = map[string]evidenceView{}
	}
	h.files.known[name] = v
	return v, nil
}

// evidence serves one file.
func (h *handler) evidence(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "file")
	names, err := h.evidenceNames()
	if err != nil {
		return err
	}
	if of, ok := strings.CutSuffix(name, besides); ok && slices.Contains(names, of) {
		if v, err := h.judge(of); err != nil || v.Update != name {
			return errNoPath
		}
	} else if !slices.Contains(names, name) {
		return errNoPath
	}
	file, err := h.config.Evidence.Read(name)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	write(w, octets, immutable, file)
	return nil
}
