package page

import (
	"errors"
	"net/http"
	"strings"

	"github.com/kith-kt/kith/srp/login"
)

// Names of the cookie. With the prefix, browsers take it from this very host over
// TLS only, so that no neighbour can set one (session fixation).
const (
	cookieName = "__Host-kith"
	plainName  = "kith" // on localhost without TLS, for tests and demos
)

// setSession makes a session the browser's, until it is closed; "" forgets it.
// Guard has seen that the Origin is one of ours.
func (h *handler) setSession(w http.ResponseWriter, r *http.Request, token string) {
	c := &http.Cookie{Name: cookieName, Value: token, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode}
	if !strings.HasPrefix(r.Header.Get("Origin"), "https:") {
		c.Name, c.Secure = plainName, false
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// session returns the browser's session, or nil.
func (h *handler) session(r *http.Request) (*login.Session, error) {
	c, err := r.Cookie(cookieName)
	if err != nil && h.plain {
		c, err = r.Cookie(plainName)
	}
	if err != nil {
		return nil, nil // http.ErrNoCookie
	}
	of, err := h.config.Accounts.Session(r.Context(), c.Value)
	if errors.Is(err, login.ErrNoSession) {
		return nil, nil
	}
	return of, err
}
