package auditor

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
	"pgregory.net/rapid"
)

type memory [][]byte

func (m memory) Page(pos uint64) ([]byte, error) { return m[pos], nil }

// testLog is a log that does whatever it is told, beside a slow auditor that
// remembers everything.
type testLog struct {
	window  uint64
	pages   memory
	entries []wire.LogEntry
	trees   []map[wire.VRFOutput]wire.HashValue
	builder prefixtree.Builder
}

func (l *testLog) tree() map[wire.VRFOutput]wire.HashValue {
	if len(l.trees) == 0 {
		return nil
	}
	return l.trees[len(l.trees)-1]
}

func (l *testLog) last() uint64 {
	if len(l.entries) == 0 {
		return 0
	}
	return l.entries[len(l.entries)-1].Timestamp
}

// make makes the next entry, legal or not; keep keeps it.
func (l *testLog) make(t fataler, timestamp uint64, added, removed []wire.PrefixLeaf) (u *wire.AuditorUpdate, keep func()) {
	prefixtree.SortLeaves(added)
	prefixtree.SortLeaves(removed)
	u = &wire.AuditorUpdate{Timestamp: timestamp, Added: added, Removed: removed}
	page, root, err := l.builder.Apply(l.pages, uint64(len(l.pages)), added, removed, &u.Proof)
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return u, func() {
		tree := map[wire.VRFOutput]wire.HashValue{}
		for k, c := range l.tree() {
			tree[k] = c
		}
		for _, leaf := range removed {
			delete(tree, leaf.VRFOutput)
		}
		for _, leaf := range added {
			tree[leaf.VRFOutput] = leaf.Commitment
		}
		l.pages = append(l.pages, page)
		l.entries = append(l.entries, wire.LogEntry{Timestamp: timestamp, PrefixTree: root})
		l.trees = append(l.trees, tree)
	}
}

type fataler interface {
	Fatalf(format string, args ...any)
}

// slowDistinguished is "Reasonable Monitoring Window", with the implicit binary
// search tree as the draft defines it inductively.
func slowDistinguished(window uint64, timestamps []uint64) map[uint64]bool {
	out := map[uint64]bool{}
	var walk func(lo, n, left, right uint64)
	walk = func(lo, n, left, right uint64) {
		if n == 0 || right-left < window {
			return
		}
		root := uint64(1)
		for root*2 <= n {
			root *= 2
		}
		root--
		out[lo+root] = true
		ts := timestamps[lo+root]
		walk(lo, root, left, ts)
		walk(lo+root+1, n-root-1, ts, right)
	}
	walk(0, uint64(len(timestamps)), 0, timestamps[len(timestamps)-1])
	return out
}

// legal is step 5, word by word: with the addition of the new log entry, the
// leaf was published in at least one distinguished log entry before removal.
// After a trusted head, that entry must be at or after the head's last.
func (l *testLog) legal(timestamp, start uint64, removed []wire.PrefixLeaf) bool {
	var timestamps []uint64
	for _, e := range l.entries {
		timestamps = append(timestamps, e.Timestamp)
	}
	published := slowDistinguished(l.window, append(timestamps, timestamp))
	passed := start == 0
	for pos := range l.entries {
		passed = passed || published[uint64(pos)] && uint64(pos) >= start-1
	}
	for _, leaf := range removed {
		found := false
		for pos, tree := range l.trees {
			c, ok := tree[leaf.VRFOutput]
			found = found || ok && c == leaf.Commitment && published[uint64(pos)]
		}
		if !found || !passed {
			return false
		}
	}
	return true
}

// slowRoot is "Cryptographic Computations", "Log Tree".
func slowRoot(entries []wire.LogEntry) (value wire.HashValue, leaf bool) {
	if len(entries) == 1 {
		b := binary.BigEndian.AppendUint64(nil, entries[0].Timestamp)
		return sha256.Sum256(append(b, entries[0].PrefixTree[:]...)), true
	}
	left := 1
	for left*2 < len(entries) {
		left *= 2
	}
	var b []byte
	for _, part := range [][]wire.LogEntry{entries[:left], entries[left:]} {
		v, leaf := slowRoot(part)
		if leaf {
			b = append(b, 0)
		} else {
			b = append(b, 1)
		}
		b = append(b, v[:]...)
	}
	return sha256.Sum256(b), false
}

// trust is an auditor that begins at the log's present head.
func (l *testLog) trust(t fataler) State {
	n := uint64(len(l.entries))
	var frontier []wire.LogEntry
	for lo := uint64(0); lo < n; {
		root := uint64(1)
		for root*2 <= n-lo {
			root *= 2
		}
		frontier = append(frontier, l.entries[lo+root-1])
		lo += root
	}
	var full []wire.HashValue
	for lo := uint64(0); lo < n; {
		size := uint64(1)
		for size*2 <= n-lo {
			size *= 2
		}
		v, _ := slowRoot(l.entries[lo : lo+size])
		full = append(full, v)
		lo += size
	}
	s, err := Trust(l.window, n, full, frontier)
	if err != nil {
		t.Fatalf("Trust: %v", err)
	}
	return s
}

func (l *testLog) check(t fataler, s State) {
	if s.Size() != uint64(len(l.entries)) || s.Timestamp() != l.last() {
		t.Fatalf("state of %d entries, last %d; log of %d, %d", s.Size(), s.Timestamp(), len(l.entries), l.last())
	}
	if len(l.entries) == 0 {
		return
	}
	if want, _ := slowRoot(l.entries); s.Root() != want {
		t.Fatalf("root %x, want %x", s.Root(), want)
	}
	if want := l.entries[len(l.entries)-1].PrefixTree; s.PrefixRoot() != want {
		t.Fatalf("prefix root %x, want %x", s.PrefixRoot(), want)
	}
}

func mustFind(t fataler, s State, u *wire.AuditorUpdate, step int, want error) {
	_, err := Step(s, u)
	var f *Finding
	if !errors.As(err, &f) || f.Step != step || f.Entry != s.Size() || !errors.Is(err, want) {
		t.Fatalf("found %v, want %v in step %d of entry %d", err, want, step, s.Size())
	}
}

func reparse(t fataler, s State) State {
	b := s.Append(nil)
	again, err := ParseState(b)
	if err != nil || !bytes.Equal(again.Append(nil), b) {
		t.Fatalf("ParseState: %v", err)
	}
	return again
}

func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &testLog{window: rapid.SampledFrom([]uint64{0, 1, 5, 20, 100}).Draw(t, "window")}
		states := map[uint64]State{0: New(l.window)} // by start
		seq := uint64(0)
		for range rapid.IntRange(1, 40).Draw(t, "entries") {
			timestamp := l.last() + rapid.Uint64Range(0, 12).Draw(t, "passed")
			var added, removed []wire.PrefixLeaf
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 15), 0, 3, rapid.ID).Draw(t, "keys") {
				key := wire.VRFOutput(sha256.Sum256([]byte{byte(n)}))
				c, present := l.tree()[key]
				if present {
					removed = append(removed, wire.PrefixLeaf{VRFOutput: key, Commitment: c})
				}
				if !present || rapid.Bool().Draw(t, "again") {
					seq++
					c := wire.HashValue(sha256.Sum256(binary.BigEndian.AppendUint64(nil, seq)))
					added = append(added, wire.PrefixLeaf{VRFOutput: key, Commitment: c})
				}
			}
			u, keep := l.make(t, timestamp, added, removed)
			next := map[uint64]State{}
			legal := l.legal(timestamp, 0, removed)
			for start, s := range states {
				if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
					s = reparse(t, s)
				}
				ok := l.legal(timestamp, start, removed)
				n, err := Step(s, u)
				var f *Finding
				switch {
				case ok && err != nil:
					t.Fatalf("start %d: honest entry %d refused: %v", start, s.Size(), err)
				case !ok && !(errors.As(err, &f) && f.Step == 5 && errors.Is(err, ErrEarlyRemoval)):
					t.Fatalf("start %d: entry %d: %v, want a finding in step 5", start, s.Size(), err)
				case ok:
					next[start] = n
				}
				refuseAll(t, s, u, ok)
				l.check(t, s) // s is unchanged
			}
			if !legal {
				continue // try another entry
			}
			keep()
			for _, s := range next {
				l.check(t, s)
			}
			states = next // an auditor that refuses stops
			if rapid.IntRange(0, 5).Draw(t, "new auditor") == 0 {
				s := l.trust(t)
				l.check(t, s)
				states[s.Size()] = s
			}
		}
	})
}

// refuseAll makes every kind of illegal update out of u.
func refuseAll(t fataler, s State, u *wire.AuditorUpdate, legal bool) {
	if ts := s.Timestamp(); ts > 0 {
		bad := *u
		bad.Timestamp = ts - 1
		mustFind(t, s, &bad, 1, ErrTimestamp)
	}
	leaves := func(l []wire.PrefixLeaf) []wire.PrefixLeaf { return append([]wire.PrefixLeaf(nil), l...) }
	results := func() []wire.PrefixSearchResult { return append([]wire.PrefixSearchResult(nil), u.Proof.Results...) }
	if len(u.Added) > 1 {
		bad := *u
		bad.Added = leaves(u.Added)
		bad.Added[0], bad.Added[1] = bad.Added[1], bad.Added[0]
		mustFind(t, s, &bad, 2, prefixtree.ErrOrder)
		bad.Added[1] = bad.Added[0]
		mustFind(t, s, &bad, 2, prefixtree.ErrOrder)
	}
	if len(u.Removed) > 1 {
		bad := *u
		bad.Removed = leaves(u.Removed)
		bad.Removed[0], bad.Removed[1] = bad.Removed[1], bad.Removed[0]
		mustFind(t, s, &bad, 2, prefixtree.ErrOrder)
	}
	removed := map[wire.VRFOutput]bool{}
	for _, l := range u.Removed {
		removed[l.VRFOutput] = true
	}
	for i, l := range u.Added {
		if !removed[l.VRFOutput] {
			bad := *u
			bad.Proof.Results = results()
			bad.Proof.Results[i] = wire.PrefixSearchResult{ResultType: wire.Inclusion, Depth: u.Proof.Results[i].Depth}
			mustFind(t, s, &bad, 3, prefixtree.ErrPresent)
			break
		}
	}
	if len(u.Removed) > 0 {
		bad := *u
		bad.Proof.Results = results()
		bad.Proof.Results[len(u.Added)].ResultType = wire.NonInclusionParent
		mustFind(t, s, &bad, 4, prefixtree.ErrAbsent)
	}
	if !legal {
		return
	}
	bad := *u
	bad.Proof.Elements = append(append([]wire.HashValue(nil), u.Proof.Elements...), wire.HashValue{})
	mustFind(t, s, &bad, 6, prefixtree.ErrProof)
	if len(u.Proof.Elements) > 0 {
		bad := *u
		bad.Proof.Elements = append([]wire.HashValue(nil), u.Proof.Elements...)
		bad.Proof.Elements[0][5] ^= 1
		mustFind(t, s, &bad, 6, ErrRoot)
	}
	if len(u.Removed) > 0 {
		bad := *u
		bad.Removed = leaves(u.Removed)
		bad.Removed[0].Commitment[0] ^= 1
		_, err := Step(s, &bad)
		var f *Finding
		if !errors.As(err, &f) || f.Step != 6 || !errors.Is(err, ErrRoot) && !errors.Is(err, prefixtree.ErrProof) {
			t.Fatalf("found %v, want another commitment found in step 6", err)
		}
	}
}

func leaf(n int) wire.PrefixLeaf {
	return wire.PrefixLeaf{VRFOutput: sha256.Sum256([]byte{byte(n)}), Commitment: sha256.Sum256([]byte{byte(n), 1})}
}

// One entry between addition and removal is not enough: the leaf must have been
// in a distinguished entry. A second removal of the same kind, after an
// unrelated entry, must not pass either.
func TestMUSTRemovedLeafWasInDistinguishedEntry(t *testing.T) {
	l := &testLog{window: 1000}
	s := New(l.window)
	next := func(timestamp uint64, added, removed []wire.PrefixLeaf) {
		t.Helper()
		u, keep := l.make(t, timestamp, added, removed)
		var err error
		if s, err = Step(s, u); err != nil {
			t.Fatal(err)
		}
		keep()
	}
	type list = []wire.PrefixLeaf
	for i := range 8 { // entries 0, 1, 3 and 7 are at 2^k − 1
		next(100_000, list{leaf(i)}, nil)
	}
	next(100_000, list{leaf(50)}, nil)
	refuse := func(timestamp uint64) {
		t.Helper()
		u, _ := l.make(t, timestamp, nil, list{leaf(50)})
		mustFind(t, s, u, 5, ErrEarlyRemoval)
	}
	refuse(100_000)
	next(100_000, nil, nil)
	refuse(100_001)
	next(100_500, list{leaf(51)}, nil)
	refuse(100_999)
	u, keep := l.make(t, 101_000, nil, list{leaf(50)}) // now 9, at its right, is distinguished
	var err error
	if s, err = Step(s, u); err != nil {
		t.Fatal(err)
	}
	keep()
	l.check(t, s)
}

// A leaf that was removed and added again is a new leaf.
func TestLeafAddedAgainIsNew(t *testing.T) {
	l := &testLog{window: 1000}
	s := New(l.window)
	type list = []wire.PrefixLeaf
	for _, e := range []struct {
		timestamp      uint64
		added, removed list
	}{
		{5000, list{leaf(1)}, nil}, {6000, nil, list{leaf(1)}}, {6000, list{leaf(1)}, nil}, {6000, nil, nil}, {6000, list{leaf(1), leaf(2)}, list{leaf(1)}},
	} {
		u, keep := l.make(t, e.timestamp, e.added, e.removed)
		next, err := Step(s, u)
		if err != nil {
			t.Fatal(err)
		}
		s = next
		keep()
		if len(e.added) > 0 && s.Size() > 1 { // entry 0 is distinguished
			u, _ := l.make(t, e.timestamp, nil, list{leaf(1)})
			mustFind(t, s, u, 5, ErrEarlyRemoval)
		}
	}
}

func TestTrustedHeadRefusesRemovalsAtFirst(t *testing.T) {
	l := &testLog{window: 1000}
	type list = []wire.PrefixLeaf
	for i := range 6 {
		_, keep := l.make(t, 100_000, list{leaf(i)}, nil)
		keep()
	}
	s := l.trust(t)
	u, _ := l.make(t, 100_500, nil, list{leaf(0)})
	mustFind(t, s, u, 5, ErrEarlyRemoval)
	if !l.legal(100_500, 0, u.Removed) {
		t.Error("an auditor from the beginning would refuse it as well")
	}
	u, _ = l.make(t, 101_000, nil, list{leaf(0)})
	if _, err := Step(s, u); err != nil {
		t.Error(err)
	}
}

func TestMUSTVerifyBeforeSigning(t *testing.T) {
	for _, id := range []wire.CipherSuite{wire.KT_128_SHA256_P256, wire.KT_128_SHA256_Ed25519} {
		cs, err := suite.Get(id)
		if err != nil {
			t.Fatal(err)
		}
		seed := sha256.Sum256([]byte("auditor"))
		signer, err := cs.ParseSigner(seed[:])
		if err != nil {
			t.Fatal(err)
		}
		c := &wire.Configuration{
			CipherSuite: id, Mode: wire.ThirdPartyAuditing, AuditorPublicKey: signer.Public(),
			ReasonableMonitoringWindow: 1000,
		}
		l := &testLog{window: 1000}
		s := New(1000)
		if _, err := SignHead(s, c, signer); !errors.Is(err, ErrState) {
			t.Errorf("empty log: %v", err)
		}
		u, keep := l.make(t, 77, []wire.PrefixLeaf{leaf(1)}, nil)
		if s, err = Step(s, u); err != nil {
			t.Fatal(err)
		}
		keep()
		head, err := SignHead(s, c, signer)
		if err != nil || head.TreeSize != 1 || head.Timestamp != 77 {
			t.Fatalf("%+v, %v", head, err)
		}
		root, _ := slowRoot(l.entries)
		if err := suite.VerifyAuditorTreeHead(c, head, root); err != nil {
			t.Error(err)
		}
		other := *c
		other.ReasonableMonitoringWindow = 1
		if _, err := SignHead(s, &other, signer); !errors.Is(err, ErrState) {
			t.Errorf("another window: %v", err)
		}
	}
}

// The set of recent leaves is exact, and states share it without changing it.
func TestRecent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			r    recent
			want map[wire.VRFOutput]uint64
		}
		versions := []version{{}}
		for pos := range uint64(rapid.IntRange(1, 60).Draw(t, "entries")) {
			v := versions[len(versions)-1]
			want := map[wire.VRFOutput]uint64{}
			floor := uint64(0)
			if pos > 0 && rapid.IntRange(0, 5).Draw(t, "clear") == 0 {
				floor = rapid.Uint64Range(0, pos-1).Draw(t, "floor")
				v.r = v.r.after(floor)
				floor++
			}
			for k, p := range v.want {
				if p >= floor {
					want[k] = p
				}
			}
			var leaves []wire.PrefixLeaf
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 30), 0, 5, rapid.ID).Draw(t, "keys") {
				leaves = append(leaves, leaf(n))
				want[leaf(n).VRFOutput] = pos
			}
			prefixtree.SortLeaves(leaves)
			versions = append(versions, version{v.r.with(pos, leaves), want})
		}
		for _, v := range versions {
			for n := range 31 {
				k := leaf(n).VRFOutput
				pos, ok := v.r.added(&k)
				if want, there := v.want[k]; ok != there || pos != want {
					t.Fatalf("%d, %v, want %d, %v", pos, ok, want, there)
				}
			}
			n := 0
			var last *addition
			v.r.each(func(a *addition) bool {
				if v.want[a.key] != a.pos || last != nil && compare(&last.key, &a.key) >= 0 {
					t.Fatalf("%x of entry %d after %v", a.key, a.pos, last)
				}
				n++
				last = new(*a)
				return true
			})
			if n != len(v.want) || v.r.count() != n {
				t.Fatalf("%d leaves, counted %d, want %d", n, v.r.count(), len(v.want))
			}
		}
	})
}

func FuzzParseState(f *testing.F) {
	l := &testLog{window: 1000}
	s := New(l.window)
	f.Add(s.Append(nil))
	for i := range 5 {
		u, keep := l.make(f, uint64(i), []wire.PrefixLeaf{leaf(i)}, nil)
		keep()
		s, _ = Step(s, u)
		f.Add(s.Append(nil))
	}
	f.Add(l.trust(f).Append(nil))
	u, _ := l.make(f, 5000, []wire.PrefixLeaf{leaf(9)}, []wire.PrefixLeaf{leaf(1)})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseState(b)
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Fatal(err)
			}
			return
		}
		if again := s.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
		_ = s.Root()
		Step(s, u)
	})
}

// TestRunsAreFewAndSmall: no run is more than an eighth of all leaves, so that
// making one takes little memory, and there are never many.
func TestRunsAreFewAndSmall(t *testing.T) {
	n := 2_000_000
	if testing.Short() {
		n = 600_000
	}
	leaf := func(n int) (l wire.PrefixLeaf) {
		l.VRFOutput = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
		return l
	}
	var r recent
	most := 0
	for pos := range uint64(n / 250) {
		leaves := make([]wire.PrefixLeaf, 250)
		for i := range leaves {
			leaves[i] = leaf(int(pos)*250 + i)
		}
		prefixtree.SortLeaves(leaves)
		r = r.with(pos, leaves)
		most = max(most, len(r))
		for i := range r {
			if got, limit := len(r[i].leaves), r.limit(); got > limit {
				t.Fatalf("after entry %d a run of %d leaves, above %d", pos, got, limit)
			}
		}
	}
	if r.count() != n || most > 64 {
		t.Errorf("%d leaves, at most %d runs", r.count(), most)
	}
	for i := range 1000 {
		k := leaf(i * (n / 1000)).VRFOutput
		if pos, ok := r.added(&k); !ok || pos != uint64(i*(n/1000)/250) {
			t.Fatalf("leaf %d: entry %d, %v", i*(n/1000), pos, ok)
		}
	}
	size := uint64(n / 250)
	encoded := State{size: size, recent: r}.Append(nil)
	if want := len(State{size: size}.Append(nil)) + n*additionSize; len(encoded) != want {
		t.Errorf("%d bytes, want %d", len(encoded), want)
	}
}
