package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kith-kt/kith/auditor/watch"
)

// A gauge is one number of a watch, as /metrics shows it, by domain.
type gauge struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*watch.Status) float64
}

// metrics collects the numbers of watches when they are asked for.
type metrics struct {
	watches []*watch.Watch
	gauges  []gauge
}

func newMetrics(watches []*watch.Watch) *metrics {
	m := &metrics{watches: watches}
	add := func(name, help string, kind prometheus.ValueType, value func(*watch.Status) float64) {
		m.gauges = append(m.gauges, gauge{prometheus.NewDesc(name, help, []string{"domain"}, nil), kind, value})
	}
	one := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	seconds := func(t time.Time) float64 {
		if t.IsZero() {
			return 0
		}
		return float64(t.UnixMilli()) / 1000
	}
	add("kith_auditor_audited_entries", "Log entries audited.", prometheus.GaugeValue, func(s *watch.Status) float64 { return float64(s.Size) })
	add("kith_auditor_head_timestamp_seconds", "Timestamp of the rightmost audited entry.", prometheus.GaugeValue, func(s *watch.Status) float64 { return float64(s.Timestamp) / 1000 })
	add("kith_auditor_signed_size", "Size of the newest head that the provider took.", prometheus.GaugeValue, func(s *watch.Status) float64 { return float64(s.SignedSize) })
	add("kith_auditor_cosigned_size", "Size of the newest checkpoint that was cosigned.", prometheus.GaugeValue, func(s *watch.Status) float64 { return float64(s.CosignedSize) })
	add("kith_auditor_last_pass_timestamp_seconds", "When the log was last found in order up to its checkpoint.", prometheus.GaugeValue, func(s *watch.Status) float64 { return seconds(s.LastPass) })
	add("kith_auditor_misbehaviour", "1 if the provider was found to misbehave.", prometheus.GaugeValue, func(s *watch.Status) float64 { return one(s.Misbehaved) })
	add("kith_auditor_findings", "Findings about the provider, also those that do not end the audit.", prometheus.GaugeValue, func(s *watch.Status) float64 { return float64(len(s.Findings)) })
	add("kith_auditor_leaves_total", "Leaves added and removed by audited entries.", prometheus.CounterValue, func(s *watch.Status) float64 { return float64(s.Leaves) })
	add("kith_auditor_failures_total", "Passes that could not be finished.", prometheus.CounterValue, func(s *watch.Status) float64 { return float64(s.Failures) })
	return m
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, g := range m.gauges {
		out <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	for _, w := range m.watches {
		s := w.Status()
		for _, g := range m.gauges {
			out <- prometheus.MustNewConstMetric(g.desc, g.kind, g.value(&s), s.Domain)
		}
	}
}
