package page

import (
	"errors"
	"net/http"

	"github.com/kith-kt/kith/srp/login"
)

// cookie is the name of the cookie. With the prefix, browsers take it from this
// very host over TLS only, so that no neighbour can set one (session fixation).
func (h *handler) cookie() string {
	if h.secure {
		return "__Host-kith"
	}
	return "kith" // tests and demos on localhost
}

// setSession makes a session the browser's, until it is closed; "" forgets it.
func (h *handler) setSession(w http.ResponseWriter, token string) {
	c := &http.Cookie{Name: h.cookie(), Value: token, Path: "/", HttpOnly: true, Secure: h.secure, SameSite: http.SameSiteStrictMode}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// session returns the browser's session, or nil.
func (h *handler) session(r *http.Request) (*login.Session, error) {
	c, err := r.Cookie(h.cookie())
	if err != nil {
		return nil, nil // http.ErrNoCookie
	}
	of, err := h.config.Accounts.Session(r.Context(), c.Value)
	if errors.Is(err, login.ErrNoSession) {
		return nil, nil
	}
	return of, err
}
