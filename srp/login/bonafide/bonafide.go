// Package bonafide serves an account service to the clients of LEAP's Bonafide
// protocol, under /1: SRP-6a over 1024 bits with SHA-256 and no padding
// (srp.LEAP1024), numbers in hexadecimal, requests in JSON or as forms.
//
//	POST   /1/users            user[login], user[password_salt], user[password_verifier]
//	POST   /1/sessions         login, A → B, salt
//	PUT    /1/sessions/LOGIN   client_auth → M2, id, token
//	DELETE /1/logout           Authorization: Token token="…"
//	PUT    /1/users/ID         user[password_salt], user[password_verifier]
//	DELETE /1/users/ID
//
// The protocol proves no password again before it is changed or the account
// deleted; here the session must be fresh (login.Fresh). Its group is small: it is
// for clients that cannot be changed, and off unless asked for.
package bonafide

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/kith-kt/kith/internal/daemon"
	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/httpapi"
)

// cookie names the handshake between the two steps of a login.
const cookie = "_session_id"

// maxBody bounds a request, in octets.
const maxBody = 16 << 10

// Config is what a handler needs. Service is required, and must take the profile
// srp.LEAP1024 (login.Config.Weak).
type Config struct {
	Service *login.Service
	Address func(*http.Request) netip.Addr // nil: that of the connection
	Logger  *slog.Logger                   // nil: none
	Limits  httpapi.Limits
}

type handler struct {
	Config
	profile string
}

// New returns the handler of everything below /1.
func New(c Config) (http.Handler, error) {
	if c.Service == nil {
		return nil, errors.New("bonafide: no service")
	}
	if c.Address == nil {
		c.Address = func(r *http.Request) netip.Addr {
			a, _ := netip.ParseAddrPort(r.RemoteAddr)
			return a.Addr()
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	h := &handler{Config: c, profile: srp.LEAP1024().Name}
	limited, err := c.Limits.Middleware(c.Address, h.decline)
	if err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	r.Route("/1", func(r chi.Router) {
		r.Use(limited)
		r.Post("/users", h.serve(h.register))
		r.Post("/sessions", h.serve(h.begin))
		r.Put("/sessions/{login}", h.serve(h.finish))
		r.Delete("/logout", h.serve(h.logout))
		r.Put("/users/{id}", h.serve(h.change))
		r.Delete("/users/{id}", h.serve(h.remove))
	})
	nowhere := func(status int, message string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { respond(w, status, problem("base", message)) }
	}
	r.NotFound(nowhere(http.StatusNotFound, "not found"))
	r.MethodNotAllowed(nowhere(http.StatusMethodNotAllowed, "method not allowed"))
	return r, nil
}

// fields are the parameters of a request, whatever form they came in.
type fields map[string]string

// serve reads a request, and answers with what do returns.
func (h *handler) serve(do func(w http.ResponseWriter, r *http.Request, f fields) (status int, answer any, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
		defer cancel()
		f, err := read(w, r)
		if err != nil {
			h.decline(w, r, err)
			return
		}
		status, answer, err := do(w, r.WithContext(ctx), f)
		if err != nil {
			h.decline(w, r, err)
			return
		}
		respond(w, status, answer)
	}
}

// read takes parameters from a form or from JSON, where "user" may hold some.
func read(w http.ResponseWriter, r *http.Request) (fields, error) {
	f := fields{}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, login.ErrMalformed
	}
	if len(b) == 0 {
		return f, nil
	}
	switch mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType {
	case "application/json":
		var q struct {
			User       map[string]string `json:"user"`
			Login      string            `json:"login"`
			A          string            `json:"A"`
			ClientAuth string            `json:"client_auth"`
		}
		if err := json.Unmarshal(b, &q); err != nil {
			return nil, login.ErrMalformed
		}
		for k, v := range q.User {
			f["user["+k+"]"] = v
		}
		f["login"], f["A"], f["client_auth"] = q.Login, q.A, q.ClientAuth
	default:
		values, err := url.ParseQuery(string(b))
		if err != nil {
			return nil, login.ErrMalformed
		}
		for k := range values {
			f[k] = values.Get(k)
		}
	}
	return f, nil
}

// number reads hexadecimal digits, also an odd number of them.
func (f fields) number(name string) ([]byte, error) {
	s := f[name]
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) == 0 || len(b) > 512 {
		return nil, login.ErrMalformed
	}
	return b, nil
}

func (h *handler) from(r *http.Request) login.Requester {
	return login.Requester{Network: daemon.Network(h.Address(r))}
}

// credential is the verifier that a client sent.
func (h *handler) credential(f fields) (c login.Credential, err error) {
	c = login.Credential{Protocol: "srp", Profile: h.profile}
	if c.Salt, err = f.number("user[password_salt]"); err != nil {
		return c, err
	}
	c.Verifier, err = f.number("user[password_verifier]")
	return c, err
}

func (h *handler) register(_ http.ResponseWriter, r *http.Request, f fields) (int, any, error) {
	c, err := h.credential(f)
	if err != nil {
		return 0, nil, err
	}
	g, err := h.Service.Register(r.Context(), h.from(r), &login.Registration{Name: f["user[login]"], Password: c, Invite: f["user[invite_code]"]})
	if err != nil {
		return 0, nil, err
	}
	// The protocol's clients log in themselves.
	if err := h.Service.Revoke(r.Context(), g.Session, g.Session.ID); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, map[string]any{"login": f["user[login]"], "id": id(g.Session.Name), "ok": true}, nil
}

func (h *handler) begin(w http.ResponseWriter, r *http.Request, f fields) (int, any, error) {
	a, err := f.number("A")
	if err != nil {
		return 0, nil, err
	}
	c, err := h.Service.BeginSRP(r.Context(), h.from(r), f["login"], h.profile, a, login.For{})
	if err != nil {
		return 0, nil, err
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookie, Value: c.Handshake, Path: "/1", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: 300,
		Secure: r.TLS != nil,
	})
	return http.StatusOK, map[string]string{"B": minimal(c.B), "salt": hex.EncodeToString(c.Salt)}, nil
}

// minimal writes a number without leading zero octets.
func minimal(b []byte) string {
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	return hex.EncodeToString(b)
}

func (h *handler) finish(w http.ResponseWriter, r *http.Request, f fields) (int, any, error) {
	m1, err := f.number("client_auth")
	if err != nil {
		return 0, nil, err
	}
	if n := sha256.Size - len(m1); n > 0 {
		m1 = append(make([]byte, n), m1...) // some write it without leading zeros
	}
	started, err := r.Cookie(cookie)
	if err != nil {
		return 0, nil, login.ErrDenied
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Path: "/1", MaxAge: -1})
	g, err := h.Service.FinishSRP(r.Context(), h.from(r), started.Value, m1)
	if err != nil {
		return 0, nil, err
	}
	if g.Session == nil {
		return 0, nil, login.ErrDenied // a second factor, which the protocol does not know
	}
	return http.StatusOK, map[string]string{"M2": hex.EncodeToString(g.M2), "id": id(g.Session.Name), "token": g.Token}, nil
}

// id names a user to the protocol's clients.
func id(name string) string {
	sum := sha256.Sum256([]byte("kith bonafide id " + name))
	return hex.EncodeToString(sum[:16])
}

// session returns the session of a token: Authorization: Token token="…".
func (h *handler) session(r *http.Request) (*login.Session, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Token token=")
	if !ok {
		return nil, login.ErrNoSession
	}
	return h.Service.Session(r.Context(), strings.Trim(token, `"`))
}

// owner returns the session, if it is of the user in the path.
func (h *handler) owner(r *http.Request) (*login.Session, error) {
	of, err := h.session(r)
	if err != nil {
		return nil, err
	}
	if chi.URLParam(r, "id") != id(of.Name) {
		return nil, login.ErrDenied
	}
	return of, nil
}

func (h *handler) logout(_ http.ResponseWriter, r *http.Request, _ fields) (int, any, error) {
	of, err := h.session(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, h.Service.Revoke(r.Context(), of, of.ID)
}

func (h *handler) change(_ http.ResponseWriter, r *http.Request, f fields) (int, any, error) {
	of, err := h.owner(r)
	if err != nil {
		return 0, nil, err
	}
	c, err := h.credential(f)
	if err != nil {
		return 0, nil, err
	}
	g, err := h.Service.ChangePasswordFresh(r.Context(), h.from(r), of, &login.Change{Password: c})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"id": id(of.Name), "token": g.Token, "ok": true}, nil
}

func (h *handler) remove(_ http.ResponseWriter, r *http.Request, _ fields) (int, any, error) {
	of, err := h.owner(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, h.Service.DeleteFresh(r.Context(), h.from(r), of)
}

// decline answers as the protocol's clients expect it: errors by field.
func (h *handler) decline(w http.ResponseWriter, r *http.Request, err error) {
	status, field, message, retry := http.StatusServiceUnavailable, "base", "service unavailable", 5*time.Second
	switch {
	case errors.Is(err, login.ErrDenied):
		status, message = http.StatusUnauthorized, "Not a valid username/password combination"
	case errors.Is(err, login.ErrNoSession):
		status, message = http.StatusUnauthorized, "Please log in to perform that action."
	case errors.Is(err, login.ErrTaken):
		status, field, message = http.StatusUnprocessableEntity, "login", "has already been taken"
	case errors.Is(err, login.ErrName):
		status, field, message = http.StatusUnprocessableEntity, "login", "is invalid"
	case errors.Is(err, login.ErrInvite):
		status, field, message = http.StatusUnprocessableEntity, "invite_code", "This is not a valid code"
	case errors.Is(err, login.ErrWeak), errors.Is(err, login.ErrMalformed), errors.Is(err, auth.ErrMalformed):
		status, message = http.StatusUnprocessableEntity, "is invalid"
	case errors.Is(err, login.ErrThrottled):
		status, message = http.StatusTooManyRequests, "too many attempts"
		if t, ok := errors.AsType[*login.ThrottledError](err); ok {
			retry = max(time.Second, t.After)
		}
	case errors.Is(err, login.ErrBusy):
		retry = time.Second
	default:
		if r.Context().Err() == nil {
			h.Logger.Error("bonafide", "error", err)
		}
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(retry.Seconds()))))
	}
	respond(w, status, problem(field, message))
}

// problem says what is wrong with a field.
func problem(field, message string) any {
	return map[string]any{"errors": map[string]any{field: []string{message}}}
}

func respond(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Cache-Control", "no-store")
	if answer == nil {
		w.WriteHeader(status)
		return
	}
	b, err := json.Marshal(answer)
	if err != nil {
		panic(err) // our own maps
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // to a requester who may be gone
}
