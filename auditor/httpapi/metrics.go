package httpapi

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count requests by what was asked and how it ended: never by whom.
type metrics struct{ requests *prometheus.CounterVec }

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
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
