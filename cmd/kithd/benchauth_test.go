package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// TestBenchAuthHasEveryRow runs all measurements of accounts on few of them. That
// bounds hold is for a quiet machine to say, not for a test.
func TestBenchAuthHasEveryRow(t *testing.T) {
	b := &authBench{ctx: context.Background(), log: io.Discard, dir: t.TempDir(), scale: authScale{
		few: 10, many: 60, rounds: 1, logins: 3, phases: 1, good: 3, every: 40 * time.Millisecond, junk: 40,
	}}
	if err := onCores(2, b.run); err != nil {
		t.Fatal(err)
	}
	bounded := []string{
		"default profile: both steps, ephemeral made before", "default profile: all of it", "OPAQUE: both steps", "60 accounts",
		"known device, 40 junk handshakes/s: p99", "new device, 40 junk handshakes/s: p99", "failed, known device, 40 junk handshakes/s", "failed, new device, 40 junk handshakes/s", "40 junk handshakes/s that were sent",
		"known device, 40 junk beginnings/s: p99", "new device, 40 junk beginnings/s: p99", "failed, known device, 40 junk beginnings/s", "failed, new device, 40 junk beginnings/s", "40 junk beginnings/s that were sent",
	}
	names := map[string]bool{}
	for _, row := range b.report.Rows {
		if key := row.Name + row.Unit; names[key] {
			t.Errorf("two rows are called %q", row.Name)
		} else {
			names[key] = true
		}
		if row.Value <= 0 && !strings.Contains(row.Name, "failed") {
			t.Errorf("%s: %v %s", row.Name, row.Value, row.Unit)
		}
		// Who comes from a known device goes before all others, and so it is no matter
		// of time. New devices are turned away where the flood is more than a machine bears.
		if strings.Contains(row.Name, "failed, known device") && !row.OK {
			t.Errorf("%s: %v", row.Name, row.Value)
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
	}
	if len(bounded) > 0 {
		t.Errorf("rows are missing: %q", bounded)
	}
	var table bytes.Buffer
	if err := b.report.Show(&table, b.what()); err != nil || strings.Count(table.String(), "\n") != len(b.report.Rows)+3 {
		t.Errorf("table of %d rows (%v):\n%s", len(b.report.Rows), err, &table)
	}
}
