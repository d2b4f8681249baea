package operator

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kith-kt/kith/directory"
)

// A meteredStore counts commits and times them.
type meteredStore struct {
	directory.Store
	commits *prometheus.HistogramVec
}

func newMeteredStore(store directory.Store, registry *prometheus.Registry) *meteredStore {
	m := &meteredStore{store, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "kith_commit_duration_seconds",
		Help:    "Durable commits of log entries, by outcome.",
		Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5},
	}, []string{"outcome"})}
	registry.MustRegister(m.commits)
	return m
}

// Commit implements directory.Store.
func (m *meteredStore) Commit(ctx context.Context, batch *directory.Batch) error {
	started := time.Now()
	err := m.Store.Commit(ctx, batch)
	outcome := "ok"
	if err != nil {
		outcome = "failed"
	}
	m.commits.WithLabelValues(outcome).Observe(time.Since(started).Seconds())
	return err
}

func (op *Operator) registerMetrics() {
	head := func(of func(directory.Head) float64) func() float64 {
		return func() float64 {
			snap, err := op.sequencer.Snapshot()
			if err != nil {
				return 0
			}
			defer snap.Release()
			return of(snap.Head())
		}
	}
	for _, g := range []struct {
		name, help string
		value      func() float64
	}{
		{"kith_log_entries", "Size of the log.", head(func(h directory.Head) float64 { return float64(h.Size) })},
		{"kith_log_head_timestamp_seconds", "Time of the newest log entry, since the Unix epoch.",
			head(func(h directory.Head) float64 { return float64(h.Timestamp) / 1000 })},
		{"kith_updates_waiting", "Updates that are queued or being committed.",
			func() float64 { return float64(op.sequencer.Waiting()) }},
		{"kith_provider_document_expires_seconds", "When the provider document expires, since the Unix epoch.",
			func() float64 { return float64(op.document.Load().Expires.Unix()) }},
	} {
		op.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, g.value))
	}
}
