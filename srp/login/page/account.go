package page

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// maxForm bounds a form, in octets.
const maxForm = 8 << 10

// shownEvents is how many events a page shows, newest first.
const shownEvents = 12

// A view is what a page shows.
type view struct {
	Domain, Said, Fault string

	// Who is signed in; "": nobody.
	Name     string
	Current  string // id of this session
	Fresh    bool   // it may change passkeys
	Passkeys []auth.Passkey
	Second   bool
	Sessions []login.Session
	Events   []login.Event
}

// When is a time as a page shows it.
func (view) When(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

// Machine is a time as programs read it.
func (view) Machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// notices are what a page says after something was done, by name: addresses carry
// the name only, so that nobody can put words on the page.
var notices = map[string]string{
	"made":    "Your passkey is ready.",
	"renamed": "Renamed.",
	"removed": "The passkey was removed. It opens nothing any more.",
	"second":  "From now on a password needs a passkey beside it.",
	"alone":   "From now on a password is enough.",
	"revoked": "The session has ended.",
	"others":  "All other sessions have ended.",
	"out":     "You are signed out.",
}

// home shows the account to who is signed in, and the way in to everybody else.
func (h *handler) home(w http.ResponseWriter, r *http.Request) {
	h.show(w, r, http.StatusOK, notices[r.URL.Query().Get("said")], "")
}

func (h *handler) show(w http.ResponseWriter, r *http.Request, status int, said, fault string) {
	v := &view{Domain: h.config.Domain, Said: said, Fault: fault}
	of, err := h.session(r)
	if err == nil && of != nil {
		err = h.fill(r, v, of)
	}
	if err != nil && !errors.Is(err, login.ErrNoSession) {
		f := h.fault(r, err)
		status, v = f.status, &view{Domain: h.config.Domain, Fault: f.said}
	}
	name := "signin.html"
	if v.Name != "" {
		name = "account.html"
	}
	var b bytes.Buffer
	if err := h.templates.ExecuteTemplate(&b, name, v); err != nil {
		h.fault(r, err)
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // to a browser that may be gone
}

// fill puts an account into a view.
func (h *handler) fill(r *http.Request, v *view, of *login.Session) error {
	keys, err := h.config.Passkeys.List(r.Context(), of)
	if err != nil {
		return err
	}
	sessions, err := h.config.Accounts.Sessions(r.Context(), of)
	if err != nil {
		return err
	}
	events, err := h.config.Accounts.Trail(r.Context(), of)
	if err != nil {
		return err
	}
	slices.Reverse(sessions)
	slices.Reverse(events)
	v.Name, v.Current, v.Passkeys, v.Second, v.Sessions = of.Name, of.ID, keys.Passkeys, keys.Second, sessions
	v.Events = events[:min(len(events), shownEvents)]
	v.Fresh = h.config.Now().Sub(of.Created) < login.Fresh
	return nil
}

// do does what a form asks for, and shows the page again.
func (h *handler) do(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		h.show(w, r, http.StatusBadRequest, "", "That form cannot be read.")
		return
	}
	of, err := h.session(r)
	if err == nil && of == nil {
		err = login.ErrNoSession
	}
	said := ""
	if err == nil {
		said, err = h.act(w, r, of)
	}
	if err != nil {
		f := h.fault(r, err)
		h.show(w, r, f.status, "", f.said)
		return
	}
	http.Redirect(w, r, Root+"/?said="+said, http.StatusSeeOther)
}

// act returns the name of a notice.
func (h *handler) act(w http.ResponseWriter, r *http.Request, of *login.Session) (string, error) {
	ctx, keys, accounts := r.Context(), h.config.Passkeys, h.config.Accounts
	id := r.PostForm.Get("id")
	switch r.PostForm.Get("action") {
	case "rename":
		return "renamed", keys.Rename(ctx, of, id, r.PostForm.Get("name"))
	case "remove":
		return "removed", keys.Remove(ctx, of, id)
	case "second":
		return "second", keys.SetSecond(ctx, of, true)
	case "alone":
		return "alone", keys.SetSecond(ctx, of, false)
	case "revoke":
		if id == of.ID {
			h.setSession(w, r, "")
		}
		return "revoked", accounts.Revoke(ctx, of, id)
	case "others":
		_, err := accounts.RevokeAll(ctx, of, true)
		return "others", err
	case "out":
		h.setSession(w, r, "")
		return "out", accounts.Revoke(ctx, of, of.ID)
	}
	return "", auth.ErrMalformed
}
