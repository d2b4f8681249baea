package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/proto/evidence"
)

// TestBenchHasEveryRow makes all measurements on a tiny log. That bounds hold is
// for a quiet machine to say, not for a test; what is a matter of form must hold
// here too.
func TestBenchHasEveryRow(t *testing.T) {
	p := &program{out: io.Discard, err: io.Discard, now: time.Now}
	b := &bench{
		p: p, ctx: context.Background(), dir: t.TempDir(), scale: benchScale{entries: 70, changes: 255, rounds: 3, audits: 1},
		self: func(ctx context.Context, args ...string) (*exec.Cmd, error) {
			cmd := exec.CommandContext(ctx, os.Args[0], args...)
			cmd.Env = append(os.Environ(), asProgram+"=1")
			return cmd, nil
		},
	}
	b.report.Labels = b.scale.entries * b.scale.changes
	must(t, b.run())
	bounded := []string{
		"audit: leaves a second, from a local folder", "audit: peak memory", "audit: bytes over the network",
		"head binding: all but the signature, head covered", "head binding: all but the signature, head after",
	}
	for k := evidence.TwoHeads; k <= evidence.Stated; k++ {
		bounded = append(bounded, "evidence: "+k.String())
	}
	for _, row := range b.report.Rows {
		if row.Bound == "" {
			continue
		}
		found := false
		for i, want := range bounded {
			if strings.HasPrefix(row.Name, want) {
				bounded, found = append(bounded[:i:i], bounded[i+1:]...), true
				break
			}
		}
		if !found {
			t.Errorf("unexpected row %q", row.Name)
		}
		if (strings.HasPrefix(row.Name, "evidence") || strings.Contains(row.Name, "network")) && !row.OK {
			t.Errorf("%s: %v %s, bound %s", row.Name, row.Value, row.Unit, row.Bound)
		}
	}
	if len(bounded) > 0 {
		t.Errorf("rows are missing: %q", bounded)
	}
	var table bytes.Buffer
	if err := b.report.Show(&table, "a log"); err != nil || strings.Count(table.String(), "\n") != len(b.report.Rows)+3 {
		t.Errorf("table of %d rows (%v):\n%s", len(b.report.Rows), err, &table)
	}
}
