package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// TestBenchHasEveryRow runs all measurements on tiny logs. That bounds hold is
// for a quiet machine to say, not for a test.
func TestBenchHasEveryRow(t *testing.T) {
	b := &bench{ctx: context.Background(), log: io.Discard, dir: t.TempDir(), scale: benchScale{
		small: 255, smalls: 2, labels: 30 * 255, oneCore: 255, wide: 8, warmed: 50, long: 40, audited: 28,
		updates: 3, sampled: 100, rounds: 1, window: 5 * time.Millisecond,
	}}
	if err := onCores(2, b.run); err != nil {
		t.Fatal(err)
	}
	bounded := []string{
		"VRF verification, Ed25519", "VRF verification, P-256",
		"publish, bulk: CPU per label", "publish, bulk: labels on two cores",
		"single update", "cores: 1", "cores: 2", "search, cold",
		"client: verification of a first search of version 0",
		"audit: leaves", "audit: memory held in", "disk per label",
		"growth: publish rate", "growth: search time",
		"responses at 8 entries", "responses at 40 entries",
	}
	names := map[string]bool{}
	for _, row := range b.report.Rows {
		if key := row.Name + row.Unit; names[key] {
			t.Errorf("two rows are called %q", row.Name)
		} else {
			names[key] = true
		}
		if row.Bound == "" {
			continue
		}
		found := false
		for i, want := range bounded {
			if strings.Contains(row.Name, want) {
				bounded, found = append(bounded[:i:i], bounded[i+1:]...), true
				break
			}
		}
		if !found {
			t.Errorf("unexpected row %q", row.Name)
		}
		if strings.Contains(row.Name, "format") && !row.OK {
			t.Errorf("%s: %v", row.Name, row.Value)
		}
	}
	if len(bounded) > 0 {
		t.Errorf("rows are missing: %q", bounded)
	}
	var table bytes.Buffer
	if err := b.report.Show(&table, b.what()); err != nil || strings.Count(table.String(), "\n") != len(b.report.Rows)+3 {
		t.Errorf("table of %d rows (%v):\n%s", len(b.report.Rows), err, &table)
	}
}
