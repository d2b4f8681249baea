package httpapi

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count requests by what was asked and how it ended: never by whom.
type metrics struct{ requests *prometheus.CounterVec }

// gossiped is what came of sightings, by domain.
type gossiped struct{ providers []Provider }

func gossipDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("kith_auditor_"+name, help, []string{"domain"}, nil)
}

var (
	descAgreed  = gossipDesc("sightings_agreed_total", "Heads and checkpoints handed in that are the audited ones.")
	descDropped = gossipDesc("sightings_dropped_total", "Heads and checkpoints ahead of the audit for which there was no room.")
	descApart   = gossipDesc("sightings_apart_total", "Lists of distinguished roots without overlap: not signed, so no proof.")
	descWaiting = gossipDesc("sightings_waiting", "Heads and checkpoints that are ahead of the audit.")
	descLate    = gossipDesc("sightings_late", "Heads and checkpoints that the audit should have reached.")
	descPeers   = gossipDesc("peers", "Other auditors that are asked.")
	descAgree   = gossipDesc("peers_agreeing", "Other auditors whose log was the audited one when they were asked last.")
)

// Describe implements prometheus.Collector.
func (gossiped) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descAgreed, descDropped, descApart, descWaiting, descLate, descPeers, descAgree} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (g gossiped) Collect(out chan<- prometheus.Metric) {
	for _, p := range g.providers {
		s := p.Status()
		agree := 0
		for _, peer := range s.Peers {
			if peer.Agrees {
				agree++
			}
		}
		add := func(d *prometheus.Desc, kind prometheus.ValueType, v float64) {
			out <- prometheus.MustNewConstMetric(d, kind, v, p.Domain)
		}
		add(descAgreed, prometheus.CounterValue, float64(s.Gossip.Agreed))
		add(descDropped, prometheus.CounterValue, float64(s.Gossip.Dropped))
		add(descApart, prometheus.CounterValue, float64(s.Gossip.Apart))
		add(descWaiting, prometheus.GaugeValue, float64(s.Gossip.Waiting))
		add(descLate, prometheus.GaugeValue, float64(s.Gossip.Late))
		add(descPeers, prometheus.GaugeValue, float64(len(s.Peers)))
		add(descAgree, prometheus.GaugeValue, float64(agree))
	}
}

func newMetrics(registry prometheus.Registerer, providers []Provider) (*metrics, error) {
	if err := registry.Register(gossiped{providers}); err != nil {
		return nil, err
	}
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kith_auditor_http_requests_total",
		Help: "Requests, by operation and status.",
	}, []string{"operation", "status"})}
	return m, registry.Register(m.requests)
}

func (m *metrics) observe(operation string, status int) {
	if status == 0 {
		status = 200
	}
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
}
