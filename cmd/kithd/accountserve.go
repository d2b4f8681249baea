package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/internal/daemon"
	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/bonafide"
	"github.com/kith-kt/kith/srp/login/httpapi"
	"github.com/kith-kt/kith/srp/login/page"
	"github.com/kith-kt/kith/srp/login/passkey"
)

// handler puts the account service before what serves the log: /auth/v1, the login
// page where there are passkeys, and for LEAP's clients /1 and /provider.json.
func (a *accounts) handler(log http.Handler, trustProxy, leap bool, logger *slog.Logger) (http.Handler, error) {
	if a.service == nil {
		return log, nil
	}
	address := func(r *http.Request) netip.Addr { return daemon.Address(r, trustProxy) }
	parts := map[string]http.Handler{}
	config := httpapi.Config{Service: a.service, Info: a.info(), Address: address, Registry: a.op.Metrics(), Logger: logger}
	if len(a.settings.Origins) > 0 {
		keys, err := a.passkeys()
		if err != nil {
			return nil, failed(fmt.Errorf("%s: accounts: %w", operator.ConfigFile, err), "origins are like https://example.org, at or below passkey_id, which is "+a.passkeyID())
		}
		config.More, config.Info.Factors = keys.Routes, append(config.Info.Factors, "passkey")
		if parts[page.Root], err = page.New(page.Config{Accounts: a.service, Passkeys: keys, Domain: a.names.domain, Address: address, Logger: logger}); err != nil {
			return nil, err
		}
	}
	service, err := httpapi.New(config)
	if err != nil {
		return nil, err
	}
	parts[auth.Root] = service
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

// passkeys returns the service of passkeys.
func (a *accounts) passkeys() (*passkey.Service, error) {
	return passkey.New(passkey.Config{Accounts: a.service, ID: a.passkeyID(), Origins: a.settings.Origins, Rand: rand.Reader})
}

func (a *accounts) passkeyID() string {
	if a.settings.PasskeyID != "" {
		return a.settings.PasskeyID
	}
	return a.names.domain
}

// originsOf returns which of a provider's addresses its browsers may use passkeys at,
// under the name of the domain.
func originsOf(domain string, addresses []string) (origins []string) {
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
			continue
		}
		if host := u.Hostname(); host == domain || strings.HasSuffix(host, "."+domain) {
			origins = append(origins, u.Scheme+"://"+u.Host)
		}
	}
	return origins
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
		w.Header().Set("Cache-Control", "no-store") // it names the host that was asked
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
