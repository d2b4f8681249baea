package passkey

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/httpapi"
)

// Routes mounts the passkeys' part of /auth/v1 (httpapi.Config.More).
func (s *Service) Routes(r chi.Router, k *httpapi.Kit) {
	r.Post("/login/passkey", func(w http.ResponseWriter, r *http.Request) {
		k.Serve(w, r, "passkey", func(ctx context.Context) (any, error) {
			q := new(auth.PasskeyStart)
			if err := k.Read(w, r, q); err != nil {
				return nil, err
			}
			if q.Handshake != "" {
				return message(s.BeginSecond(ctx, k.Requester(r, ""), q.Handshake))
			}
			return message(s.Begin(ctx, k.Requester(r, "")))
		})
	})
	r.Post("/login/passkey/{handshake}", func(w http.ResponseWriter, r *http.Request) {
		k.Serve(w, r, "passkey-finish", func(ctx context.Context) (any, error) {
			q := new(auth.PasskeyFinish)
			if err := k.Read(w, r, q); err != nil {
				return nil, err
			}
			return httpapi.Grant(s.Finish(ctx, k.Requester(r, q.Device), chi.URLParam(r, "handshake"), q.Credential))
		})
	})
	r.Post("/passkeys/options", owned(k, "passkey-options", func(ctx context.Context, r *http.Request, of *login.Session, _ *struct{}) (any, error) {
		return message(s.BeginMake(ctx, k.Requester(r, ""), of))
	}))
	r.Post("/passkeys", owned(k, "passkey-new", func(ctx context.Context, r *http.Request, of *login.Session, q *auth.PasskeyNew) (any, error) {
		return s.Make(ctx, k.Requester(r, ""), of, q.Handshake, q.Name, q.Credential)
	}))
	r.Get("/passkeys", owned(k, "passkeys", func(ctx context.Context, _ *http.Request, of *login.Session, _ *struct{}) (any, error) {
		return s.List(ctx, of)
	}))
	r.Put("/passkeys", owned(k, "passkey-second", func(ctx context.Context, _ *http.Request, of *login.Session, q *auth.PasskeySecond) (any, error) {
		return nil, s.SetSecond(ctx, of, q.Second)
	}))
	r.Put("/passkeys/{id}", owned(k, "passkey-name", func(ctx context.Context, r *http.Request, of *login.Session, q *auth.PasskeyName) (any, error) {
		return nil, s.Rename(ctx, of, chi.URLParam(r, "id"), q.Name)
	}))
	r.Delete("/passkeys/{id}", owned(k, "passkey-remove", func(ctx context.Context, r *http.Request, of *login.Session, _ *struct{}) (any, error) {
		return nil, s.Remove(ctx, of, chi.URLParam(r, "id"))
	}))
	r.Post("/passkeys/link", owned(k, "passkey-link", func(ctx context.Context, _ *http.Request, of *login.Session, _ *struct{}) (any, error) {
		return s.Link(ctx, of)
	}))
}

// owned serves an operation of a session. Q is struct{} where there is no body.
func owned[Q any](k *httpapi.Kit, name string, do func(ctx context.Context, r *http.Request, of *login.Session, q *Q) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		k.Serve(w, r, name, func(ctx context.Context) (any, error) {
			of, err := k.Session(ctx, r)
			if err != nil {
				return nil, err
			}
			q := new(Q)
			if _, none := any(q).(*struct{}); !none {
				if err := k.Read(w, r, q); err != nil {
					return nil, err
				}
			}
			return do(ctx, r, of, q)
		})
	}
}

func message(c *Challenge, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return &auth.PasskeyChallenge{Handshake: c.Handshake, Options: c.Options}, nil
}
