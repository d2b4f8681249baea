package gossip

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
)

// TestHold: of two archives of one log the smaller is the beginning of the greater;
// of a fork, the first leaf that is not the same becomes evidence, whoever is ahead.
func TestHold(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		shared := rapid.IntRange(0, 600).Draw(r, "shared")
		a := rapid.IntRange(1, 300).Draw(r, "a")
		b := rapid.IntRange(1, 300).Draw(r, "b")
		ours, theirs := fork(t, shared, a, b)
		ours.audit(shared + a)
		_, outcome, err := ours.desk().Hold(t.Context(), mirror{branch: theirs, size: shared + b}, "peer")
		must(t, err)
		want := "two-leaves"
		if a == b {
			want = "two-checkpoints"
		}
		if got := ours.kindOf(); outcome != Contradicts || got != want {
			r.Errorf("outcome %d, convicted of %q, want %q", outcome, got, want)
		}
		if want == "two-leaves" {
			e, err := evidence.Parse(ours.convicts[0])
			must(t, err)
			if body := e.Body.(*evidence.TwoLeavesBody); body.Position != uint64(shared) {
				r.Errorf("entry %d, not %d", body.Position, shared)
			}
		}
		// And with themselves, from further back, or as far as they share.
		ours.convicts = nil
		for _, m := range []mirror{{branch: ours, size: 1}, {branch: ours, size: shared + a}} {
			if _, outcome, err := ours.desk().Hold(t.Context(), m, "peer"); err != nil || outcome != Agrees {
				r.Errorf("held against itself: %d, %v", outcome, err)
			}
		}
		if shared > 0 {
			if _, outcome, err := ours.desk().Hold(t.Context(), mirror{branch: theirs, size: shared}, "peer"); err != nil || outcome != Agrees {
				r.Errorf("what is shared: %d, %v", outcome, err)
			}
		}
		if ours.kindOf() != "" {
			r.Error("one log convicts")
		}
	})
}

// TestHoldAhead: another auditor that is further is no ground for anything, and the
// audit that comes there agrees.
func TestHoldAhead(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(700, "x").audit(300)
	d := b.desk()
	if size, outcome, err := d.Hold(t.Context(), mirror{branch: b, size: 650}, "peer"); size != 650 || outcome != Ahead || err != nil {
		t.Errorf("%d, %d, %v", size, outcome, err)
	}
	b.audit(700)
	must(t, d.Advance())
	if s := d.Status(); s.Waiting != 0 || s.Agreed != 1 || b.kindOf() != "" {
		t.Errorf("%+v", s)
	}
}

// TestHoldRemembersWhatItCannotRead: a peer's greater checkpoint is the provider's
// word, though the peer's tiles cannot be read: it is compared once the audit comes
// there.
func TestHoldRemembersWhatItCannotRead(t *testing.T) {
	for name, hidden := range map[string]string{"all tiles": "tile/", "the leaves": "entries"} {
		ours, theirs := fork(t, 300, 400, 400)
		ours.audit(500)
		d := ours.desk()
		m := mirror{branch: theirs, size: 650, spoil: func(path string, b []byte) []byte {
			if strings.Contains(path, hidden) {
				return nil
			}
			return b
		}}
		for range 2 {
			if size, _, err := d.Hold(t.Context(), m, "peer"); err == nil || size != 650 {
				t.Errorf("%s: %d, %v", name, size, err)
			}
		}
		if s := d.Status(); s.Waiting != 1 || ours.kindOf() != "" {
			t.Errorf("%s: %+v", name, s)
		}
		ours.audit(700)
		must(t, d.Advance())
		if got := ours.kindOf(); got != "checkpoints-diverge" {
			t.Errorf("%s: convicted of %q", name, got)
		}
	}
	// Two roots of one size are enough by themselves.
	one, other := fork(t, 300, 400, 400)
	one.audit(500)
	d := one.desk()

	for _, b := range []*branch{one, other} {
		m := mirror{branch: b, size: 650, spoil: func(path string, b []byte) []byte {
			if path == "checkpoint" {
				return b
			}
			return nil
		}}
		_, _, _ = d.Hold(t.Context(), m, "peer")
	}
	if got := one.kindOf(); got != "two-checkpoints" {
		t.Errorf("convicted of %q", got)
	}
}

// TestHoldLies: an auditor that lies about a log convicts nobody, and costs a bounded
// number of reads.
func TestHoldLies(t *testing.T) {
	ours, theirs := fork(t, 300, 200, 400)
	ours.audit(500)
	stranger := newKeys(t, "stranger").branch().grow(700, "x")
	reads := 0
	for name, spoil := range map[string]func(path string, b []byte) []byte{
		"garbage": func(string, []byte) []byte { return []byte("garbage") },
		"garbage beside the checkpoint": func(path string, b []byte) []byte {
			if path == "checkpoint" {
				return b
			}
			return bytes.Repeat([]byte{7}, len(b))
		},
		"tiles of another log": func(path string, b []byte) []byte {
			if tile, err := checkpoint.ParseTilePath(path); err == nil {
				b, err = mirror{branch: stranger, size: 700}.Tile(context.Background(), tile)
				must(t, err)
			}
			return b
		},
		"a checkpoint of another key": func(path string, b []byte) []byte {
			if path == "checkpoint" {
				return stranger.checkpoint(700)
			}
			return b
		},
		"other entries": func(path string, b []byte) []byte {
			if bytes.Contains([]byte(path), []byte("entries")) {
				for i := 20; i < len(b); i += 2 + checkpoint.LeafSize {
					b[i] ^= 1
				}
			}
			return b
		},
		"entries that are cut": func(path string, b []byte) []byte {
			if bytes.Contains([]byte(path), []byte("entries")) {
				return b[:len(b)-1]
			}
			return b
		},
	} {
		reads = 0
		m := mirror{branch: theirs, size: 700, spoil: func(path string, b []byte) []byte {
			reads++
			return spoil(path, b)
		}}
		d := ours.desk()
		if _, _, err := d.Hold(t.Context(), m, "peer"); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := ours.kindOf(); got != "" {
			t.Errorf("%s: convicted of %q", name, got)
		}
		if reads > maxReads+1 {
			t.Errorf("%s: %d reads", name, reads)
		}
		if s := d.Status(); s.Suspicions != nil {
			t.Errorf("%s: %q", name, s.Suspicions)
		}
	}
	// A smaller checkpoint convicts, whatever lies below it.
	m := mirror{branch: theirs, size: 400, spoil: func(path string, b []byte) []byte {
		if path == "checkpoint" {
			return b
		}
		return nil
	}}
	if _, outcome, err := ours.desk().Hold(t.Context(), m, "peer"); outcome != Contradicts || err != nil || ours.kindOf() != "checkpoints-diverge" {
		t.Errorf("outcome %d, %v, convicted of %q", outcome, err, ours.kindOf())
	}
}

// TestHoldNothing: before anything is audited, nothing is compared.
func TestHoldNothing(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(10, "x")
	if _, _, err := b.desk().Hold(t.Context(), mirror{branch: b, size: 10}, "peer"); !errors.Is(err, ErrNothing) {
		t.Error(err)
	}
	if _, err := b.desk().Answer(b.heads(3), "somebody"); !errors.Is(err, ErrNothing) {
		t.Error(err)
	}
	must(t, b.desk().Advance())
}
