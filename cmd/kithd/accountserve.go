package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/kith-kt/kith/internal/daemon"
	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/bonafide"
	"github.com/kith-kt/kith/srp/login/httpapi"
)

// handler puts the account service before what serves the log: /auth/v1, and for
// LEAP's clients /1 and /provider.json.
func (a *accounts) handler(log http.Handler, trustProxy, leap bool, logger *slog.Logger) (http.Handler, error) {
	if a.service == nil {
		return log, nil
	}
	address := func(r *http.Request) netip.Addr { return daemon.Address(r, trustProxy) }
	service, err := httpapi.New(httpapi.Config{
		Service: a.service, Info: a.info(), Address: address, Registry: a.op.Metrics(), Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	parts := map[string]http.Handler{auth.Root: service}
	if leap {
		if parts["/1"], err = bonafide.New(bonafide.Config{Service: a.service, Address: address, Logger: logger}); err != nil {
			return nil, err
		}
		parts["/provider.json"] = a.leapDocument()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for root, h := range parts {
			if rest, ok := strings.CutPrefix(r.URL.Path, root); ok && (rest == "" || rest[0] == '/') {
				h.ServeHTTP(w, r)
				return
			}
		}
		log.ServeHTTP(w, r)
	}), nil
}

// info says what the service takes.
func (a *accounts) info() auth.Info {
	records := !opaque(a.op)
	return auth.Info{
		Domain: a.names.domain, Registration: a.settings.Registration, Protocols: []string{"srp", "opaque"},
		Profile: login.DefaultProfile, KDF: login.DefaultKDF.String(), Factors: []string{"totp"},
		Devices: records, Sealed: records,
	}
}

// run keeps the service ready until ctx ends.
func (a *accounts) run(ctx context.Context) error {
	if a.service == nil {
		<-ctx.Done()
		return nil
	}
	return a.service.Run(ctx)
}

// leapProfiles are taken for LEAP's clients.
func leapProfiles() []*srp.Profile { return []*srp.Profile{srp.LEAP1024()} }

// leapDocument serves provider.json, by which LEAP's clients find the interface. It
// stands on the log's own address.
func (a *accounts) leapDocument() http.Handler {
	open := a.settings.Registration == "open"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "GET only", http.StatusMethodNotAllowed)
			return
		}
		scheme := "https"
		if r.TLS == nil && isLoopback(r) {
			scheme = "http"
		}
		policy := "closed"
		if open {
			policy = "open"
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"domain": a.names.domain, "name": map[string]string{"en": a.names.domain}, "description": map[string]string{"en": "Accounts of " + a.names.domain},
			"api_uri": scheme + "://" + r.Host, "api_version": "1", "default_language": "en", "languages": []string{"en"},
			"enrollment_policy": policy, "services": []string{},
			"service": map[string]any{"allow_registration": open, "allow_anonymous": false, "allow_free": true, "allow_limited_bandwidth": false, "allow_paid": false, "allow_unlimited_bandwidth": false},
		})
	})
}

// isLoopback reports whether a request was made on this machine, to this machine.
func isLoopback(r *http.Request) bool {
	return daemon.Address(r, false).IsLoopback() && r.Header.Get("X-Forwarded-For") == ""
}
