// Package witness lets logs ask an auditor for its cosignature: the HTTP side of
// C2SP tlog-witness, "add-checkpoint". Unlike other witnesses this one cosigns only
// what it has fully audited, so its cosignature says more than that a log has one
// history.
package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/checkpoint"
)

// Path is where add-checkpoint is asked.
const Path = "POST /add-checkpoint"

// Defaults of Options.
const (
	DefaultWait        = 20 * time.Second
	DefaultConcurrency = 16
)

// What askers can take before it is known that a log has signed what they send.
const (
	receivers = 16              // requests that are received, for each that is answered
	sending   = 5 * time.Second // to send one
)

// A Log is one log that is audited: a *watch.Watch.
type Log interface {
	Log() *pass.Log
	// Await returns once size entries were audited, or why that cannot be.
	Await(ctx context.Context, size uint64) error
	// Cosign cosigns a signed checkpoint; see Watch.Cosign for its errors.
	Cosign(note []byte, older uint64, proof []checkpoint.Hash) (line []byte, err error)
	// Cosigned returns the checkpoint that was cosigned last, nil for none.
	Cosigned() []byte
}

// Options bound what askers can take. The zero value is good.
type Options struct {
	Wait        time.Duration // for entries that are not audited yet; 0: DefaultWait
	Concurrency int           // requests that are answered at one time; 0: DefaultConcurrency
	Logger      *slog.Logger  // nil: nothing is logged
}

// ErrOrigin is two logs of one origin: which of them is asked about, nobody can say.
var ErrOrigin = errors.New("two logs have one origin")

type handler struct {
	logs      map[string]Log // by origin
	o         Options
	receiving chan struct{}
	slots     chan struct{}
}

// New returns the handler of add-checkpoint for logs of different origins; its error
// is ErrOrigin.
func New(logs []Log, o Options) (http.Handler, error) {
	if o.Wait == 0 {
		o.Wait = DefaultWait
	}
	if o.Concurrency == 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &handler{map[string]Log{}, o, make(chan struct{}, receivers*o.Concurrency), make(chan struct{}, o.Concurrency)}
	for _, l := range logs {
		origin := l.Log().Verifier.Origin()
		if h.logs[origin] != nil {
			return nil, fmt.Errorf("%w: %s", ErrOrigin, origin)
		}
		h.logs[origin] = l
	}
	return h, nil
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	b, err := h.receive(w, r)
	if errors.Is(err, errBusy) {
		decline(w, http.StatusServiceUnavailable, "too many ask at once")
		return
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		decline(w, http.StatusRequestEntityTooLarge, "more than "+strconv.Itoa(checkpoint.MaxAddCheckpoint)+" bytes")
		return
	}
	if err != nil {
		decline(w, http.StatusBadRequest, "the request is cut off")
		return
	}
	a, err := checkpoint.ParseAddCheckpoint(b)
	if err != nil {
		decline(w, http.StatusBadRequest, "malformed request")
		return
	}
	origin, _, _ := bytes.Cut(a.Checkpoint, []byte("\n"))
	log := h.logs[string(origin)]
	if log == nil {
		decline(w, http.StatusNotFound, "unknown log")
		return
	}
	signed, err := log.Log().Verifier.Open(a.Checkpoint)
	if err != nil {
		decline(w, http.StatusForbidden, "not signed by the log's key")
		return
	}
	if a.Old > signed.Size {
		decline(w, http.StatusBadRequest, "the old size is greater than that of the checkpoint")
		return
	}
	select { // only now: strangers have nothing that a log has signed, and must not keep it out
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		decline(w, http.StatusServiceUnavailable, "too many ask at once")
		return
	}
	line, err := h.cosign(r.Context(), log, a, signed)
	if err != nil {
		h.refuse(w, err, string(origin))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(line)
}

var errBusy = errors.New("too many requests at one time")

// receive reads a request, which takes its sender little time.
func (h *handler) receive(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	select {
	case h.receiving <- struct{}{}:
		defer func() { <-h.receiving }()
	default:
		return nil, errBusy
	}
	connection := http.NewResponseController(w) // which has deadlines of its own where it has none of these
	_ = connection.SetReadDeadline(time.Now().Add(sending))
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(checkpoint.MaxAddCheckpoint)))
	if err == nil {
		_ = connection.SetReadDeadline(time.Time{}) // all is sent, and who waits is not cut off
	}
	return b, err
}

// cosign lets the log be audited that far, and cosigns. A size that is not the one
// cosigned last is refused before anybody waits for it.
func (h *handler) cosign(ctx context.Context, log Log, a *checkpoint.AddCheckpoint, signed *checkpoint.Signed) ([]byte, error) {
	line, err := log.Cosign(a.Checkpoint, a.Old, a.Proof)
	if !errors.Is(err, watch.ErrNotAudited) {
		return line, err
	}
	ctx, cancel := context.WithTimeout(ctx, h.o.Wait)
	defer cancel()
	if err := log.Await(ctx, signed.Size); err != nil {
		if _, ok := errors.AsType[*watch.Misbehaved](err); ok {
			return nil, err
		}
		return nil, errors.Join(watch.ErrNotAudited, err)
	}
	return log.Cosign(a.Checkpoint, a.Old, a.Proof)
}

// refuse is the one table from errors to answers.
func (h *handler) refuse(w http.ResponseWriter, err error, origin string) {
	size, wrongSize := errors.AsType[*watch.SizeError](err)
	caught, misbehaved := errors.AsType[*watch.Misbehaved](err)
	switch {
	case wrongSize:
		w.Header().Set("Content-Type", checkpoint.SizeMediaType)
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write(checkpoint.AppendSize(nil, size.Size))
	case misbehaved:
		decline(w, http.StatusForbidden, "this auditor caught the log's provider: evidence "+caught.Finding.ID)
	case errors.Is(err, checkpoint.ErrProof):
		decline(w, http.StatusUnprocessableEntity, "the consistency proof does not hold")
	case errors.Is(err, watch.ErrBack):
		decline(w, http.StatusBadRequest, "the checkpoint is smaller than the one cosigned last")
	case errors.Is(err, watch.ErrNotAudited):
		w.Header().Set("Retry-After", "5")
		decline(w, http.StatusServiceUnavailable, "the log is not audited that far yet")
	default:
		h.o.Logger.Error("not cosigned", "origin", origin, "error", err.Error())
		decline(w, http.StatusServiceUnavailable, "it cannot be cosigned now")
	}
}

func decline(w http.ResponseWriter, status int, why string) { http.Error(w, why, status) }
