// Package httpapi serves an account service under /auth/v1, as proto/openapi.yaml
// describes it: JSON (package auth), with problem documents (RFC 9457) for what
// goes wrong.
//
// Names, tokens, codes and addresses are neither logged nor counted.
//
// Clients of others work with what they have, if the service takes their profile
// (login.Config.Weak) or has their context; cmd/systemtest runs them:
//
//	fast-srp-hap           srp.HAP, with a group and SHA-2 that its parameters name
//	jsrp                   srp.Short, with a group and SHA-256
//	@serenity-kit/opaque   login.Config.OPAQUEContext empty; identifiers: client the
//	                       name, server the domain; any keyStretching, which the
//	                       server never sees; its base64 is the one used here
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/kith-kt/kith/internal/daemon"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// Config is what a handler needs. Service is required.
type Config struct {
	Service *login.Service
	Info    auth.Info
	// Address returns where a request comes from.
	Address func(*http.Request) netip.Addr
	// More mounts what other packages add below /auth/v1, such as passkeys.
	More func(chi.Router, *Kit)
	// Limits bound what strangers can make the service do.
	Limits Limits
	// Registry gets the handler's metrics. Default: a new one.
	Registry *prometheus.Registry
	// Logger is told of faults. Default: none.
	Logger *slog.Logger
}

// A Kit is what handlers of other packages use to read requests and to answer.
type Kit struct{ h *handler }

type handler struct {
	config  Config
	limits  *limiter
	faults  *rate.Limiter
	answers *prometheus.CounterVec
}

// New returns the handler of everything below /auth/v1.
func New(c Config) (http.Handler, error) {
	if c.Service == nil {
		return nil, errors.New("httpapi: no service")
	}
	if c.Address == nil {
		c.Address = func(r *http.Request) netip.Addr {
			a, _ := netip.ParseAddrPort(r.RemoteAddr)
			return a.Addr()
		}
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	limits, err := newLimiter(c.Limits)
	if err != nil {
		return nil, err
	}
	h := &handler{
		config: c, limits: limits, faults: rate.NewLimiter(1, 10),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kith_auth_answers_total", Help: "Answers of the account service, by operation and status."}, []string{"operation", "status"}),
	}
	if err := c.Registry.Register(h.answers); err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	r.Route(auth.Root, func(r chi.Router) {
		h.routes(r)
		if c.More != nil {
			c.More(r, &Kit{h})
		}
	})
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { h.decline(w, r, "none", errNoPath) })
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) { h.decline(w, r, "none", errMethod) })
	return r, nil
}

func (h *handler) routes(r chi.Router) {
	s := h.config.Service
	r.Get("/info", h.plain("info", func(*http.Request, login.Requester) (any, error) { return h.config.Info, nil }))
	r.Post("/accounts", open(h, "register", func(ctx context.Context, _ *http.Request, from login.Requester, q *auth.Registration) (any, error) {
		return grantOf(s.Register(ctx, from, &login.Registration{
			Name: q.Name, Password: credential(&q.Password), Backup: q.Backup, Recovery: optional(q.Recovery), Spare: q.Spare, Invite: q.Invite,
		}))
	}))
	h.logins(r)
	h.account(r)
}

// An operation answers a decoded request.
type operation[Q any] func(ctx context.Context, r *http.Request, from login.Requester, q *Q) (any, error)

// open serves an operation that needs no session.
func open[Q any](h *handler, name string, do operation[Q]) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := new(Q)
		h.serve(w, r, name, func(ctx context.Context) (any, error) {
			if err := h.read(r, q); err != nil {
				return nil, err
			}
			return do(ctx, r, h.requester(r), q)
		})
	}
}

// owned serves an operation of a session.
func owned[Q any](h *handler, name string, do func(ctx context.Context, r *http.Request, of *login.Session, q *Q) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := new(Q)
		h.serve(w, r, name, func(ctx context.Context) (any, error) {
			of, err := h.session(ctx, r)
			if err != nil {
				return nil, err
			}
			if _, none := any(q).(*struct{}); !none {
				if err := h.read(r, q); err != nil {
					return nil, err
				}
			}
			return do(ctx, r, of, q)
		})
	}
}

func (h *handler) plain(name string, do func(*http.Request, login.Requester) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.serve(w, r, name, func(context.Context) (any, error) { return do(r, h.requester(r)) })
	}
}

// serve bounds how much is done at a time and how long, and answers.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, name string, do func(ctx context.Context) (any, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	err := h.limits.within(w, r, h.requester(r).Network, func() {
		answer, err := do(ctx)
		if err != nil {
			h.decline(w, r, name, err)
			return
		}
		h.answer(w, name, answer)
	})
	if err != nil {
		h.decline(w, r, name, err)
	}
}

func (h *handler) requester(r *http.Request) login.Requester {
	return login.Requester{Network: daemon.Network(h.config.Address(r))}
}

// read decodes the body, which was received.
func (h *handler) read(r *http.Request, q any) error {
	if t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(t) != "application/json" {
		return errMediaType
	}
	return auth.Decode(r.Body, q)
}

// session returns the session of the bearer token.
func (h *handler) session(ctx context.Context, r *http.Request) (*login.Session, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, login.ErrNoSession
	}
	return h.config.Service.Session(ctx, strings.TrimSpace(token))
}
