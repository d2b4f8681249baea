package evidence

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// claimed puts together a file that says that entry i removed what entry j had
// added, with leaf p as the bound, if there is one.
func (b *book) claimed(key wire.VRFOutput, j, i uint64, p *uint64) *Evidence {
	b.t.Helper()
	a := &assembly{book: b}
	n := b.size()
	body := &EarlyRemovalBody{
		Checkpoint: b.checkpoint(n), Key: key, Before: b.before(n, j), Added: b.leaf(n, j), Removed: b.leaf(n, i),
		InAdded: a.lookup(key, j), InRemoved: a.lookup(key, i),
	}
	body.Commitment = body.InAdded.Commitment
	if j > 0 {
		in := a.lookup(key, j-1)
		body.InBefore = &in
	}
	if p != nil {
		bound := b.leaf(n, *p)
		body.Bound = &bound
	}
	x, _, err := documentOf(b.document, nil)
	must(b.t, err)
	return &Evidence{Kind: EarlyRemoval, Document: *x, Body: body}
}

// TestEarlyRemovalRules: each of the rules is needed.
func TestEarlyRemovalRules(t *testing.T) {
	h := newHost(t, testDomain, ed)
	at := func(p uint64) *uint64 { return &p }
	verify := func(e *Evidence, want error) {
		t.Helper()
		if v, err := e.Verify(); !errors.Is(err, want) {
			t.Errorf("%+v, %v, want %v", v, err, want)
		}
	}
	// Entries 0 to 15 are close together; so are 16 to 22, a long time after.
	begin := func() *book {
		b := h.book().grow(16, 1)
		b.add(b.last()+100*window, nil, nil)
		return b.grow(2, 1) // 17 and 18
	}
	b := begin()
	old := b.fresh(1)
	b = h.book().grow(3, 1)
	b.add(b.last(), old, nil) // 3
	b.grow(12, 1)             // 4 to 15
	b.add(b.last()+100*window, nil, nil)
	b.grow(8, 1)              // 17 to 24
	b.add(b.last(), nil, old) // 25, as it may
	key := old[0].VRFOutput
	verify(b.claimed(key, 24, 25, at(23)), ErrNothing) // it was there before 24

	// What is still there was not removed.
	b = begin()
	b.grow(5, 1) // 19 to 23
	kept := b.fresh(1)
	b.add(b.last(), kept, nil) // 24
	b.grow(2, 1)
	verify(b.claimed(kept[0].VRFOutput, 24, 25, at(23)), ErrNothing)
	// What was not there was not added.
	verify(b.claimed(b.fresh(1)[0].VRFOutput, 24, 25, at(23)), ErrInvalid)

	// Entry 15 is distinguished whatever the times, and 14 does not bound it.
	b = h.book().grow(15, 1)
	short := b.fresh(1)
	b.add(b.last(), short, nil) // 15
	b.add(b.last(), nil, short) // 16
	key = short[0].VRFOutput
	verify(b.claimed(key, 15, 16, at(14)), ErrInvalid)
	verify(b.claimed(key, 15, 16, at(15)), ErrInvalid)
	verify(b.claimed(key, 15, 16, at(7)), ErrInvalid)
	verify(b.claimed(key, 15, 16, nil), ErrNothing)
	if _, err := b.removal(key, 15, 16); !errors.Is(err, ErrNothing) {
		t.Errorf("a bound of entry 15: %v", err)
	}

	b.grow(2, 1) // 17 and 18
	if _, err := b.removal(key, 15, 18); !errors.Is(err, ErrNothing) {
		t.Errorf("a bound of entry 15, on the frontier: %v", err)
	}

	// The window to the millisecond.
	for ms, want := range map[uint64]error{window - 1: nil, window: ErrNothing} {
		b = h.book().grow(16, 1) // 15 is the bound
		b.grow(1, 10)            // 16
		b.add(b.last(), short, nil)
		b.add(b.entries[15].Timestamp+ms, nil, short) // 18
		verify(b.claimed(key, 17, 18, at(15)), want)
		if _, err := b.removal(key, 17, 18); !errors.Is(err, want) {
			t.Errorf("%d ms: %v, want %v", ms, err, want)
		}
	}

	// Before the first window has passed, nothing is distinguished.
	b = h.book()
	b.add(3, short, nil)
	b.add(window-1, nil, short)
	verify(b.claimed(key, 0, 1, nil), nil)
	r, err := b.removal(key, 0, 1)
	must(t, err)
	if r.Bound != nil || r.Before != nil {
		t.Error("no leaf is needed for that")
	}
	e, err := NewEarlyRemoval(h.document, r)
	must(t, err)
	verify(e, nil)
}
