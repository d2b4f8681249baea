package systemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// A model is the truth: what every label's versions are.
type model struct {
	world    *world
	settings settings
	values   map[string][][]byte // by label and version, also of what was erased
	erased   map[string]map[uint32]bool
	people   []*person
	devices  map[string][]*device // of the owned labels
	serial   int
	counts   map[string]int // what happened
}

func newModel(w *world, s settings) *model {
	m := &model{
		world: w, settings: s, values: map[string][][]byte{}, erased: map[string]map[uint32]bool{},
		devices: map[string][]*device{}, counts: map[string]int{},
	}
	for range 2 {
		m.people = append(m.people, w.person())
	}
	for _, label := range owned {
		m.erased[label] = map[uint32]bool{}
		for range 2 {
			m.devices[label] = append(m.devices[label], newDevice(m, label))
		}
	}
	for _, label := range strangers {
		m.erased[label] = map[uint32]bool{}
	}
	return m
}

func (m *model) next(label string) []byte {
	m.serial++
	return fmt.Appendf(nil, "%s/%d/%s", label, m.serial, bytes.Repeat([]byte{'x'}, m.serial%70))
}

var (
	strangers = []string{"ada@example.org", "bob@example.org", "cyd@example.org", "dan@example.org", "eve@example.org"}
	owned     = []string{"olga@example.org", "otto@example.org"}
)

// TestClientsVerifyEveryAnswer is the main property: while the log grows and
// either side restarts, honest answers to every operation verify, and say what
// is true.
func TestClientsVerifyEveryAnswer(t *testing.T) {
	var mu sync.Mutex
	counts := map[string]int{}
	t.Cleanup(func() { // when all have ended
		t.Log(counts)
		for _, what := range []string{"echo", "others", "batch", "erased", "again", "lost"} {
			if counts[what] == 0 && !t.Failed() {
				t.Errorf("it never came to %q", what)
			}
		}
	})
	note := func(more map[string]int) {
		mu.Lock()
		defer mu.Unlock()
		for what, n := range more {
			counts[what] += n
		}
	}
	for _, s := range []settings{
		{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 10 * time.Minute, 0},
		{wire.KT_128_SHA256_P256, wire.ContactMonitoring, time.Hour, 0},
		{wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, 10 * time.Minute, 0},
		{wire.KT_128_SHA256_P256, wire.ThirdPartyAuditing, time.Hour, 0},
		{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 0, 0},
		{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 10 * time.Minute, 2 * time.Hour},
		{wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, time.Hour, 5 * time.Hour},
	} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			rounds := 1
			if soak() {
				rounds = 200
			}
			for range rounds {
				rapid.Check(t, func(t *rapid.T) { runModel(t, s, note) })
			}
		})
	}
}

func runModel(t *rapid.T, s settings, note func(map[string]int)) {
	w := newWorld(t, s)
	defer w.close()
	m := newModel(w, s)
	defer note(m.counts)
	steps := rapid.IntRange(5, 50).Draw(t, "steps")
	for i := range steps {
		if err := m.step(t); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	for _, p := range m.everybody() {
		if err := p.checkHead(); err != nil {
			t.Fatal(err)
		}
	}
	if w.auditor != nil && w.auditor.state.Size() == 0 {
		t.Fatal("nothing was audited")
	}
}

func (m *model) everybody() []*person {
	all := slices.Clone(m.people)
	for _, label := range owned {
		for _, d := range m.devices[label] {
			all = append(all, d.person)
		}
	}
	return all
}

func (m *model) step(t *rapid.T) error {
	ctx := context.Background()
	person := rapid.SampledFrom(m.people).Draw(t, "person")
	switch rapid.IntRange(0, 15).Draw(t, "what") {
	case 0, 1:
		return m.publish(ctx, t)
	case 2:
		m.world.tick(time.Duration(rapid.Int64Range(1, int64(2*time.Hour)).Draw(t, "tick")))
		return nil
	case 3, 4:
		return m.lookup(ctx, t, person)
	case 5:
		return m.unknown(ctx, person)
	case 6:
		return m.monitor(ctx, person)
	case 7:
		_, err := person.c.Walk(ctx)
		return err
	case 8, 9, 10, 11:
		return m.own(ctx, t)
	case 12:
		return m.history(ctx, t, person)
	case 13:
		return m.erase(ctx, t)
	case 14:
		return rapid.SampledFrom(m.everybody()).Draw(t, "restarted").restart()
	}
	if rapid.IntRange(0, 3).Draw(t, "gap") == 0 {
		m.world.tick(time.Duration(rapid.Int64Range(int64(2*time.Hour), int64(72*time.Hour)).Draw(t, "long tick")))
		return nil
	}
	m.world.restart()
	return nil
}

// publish gives strangers' labels new versions, many at once.
func (m *model) publish(ctx context.Context, t *rapid.T) error {
	count := rapid.IntRange(1, len(strangers)).Draw(t, "count")
	var wait sync.WaitGroup
	errs := make([]error, count)
	for i, label := range strangers[:count] {
		old := m.values[label]
		update := &directory.Update{Label: []byte(label)}
		if n := len(old); n > 0 {
			last := uint32(n - 1)
			update.Greatest = &last
		}
		for range rapid.IntRange(1, 5).Draw(t, "versions") {
			update.Values = append(update.Values, m.next(label))
		}
		m.values[label] = append(slices.Clip(old), update.Values...)
		wait.Go(func() { _, errs[i] = m.world.seq.Submit(ctx, update) })
	}
	wait.Wait()
	return errors.Join(append(errs, m.world.audited())...)
}

// absent reports whether it is honest not to answer for a version: it was erased,
// or it was replaced and may have expired.
func (m *model) absent(label string, version uint32) bool {
	replaced := int(version) < len(m.values[label])-1
	return m.erased[label][version] || m.settings.lifetime > 0 && replaced
}

// noAnswer reports whether err is that there is no answer, and no accusation.
func noAnswer(err error) bool {
	_, accused := errors.AsType[*client.Misbehaviour](err)
	return !accused && errors.Is(err, problem.ErrNoAnswer)
}

func (m *model) lookup(ctx context.Context, t *rapid.T, p *person) error {
	label := rapid.SampledFrom(append(slices.Clone(strangers), owned...)).Draw(t, "label")
	values := m.values[label]
	if len(values) == 0 {
		return nil
	}
	want := uint32(len(values) - 1)
	var options client.Options
	if rapid.Bool().Draw(t, "fixed") {
		v := rapid.Uint32Range(0, want).Draw(t, "version")
		want, options.Version = v, &v
	}
	l, err := p.c.Lookup(ctx, label, options)
	if options.Version != nil && noAnswer(err) && m.absent(label, want) {
		m.counts["absent"]++
		return nil
	}
	if err != nil {
		return fmt.Errorf("lookup of version %d of %d of %s: %w", want, len(values), label, err)
	}
	if l.Version != want || !bytes.Equal(l.Value, values[want]) {
		return fmt.Errorf("lookup of %s proved version %d with %q, truth is version %d with %q", label, l.Version, l.Value, want, values[want])
	}
	if m.erased[label][want] {
		return fmt.Errorf("version %d of %s was erased, and its value %q is answered", want, label, l.Value)
	}
	return p.checkHead()
}

func (m *model) unknown(ctx context.Context, p *person) error {
	_, err := p.c.Lookup(ctx, "nobody@example.org", client.Options{})
	if !noAnswer(err) {
		return fmt.Errorf("an unknown label gives %v", err)
	}
	return nil
}

func (m *model) monitor(ctx context.Context, p *person) error {
	report, err := p.c.Monitor(ctx)
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	if err := report.Err(); err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	return nil
}

// history reads all of a label, and finds every version that is not absent.
func (m *model) history(ctx context.Context, t *rapid.T, p *person) error {
	label := rapid.SampledFrom(append(slices.Clone(strangers), owned...)).Draw(t, "label")
	values := m.values[label]
	if len(values) == 0 {
		return nil
	}
	links, err := p.c.History(ctx, label, 0)
	if err != nil {
		return fmt.Errorf("history of %s: %w", label, err)
	}
	if len(links) != len(values) {
		return fmt.Errorf("history of %s has %d versions, not %d", label, len(links), len(values))
	}
	for v, link := range links {
		switch {
		case link.Version != uint32(v) || link.Found != nil && !bytes.Equal(link.Found.Value, values[v]):
			return fmt.Errorf("history of %s is wrong at version %d", label, v)
		case link.Found == nil && !m.absent(label, uint32(v)):
			return fmt.Errorf("history of %s has nothing at version %d", label, v)
		}
	}
	return nil
}

// erase deletes the value of a version that is not the greatest.
func (m *model) erase(ctx context.Context, t *rapid.T) error {
	label := rapid.SampledFrom(append(slices.Clone(strangers), owned...)).Draw(t, "label")
	n := len(m.values[label])
	if n == 0 {
		return nil
	}
	if err := m.world.seq.Erase(ctx, []byte(label), uint32(n-1)); err == nil {
		return fmt.Errorf("the greatest version of %s can be erased", label)
	}
	if n == 1 {
		return nil
	}
	v := rapid.Uint32Range(0, uint32(n-2)).Draw(t, "erased version")
	m.erased[label][v] = true
	m.counts["erased"]++
	return m.world.seq.Erase(ctx, []byte(label), v)
}
