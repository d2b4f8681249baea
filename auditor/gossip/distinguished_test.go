package gossip

import (
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// TestDistinguished: an honest sender overlaps, however long it was away or far
// ahead; one that was shown another log does not, and that is counted, not proved.
func TestDistinguished(t *testing.T) {
	ours, theirs := fork(t, 8, 392, 392)
	ours.audit(400)
	theirs.audit(400)
	d := ours.desk()
	rootsOf := func(b *branch, size int) []wire.HashValue {
		l, err := b.desk().logOf()
		must(t, err)
		roots, err := b.desk().roots(l, uint64(size))
		must(t, err)
		return roots
	}
	all := rootsOf(ours, 400)
	if len(all) < 30 {
		t.Fatalf("%d distinguished entries", len(all))
	}
	ask := func(roots []wire.HashValue) ([]wire.HashValue, uint64) {
		s := ours.sighting()
		s.Distinguished = roots
		before := d.Status().Apart
		a := answer(t, d, s)
		return a.Distinguished, d.Status().Apart - before
	}
	for away := range 30 {
		at := len(all) - away
		if got, apart := ask(all[max(0, at-8):at]); apart != 0 || !slices.Equal(got, all[len(all)-len(got):]) {
			t.Errorf("away for %d entries: apart", away)
		}
	}
	ahead := append(slices.Clone(all[len(all)-3:]), wire.HashValue{1}, wire.HashValue{2})
	if _, apart := ask(ahead); apart != 0 {
		t.Error("ahead: apart")
	}
	other := rootsOf(theirs, 400)
	if _, apart := ask(other[len(other)-8:]); apart != 1 {
		t.Error("of another log: not apart")
	}
	mixed := append(slices.Clone(all[len(all)-5:]), wire.HashValue{1})
	mixed[2] = wire.HashValue{9}
	if _, apart := ask(mixed); apart != 1 {
		t.Error("of another log in between: not apart")
	}
	if ours.kindOf() != "" {
		t.Error("roots that nobody signed convict")
	}
}
