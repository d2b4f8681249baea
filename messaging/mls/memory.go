package mls

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Memory is a [Store] that lasts as long as the program: for tests, and for groups
// that should not outlive it. Its zero value is empty.
type Memory struct {
	mu      sync.Mutex
	records map[string][]byte
}

// Get implements [Store].
func (m *Memory) Get(key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.records[key]), nil
}

// List implements [Store].
func (m *Memory) List(prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for k := range m.records {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// Apply implements [Store]. Values that go are overwritten.
func (m *Memory) Apply(b Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range b.Expect {
		have, ok := m.records[e.Key]
		if ok != (e.Value != nil) || !bytes.Equal(have, e.Value) {
			return fmt.Errorf("%s: %w", e.Key, ErrConflict)
		}
	}
	if m.records == nil {
		m.records = map[string][]byte{}
	}
	for _, w := range b.Write {
		clear(m.records[w.Key])
		if w.Value == nil {
			delete(m.records, w.Key)
			continue
		}
		m.records[w.Key] = append([]byte{}, w.Value...)
	}
	return nil
}

// Clone returns a copy, as a backup would hold it.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &Memory{records: make(map[string][]byte, len(m.records))}
	for k, v := range m.records {
		c.records[k] = bytes.Clone(v)
	}
	return c
}
