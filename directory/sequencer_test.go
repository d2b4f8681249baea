package directory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

var ctx = context.Background()

func snapshotOf(t testing.TB, s *directory.Sequencer) directory.Snapshot {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(snap.Release)
	return snap
}

// checkLog checks every hash of a log, evaluates its VRF, and holds the audit
// updates against the prefix roots as an auditor would.
func checkLog(t testing.TB, l *testLog, s *directory.Sequencer) {
	t.Helper()
	snap := snapshotOf(t, s)
	defer snap.Release()
	if err := directory.Check(ctx, snap, &l.config.Log, directory.CheckOptions{VRF: l.keys.VRF}); err != nil {
		t.Fatal(err)
	}
	head := snap.Head()
	treeHead := head.TreeHead()
	if err := suite.VerifyTreeHead(&l.config.Log, &treeHead, head.Root); err != nil {
		t.Fatal(err)
	}
	var before wire.HashValue
	for pos := range head.Size {
		entry, err := snap.LogEntry(pos)
		if err != nil {
			t.Fatal(err)
		}
		u, err := prefixtree.Update(snap, pos, entry.Timestamp)
		if err != nil {
			t.Fatal(err)
		}
		from, to, err := prefixtree.EvaluateUpdate(u)
		if err != nil || from != before || to != entry.PrefixTree {
			t.Fatalf("an auditor refuses log entry %d (%v)", pos, err)
		}
		before = to
	}
}

// current returns the greatest version of a label and its value.
func current(t testing.TB, s *directory.Sequencer, label string) (versions uint32, value []byte) {
	t.Helper()
	snap := snapshotOf(t, s)
	defer snap.Release()
	n, err := snap.Versions([]byte(label), math.MaxUint64)
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		return 0, nil
	}
	places, err := snap.Places([]byte(label), n-1, n)
	if err != nil {
		t.Fatal(err)
	}
	v, err := snap.Value([]byte(label), n-1, places[0])
	if err != nil {
		t.Fatal(err)
	}
	return n, bytes.Clone(v.Value)
}

func update(label string, versions uint32, values ...string) *directory.Update {
	u := &directory.Update{Label: []byte(label)}
	if versions > 0 {
		greatest := versions - 1
		u.Greatest = &greatest
	}
	for _, v := range values {
		u.Values = append(u.Values, []byte(v))
	}
	return u
}

func submit(t testing.TB, s *directory.Sequencer, u *directory.Update) *directory.Placement {
	t.Helper()
	p, err := s.Submit(ctx, u)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func suites(t *testing.T, test func(t *testing.T, change func(*directory.Config))) {
	for _, id := range []wire.CipherSuite{wire.KT_128_SHA256_Ed25519, wire.KT_128_SHA256_P256} {
		t.Run(fmt.Sprintf("%#04x", uint16(id)), func(t *testing.T) {
			test(t, func(c *directory.Config) { c.Log.CipherSuite = id })
		})
	}
}

func TestInitWritesEntryZeroWithoutChanges(t *testing.T) {
	suites(t, func(t *testing.T, change func(*directory.Config)) {
		l := newLog(t, change)
		s := l.open(t)
		checkLog(t, l, s)
		snap := snapshotOf(t, s)
		entry, err := snap.LogEntry(0)
		if err != nil || snap.Head().Size != 1 || entry.PrefixTree != (wire.HashValue{}) {
			t.Errorf("size %d, entry %v, %v", snap.Head().Size, entry, err)
		}
	})
}

func TestUpdatesAreDurableWhenAcknowledged(t *testing.T) {
	suites(t, func(t *testing.T, change func(*directory.Config)) {
		l := newLog(t, change)
		s, stop := l.run(t)
		p := submit(t, s, update("alice", 0, "a0"))
		if p.Position != 1 || p.First != 0 || p.Count != 1 {
			t.Errorf("placed at %+v", p)
		}
		p = submit(t, s, update("alice", 1, "a1", "a2", "a3"))
		if p.First != 1 || p.Count != 3 {
			t.Errorf("placed at %+v", p)
		}
		stop()
		s = l.open(t)
		checkLog(t, l, s)
		if n, v := current(t, s, "alice"); n != 4 || string(v) != "a3" {
			t.Errorf("%d versions, the last one %q", n, v)
		}
		snap := snapshotOf(t, s)
		places, err := snap.Places([]byte("alice"), 0, 9)
		if err != nil || len(places) != 4 || places[0].Position != 1 || places[3].Position != p.Position {
			t.Errorf("places %v, %v", places, err)
		}
	})
}

// "greatest_version" is compared when the update is sequenced.
func TestStaleUpdateIsToldTheGreatestVersion(t *testing.T) {
	l := newLog(t, nil)
	s, _ := l.run(t)
	submit(t, s, update("alice", 0, "a0", "a1"))
	for name, test := range map[string]struct {
		u    *directory.Update
		want string
	}{
		"behind":       {update("alice", 1, "x"), directory.ErrStale.Error() + ", which is 1"},
		"none":         {update("alice", 0, "x"), directory.ErrStale.Error() + ", which is 1"},
		"ahead":        {update("alice", 3, "x"), directory.ErrStale.Error() + ", which is 1"},
		"of a nobody":  {update("bob", 1, "x"), directory.ErrStale.Error() + ": there is none"},
		"far, nothing": {update("bob", 77, "x"), directory.ErrStale.Error() + ": there is none"},
	} {
		_, err := s.Submit(ctx, test.u)
		var stale *directory.StaleError
		if !errors.As(err, &stale) || !errors.Is(err, directory.ErrStale) || err.Error() != test.want {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	checkLog(t, l, s)
	if n, _ := current(t, s, "alice"); n != 2 {
		t.Errorf("%d versions", n)
	}
}

func TestRefusedUpdates(t *testing.T) {
	l := newLog(t, nil)
	s, _ := l.run(t)
	greatest := uint32(math.MaxUint32 - 1)
	for name, u := range map[string]*directory.Update{
		"no values":     update("alice", 0),
		"256 values":    update("alice", 0, make([]string, 256)...),
		"long label":    update(string(make([]byte, 256)), 0, "x"),
		"last versions": {Label: []byte("a"), Greatest: &greatest, Values: [][]byte{{1}}},
	} {
		if _, err := s.Submit(ctx, u); !errors.Is(err, problem.ErrRefused) && !errors.Is(err, problem.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if size := snapshotOf(t, s).Head().Size; size != 1 {
		t.Errorf("size %d", size)
	}
}

// At most one UpdateRequest per label and log entry; of those that race for a
// version exactly one wins, and the others learn of it.
func TestConcurrentUpdatesOfOneLabel(t *testing.T) {
	l := newLog(t, nil)
	s, _ := l.run(t)
	const devices, rounds = 6, 5
	won := make([][]int, rounds)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for d := range devices {
		wg.Go(func() {
			for r := range rounds {
				p, err := s.Submit(ctx, update("alice", uint32(r), fmt.Sprintf("%d by %d", r, d)))
				var stale *directory.StaleError
				switch {
				case err == nil:
					mu.Lock()
					won[p.First] = append(won[p.First], d)
					mu.Unlock()
				case !errors.As(err, &stale):
					t.Error(err)
				case stale.Greatest != nil && int(*stale.Greatest) >= r:
					// What it was told can be seen.
					if n, _ := current(t, s, "alice"); n <= *stale.Greatest {
						t.Errorf("told of version %d, %d are there", *stale.Greatest, n)
					}
				}
			}
		})
	}
	wg.Wait()
	checkLog(t, l, s)
	n, _ := current(t, s, "alice")
	if n == 0 {
		t.Fatal("nobody won")
	}
	snap := snapshotOf(t, s)
	places, err := snap.Places([]byte("alice"), 0, n)
	if err != nil {
		t.Fatal(err)
	}
	for version, at := range places {
		if len(won[version]) != 1 {
			t.Errorf("version %d was given to %v", version, won[version])
		}
		if version > 0 && at.Position == places[version-1].Position {
			t.Errorf("two requests in log entry %d", at.Position)
		}
	}
}

// "At most one UpdateRequest per label and log entry", even if one follows the other.
func TestUpdatesOfOneLabelInARow(t *testing.T) {
	l := newLog(t, nil)
	s := l.open(t)
	placed := make(chan *directory.Placement, 3)
	for n := range uint32(3) {
		go func() {
			p, err := s.Submit(ctx, update("alice", n, "x"))
			if err != nil {
				t.Error(err)
			}
			placed <- p
		}()
		for directory.Waiting(s) <= int(n) {
			time.Sleep(time.Millisecond)
		}
	}
	ended, end := context.WithCancel(ctx)
	end()
	if err := s.Run(ended); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if p := <-placed; p == nil || p.Position != uint64(p.First)+1 {
			t.Errorf("placed at %+v", p)
		}
	}
	checkLog(t, l, s)
}

// Updates that wait together share log entries, 255 changes in each, and commits.
func TestEntriesHold255Changes(t *testing.T) {
	for _, test := range []struct{ updates, values, entries int }{
		{255, 1, 1}, {256, 1, 2}, {2, 127, 1}, {2, 128, 2}, {1, 255, 1}, {3, 255, 3}, {600, 1, 3},
	} {
		t.Run(fmt.Sprintf("%dx%d", test.updates, test.values), func(t *testing.T) {
			l := newLog(t, nil)
			s := l.open(t)
			var wg sync.WaitGroup
			for i := range test.updates {
				wg.Go(func() {
					if _, err := s.Submit(ctx, update(fmt.Sprint(i), 0, make([]string, test.values)...)); err != nil {
						t.Error(err)
					}
				})
			}
			for directory.Waiting(s) < test.updates {
				time.Sleep(time.Millisecond) // until all have been evaluated, before any is sequenced
			}
			ctx, stop := context.WithCancel(ctx)
			done := make(chan error)
			go func() { done <- s.Run(ctx) }()
			wg.Wait()
			stop()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if size := snapshotOf(t, s).Head().Size; size != uint64(1+test.entries) {
				t.Errorf("%d entries, want %d", size-1, test.entries)
			}
			checkLog(t, l, s)
		})
	}
}

func TestQueueIsBounded(t *testing.T) {
	l := newLog(t, func(c *directory.Config) { c.MaxQueue = 2 })
	s := l.open(t)
	cancelled, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			if _, err := s.Submit(cancelled, update(fmt.Sprint(i), 0, "x")); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for directory.Waiting(s) < 2 {
		time.Sleep(time.Millisecond)
	}
	if _, err := s.Submit(ctx, update("c", 0, "x")); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("a third update: %v", err)
	}
	cancel()
	wg.Wait()
}

func TestUpdatesAfterTheEndAreTurnedAway(t *testing.T) {
	l := newLog(t, nil)
	s := l.open(t)
	ended, end := context.WithCancel(ctx)
	end()
	if err := s.Run(ended); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(ctx, update("a", 0, "x")); !errors.Is(err, problem.ErrUnavailable) {
		t.Error(err)
	}
}

func TestHeartbeats(t *testing.T) {
	clock := &fakeClock{time.UnixMilli(1_000_000)}
	l := newLog(t, func(c *directory.Config) { c.Now, c.Log.MaxBehind = clock.Now, 10_000 })
	s := l.open(t)
	beat := func(want uint64, timestamp uint64) {
		t.Helper()
		if err := s.Heartbeat(ctx); err != nil {
			t.Fatal(err)
		}
		if h := snapshotOf(t, s).Head(); h.Size != want || h.Timestamp != timestamp {
			t.Errorf("size %d at %d, want %d at %d", h.Size, h.Timestamp, want, timestamp)
		}
	}
	beat(1, 1_000_000)
	clock.now = time.UnixMilli(1_004_999)
	beat(1, 1_000_000)
	clock.now = time.UnixMilli(1_005_000)
	beat(2, 1_005_000)
	clock.now = time.UnixMilli(900_000) // set back: time stands still
	beat(2, 1_005_000)
	clock.now = time.UnixMilli(2_000_000) // after a downtime
	beat(3, 2_000_000)
	clock.now = time.UnixMilli(1_500_000)
	bulk(t, s, users(0, 1), 1, 0)
	if h := snapshotOf(t, s).Head(); h.Timestamp != 2_000_000 {
		t.Errorf("an entry of %d after one of 2000000", h.Timestamp)
	}
	checkLog(t, l, s)
}

func TestRunWritesHeartbeats(t *testing.T) {
	var mu sync.Mutex
	clock := &fakeClock{time.UnixMilli(1_000_000)}
	l := newLog(t, func(c *directory.Config) {
		c.Log.MaxBehind = 10_000
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return clock.now }
		c.After = func(d time.Duration) <-chan time.Time {
			mu.Lock()
			defer mu.Unlock()
			clock.now = clock.now.Add(d) // time flies
			fired := make(chan time.Time, 1)
			fired <- clock.now
			return fired
		}
	})
	s, stop := l.run(t)
	for size := uint64(0); size < 5; {
		changed := s.Changed()
		snap := snapshotOf(t, s)
		size = snap.Head().Size
		snap.Release()
		if size < 5 {
			<-changed
		}
	}
	stop()
	s = l.open(t)
	checkLog(t, l, s)
	snap := snapshotOf(t, s)
	for pos := range snap.Head().Size {
		if e, err := snap.LogEntry(pos); err != nil || e.Timestamp != 1_000_000+5000*pos {
			t.Errorf("entry %d at %d (%v)", pos, e.Timestamp, err)
		}
	}
}

// A fullStore has no room for log entries.
type fullStore struct{ directory.Store }

func (fullStore) Commit(context.Context, *directory.Batch) error { return directory.ErrFull }

// TestHeartbeatsThatFail: a heartbeat that failed is tried again, but not in haste.
func TestHeartbeatsThatFail(t *testing.T) {
	l := newLog(t, func(c *directory.Config) { c.Log.MaxBehind = 10_000 })
	config, closeAll := l.parts(t)
	defer closeAll()
	config.Store = fullStore{config.Store}
	ending, end := context.WithCancel(ctx)
	now := time.Now().Add(time.Minute) // overdue
	var waits []time.Duration
	config.Now = func() time.Time { return now }
	config.After = func(d time.Duration) <-chan time.Time {
		if waits = append(waits, d); len(waits) == 10 {
			end()
		}
		now = now.Add(d)
		fired := make(chan time.Time, 1)
		fired <- now
		return fired
	}
	s, err := directory.Open(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Run(ending); err != nil {
		t.Error(err)
	}
	for i, d := range waits[1:] {
		if d < time.Second || d > 5*time.Second {
			t.Errorf("after failure %d the next heartbeat comes %v later", i+1, d)
		}
	}
}

func TestErase(t *testing.T) {
	l := newLog(t, nil)
	s, _ := l.run(t)
	submit(t, s, update("alice", 0, "a0", "a1"))
	if err := s.Erase(ctx, []byte("alice"), 1); err == nil {
		t.Error("the greatest version was erased")
	}
	if err := s.Erase(ctx, []byte("alice"), 2); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("a version that is not there: %v", err)
	}
	if err := s.Erase(ctx, []byte("alice"), 0); err != nil {
		t.Fatal(err)
	}
	snap := snapshotOf(t, s)
	places, err := snap.Places([]byte("alice"), 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := snap.Value([]byte("alice"), 0, places[0]); !errors.Is(err, directory.ErrErased) {
		t.Errorf("an erased value: %v", err)
	}
	checkLog(t, l, s)
}

func loads(pairs ...string) iter.Seq2[directory.Load, error] {
	return func(yield func(directory.Load, error) bool) {
		for i := 0; i < len(pairs); i += 2 {
			if !yield(directory.Load{Label: []byte(pairs[i]), Value: []byte(pairs[i+1])}, nil) {
				return
			}
		}
	}
}

func bulk(t testing.TB, s *directory.Sequencer, from iter.Seq2[directory.Load, error], added, skipped uint64) {
	t.Helper()
	p, err := s.BulkLoad(ctx, from, directory.BulkOptions{})
	if err != nil || p.Added != added || p.Skipped != skipped {
		t.Fatalf("%+v, %v; want %d added, %d skipped", p, err, added, skipped)
	}
}

func TestBulkLoad(t *testing.T) {
	suites(t, func(t *testing.T, change func(*directory.Config)) {
		l := newLog(t, func(c *directory.Config) { change(c); c.BulkEntries = 2 })
		s := l.open(t)
		bulk(t, s, users(0, 2000), 2000, 0)
		size := snapshotOf(t, s).Head().Size
		if want := uint64(1 + (2000+254)/255); size != want {
			t.Errorf("size %d, want %d: entries are full", size, want)
		}
		bulk(t, s, users(0, 2000), 0, 2000)
		bulk(t, s, users(1000, 1300), 300, 1000)
		checkLog(t, l, s)
		bulk(t, s, loads(), 0, 0)
	})
}

func TestBulkLoadOfOneLabelAgain(t *testing.T) {
	l := newLog(t, nil)
	s := l.open(t)
	bulk(t, s, loads("a", "1", "b", "1", "a", "2", "a", "2", "b", "1", "a", "1"), 4, 2)
	if n, v := current(t, s, "a"); n != 3 || string(v) != "1" {
		t.Errorf("a has %d versions, the last one %q", n, v)
	}
	snap := snapshotOf(t, s)
	places, err := snap.Places([]byte("a"), 0, 3)
	if err != nil || places[0].Position == places[1].Position || places[1].Position == places[2].Position {
		t.Errorf("places %v: one version of a label in an entry (%v)", places, err)
	}
	bulk(t, s, loads("a", "9", "c", "1"), 2, 0)
	checkLog(t, l, s)
}

func TestBulkLoadGoesOnAfterAFault(t *testing.T) {
	l := newLog(t, func(c *directory.Config) { c.BulkEntries = 1 })
	s := l.open(t)
	broken := errors.New("line 701 is torn")
	p, err := s.BulkLoad(ctx, func(yield func(directory.Load, error) bool) {
		for load := range users(0, 700) {
			if !yield(load, nil) {
				return
			}
		}
		yield(directory.Load{}, broken)
	}, directory.BulkOptions{})
	if !errors.Is(err, broken) || p.Added != 700 {
		t.Fatalf("%+v, %v", p, err)
	}
	bulk(t, s, users(0, 900), 200, 700)

	cancelled, cancel := context.WithCancel(ctx)
	p, err = s.BulkLoad(cancelled, users(0, 100_000), directory.BulkOptions{Progress: func(directory.BulkProgress) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%+v, %v", p, err)
	}
	if _, err := s.BulkLoad(ctx, loads("a", "1", string(make([]byte, 256)), "2"), directory.BulkOptions{}); !errors.Is(err, problem.ErrTooLarge) {
		t.Error(err)
	}
	checkLog(t, l, s)
}

func TestBulkLoadBesideUpdates(t *testing.T) {
	l := newLog(t, func(c *directory.Config) { c.BulkEntries = 1 })
	s, _ := l.run(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range uint32(20) {
			submit(t, s, update("someone", i, fmt.Sprint(i)))
		}
	})
	bulk(t, s, users(0, 3000), 3000, 0)
	wg.Wait()
	checkLog(t, l, s)
}

// A watchedVRF tells of every label it evaluates.
type watchedVRF struct {
	vrf.PrivateKey
	label string
	seen  chan struct{}
}

func (w *watchedVRF) Evaluate(alpha []byte) wire.VRFOutput {
	if bytes.Contains(alpha, []byte(w.label)) {
		select {
		case w.seen <- struct{}{}:
		default:
		}
	}
	return w.PrivateKey.Evaluate(alpha)
}

// A label that is updated after a bulk load has looked at it, and before it is
// sequenced, gets both values.
func TestBulkLoadOfALabelThatMovesOn(t *testing.T) {
	l := newLog(t, func(c *directory.Config) { c.BulkEntries = 1 })
	watched := &watchedVRF{l.keys.VRF, "mover", make(chan struct{}, 1)}
	l.keys.VRF = watched
	s, _ := l.run(t)
	bulk(t, s, func(yield func(directory.Load, error) bool) {
		yield(directory.Load{Label: []byte("mover"), Value: []byte("loaded")}, nil)
		for load := range users(0, 130) { // to the end of the block
			yield(load, nil)
		}
		<-watched.seen
		submit(t, s, update("mover", 0, "updated"))
		for load := range users(130, 300) {
			yield(load, nil)
		}
	}, 431, 0)
	if n, v := current(t, s, "mover"); n != 2 || string(v) != "loaded" {
		t.Errorf("%d versions, the last one %q", n, v)
	}
	checkLog(t, l, s)
}

func TestAuditorHeads(t *testing.T) {
	var auditor suite.Signer
	l := newLog(t, func(c *directory.Config) {
		s, err := suite.Get(c.Log.CipherSuite)
		if err != nil {
			t.Fatal(err)
		}
		if auditor, err = s.GenerateSigner(bytes.NewReader(bytes.Repeat([]byte{7}, 64))); err != nil {
			t.Fatal(err)
		}
		c.Log.Mode, c.Log.MaxAuditorLag, c.Log.AuditorPublicKey = wire.ThirdPartyAuditing, 1000, auditor.Public()
	})
	s, _ := l.run(t)
	submit(t, s, update("a", 0, "x"))
	head := snapshotOf(t, s).Head()
	good, err := suite.SignAuditorTreeHead(auditor, &l.config.Log, head.Timestamp, head.Size, head.Root)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := s.AuditorHead(); h != nil || err != nil {
		t.Errorf("before there is one: %v, %v", h, err)
	}
	for name, spoil := range map[string]func(h *wire.AuditorTreeHead){
		"signature": func(h *wire.AuditorTreeHead) { h.Signature = bytes.Repeat([]byte{1}, 64) },
		"timestamp": func(h *wire.AuditorTreeHead) { h.Timestamp-- },
		"size":      func(h *wire.AuditorTreeHead) { h.TreeSize++ },
		"empty":     func(h *wire.AuditorTreeHead) { h.TreeSize = 0 },
	} {
		bad := *good
		spoil(&bad)
		if err := s.PutAuditorHead(ctx, &bad); !errors.Is(err, problem.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	early, err := suite.SignAuditorTreeHead(auditor, &l.config.Log, head.Timestamp-1, head.Size, head.Root)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutAuditorHead(ctx, early); !errors.Is(err, problem.ErrRefused) {
		t.Errorf("a timestamp that is not the rightmost entry's: %v", err)
	}
	if err := s.PutAuditorHead(ctx, good); err != nil {
		t.Fatal(err)
	}
	if h, err := s.AuditorHead(); err != nil || h.TreeSize != head.Size {
		t.Errorf("%v, %v", h, err)
	}
	checkLog(t, l, s)
}
