package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kith-kt/kith/internal/daemon"
)

// metrics are what /metrics shows of a watch.
type metrics struct {
	registry  *prometheus.Registry
	size      prometheus.Gauge
	timestamp prometheus.Gauge
	signed    prometheus.Gauge
	passed    prometheus.Gauge
	misbehave prometheus.Gauge
	leaves    prometheus.Counter
	failures  prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{registry: daemon.NewRegistry()}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		m.registry.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	m.size = gauge("kith_auditor_audited_entries", "Log entries audited.")
	m.timestamp = gauge("kith_auditor_head_timestamp_seconds", "Timestamp of the rightmost audited entry.")
	m.signed = gauge("kith_auditor_signed_size", "Size of the newest head that the provider took.")
	m.passed = gauge("kith_auditor_last_pass_timestamp_seconds", "When the log was last found in order up to its checkpoint.")
	m.misbehave = gauge("kith_auditor_misbehaviour", "1 if the provider was found to misbehave.")
	m.leaves = counter("kith_auditor_leaves_total", "Leaves added and removed by audited entries.")
	m.failures = counter("kith_auditor_failures_total", "Passes that could not be finished.")
	return m
}

// newServer serves /metrics and /healthz.
func newServer(m *metrics, health *daemon.Health) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{DisableCompression: true, MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if err := health.Err(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, oneLine(err.Error()))
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
}
