package cosign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// A harness is a Collector that runs.
type harness struct {
	*Collector
	t    testing.TB
	kept *kept
	stop func() // and wait for the end of Run
}

func start(t testing.TB, l *testLog, targets Targets, change func(*Config)) *harness {
	t.Helper()
	h := &harness{t: t, kept: new(kept)}
	config := Config{
		Log: l.verifier, LogKey: l.signer.VerifierKey(),
		Proof: func(_ context.Context, from, to uint64) ([]checkpoint.Hash, error) {
			return tlog.ProveTree(int64(to), int64(from), l)
		},
		Keep: func(_ context.Context, note []byte) error {
			h.kept.mu.Lock()
			defer h.kept.mu.Unlock()
			h.kept.note, h.kept.n = note, h.kept.n+1
			return nil
		},
		Timeout: 5 * time.Second, Backoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond,
	}
	if change != nil {
		change(&config)
	}
	var err error
	h.Collector, err = New(config)
	must(t, err)
	must(t, h.SetTargets(targets))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	h.stop = func() {
		cancel()
		if done != nil {
			must(t, <-done)
			done = nil
		}
	}
	t.Cleanup(h.stop)
	return h
}

// waiting is how long until waits, on a machine that is slow and busy.
const waiting = time.Minute

// until waits for what must happen.
func until(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(waiting); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not happen within %v that %s", waiting, what)
		}
	}
}

func (h *harness) offer(note []byte) {
	h.t.Helper()
	must(h.t, h.Offer(note))
}

func (h *harness) standing(name string) Standing {
	for _, s := range h.Standings() {
		if s.Name == name {
			return s
		}
	}
	h.t.Fatalf("no standing of %s", name)
	return Standing{}
}

// met waits until the checkpoint of a size has what it needs.
func (h *harness) met(size uint64) {
	h.t.Helper()
	until(h.t, fmt.Sprintf("size %d is cosigned", size), func() bool { return h.Summary().Met == size })
}

func witnesses(threshold int, all ...*testWitness) Targets {
	t := Targets{WitnessThreshold: threshold}
	for _, w := range all {
		t.List = append(t.List, w.target())
	}
	return t
}

func TestCosignaturesAreCollected(t *testing.T) {
	l := newTestLog(t)
	a, b, c := newTestWitness(t, l, "a.example"), newTestWitness(t, l, "b.example"), newTestWitness(t, l, "c.example")
	targets := witnesses(2, a, b, c)
	h := start(t, l, targets, nil)
	if h.Newest() != nil || h.Met() != nil {
		t.Error("a checkpoint before one was offered")
	}
	for _, n := range []int{1, 1, 5, 300} {
		note := l.grow(n)
		h.offer(note)
		h.met(l.size)
		until(t, "all cosign", func() bool { return h.Summary().Have == 3 })
		signed, err := l.verifier.Open(h.Newest())
		must(t, err)
		for i, w := range []*testWitness{a, b, c} {
			witness, err := checkpoint.NewWitness(w.cosigner.VerifierKey())
			must(t, err)
			q := checkpoint.Quorum{Threshold: 1, Of: []*checkpoint.Witness{witness}}
			if _, err := q.Check(signed, 0, 1<<62); err != nil {
				t.Errorf("witness %d: %v", i, err)
			}
		}
	}
	h.stop()
	if signed, err := l.verifier.Open(h.kept.get()); err != nil || signed.Size != l.size {
		t.Fatalf("kept: %v %v", signed, err)
	}

	// A restart serves it at once, also when nobody cosigns any more.
	a.Close()
	b.Close()
	c.Close()
	again := start(t, l, targets, func(config *Config) { config.Kept = h.kept.get() })
	if again.Summary().Met != l.size || again.standing("a.example").Size != l.size {
		t.Errorf("%+v", again.Summary())
	}
	again.offer(l.at(l.size))
	if !bytes.Equal(again.Newest(), again.Met()) {
		t.Error("the checkpoint lost its cosignatures")
	}
	again.offer(l.grow(1))
	note, best := again.Best()
	if best.Size != l.size-1 || !bytes.Equal(note, again.Met()) {
		t.Errorf("heads are bound to size %d", best.Size)
	}
	if signed, err := l.verifier.Open(again.Newest()); err != nil || signed.Size != l.size {
		t.Error("the newest checkpoint is not served")
	}
}

// A witness that is gone keeps nobody at the newest checkpoint that it has cosigned,
// also where the document asks for no number of them: clients have their own policy.
func TestGoneWitnessHoldsNobodyBack(t *testing.T) {
	l := newTestLog(t)
	all := []*testWitness{newTestWitness(t, l, "w1.example"), newTestWitness(t, l, "w2.example"), newTestWitness(t, l, "w3.example")}
	h := start(t, l, witnesses(0, all...), func(c *Config) { c.Refresh = 50 * time.Millisecond })
	best := func(size uint64, cosignatures int) func() bool {
		return func() bool {
			note, c := h.Best()
			signed, err := l.verifier.Open(note)
			return err == nil && c.Size == size && len(signed.Others) == cosignatures
		}
	}
	h.offer(l.grow(3))
	until(t, "all cosign", best(3, 3))
	all[0].misbehave(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	h.offer(l.grow(1))
	until(t, "two of them are enough", best(4, 2))
}

// Both auditors and witnesses are needed where both are asked for.
func TestBothThresholds(t *testing.T) {
	l := newTestLog(t)
	w, a := newTestWitness(t, l, "w.example"), newTestWitness(t, l, "a.example")
	targets := witnesses(1, w)
	auditor := a.target()
	auditor.Role = RoleAuditor
	targets.List, targets.AuditorThreshold = append(targets.List, auditor), 1
	closed := make(chan struct{})
	a.misbehave(func(http.ResponseWriter, *http.Request) bool { <-closed; return false })
	h := start(t, l, targets, nil)
	h.offer(l.grow(3))
	until(t, "the witness cosigns", func() bool { return h.Summary().Have == 1 })
	if h.Met() != nil {
		t.Error("the auditor is not missed")
	}
	if _, best := h.Best(); best.Size != 3 {
		t.Error("without a quorum, the checkpoint with the most cosignatures is the best")
	}
	close(closed)
	h.met(3)
}

// One that hangs, one that drips, one that is gone: none delays the others, the
// log, or the end.
func TestNobodyIsDelayed(t *testing.T) {
	l := newTestLog(t)
	good, hangs, drips, gone := newTestWitness(t, l, "good.example"), newTestWitness(t, l, "hangs.example"),
		newTestWitness(t, l, "drips.example"), newTestWitness(t, l, "gone.example")
	hangs.misbehave(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
	drips.misbehave(drip)
	gone.Close()
	h := start(t, l, witnesses(1, hangs, drips, gone, good), func(c *Config) { c.Timeout = time.Hour })
	for range 5 {
		before := time.Now()
		h.offer(l.grow(10))
		if took := time.Since(before); took > 20*time.Second {
			t.Errorf("the log waited %v", took)
		}
		h.met(l.size)
	}
	until(t, "somebody says that one is gone", func() bool { return h.standing("gone.example").Err != nil })
	before := time.Now()
	h.stop()
	if took := time.Since(before); took > 20*time.Second {
		t.Errorf("the end waited %v", took)
	}
}

// drip answers one byte after another, without an end.
func drip(w http.ResponseWriter, r *http.Request) bool {
	for r.Context().Err() == nil {
		if _, err := w.Write([]byte("x")); err != nil {
			break
		}
		w.(http.Flusher).Flush()
		select {
		case <-time.After(2 * time.Millisecond):
		case <-r.Context().Done():
		}
	}
	return true
}

func say(status int, kind, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

// TestAttacks: whatever a cosigner answers, nothing is kept but its own
// cosignature of the checkpoint it was asked for, and it is left alone for longer
// and longer.
func TestAttacks(t *testing.T) {
	l := newTestLog(t)
	note := l.grow(7)
	signed, err := l.verifier.Open(note)
	must(t, err)
	other := newTestLog(t)
	foreign, err := other.verifier.Open(other.grow(9))
	must(t, err)
	stranger := newTestWitness(t, l, "bad.example") // the same name, another key
	line := func(c *checkpoint.Cosigner, text string, at time.Time) string {
		b, err := c.Cosign(text, uint64(at.Unix()))
		must(t, err)
		return string(b)
	}
	var sizes atomic.Uint64
	var elsewhere atomic.Int64
	trap := newTestWitness(t, l, "trap.example")
	trap.misbehave(func(http.ResponseWriter, *http.Request) bool { elsewhere.Add(1); return false })

	plain := "text/plain"
	for name, c := range map[string]struct {
		answer func(w *testWitness) func(http.ResponseWriter, *http.Request) bool
		want   error
		words  string
	}{
		"nothing":     {always(say(200, plain, "")), ErrAnswer, ""},
		"garbage":     {always(say(200, plain, "\x00\xff<html>")), ErrAnswer, ""},
		"no line end": {always(say(200, plain, "— bad.example AAAA")), ErrAnswer, ""},
		"endless":     {always(endless), ErrAnswer, "above 65536 bytes"},
		"dripping":    {always(drip), nil, "in time"},
		"many lines": {func(w *testWitness) func(http.ResponseWriter, *http.Request) bool {
			return say(200, plain, strings.Repeat(line(stranger.cosigner, signed.Text(), time.Now()), 100))
		}, ErrAnswer, ""},
		"a stranger's": {func(*testWitness) func(http.ResponseWriter, *http.Request) bool {
			return say(200, plain, line(stranger.cosigner, signed.Text(), time.Now()))
		}, ErrAnswer, "no cosignature by bad.example"},
		"of another log": {func(w *testWitness) func(http.ResponseWriter, *http.Request) bool {
			return say(200, plain, line(w.cosigner, foreign.Text(), time.Now()))
		}, ErrAnswer, "invalid cosignature"},
		"of another size": {func(w *testWitness) func(http.ResponseWriter, *http.Request) bool {
			older, err := l.verifier.Open(l.at(3))
			must(t, err)
			return say(200, plain, line(w.cosigner, older.Text(), time.Now()))
		}, ErrAnswer, "invalid cosignature"},
		"from the future": {func(w *testWitness) func(http.ResponseWriter, *http.Request) bool {
			return say(200, plain, line(w.cosigner, signed.Text(), time.Now().Add(time.Hour)))
		}, ErrAnswer, "clock"},
		"does not know the key":   {always(say(403, plain, "who\x1b[31m are you?")), ErrRefused, l.signer.VerifierKey() + " (who [31m are you?)"},
		"does not know the log":   {always(say(404, plain, "")), ErrRefused, "does not know the log"},
		"does not like the proof": {always(say(422, plain, "")), ErrRefused, "consistency proof"},
		"bad request":             {always(say(400, plain, "")), ErrRefused, "cannot read"},
		"busy":                    {always(say(503, plain, "later")), ErrAnswer, "503 (later)"},
		"teapot":                  {always(say(418, plain, strings.Repeat("x", 1<<20))), ErrAnswer, "418"},
		"redirect": {always(func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, trap.URL, http.StatusTemporaryRedirect)
			return true
		}), ErrAnswer, "redirects"},
		"compressed": {always(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Encoding", "gzip")
			return say(200, plain, "x")(w, r)
		}), ErrAnswer, "compressed"},
		"409 without a size":     {always(say(409, plain, "7\n")), ErrAnswer, "without its size"},
		"409 of garbage":         {always(say(409, checkpoint.SizeMediaType, "0x7\n")), ErrAnswer, ""},
		"409 of no end":          {always(say(409, checkpoint.SizeMediaType, strings.Repeat("9", 1<<20))), ErrAnswer, ""},
		"409 with the size sent": {always(say(409, checkpoint.SizeMediaType, "0\n")), ErrAnswer, "it was sent"},
		"409 with our size":      {always(say(409, checkpoint.SizeMediaType, "7\n")), ErrFork, ""},
		"409 in a circle": {always(func(w http.ResponseWriter, r *http.Request) bool {
			return say(409, checkpoint.SizeMediaType, fmt.Sprintln(1+sizes.Add(1)%5))(w, r)
		}), ErrAnswer, "again and again"},
		"a size beyond ours": {always(say(409, checkpoint.SizeMediaType, "8\n")), ErrAhead, "of 8 leaves, it has 7 here"},
		"a huge size":        {always(say(409, checkpoint.SizeMediaType, "4611686018427387904\n")), ErrAhead, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bad, good := newTestWitness(t, l, "bad.example"), newTestWitness(t, l, "good.example")
			bad.misbehave(c.answer(bad))
			h := start(t, l, witnesses(2, bad, good), func(c *Config) {
				if name == "dripping" { // elsewhere time is not what is measured
					c.Timeout = 200 * time.Millisecond
				}
			})
			h.offer(note)
			until(t, "it fails three times, and the other cosigns", func() bool {
				return h.standing("bad.example").Failures >= 3 && h.Summary().Have >= 1
			})
			n := bad.count() // before the failures are counted, which go on
			s := h.standing("bad.example")
			if s.Err == nil || c.want != nil && !errors.Is(s.Err, c.want) || !strings.Contains(s.Err.Error(), c.words) {
				t.Errorf("told as: %v", s.Err)
			}
			if strings.ContainsFunc(s.Err.Error(), func(r rune) bool { return r < ' ' }) || len(s.Err.Error()) > 700 {
				t.Errorf("not fit for a terminal: %q", s.Err)
			}
			if h.Summary().Have != 1 || h.Met() != nil || s.Size != 0 {
				t.Errorf("something was kept: %+v\n%s", h.Summary(), h.Newest())
			}
			if most := int(s.Failed+2) * maxAsks; n > most {
				t.Errorf("asked %d times for %d failures", n, s.Failed)
			}
			// It can mend its ways.
			bad.misbehave(nil)
			h.met(7)
			until(t, "it is known to have mended", func() bool {
				s := h.standing("bad.example")
				return s.Failures == 0 && s.Err == nil && s.Size == 7
			})
		})
	}
	if elsewhere.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func always(f func(http.ResponseWriter, *http.Request) bool) func(*testWitness) func(http.ResponseWriter, *http.Request) bool {
	return func(*testWitness) func(http.ResponseWriter, *http.Request) bool { return f }
}

func endless(w http.ResponseWriter, r *http.Request) bool {
	page := bytes.Repeat([]byte("— bad.example AAAA\n"), 1000)
	for r.Context().Err() == nil {
		if _, err := w.Write(page); err != nil {
			break
		}
	}
	return true
}

// A cosigner that another copy of the log went to, or that has a size from before,
// is asked with a proof from there.
func TestSizesAreLearned(t *testing.T) {
	l := newTestLog(t)
	w := newTestWitness(t, l, "w.example")
	for _, size := range []uint64{1, 5, 256, 300} {
		l.grow(int(size - l.size))
		signed, err := l.verifier.Open(l.at(size))
		must(t, err)
		w.mu.Lock()
		w.known = signed.Checkpoint
		w.mu.Unlock()
		h := start(t, l, witnesses(1, w), nil)
		h.offer(l.grow(44))
		h.met(l.size)
		h.stop()
	}
	// It loses its memory, and then has it again.
	h := start(t, l, witnesses(1, w), nil)
	h.offer(l.grow(1))
	h.met(l.size)
	w.mu.Lock()
	w.known = checkpoint.Checkpoint{}
	w.mu.Unlock()
	h.offer(l.grow(1))
	h.met(l.size)
}

// A cosigner that answers late finds its checkpoint still there, and what is newer
// is asked for next.
func TestLateAnswers(t *testing.T) {
	l := newTestLog(t)
	w := newTestWitness(t, l, "w.example")
	gate := make(chan struct{})
	w.misbehave(func(http.ResponseWriter, *http.Request) bool { <-gate; return false })
	h := start(t, l, witnesses(1, w), nil)
	h.offer(l.grow(1))
	until(t, "it is asked", func() bool { return w.count() == 1 })
	h.offer(l.grow(1))
	h.offer(l.grow(1))
	w.mu.Lock()
	w.respond = nil
	w.mu.Unlock()
	gate <- struct{}{}
	h.met(3)
	if n := w.count(); n != 2 {
		t.Errorf("asked %d times, not for the first and the newest", n)
	}
}

// Cosignatures of a log that does not grow stay young, and take the place of the
// old ones.
func TestCosignaturesAreRefreshed(t *testing.T) {
	l := newTestLog(t)
	w := newTestWitness(t, l, "w.example")
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	w.now = now
	h := start(t, l, witnesses(1, w), func(c *Config) {
		c.Now = now
		c.After = func(d time.Duration) <-chan time.Time { return time.After(min(d, 5*time.Millisecond)) }
	})
	h.offer(l.grow(4))
	h.met(4)
	first := h.standing("w.example").Time
	for i := range 3 {
		ahead.Add(int64(DefaultRefresh + time.Second))
		until(t, "it is asked again", func() bool { return h.standing("w.example").Time.Sub(first) >= time.Duration(i+1)*DefaultRefresh })
		if have := h.Summary().Have; have != 1 {
			t.Errorf("%d cosignatures of one witness", have)
		}
	}
	if n := w.count(); n > 8 {
		t.Errorf("asked %d times", n)
	}
	until(t, "the fresh one is kept", func() bool {
		signed, err := l.verifier.Open(h.kept.get())
		if err != nil {
			return false
		}
		witness, err := checkpoint.NewWitness(w.cosigner.VerifierKey())
		must(t, err)
		seconds, err := witness.Verify(signed.Checkpoint, signed.Others[0])
		return err == nil && time.Unix(int64(seconds), 0).After(first)
	})
}

// Who is no longer named does not count, and is not asked.
func TestTargetsChange(t *testing.T) {
	l := newTestLog(t)
	a, b := newTestWitness(t, l, "a.example"), newTestWitness(t, l, "b.example")
	h := start(t, l, witnesses(1, a), nil)
	h.offer(l.grow(2))
	h.met(2)
	must(t, h.SetTargets(witnesses(1, b)))
	h.met(2)
	h.offer(l.grow(2))
	h.met(4)
	if n := a.count(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	must(t, h.SetTargets(witnesses(2, a, b)))
	h.met(4)
	b.Close()
	must(t, h.SetTargets(witnesses(2, a, b)))
	if h.Summary().Met != 4 {
		t.Error("nothing changed, and it counts no longer")
	}
	must(t, h.SetTargets(Targets{}))
	if h.Met() != nil || len(h.Standings()) != 0 {
		t.Error("nothing is asked for, and yet something is met")
	}
	bad := witnesses(1, a)
	bad.List[0].Key = "nonsense"
	if err := h.SetTargets(bad); !errors.Is(err, checkpoint.ErrKey) {
		t.Errorf("%v", err)
	}
}

func TestOfferRefusesForks(t *testing.T) {
	l, fork := newTestLog(t), newTestLog(t)
	fork.signer, fork.verifier, fork.size = l.signer, l.verifier, 0
	h := start(t, l, Targets{}, nil)
	h.offer(l.grow(3))
	h.offer(l.at(3))
	var found *checkpoint.ForkError
	if err := h.Offer(l.at(2)); !errors.As(err, &found) {
		t.Errorf("a smaller one: %v", err)
	}
	if err := h.Offer(newTestLog(t).grow(9)); !errors.Is(err, checkpoint.ErrSignature) && !errors.Is(err, checkpoint.ErrMalformed) {
		t.Errorf("of another log: %v", err)
	}
	fork.hashes = append(fork.hashes, tlog.RecordHash([]byte("x")))
	fork.size = 1
	fork.grow(2)
	if err := h.Offer(fork.at(3)); !errors.As(err, &found) {
		t.Errorf("another of one size: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for address, good := range map[string]bool{
		"https://witness.example":        true,
		"https://witness.example/prefix": true,
		"http://127.0.0.1:8080":          true,
		"http://[::1]:8080/w":            true,
		"http://localhost:1":             true,
		"http://witness.example":         false,
		"http://10.0.0.1":                false,
		"ftp://127.0.0.1":                false,
		"https://u:p@witness.example":    false,
		"https://witness.example?x":      false,
		"https://witness.example#x":      false,
		"https://":                       false,
		"witness.example":                false,
		"":                               false,
		"http://127.0.0.1.evil.example":  false,
	} {
		if err := CheckAddress(address); (err == nil) != good || err != nil && !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestTargetsOf(t *testing.T) {
	got := TargetsOf(&provider.Document{
		Witnesses: []provider.Witness{{Key: "w.example+1+A", Address: "https://w.example"}}, WitnessThreshold: 1, MaxWitnessLagMS: 1<<64 - 1,
		Auditors: []provider.Auditor{{Name: "x", PublicKey: []byte{1}}, {Name: "y", Cosigner: "y.example+1+A"}}, AuditorThreshold: 1,
	})
	if len(got.List) != 2 || got.List[0].Name != "w.example" || got.List[1] != (Target{RoleAuditor, "y", "y.example+1+A", ""}) || got.MaxLag <= 0 {
		t.Errorf("%+v", got)
	}
	if err := Check(got); !errors.Is(err, checkpoint.ErrKey) {
		t.Errorf("%v", err)
	}
}

// Failures are answered with longer and longer pauses, never the same for all.
func TestBackoff(t *testing.T) {
	l := &loop{c: &Collector{config: Config{Backoff: time.Second, MaxBackoff: time.Minute}}}
	seen := map[time.Duration]bool{}
	for failures := 1; failures < 100; failures++ {
		most := min(time.Second<<min(failures-1, 10), time.Minute)
		d := l.backoff(failures, ErrAnswer)
		if d < most/2 || d > most {
			t.Errorf("after %d failures %v, of %v", failures, d, most)
		}
		seen[d] = true
	}
	if len(seen) < 50 {
		t.Error("no jitter")
	}
	if d := l.backoff(1, &laterError{ErrAnswer, time.Hour}); d < 30*time.Second || d > time.Minute {
		t.Errorf("told to come back in an hour: %v", d)
	}
}
