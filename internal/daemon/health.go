package daemon

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// A Health collects what keeps a program from working, part by part. The zero
// Health is ready, and safe for concurrent use.
type Health struct {
	mu     sync.Mutex
	faults map[string]error
}

// Set says how a part is: nil for well.
func (h *Health) Set(part string, fault error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if fault == nil {
		delete(h.faults, part)
		return
	}
	if h.faults == nil {
		h.faults = map[string]error{}
	}
	h.faults[part] = fault
}

// Err returns what is wrong, all of it, or nil.
func (h *Health) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []error
	for _, part := range slices.Sorted(maps.Keys(h.faults)) {
		all = append(all, fmt.Errorf("%s: %w", part, h.faults[part]))
	}
	return errors.Join(all...)
}

// NewRegistry returns a registry of metrics that has those of the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
