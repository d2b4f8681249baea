package httpapi

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

func (h *handler) logins(r chi.Router) {
	s := h.config.Service
	id := func(r *http.Request) string { return chi.URLParam(r, "handshake") }
	at := func(from login.Requester, device string) login.Requester {
		from.Device = device
		return from
	}
	r.Post("/login/srp", open(h, "srp", func(ctx context.Context, _ *http.Request, from login.Requester, q *auth.SRPStart) (any, error) {
		c, err := s.BeginSRP(ctx, at(from, q.Device), q.Name, q.Profile, q.A, login.For{Recovery: q.Recovery})
		if err != nil {
			return nil, err
		}
		return &auth.SRPChallenge{Handshake: c.Handshake, Profile: c.Profile, KDF: c.KDF, Salt: c.Salt, B: c.B}, nil
	}))
	r.Post("/login/srp/{handshake}", open(h, "srp-finish", func(ctx context.Context, r *http.Request, from login.Requester, q *auth.SRPFinish) (any, error) {
		return grantOf(s.FinishSRP(ctx, at(from, q.Device), id(r), q.M1))
	}))
	r.Post("/opaque", open(h, "opaque-register", func(ctx context.Context, _ *http.Request, from login.Requester, q *auth.OPAQUERequest) (any, error) {
		b, err := s.RegisterOPAQUE(ctx, from, q.Name, q.Request)
		if err != nil {
			return nil, err
		}
		return &auth.OPAQUEResponse{Response: b}, nil
	}))
	r.Post("/login/opaque", open(h, "opaque", func(ctx context.Context, _ *http.Request, from login.Requester, q *auth.OPAQUEStart) (any, error) {
		c, err := s.BeginOPAQUE(ctx, at(from, q.Device), q.Name, q.KE1)
		if err != nil {
			return nil, err
		}
		return &auth.OPAQUEChallenge{Handshake: c.Handshake, KE2: c.KE2}, nil
	}))
	r.Post("/login/opaque/{handshake}", open(h, "opaque-finish", func(ctx context.Context, r *http.Request, from login.Requester, q *auth.OPAQUEFinish) (any, error) {
		return grantOf(s.FinishOPAQUE(ctx, at(from, q.Device), id(r), q.KE3))
	}))
	r.Post("/login/device", open(h, "device", func(ctx context.Context, _ *http.Request, from login.Requester, q *auth.NameStart) (any, error) {
		c, err := s.BeginDevice(ctx, at(from, q.Device), q.Name)
		if err != nil {
			return nil, err
		}
		return &auth.DeviceChallenge{Handshake: c.Handshake, Message: c.Message}, nil
	}))
	r.Post("/login/device/{handshake}", open(h, "device-finish", func(ctx context.Context, r *http.Request, from login.Requester, q *auth.DeviceFinish) (any, error) {
		return grantOf(s.FinishDevice(ctx, at(from, q.Device), id(r), q.Key, q.Signature))
	}))
	r.Post("/login/sealed", open(h, "sealed", func(ctx context.Context, _ *http.Request, from login.Requester, q *auth.NameStart) (any, error) {
		c, err := s.BeginSealed(ctx, at(from, q.Device), q.Name)
		if err != nil {
			return nil, err
		}
		return &auth.SealedChallenge{Handshake: c.Handshake, Sealed: c.Sealed}, nil
	}))
	r.Post("/login/sealed/{handshake}", open(h, "sealed-finish", func(ctx context.Context, r *http.Request, from login.Requester, q *auth.SealedFinish) (any, error) {
		return grantOf(s.FinishSealed(ctx, at(from, q.Device), id(r), q.Nonce))
	}))
	r.Post("/login/totp/{handshake}", open(h, "totp-finish", func(ctx context.Context, r *http.Request, from login.Requester, q *auth.Code) (any, error) {
		return grantOf(s.FinishTOTP(ctx, at(from, q.Device), id(r), q.Code))
	}))
	r.Post("/recovery/spare", open(h, "spare", func(ctx context.Context, _ *http.Request, from login.Requester, q *auth.ProofOnly) (any, error) {
		m2, spare, err := s.Spare(ctx, at(from, q.Device), proof(&q.Proof))
		if err != nil {
			return nil, err
		}
		return &auth.Spare{M2: m2, Spare: spare}, nil
	}))
	r.Post("/recovery", open(h, "recover", func(ctx context.Context, _ *http.Request, from login.Requester, q *auth.Change) (any, error) {
		return grantOf(s.Recover(ctx, at(from, q.Device), proof(&q.Proof), change(q)))
	}))
}

// grantOf is a grant as it travels.
func grantOf(g *login.Grant, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	out := &auth.Grant{Token: g.Token, M2: g.M2, Device: g.Device, Backup: g.Backup, Upgrade: g.Upgrade, Needs: g.Needs, Handshake: g.Handshake}
	if g.Session != nil {
		one := session(g.Session)
		out.Session = &one
	}
	return out, nil
}

func session(s *login.Session) auth.Session {
	return auth.Session{ID: s.ID, Name: s.Name, Created: s.Created, Used: s.Used, Expires: s.Expires, How: s.How}
}

func credential(c *auth.Credential) login.Credential {
	return login.Credential{Protocol: c.Protocol, Profile: c.Profile, KDF: c.KDF, Salt: c.Salt, Verifier: c.Verifier, Record: c.Record}
}

func optional(c *auth.Credential) *login.Credential {
	if c == nil {
		return nil
	}
	out := credential(c)
	return &out
}

func proof(p *auth.Proof) *login.Proof {
	return &login.Proof{Protocol: p.Protocol, Handshake: p.Handshake, Message: p.Message}
}

func change(q *auth.Change) *login.Change {
	return &login.Change{Password: credential(&q.Password), Backup: q.Backup, Recovery: optional(q.Recovery), Spare: q.Spare}
}
