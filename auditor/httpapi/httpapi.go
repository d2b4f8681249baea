// Package httpapi is what an auditor serves to everybody over HTTP, as
// proto/openapi-auditor.yaml describes it: sightings are taken and answered, what
// was audited is mirrored, evidence is handed out, and a page says how the logs
// are doing.
//
// Whoever hands in what they saw stays anonymous: no address is logged, counted by
// name or written down. Addresses are held in memory, for the limits.
package httpapi

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/semaphore"

	"github.com/kith-kt/kith/auditor/gossip"
)

// A Gossip answers sightings: a gossip.Desks.
type Gossip interface {
	// Answer takes an encoded Sighting of a source and returns the encoded Answer.
	// Its errors wrap ErrMalformed, ErrUnknownLog, ErrSignature or ErrNothing of
	// package gossip.
	Answer(ctx context.Context, sighting []byte, source string) ([]byte, error)
}

// Evidence is a folder of evidence files.
type Evidence interface {
	// Names returns the names of the files, those first that matter most.
	Names() ([]string, error)
	// Read returns the file of a name that Names returned, or, with ".update"
	// after the name, the file beside it.
	Read(name string) ([]byte, error)
}

// A Provider is one log that is followed.
type Provider struct {
	Domain string // in canonical form
	View   gossip.View
	Status func() Status // how it is doing
	// Heads returns the history of the heads that the auditor signed, a JSON value
	// in each line; nil: there is none.
	Heads func() (io.ReadCloser, error)
}

// Config is what a handler needs. Gossip is necessary.
type Config struct {
	Name      string // of the auditor; "": none
	Providers []Provider
	Gossip    Gossip
	Evidence  Evidence // nil: there is none
	// AddCheckpoint answers POST /add-checkpoint (C2SP tlog-witness); nil: there is
	// no such path.
	AddCheckpoint http.Handler
	// Health returns why the auditor does not work, or nil.
	Health func() error

	Limits Limits
	// TrustProxy takes a stranger's address from the last X-Forwarded-For field.
	// Only behind a proxy that sets it, or strangers name themselves.
	TrustProxy bool
	// Registry gets the handler's metrics and is what /metrics shows. Default: a
	// new one.
	Registry *prometheus.Registry
	Now      func() time.Time // default time.Now
	Logger   *slog.Logger     // is told of faults of the auditor; default: none
}

type handler struct {
	config    Config
	limiter   *limiter
	metrics   *metrics
	comparing *semaphore.Weighted
	pages     pages
	files     evidenceCache
}

const (
	noStore   = "no-store"
	noCache   = "no-cache"
	immutable = "public, max-age=31536000, immutable"
	octets    = "application/octet-stream"
)

// New returns the HTTP interface of an auditor. It does not bound connections and
// the time they take: NewServer does.
func New(config Config) (http.Handler, error) {
	h, err := newHandler(config)
	if err != nil {
		return nil, err
	}
	return h.routes(), nil
}

func newHandler(config Config) (*handler, error) {
	if config.Gossip == nil {
		return nil, errors.New("httpapi: nobody answers sightings")
	}
	config.Limits.setDefaults()
	if config.Registry == nil {
		config.Registry = prometheus.NewRegistry()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	metrics, err := newMetrics(config.Registry, config.Providers)
	if err != nil {
		return nil, err
	}
	limiter, err := newLimiter(config.Limits)
	if err != nil {
		return nil, err
	}
	return &handler{
		config: config, limiter: limiter, metrics: metrics,
		comparing: semaphore.NewWeighted(int64(config.Limits.Comparing)),
	}, nil
}

func (h *handler) routes() *chi.Mux {
	mux := chi.NewRouter()
	mux.Post("/gossip/v1/sightings", h.serve("sighting", sightings, h.sighting))
	mux.Get("/gossip/v1/evidence", h.serve("evidence", reads, h.listEvidence))
	mux.Get("/gossip/v1/evidence/{file}", h.serve("evidence", reads, h.evidence))
	mux.Get("/p/{domain}/.well-known/kith.json", h.serve("provider", reads, h.document))
	mux.Get("/p/{domain}/log/checkpoint", h.serve("checkpoint", reads, h.checkpoint))
	mux.Get("/p/{domain}/log/tile/*", h.serve("tile", reads, h.tile))
	mux.Get("/p/{domain}/heads", h.serve("heads", reads, h.heads))
	if h.config.AddCheckpoint != nil {
		mux.Post("/add-checkpoint", h.serve("add-checkpoint", reads, func(w http.ResponseWriter, r *http.Request) error {
			h.config.AddCheckpoint.ServeHTTP(w, r)
			return nil
		}))
	}
	mux.Get("/", h.serve("page", reads, h.page))
	mux.Get("/status.json", h.serve("status", reads, h.status))
	mux.Get("/metrics", h.serve("metrics", reads, h.showMetrics()))
	mux.Get("/healthz", h.healthz)
	mux.NotFound(h.serve("other", reads, func(http.ResponseWriter, *http.Request) error { return errNoPath }))
	mux.MethodNotAllowed(h.serve("other", reads, func(w http.ResponseWriter, r *http.Request) error {
		allow := http.MethodGet
		if r.URL.Path == "/gossip/v1/sightings" || r.URL.Path == "/add-checkpoint" {
			allow = http.MethodPost
		}
		w.Header().Set("Allow", allow)
		return errMethod
	}))
	return mux
}

// serve wraps what answers a request: it may return an error as long as it has
// written nothing.
func (h *handler) serve(name string, b budget, answer func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out := &recorder{ResponseWriter: w}
		defer func() {
			if fault := recover(); fault != nil {
				h.config.Logger.Error("panic", "operation", name, "value", fault)
				h.metrics.observe(name, http.StatusInternalServerError)
				panic(http.ErrAbortHandler) // the connection ends; the auditor goes on
			}
			h.metrics.observe(name, out.code)
		}()
		header := out.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		var err error
		if wait := h.limiter.spend(h.stranger(r), b, h.config.Now()); wait > 0 {
			err = &tooMany{wait}
		} else {
			err = answer(out, r)
		}
		if err != nil {
			h.decline(out, err)
		}
	}
}

// A recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	code int
}

func (r *recorder) WriteHeader(code int) {
	if r.code == 0 {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.code == 0 {
		r.code = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets an http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func write(w http.ResponseWriter, mediaType, cache string, b []byte) {
	header := w.Header()
	header.Set("Content-Type", mediaType)
	header.Set("Cache-Control", cache)
	_, _ = w.Write(b)
}

func (h *handler) showMetrics() func(http.ResponseWriter, *http.Request) error {
	show := promhttp.HandlerFor(h.config.Registry, promhttp.HandlerOpts{DisableCompression: true, MaxRequestsInFlight: 4})
	return func(w http.ResponseWriter, r *http.Request) error {
		show.ServeHTTP(w, r)
		return nil
	}
}

func (h *handler) healthz(w http.ResponseWriter, _ *http.Request) {
	if h.config.Health != nil {
		if err := h.config.Health(); err != nil {
			header := w.Header()
			header.Set("Content-Type", "text/plain; charset=utf-8")
			header.Set("Cache-Control", noStore)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, strings.Join(strings.Fields(err.Error()), " ")+"\n")
			return
		}
	}
	write(w, "text/plain; charset=utf-8", noStore, []byte("ok\n"))
}

// sourceOf names a stranger to package gossip, which bounds what it keeps of each.
func sourceOf(p netip.Prefix) string { return "address " + p.String() }
