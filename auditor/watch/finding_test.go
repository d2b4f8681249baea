package watch

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/wire"
)

// caught makes a pass that must end the watch, and verifies the evidence.
func caught(t testing.TB, w *Watch) (Finding, *evidence.Verdict) {
	t.Helper()
	_, err := w.Pass(t.Context())
	m, ok := errors.AsType[*Misbehaved](err)
	if !ok {
		t.Fatalf("not caught: %v", err)
	}
	if !w.Status().Misbehaved || !m.Finding.Final || w.Misbehaved() == nil {
		t.Errorf("it goes on: %+v", w.Status())
	}
	return m.Finding, verdict(t, w, m.Finding)
}

// TestEvidenceOfEveryKind: what a pass finds becomes a file that verifies; what the
// provider has signed is proved by it.
func TestEvidenceOfEveryKind(t *testing.T) {
	spoiled := func(spoil func(*wire.AuditorUpdate, *checkpoint.Leaf)) func(*world) {
		return func(w *world) {
			w.entry(1, []wire.PrefixLeaf{leaf(1000)}, nil, spoil)
			w.fill(3)
		}
	}
	served := func(path string, change func(b []byte) []byte) func(*world) {
		return func(w *world) {
			w.fill(5)
			w.lie = func(p string, b []byte) ([]byte, error) {
				if p == path {
					b = change(b)
				}
				return b, nil
			}
		}
	}
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 1; return b }
	}
	inLeaf := 20*(2+checkpoint.LeafSize) + 2
	for name, c := range map[string]struct {
		do    func(*world)
		found pass.Kind
		kind  evidence.Kind
		claim evidence.Claim
		entry uint64
	}{
		"another root":        {spoiled(func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.Root[3] ^= 1 }), pass.BadRoot, evidence.BadRoot, 0, 20},
		"another prefix root": {spoiled(func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.PrefixRoot[3] ^= 1 }), pass.BadRoot, evidence.BadUpdate, 0, 20},
		"another timestamp":   {spoiled(func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.Timestamp++ }), pass.BadRoot, evidence.BadUpdate, 0, 20},
		"another position":    {spoiled(func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.Position++ }), pass.BadLeaf, evidence.BadLeaf, 0, 20},
		"time goes back": {spoiled(func(u *wire.AuditorUpdate, l *checkpoint.Leaf) {
			u.Timestamp, l.Timestamp = epoch, epoch
		}), pass.BadStep, evidence.BadTimestamps, 0, 20},
		"a leaf swapped":         {spoiled(func(u *wire.AuditorUpdate, _ *checkpoint.Leaf) { u.Added[0].Commitment[0] ^= 1 }), pass.BadRoot, evidence.BadUpdate, 0, 20},
		"a copath hash swapped":  {spoiled(func(u *wire.AuditorUpdate, _ *checkpoint.Leaf) { u.Proof.Elements[0][0] ^= 1 }), pass.BadStep, evidence.BadUpdate, 0, 20},
		"another configuration":  {spoiled(func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.Configuration[3] ^= 1 }), pass.Reconfigured, evidence.Stated, evidence.OtherConfiguration, 20},
		"a flipped update":       {served("updates?start=20", flip(30)), pass.BadUpdate, evidence.Stated, evidence.BadAnswer, 20},
		"a flipped leaf":         {served("tile/entries/000.p/25", flip(inLeaf+40)), pass.BadLeaf, evidence.Stated, evidence.BadAnswer, 20},
		"a flipped tile":         {served("tile/0/000.p/25", flip(21*32)), pass.BadTile, evidence.Stated, evidence.BadAnswer, 19},
		"a flipped checkpoint":   {served("checkpoint", flip(20)), pass.BadCheckpoint, evidence.Stated, evidence.BadAnswer, 20},
		"a page that is cut off": {served("updates?start=20", func(b []byte) []byte { return b[:len(b)-3] }), pass.BadFeed, evidence.Stated, evidence.BadAnswer, 24},
		"removed early": {func(w *world) {
			w.entry(1, []wire.PrefixLeaf{leaf(1000), leaf(1001)}, nil, nil)
			w.entry(1, nil, []wire.PrefixLeaf{leaf(1001)}, nil)
		}, pass.BadStep, evidence.EarlyRemoval, 0, 21},
		"replaced early": {func(w *world) {
			w.entry(1, []wire.PrefixLeaf{leaf(1000)}, nil, nil)
			w.fill(1)
			other := leaf(1000)
			other.Commitment[0] ^= 1
			w.entry(1, []wire.PrefixLeaf{other}, []wire.PrefixLeaf{leaf(1000)}, nil)
		}, pass.BadStep, evidence.EarlyRemoval, 0, 22},
	} {
		w := newWorld(t, nil).fill(20)
		watch := w.start()
		passes(t, watch)
		c.do(w)
		f, v := caught(t, watch)
		if name == "a flipped tile" { // where exactly it is wrong, locate says
			c.entry = f.Entry
		}
		if f.Kind != string(c.found) || v.Kind != c.kind || v.Claim != c.claim || f.Entry != c.entry || v.Proved != (c.kind != evidence.Stated) {
			t.Errorf("%s: %+v\n%+v", name, f, v)
		}
		if v.Kind == evidence.Stated && v.Observer != watch.cosigner.VerifierKey() {
			t.Errorf("%s: stated by %s", name, v.Observer)
		}
		if signed := watch.Cosigned(); signed != nil || len(w.heads) != 0 {
			t.Errorf("%s: something was signed", name)
		}
	}
}

// TestRemovalIsProvedWithoutTheProvider: the update that added the leaf is kept, so
// that a provider who then refuses it gains nothing.
func TestRemovalIsProvedWithoutTheProvider(t *testing.T) {
	w := newWorld(t, nil).fill(20)
	dir := w.init(nil)
	watch := w.open(dir, nil)
	w.entry(1, []wire.PrefixLeaf{leaf(1000)}, nil, nil)
	passes(t, watch)
	must(t, watch.Close())
	watch = w.open(dir, nil) // also across a restart
	w.entry(1, nil, []wire.PrefixLeaf{leaf(1000)}, nil)
	w.lie = func(path string, b []byte) ([]byte, error) {
		if strings.HasPrefix(path, "updates?start=") && path != "updates?start=21" {
			return nil, problem.ErrNoAnswer
		}
		return b, nil
	}
	if f, v := caught(t, watch); v.Kind != evidence.EarlyRemoval || !f.Proved {
		t.Errorf("%+v", v)
	}
}

// fork is another log of the same keys, that parts at an entry.
func fork(t testing.TB, at, size int) *world {
	w := newWorld(t, nil).fill(at)
	w.entry(pace, []wire.PrefixLeaf{leaf(3 * at), leaf(3*at + 1), leaf(77777)}, nil, nil)
	return w.fill(size - at - 1)
}

func TestForksAndRollbacks(t *testing.T) {
	for name, c := range map[string]struct {
		show  func(honest *world) *world
		found pass.Kind
		kind  evidence.Kind
	}{
		"two roots at one size":     {func(*world) *world { return fork(t, 250, 300) }, pass.Fork, evidence.TwoCheckpoints},
		"a fork that grew":          {func(*world) *world { return fork(t, 120, 310) }, pass.Fork, evidence.TwoLeaves},
		"a fork from the beginning": {func(*world) *world { return fork(t, 0, 301) }, pass.Fork, evidence.TwoLeaves},
		"rolled back and grown on":  {func(*world) *world { return fork(t, 200, 290) }, pass.Fork, evidence.TwoLeaves},
		"rolled back": {func(w *world) *world {
			older := newWorld(t, nil).fill(250)
			return older
		}, pass.Rollback, evidence.Stated},
	} {
		w := newWorld(t, nil).fill(300)
		dir := w.init(nil)
		watch := w.open(dir, nil)
		passes(t, watch)
		must(t, watch.Close())
		other := c.show(w)
		watch = w.open(dir, func(o *Options) { o.Source = other })
		if name == "rolled back" { // or behind: that is asked again
			for range gracePasses - 1 {
				if _, err := watch.Pass(t.Context()); !errors.Is(err, errBehind) {
					t.Fatal(err)
				}
				w.wait(6 * time.Second)
			}
		}
		f, v := caught(t, watch)
		if f.Kind != string(c.found) || v.Kind != c.kind {
			t.Errorf("%s: %+v\n%+v", name, f, v)
		}
		must(t, watch.Close())

		// What is proved is not forgotten, though the honest log is shown again.
		watch = w.open(dir, nil)
		_, err := watch.Pass(t.Context())
		if _, ok := errors.AsType[*Misbehaved](err); ok != f.Proved {
			t.Errorf("%s: again: %v", name, err)
		}
		if len(watch.Findings()) != 1 {
			t.Errorf("%s: %+v", name, watch.Findings())
		}
	}
}

// TestBehindIsNoRollback: a cache, or a replica, that serves the log as it was for a
// while ends no audit, nor do two of which one is behind; nothing is signed meanwhile.
// One that stays behind is a finding.
func TestBehindIsNoRollback(t *testing.T) {
	dir, id := auditorKeys(t)
	w := newWorld(t, auditedBy(id.PublicKey, 0)).fill(20)
	w.init(func(o *InitOptions) { o.Dir = dir })
	watch := w.open(dir, nil)
	passes(t, watch)
	w.fill(10)
	passes(t, watch)
	size := 20
	w.lie = func(path string, b []byte) ([]byte, error) {
		if path == "checkpoint" {
			b = w.checkpoint(size)
		}
		return b, nil
	}
	behind := func() {
		t.Helper()
		if _, err := watch.Pass(t.Context()); !errors.Is(err, errBehind) {
			t.Fatal(err)
		}
		if s := watch.Status(); len(s.Findings) != 0 || !strings.Contains(s.Fault, "20 entries after 30") {
			t.Fatalf("%+v", s)
		}
	}
	for range 5 { // by turns
		size = 20
		behind()
		w.wait(6 * time.Second)
		behind()
		size = 30
		passes(t, watch)
		w.wait(6 * time.Second)
	}
	if len(w.heads) != 2 {
		t.Errorf("%d heads", len(w.heads))
	}
	size = 20
	for range 10 { // often, and not for long
		behind()
	}
	w.wait(11 * time.Second)
	if f, v := caught(t, watch); f.Kind != string(pass.Rollback) || f.Proved || v.Claim != evidence.Rollback {
		t.Errorf("%+v, %+v", f, v)
	}
	must(t, watch.Close())

	watch = w.open(dir, func(o *Options) { o.Patience = -1 }) // who looks once
	if f, _ := caught(t, watch); f.Kind != string(pass.Rollback) {
		t.Errorf("%+v", f)
	}
}

// TestTheSameIsFoundOnce: a lie that is told again is the same finding.
func TestTheSameIsFoundOnce(t *testing.T) {
	w := newWorld(t, nil).fill(20)
	dir := w.init(nil)
	w.lie = func(path string, b []byte) ([]byte, error) {
		if path == "tile/entries/000.p/20" {
			b[50] ^= 1
		}
		return b, nil
	}
	for range 3 {
		watch := w.open(dir, nil)
		caught(t, watch)
		if len(watch.Findings()) != 1 {
			t.Fatalf("%+v", watch.Findings())
		}
		must(t, watch.Close())
	}
	if files, err := os.ReadDir(filepath.Join(dir, evidenceFolder)); err != nil || len(files) != 1 {
		t.Errorf("%d files, %v", len(files), err)
	}
	moved := dir + "-moved"
	must(t, os.Rename(dir, moved))
	watch := w.open(moved, nil)
	if b, err := watch.Evidence(watch.Findings()[0].ID); err != nil || len(b) == 0 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// TestFutureIsNotSigned: an entry ahead of the clock is a finding, and nothing is
// signed until the clock is there.
func TestFutureIsNotSigned(t *testing.T) {
	dir, id := auditorKeys(t)
	w := newWorld(t, auditedBy(id.PublicKey, 0)).fill(20)
	w.init(func(o *InitOptions) { o.Dir = dir })
	watch := w.open(dir, nil)
	w.wait(11 * time.Second) // by now the clock is believed
	passes(t, watch)
	wall, mono := w.wall, w.mono
	w.entry(maxAhead+11_000+5000, nil, nil, nil)
	w.wall, w.mono = wall, mono // entry moved the clock with it
	if _, err := watch.Pass(t.Context()); !errors.Is(err, errFuture) || !strings.Contains(err.Error(), "log entry 20") {
		t.Fatal(err)
	}
	f := watch.Findings()
	if len(f) != 1 || f[0].Kind != KindFuture || f[0].Final || len(w.heads) != 1 {
		t.Fatalf("%+v, %d heads", f, len(w.heads))
	}
	if v := verdict(t, watch, f[0]); v.Claim != evidence.FutureTimestamp || v.Entry != 20 {
		t.Errorf("%+v", v)
	}
	if line, err := watch.Cosign(w.checkpoint(21), 0, nil); !errors.Is(err, errFuture) || line != nil {
		t.Errorf("cosigned %q, %v", line, err)
	}
	w.wait(6 * time.Second)
	passes(t, watch)
	if len(watch.Findings()) != 1 || len(w.heads) != 2 {
		t.Errorf("%+v, %d heads", watch.Findings(), len(w.heads))
	}
	if _, err := watch.Cosign(w.checkpoint(21), 0, nil); err != nil {
		t.Error(err)
	}
}

// TestClockAtBoot: a clock that was wrong when the auditor started, and is set right
// soon, accuses nobody; one that stays as it is is believed after a while.
func TestClockAtBoot(t *testing.T) {
	for _, set := range []bool{true, false} {
		w := newWorld(t, nil).fill(20)
		w.set(-24 * time.Hour)
		w.document.Issued = w.document.Issued.Add(-48 * time.Hour)
		w.publish(w.config)
		watch := w.start()
		for range 4 {
			if _, err := watch.Pass(t.Context()); !errors.Is(err, errFuture) || len(watch.Findings()) != 0 {
				t.Fatalf("%v, %+v", err, watch.Findings())
			}
			w.wait(2 * time.Second)
		}
		if line, err := watch.Cosign(w.checkpoint(20), 0, nil); !errors.Is(err, errFuture) || line != nil {
			t.Errorf("cosigned %q, %v", line, err)
		}
		if set {
			w.set(24 * time.Hour)
		}
		for range 5 {
			w.wait(4 * time.Second)
			if _, err := watch.Pass(t.Context()); errors.Is(err, errFuture) == set {
				t.Fatal(err)
			}
		}
		if f := watch.Findings(); set && len(f) != 0 || !set && (len(f) != 1 || f[0].Kind != KindFuture) {
			t.Errorf("set %v: %+v", set, f)
		}
	}
}

// TestStale: a log that stops is a finding after a while; not before, and not when
// it is this computer's clock that moved.
func TestStale(t *testing.T) {
	w := newWorld(t, nil).fill(20)
	watch := w.start()
	passes(t, watch)
	for range 5 { // for longer than our patience, but as old as was promised
		w.wait(8 * time.Second)
		passes(t, watch)
	}
	w.wait((maxBehind-40_000)*time.Millisecond + 9*time.Second) // within our patience
	passes(t, watch)
	w.wait(3 * time.Second)
	for range 2 {
		passes(t, watch)
		w.wait(6 * time.Second)
	}
	if f := watch.Findings(); len(f) != 0 {
		t.Fatalf("too early: %+v", f)
	}
	passes(t, watch)
	f := watch.Findings()
	if len(f) != 1 || f[0].Kind != KindStale || f[0].Final || f[0].Entry != 19 {
		t.Fatalf("%+v", f)
	}
	if v := verdict(t, watch, f[0]); v.Claim != evidence.StaleHead {
		t.Errorf("%+v", v)
	}
	w.wait(time.Minute)
	passes(t, watch)
	if len(watch.Findings()) != 1 {
		t.Error("found twice")
	}
	w.fill(1)
	passes(t, watch)
}

func TestClockThatJumps(t *testing.T) {
	for _, jump := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		w := newWorld(t, nil).fill(20)
		var logs bytes.Buffer
		watch := w.open(w.init(nil), func(o *Options) { o.Logger = logTo(&logs) })
		passes(t, watch)
		w.set(jump)
		for range 4 { // for less than our patience
			_, err := watch.Pass(t.Context())
			if jump < 0 && !errors.Is(err, errFuture) || jump > 0 && err != nil {
				t.Fatal(err)
			}
			w.wait(2 * time.Second)
		}
		if f := watch.Findings(); len(f) != 0 {
			t.Errorf("%s: %+v", jump, f)
		}
		if !strings.Contains(logs.String(), "clock was set") {
			t.Errorf("%s: not a word: %s", jump, logs.String())
		}
		// If it stays so, the clock was set right.
		for range 8 {
			w.wait(5 * time.Second)
			_, _ = watch.Pass(t.Context())
		}
		if f := watch.Findings(); len(f) != 1 {
			t.Errorf("%s: %+v", jump, f)
		}
	}
}

// TestFeedThatStalls: updates that end before the checkpoint, and those that are
// refused, are findings after a while.
func TestFeedThatStalls(t *testing.T) {
	for name, c := range map[string]struct {
		path, kind string
		fault      error
		claim      evidence.Claim
	}{
		"short":   {"updates", KindStalled, nil, evidence.FeedStalled},
		"refused": {"updates", KindDropped, problem.ErrNoAnswer, evidence.FeedDropped},
		"foreign": {"updates", KindDropped, feed.ErrForeign, evidence.FeedDropped},
		"entries": {"tile/entries", KindDropped, problem.ErrNoAnswer, evidence.FeedDropped},
		"all":     {"tile", KindDropped, problem.ErrNoAnswer, evidence.FeedDropped},
	} {
		kind := c.kind
		w := newWorld(t, nil).fill(20)
		watch := w.start()
		passes(t, watch)
		w.fill(5)
		broken := true
		w.lie = func(path string, b []byte) ([]byte, error) {
			if broken && strings.HasPrefix(path, c.path) {
				return nil, c.fault
			}
			return b, nil
		}
		for i := range 4 {
			if _, err := watch.Pass(t.Context()); err == nil {
				t.Fatal("passed")
			} else if _, ok := errors.AsType[*Misbehaved](err); ok {
				t.Fatalf("%s: final: %v", name, err)
			}
			if f := watch.Findings(); i < 3 && len(f) != 0 {
				t.Fatalf("%s: too early: %+v", name, f)
			}
			w.wait(4 * time.Second)
		}
		f := watch.Findings()
		if len(f) != 1 || f[0].Kind != kind || f[0].Entry != 20 || f[0].Final {
			t.Fatalf("%s: %+v", name, f)
		}
		if v := verdict(t, watch, f[0]); v.Claim != c.claim || v.Entry != 20 {
			t.Errorf("%s: %+v", name, v)
		}
		broken = false
		passes(t, watch)
	}
}

// TestAlerts: once per finding, also across restarts; what was not delivered is
// tried again.
func TestAlerts(t *testing.T) {
	w := newWorld(t, nil).fill(20)
	dir := w.init(nil)
	w.lie = func(path string, b []byte) ([]byte, error) {
		if path == "checkpoint" {
			b[10] ^= 1
		}
		return b, nil
	}
	told, down := map[string]int{}, true
	alert := func(name string) Alert {
		return Alert{name, func(_ context.Context, f Finding) error {
			if name == "flaky" && down {
				return errors.New("down")
			}
			told[name+" "+f.ID]++
			return nil
		}}
	}
	for i := range 4 {
		down = i < 2
		watch := w.open(dir, func(o *Options) { o.Alerts = []Alert{alert("good"), alert("flaky")} })
		f, _ := caught(t, watch)
		watch.deliver(t.Context(), 1)
		good, flaky := told["good "+f.ID], told["flaky "+f.ID]
		if good != 1 || flaky != map[bool]int{true: 0, false: 1}[down] {
			t.Errorf("run %d: told %d and %d times", i, good, flaky)
		}
		must(t, watch.Close())
	}
	// A run that is ended by a finding tells of it before it ends.
	told = map[string]int{}
	other := w.open(w.init(nil), func(o *Options) { o.Alerts = []Alert{alert("good")} })
	if _, ok := errors.AsType[*Misbehaved](other.Run(t.Context())); !ok || len(told) != 1 {
		t.Errorf("told %v", told)
	}
}

// TestSlowAlertsKeepNobodyFromAuditing: nor from being stopped.
func TestSlowAlertsKeepNobodyFromAuditing(t *testing.T) {
	w := newWorld(t, nil).fill(20)
	entered := make(chan struct{}, 10)
	watch := w.open(w.init(nil), func(o *Options) {
		o.Alerts = []Alert{{"slow", func(ctx context.Context, _ Finding) error {
			entered <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}}}
	})
	passes(t, watch)
	watch.note(nil, nil, Finding{Kind: "x"})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- watch.Run(ctx) }()
	<-entered
	w.fill(5)
	deadline := time.Now().Add(time.Minute)
	for watch.Status().Size < 25 {
		if time.Now().After(deadline) {
			t.Fatal("it does not go on")
		}
		<-watch.Grown()
	}
	stop()
	must(t, <-ended)
	if len(entered) != 0 {
		t.Error("told again before the last time was over")
	}
}

// TestConvict: what others prove ends the watch; what they only say does not.
func TestConvict(t *testing.T) {
	w := newWorld(t, nil).fill(30)
	watch := w.start()
	passes(t, watch)
	file := func(e *evidence.Evidence, err error) []byte {
		must(t, err)
		b, err := e.Append(nil)
		must(t, err)
		return b
	}
	a, b := w.checkpoint(30), fork(t, 12, 30).checkpoint(30)
	proof := file(evidence.NewTwoCheckpoints(w.envelope, a, b))
	// The same under a document with root keys of somebody's own, for the same domain.
	forger := newWorld(t, nil)
	forger.root = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	forger.document.RootKeys = []strictjson.Bytes{strictjson.Bytes(forger.root.Public().(ed25519.PublicKey))}
	skey, vkey, err := checkpoint.GenerateKey(seeded("forged"), "example.org/log")
	must(t, err)
	forger.note, err = checkpoint.NewSigner(skey)
	must(t, err)
	forger.document.AuditLog.Key = vkey
	forger.publish(forger.config)
	forger.fill(30)
	other := fork(t, 12, 30)
	other.note = forger.note
	foreign := file(evidence.NewTwoCheckpoints(forger.envelope, forger.checkpoint(30), other.checkpoint(30)))

	stated, _, err := watch.state(&evidence.Statement{About: evidence.BadAnswer, Items: []evidence.Item{evidence.Served("/x", []byte("y"), 10)}})
	for name, bad := range map[string][]byte{
		"nothing": nil, "a statement": file(stated, err), "about somebody else": foreign, "damaged": append(bytes.Clone(proof[:len(proof)-1]), proof[len(proof)-1]^1),
	} {
		if f, err := watch.Convict(bad); err == nil || watch.Misbehaved() != nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- watch.Run(t.Context()) }()
	for range 2 {
		f, err := watch.Convict(proof)
		if err != nil || !f.Proved || !f.Final || f.Kind != KindGossip {
			t.Fatalf("%+v, %v", f, err)
		}
		got, err := watch.Evidence(f.ID)
		if err != nil || !bytes.Equal(got, proof) {
			t.Errorf("the evidence is another file: %v", err)
		}
	}
	if _, ok := errors.AsType[*Misbehaved](<-ended); !ok || len(watch.Findings()) != 1 {
		t.Errorf("%+v", watch.Findings())
	}
	if line, err := watch.Cosign(a, 0, nil); line != nil || err == nil {
		t.Error("it still cosigns")
	}
}

// TestCopyIsNotHeldAgainstTheProvider: what is wrong with somebody's copy of a log
// is a fault of the copy, unless the provider has signed it.
func TestCopyIsNotHeldAgainstTheProvider(t *testing.T) {
	w := newWorld(t, nil).fill(30)
	copied := func(o *Options) { o.Copy = true }
	watch := w.open(w.init(nil), copied)
	w.lie = func(path string, b []byte) ([]byte, error) {
		if path == "tile/entries/000.p/30" {
			b[50] ^= 1
		}
		return b, nil
	}
	if _, err := watch.Pass(t.Context()); err == nil || !strings.Contains(err.Error(), "copy") || watch.Misbehaved() != nil || len(watch.Findings()) != 0 {
		t.Error(err)
	}
	w.lie = nil
	passes(t, watch)
	w.entry(1, []wire.PrefixLeaf{leaf(1000)}, nil, func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.Root[3] ^= 1 })
	if f, _ := caught(t, watch); !f.Proved {
		t.Errorf("%+v", f)
	}
}

// TestFindingsAreBounded: a provider cannot fill the disk with its lies.
func TestFindingsAreBounded(t *testing.T) {
	w := newWorld(t, nil).fill(5)
	watch := w.start()
	for i := range maxFindings + 10 {
		watch.findings = append(watch.findings, Finding{ID: fmt.Sprint(i)})
	}
	watch.note(nil, nil, Finding{Kind: "x"}, []byte("new"))
	if len(watch.findings) != maxFindings+10 {
		t.Error("one more was kept")
	}
}

// TestProofIsKeptBesideMuch: however much there is already, what ends the watch is
// kept, with its evidence, and is not forgotten.
func TestProofIsKeptBesideMuch(t *testing.T) {
	w := newWorld(t, nil).fill(30)
	dir := w.init(nil)
	watch := w.open(dir, nil)
	passes(t, watch)
	for i := range maxFindings {
		watch.note(nil, nil, Finding{Kind: KindStale}, []byte(fmt.Sprint(i)))
	}
	e, err := evidence.NewTwoCheckpoints(w.envelope, w.checkpoint(30), fork(t, 12, 30).checkpoint(30))
	must(t, err)
	file, err := e.Append(nil)
	must(t, err)
	f, err := watch.Convict(file)
	if err != nil || f.File == "" {
		t.Errorf("%+v, %v", f, err)
	}
	must(t, watch.Close())
	watch = w.open(dir, nil)
	if m, ok := errors.AsType[*Misbehaved](watch.Misbehaved()); !ok {
		t.Errorf("forgotten: %+v", m)
	}
}
