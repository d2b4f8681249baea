package page

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// A message is what the script sends; which fields, depends on the path.
type message struct {
	Handshake  string          `json:"handshake,omitempty"`
	Credential json.RawMessage `json:"credential,omitempty"`
	Name       string          `json:"name,omitempty"`
	Secret     string          `json:"secret,omitempty"` // of a link
	Open       string          `json:"open,omitempty"`   // of a link that was opened
}

// An answer is what the script gets.
type answer struct {
	Handshake string          `json:"handshake,omitempty"`
	Options   json.RawMessage `json:"options,omitempty"`
	Name      string          `json:"name,omitempty"`
	Open      string          `json:"open,omitempty"`
	Error     string          `json:"error,omitempty"`
}

// script serves what the script asks for.
func (h *handler) script(w http.ResponseWriter, r *http.Request, do func(q *message) (*answer, error)) {
	if t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(t) != "application/json" {
		http.Error(w, "send application/json", http.StatusUnsupportedMediaType)
		return
	}
	q := new(message)
	a, err := new(answer), auth.Decode(http.MaxBytesReader(w, r.Body, auth.MaxBody), q)
	if err == nil {
		a, err = do(q)
	}
	status := http.StatusOK
	if err != nil {
		f := h.fault(r, err)
		status, a = f.status, &answer{Error: f.said}
	}
	body, err := json.Marshal(a)
	if err != nil {
		panic(err) // our own type
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // to a browser that may be gone
}

// begin begins to sign in. It is the same for everybody.
func (h *handler) begin(w http.ResponseWriter, r *http.Request) {
	h.script(w, r, func(*message) (*answer, error) {
		c, err := h.config.Passkeys.Begin(r.Context(), h.requester(r))
		if err != nil {
			return nil, err
		}
		return &answer{Handshake: c.Handshake, Options: c.Options}, nil
	})
}

// finish signs in. The session is a new one in any case, and takes the place of the
// one that the browser had.
func (h *handler) finish(w http.ResponseWriter, r *http.Request) {
	h.script(w, r, func(q *message) (*answer, error) {
		g, err := h.config.Passkeys.Finish(r.Context(), h.requester(r), q.Handshake, q.Credential)
		if err != nil {
			return nil, err
		}
		if g.Token == "" {
			return nil, login.ErrDenied
		}
		if old, err := h.session(r); err == nil && old != nil {
			_ = h.config.Accounts.Revoke(r.Context(), old, old.ID) // it may be over by now
		}
		h.setSession(w, r, g.Token)
		return &answer{Name: g.Session.Name}, nil
	})
}

// owned serves what a browser's session is needed for.
func (h *handler) owned(w http.ResponseWriter, r *http.Request, do func(of *login.Session, q *message) (*answer, error)) {
	h.script(w, r, func(q *message) (*answer, error) {
		of, err := h.session(r)
		if err != nil {
			return nil, err
		}
		if of == nil {
			return nil, login.ErrNoSession
		}
		return do(of, q)
	})
}

func (h *handler) makeOptions(w http.ResponseWriter, r *http.Request) {
	h.owned(w, r, func(of *login.Session, _ *message) (*answer, error) {
		c, err := h.config.Passkeys.BeginMake(r.Context(), h.requester(r), of)
		if err != nil {
			return nil, err
		}
		return &answer{Handshake: c.Handshake, Options: c.Options}, nil
	})
}

func (h *handler) makeFinish(w http.ResponseWriter, r *http.Request) {
	h.owned(w, r, func(of *login.Session, q *message) (*answer, error) {
		_, err := h.config.Passkeys.Make(r.Context(), h.requester(r), of, q.Handshake, q.Name, q.Credential)
		return new(answer), err
	})
}

// openLink exchanges a link for what only this page knows.
func (h *handler) openLink(w http.ResponseWriter, r *http.Request) {
	h.script(w, r, func(q *message) (*answer, error) {
		open, name, err := h.config.Passkeys.Open(r.Context(), h.requester(r), q.Secret)
		return &answer{Open: open, Name: name}, err
	})
}

func (h *handler) linkOptions(w http.ResponseWriter, r *http.Request) {
	h.script(w, r, func(q *message) (*answer, error) {
		c, err := h.config.Passkeys.BeginTicket(r.Context(), h.requester(r), q.Open)
		if err != nil {
			return nil, err
		}
		return &answer{Handshake: c.Handshake, Options: c.Options}, nil
	})
}

func (h *handler) linkFinish(w http.ResponseWriter, r *http.Request) {
	h.script(w, r, func(q *message) (*answer, error) {
		_, err := h.config.Passkeys.MakeTicket(r.Context(), h.requester(r), q.Handshake, q.Name, q.Credential)
		return new(answer), err
	})
}
