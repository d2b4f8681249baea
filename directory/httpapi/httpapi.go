package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

// MediaType is the media type of requests and responses. It names the revision
// of draft-ietf-keytrans-protocol they follow.
const MediaType = "application/vnd.kith.keytrans-526cc8a"

// A Service answers user operations: a directory.Directory.
type Service interface {
	// Do answers one call; its errors wrap the sentinels of proto/problem.
	Do(ctx context.Context, call wire.Call) ([]byte, error)
	// MaxRequest returns the greatest length of a request body, in bytes.
	MaxRequest(op wire.Operation) int
}

// A Log gives views of the newest head that may be shown: a directory.Sequencer.
type Log interface {
	Snapshot() (directory.Snapshot, error)
}

// Config is what a handler needs. Service, Log and Configuration are necessary.
type Config struct {
	Service Service
	Log     Log
	// Configuration is that of the log.
	Configuration *wire.Configuration
	// Auditor takes heads of the auditor; used in ThirdPartyAuditing mode only.
	Auditor directory.AuditorHeads
	// Checkpoint returns the newest signed checkpoint, or nil.
	Checkpoint func() []byte
	// Bound returns the signed checkpoint that heads are bound to, with its
	// cosignatures, and what it says; nil: none is signed yet.
	Bound func() ([]byte, checkpoint.Checkpoint)
	// Document returns the exact bytes of the signed provider document, or nil.
	Document func() []byte
	// Ready returns why the directory cannot answer, for operators, or nil.
	Ready func() error
	// TokenID returns the name of the token with a secret, if there is one.
	// Bearers of tokens have budgets of their own.
	TokenID func(secret string) (id string, ok bool)

	Limits Limits
	// TrustProxy takes the requester's address from the last X-Forwarded-For
	// field. Only behind a proxy that sets it, or requesters name themselves.
	TrustProxy bool
	// Registry gets the handler's metrics and is what /metrics shows. Default:
	// a new one.
	Registry *prometheus.Registry
	// Now is the clock of the limits. Default time.Now.
	Now func() time.Time
	// Logger is told of faults: never a label, a token or an address. Default: none.
	Logger *slog.Logger
}

type handler struct {
	config  Config
	limiter *limiter
	metrics *metrics
	faults  *rate.Limiter // lines in the log about faults

	working  *semaphore.Weighted // answers being computed, but updates
	updating *semaphore.Weighted // updates waiting for their commit
	auditing *semaphore.Weighted // answers to auditors being computed
	heads    *semaphore.Weighted // auditors' heads being verified: updates wait for them
	bodies   *memory             // of large requests being received and worked at
	answers  *memory             // large ones being sent
}

const (
	noStore   = "no-store"
	noCache   = "no-cache"
	immutable = "public, max-age=31536000, immutable"
)

// What auditors may occupy at a time: an answer to them is made of thousands of
// nodes, and must not keep searches out.
const (
	maxAuditing = 8
	maxHeads    = 8
)

// New returns the HTTP interface of a directory. It does not bound connections
// and the time they take: NewServer does.
func New(config Config) (http.Handler, error) {
	h, err := newHandler(config)
	if err != nil {
		return nil, err
	}
	return h.routes(), nil
}

func newHandler(config Config) (*handler, error) {
	if config.Service == nil || config.Log == nil || config.Configuration == nil {
		return nil, errors.New("httpapi: a service, its log and configuration are needed")
	}
	if err := config.Limits.setDefaults(); err != nil {
		return nil, err
	}
	if config.Registry == nil {
		config.Registry = prometheus.NewRegistry()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	metrics, err := newMetrics(config.Registry)
	if err != nil {
		return nil, err
	}
	limiter, err := newLimiter(config.Limits)
	if err != nil {
		return nil, err
	}
	return &handler{
		config:   config,
		limiter:  limiter,
		metrics:  metrics,
		faults:   rate.NewLimiter(1, 20),
		working:  semaphore.NewWeighted(int64(config.Limits.Concurrent)),
		updating: semaphore.NewWeighted(int64(config.Limits.ConcurrentUpdates)),
		auditing: semaphore.NewWeighted(maxAuditing),
		heads:    semaphore.NewWeighted(maxHeads),
		bodies:   newMemory(),
		answers:  newMemory(),
	}, nil
}

func (h *handler) routes() *chi.Mux {
	mux := chi.NewRouter()
	for _, op := range wire.Operations {
		b := searches
		if op == wire.OpUpdate {
			b = updates
		}
		mux.Post("/kt/v1/"+op.String(), h.serve(op.String(), b, h.operation(op)))
	}
	mux.Get("/log/checkpoint", h.serve("checkpoint", reads, h.checkpoint))
	mux.Get("/log/binding", h.serve("binding", reads, h.binding))
	mux.Get("/log/tile/*", h.serve("tile", reads, h.tile))
	mux.Get("/log/updates/*", h.serve("audit-bundle", reads, h.updatesBundle))
	mux.Get("/audit/v1/updates", h.serve("audit-updates", reads, h.auditUpdates))
	mux.Post("/audit/v1/head", h.serve("audit-head", updates, h.auditHead))
	mux.Get("/.well-known/kith.json", h.serve("provider", reads, h.document))
	mux.Get("/metrics", h.serve("metrics", reads, h.showMetrics()))
	mux.Get("/healthz", h.healthz)
	mux.Get("/readyz", h.readyz)
	mux.NotFound(h.serve("other", reads, func(http.ResponseWriter, *http.Request) error { return errNoPath }))
	mux.MethodNotAllowed(h.serve("other", reads, func(w http.ResponseWriter, r *http.Request) error {
		allow := http.MethodGet
		if strings.HasPrefix(r.URL.Path, "/kt/") || r.URL.Path == "/audit/v1/head" {
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
		started := time.Now()
		h.metrics.working.Inc()
		out := &recorder{ResponseWriter: w}
		defer func() {
			h.metrics.working.Dec()
			if fault := recover(); fault != nil {
				h.logFault(r, errPanic)
				h.config.Logger.Error("panic", "operation", name, "value", fault, "stack", stack())
				h.metrics.observe(name, http.StatusInternalServerError, time.Since(started))
				panic(http.ErrAbortHandler) // the connection ends; the directory goes on
			}
			h.metrics.observe(name, out.status(), time.Since(started))
		}()
		out.Header().Set("X-Content-Type-Options", "nosniff")
		err := h.limiter.spend(h.requester(r), b, h.config.Now())
		if err == nil {
			err = answer(out, r)
		}
		if err != nil {
			h.decline(out, r, err)
		}
	}
}

func (h *handler) showMetrics() func(http.ResponseWriter, *http.Request) error {
	show := promhttp.HandlerFor(h.config.Registry, promhttp.HandlerOpts{DisableCompression: true, MaxRequestsInFlight: 4})
	return func(w http.ResponseWriter, r *http.Request) error {
		show.ServeHTTP(w, r)
		return nil
	}
}
