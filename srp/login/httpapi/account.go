package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// account serves what the owner of a session may do.
func (h *handler) account(r chi.Router) {
	s := h.config.Service
	type none = struct{}
	from := func(r *http.Request, device string) login.Requester {
		q := h.requester(r)
		q.Device = device
		return q
	}
	r.Get("/sessions", owned(h, "sessions", func(ctx context.Context, _ *http.Request, of *login.Session, _ *none) (any, error) {
		all, err := s.Sessions(ctx, of)
		out := &auth.Sessions{Sessions: []auth.Session{}, Current: of.ID}
		for i := range all {
			out.Sessions = append(out.Sessions, session(&all[i]))
		}
		return out, err
	}))
	r.Delete("/sessions", owned(h, "revoke-all", func(ctx context.Context, r *http.Request, of *login.Session, _ *none) (any, error) {
		keep := r.URL.Query().Get("keep")
		if keep != "" && keep != "current" {
			return nil, fmt.Errorf("%w: keep", auth.ErrMalformed)
		}
		n, err := s.RevokeAll(ctx, of, keep == "current")
		return &auth.Ended{Ended: n}, err
	}))
	r.Delete("/sessions/{id}", owned(h, "revoke", func(ctx context.Context, r *http.Request, of *login.Session, _ *none) (any, error) {
		id := chi.URLParam(r, "id")
		if id == "current" {
			id = of.ID
		}
		return nil, s.Revoke(ctx, of, id)
	}))
	r.Put("/password", owned(h, "password", func(ctx context.Context, r *http.Request, of *login.Session, q *auth.Change) (any, error) {
		return grantOf(s.ChangePassword(ctx, from(r, q.Device), of, proof(&q.Proof), change(q)))
	}))
	r.Put("/backup", owned(h, "backup", func(ctx context.Context, _ *http.Request, of *login.Session, q *auth.Backup) (any, error) {
		return nil, s.SetBackup(ctx, of, q.Backup)
	}))
	r.Get("/trail", owned(h, "trail", func(ctx context.Context, _ *http.Request, of *login.Session, _ *none) (any, error) {
		all, err := s.Trail(ctx, of)
		out := &auth.Trail{Events: []auth.Event{}}
		for _, e := range all {
			out.Events = append(out.Events, auth.Event{When: e.When, What: e.What, How: e.How, Session: e.Session})
		}
		return out, err
	}))
	r.Delete("/account", owned(h, "delete", func(ctx context.Context, r *http.Request, of *login.Session, q *auth.ProofOnly) (any, error) {
		return nil, s.Delete(ctx, from(r, q.Device), of, proof(&q.Proof))
	}))
	r.Post("/totp", owned(h, "totp", func(ctx context.Context, _ *http.Request, of *login.Session, _ *none) (any, error) {
		url, err := s.SetTOTP(ctx, of)
		return &auth.TOTP{URL: url}, err
	}))
	r.Put("/totp", owned(h, "totp-confirm", func(ctx context.Context, _ *http.Request, of *login.Session, q *auth.Code) (any, error) {
		return nil, s.ConfirmTOTP(ctx, of, q.Code)
	}))
	r.Delete("/totp", owned(h, "totp-clear", func(ctx context.Context, _ *http.Request, of *login.Session, q *auth.Code) (any, error) {
		return nil, s.ClearTOTP(ctx, of, q.Code)
	}))
}
