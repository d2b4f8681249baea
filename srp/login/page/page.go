// Package page serves the login page of a provider under /login: plain HTML, one
// style sheet and one script, all from here. People sign in with a passkey, make
// one by a link that was given to them where they are logged in, and see and end
// their sessions.
//
// Passwords are not typed into it. Who could change the script could read them:
// that is what the password protocols exist to prevent.
//
// A browser's session is a cookie that no script can read and no other site can
// send. Whatever changes something is a POST, and names an origin of this service.
package page

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/time/rate"

	"github.com/kith-kt/kith/internal/daemon"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/httpapi"
	"github.com/kith-kt/kith/srp/login/passkey"
)

// Root is where the page is.
const Root = "/login"

// Config is what a handler needs. Accounts, Passkeys and Domain are required.
type Config struct {
	Accounts *login.Service
	Passkeys *passkey.Service
	Domain   string
	// Address returns where a request comes from. Default: the connection's.
	Address func(*http.Request) netip.Addr
	// Limits bound what strangers can make the page do. Default: 64 requests in work
	// and 256 bodies on their way at a time, and else as httpapi has it.
	Limits httpapi.Limits
	Now    func() time.Time // default time.Now
	// Logger is told of faults, never of names. Default: none.
	Logger *slog.Logger
}

//go:embed files
var embedded embed.FS

type handler struct {
	config    Config
	templates *template.Template
	assets    map[string]*asset
	limited   func(http.Handler) http.Handler
	faults    *rate.Limiter
	plain     bool // an origin is without TLS: localhost
}

// An asset is a file that pages load.
type asset struct {
	body      []byte
	mediaType string
	tag       string // of these octets
}

// New returns the handler of everything at and below Root.
func New(c Config) (http.Handler, error) {
	if c.Accounts == nil || c.Passkeys == nil || c.Domain == "" {
		return nil, errors.New("page: Accounts, Passkeys and Domain are required")
	}
	if c.Address == nil {
		c.Address = func(r *http.Request) netip.Addr {
			a, _ := netip.ParseAddrPort(r.RemoteAddr)
			return a.Addr()
		}
	}
	for n, normal := range map[*int64]int64{&c.Limits.Concurrent: 64, &c.Limits.Bodies: 256} {
		if *n == 0 {
			*n = normal
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	h := &handler{
		config: c, assets: map[string]*asset{}, faults: rate.NewLimiter(1, 10),
		plain: slices.ContainsFunc(c.Passkeys.Origins(), func(o string) bool { return !strings.HasPrefix(o, "https:") }),
	}
	var err error
	if h.limited, err = c.Limits.Middleware(c.Address, h.decline); err != nil {
		return nil, err
	}
	if h.templates, err = template.New("").Funcs(template.FuncMap{"asset": h.address}).ParseFS(embedded, "files/*.html"); err != nil {
		return nil, err
	}
	for name, mediaType := range map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		b, err := fs.ReadFile(embedded, "files/"+name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		h.assets[name] = &asset{b, mediaType, base64.RawURLEncoding.EncodeToString(sum[:9])}
	}
	return h.routes(), nil
}

func (h *handler) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(h.guard, h.limited)
	r.Route(Root, func(r chi.Router) {
		r.Get("/", h.home)
		r.Get("/files/{tag}/{name}", h.asset)
		r.Post("/begin", h.begin)
		r.Post("/finish", h.finish)
		r.Post("/link", h.openLink)
		r.Post("/link/options", h.linkOptions)
		r.Post("/link/finish", h.linkFinish)
		r.Post("/passkeys/options", h.makeOptions)
		r.Post("/passkeys/finish", h.makeFinish)
		r.Post("/do", h.do)
	})
	r.NotFound(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no such page", http.StatusNotFound) })
	return r
}

// policy is what browsers let the page do: load its own style sheet, script and
// icon, and send to this service.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard sets what every answer carries, and refuses what other sites send.
func (h *handler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "same-origin") // no-referrer would hide the Origin of forms
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()")
		header.Set("Cache-Control", "no-store")
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !slices.Contains(h.config.Passkeys.Origins(), r.Header.Get("Origin")) {
			http.Error(w, "this came from another site", http.StatusForbidden)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// decline refuses a request that is beyond the limits.
func (h *handler) decline(w http.ResponseWriter, r *http.Request, err error) {
	f := h.fault(r, err)
	if f.status == http.StatusTooManyRequests || f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, f.said, f.status)
}

func (h *handler) requester(r *http.Request) login.Requester {
	return login.Requester{Network: daemon.Network(h.config.Address(r))}
}

// address is where a page loads an asset from: it changes with its octets.
func (h *handler) address(name string) string {
	return Root + "/files/" + h.assets[name].tag + "/" + name
}

func (h *handler) asset(w http.ResponseWriter, r *http.Request) {
	a := h.assets[chi.URLParam(r, "name")]
	if a == nil || a.tag != chi.URLParam(r, "tag") {
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", a.mediaType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(a.body) // to a browser that may be gone
}
