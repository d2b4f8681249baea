package httpapi

import "fmt"

// Limits bound what requesters cost. Zero fields take their default, negative
// rates mean no limit.
type Limits struct {
	// SearchesPerMinute and SearchBurst bound the operations of one requester
	// but updates: the difference between an answer and none tells whether a
	// label exists. Default 600 and 120.
	SearchesPerMinute int `json:"searches_per_minute,omitempty"`
	SearchBurst       int `json:"search_burst,omitempty"`
	// UpdatesPerMinute and UpdateBurst bound the updates of one requester.
	// Default 60 and 20.
	UpdatesPerMinute int `json:"updates_per_minute,omitempty"`
	UpdateBurst      int `json:"update_burst,omitempty"`
	// ReadsPerMinute and ReadBurst bound the reads of one requester of
	// checkpoints, tiles, audit updates and the provider document; 128 KiB of
	// audit updates count as one. Default 6000 and 1000.
	ReadsPerMinute int `json:"reads_per_minute,omitempty"`
	ReadBurst      int `json:"read_burst,omitempty"`
	// Requesters is how many requesters are remembered; the one that was
	// longest away is forgotten first. Default 65536.
	Requesters int `json:"requesters,omitempty"`
	// Concurrent bounds the answers that are computed at a time, updates
	// excepted. Default 256.
	Concurrent int `json:"concurrent,omitempty"`
	// ConcurrentUpdates bounds the updates that wait at a time. Default 1024.
	ConcurrentUpdates int `json:"concurrent_updates,omitempty"`
	// Connections bounds the open connections. The listener sees to it. Default 4096.
	Connections int `json:"connections,omitempty"`
	// ConnectionsPerAddress bounds those of one address (requester), unless they
	// are a proxy's. Default 512.
	ConnectionsPerAddress int `json:"connections_per_address,omitempty"`
}

// Unlimited are limits for tests and measurements.
var Unlimited = Limits{SearchesPerMinute: -1, UpdatesPerMinute: -1, ReadsPerMinute: -1, Concurrent: 1 << 16, ConcurrentUpdates: 1 << 16, Connections: 1 << 16, ConnectionsPerAddress: 1 << 16}

// WithDefaults returns the limits that hold.
func (l Limits) WithDefaults() Limits {
	_ = l.setDefaults() // a negative limit is told by New
	return l
}

func (l *Limits) setDefaults() error {
	for _, f := range []struct {
		value   *int
		name    string
		normal  int
		nothing bool // a negative value has a meaning
	}{
		{&l.SearchesPerMinute, "searches_per_minute", 600, true},
		{&l.SearchBurst, "search_burst", 120, false},
		{&l.UpdatesPerMinute, "updates_per_minute", 60, true},
		{&l.UpdateBurst, "update_burst", 20, false},
		{&l.ReadsPerMinute, "reads_per_minute", 6000, true},
		{&l.ReadBurst, "read_burst", 1000, false},
		{&l.Requesters, "requesters", 65536, false},
		{&l.Concurrent, "concurrent", 256, false},
		{&l.ConcurrentUpdates, "concurrent_updates", 1024, false},
		{&l.Connections, "connections", 4096, false},
		{&l.ConnectionsPerAddress, "connections_per_address", 512, false},
	} {
		if *f.value == 0 {
			*f.value = f.normal
		}
		if *f.value < 0 && !f.nothing {
			return fmt.Errorf("limits: %s is negative", f.name)
		}
	}
	return nil
}
