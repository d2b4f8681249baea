package cosign

import "github.com/prometheus/client_golang/prometheus"

var (
	descTime = prometheus.NewDesc("kith_cosigner_last_timestamp_seconds",
		"Time of the newest cosignature since the start, by the cosigner's clock.", []string{"role", "name"}, nil)
	descSize = prometheus.NewDesc("kith_cosigner_size",
		"Size of the newest checkpoint that a cosigner cosigned since the start.", []string{"role", "name"}, nil)
	descFailed = prometheus.NewDesc("kith_cosigner_failures_total",
		"Attempts to get a cosignature that failed.", []string{"role", "name"}, nil)
	descNewest = prometheus.NewDesc("kith_checkpoint_size",
		"Size of the newest signed checkpoint.", nil, nil)
	descMet = prometheus.NewDesc("kith_checkpoint_cosigned_size",
		"Size of the newest checkpoint that has the cosignatures it needs.", nil, nil)
)

var _ prometheus.Collector = (*Collector)(nil)

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descTime, descSize, descFailed, descNewest, descMet} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	seen := map[[2]string]bool{}
	for _, s := range c.Standings() {
		labels := [2]string{s.Role, s.Name}
		if seen[labels] {
			continue // two of one name: one series
		}
		seen[labels] = true
		if s.Size > 0 {
			ch <- prometheus.MustNewConstMetric(descTime, prometheus.GaugeValue, float64(s.Time.Unix()), labels[:]...)
			ch <- prometheus.MustNewConstMetric(descSize, prometheus.GaugeValue, float64(s.Size), labels[:]...)
		}
		ch <- prometheus.MustNewConstMetric(descFailed, prometheus.CounterValue, float64(s.Failed), labels[:]...)
	}
	sum := c.Summary()
	ch <- prometheus.MustNewConstMetric(descNewest, prometheus.GaugeValue, float64(sum.Newest))
	ch <- prometheus.MustNewConstMetric(descMet, prometheus.GaugeValue, float64(sum.Met))
}
