package systemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
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
	world  *world
	values map[string][][]byte
	people []*person
	owners map[string]*person
	serial int
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
	for _, s := range []settings{
		{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 10 * time.Minute, 0},
		{wire.KT_128_SHA256_P256, wire.ContactMonitoring, time.Hour, 0},
		{wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, 10 * time.Minute, 0},
		{wire.KT_128_SHA256_P256, wire.ThirdPartyAuditing, time.Hour, 0},
		{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 0, 0},
		{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 10 * time.Minute, 2 * time.Hour},
	} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			rounds := 4
			if os.Getenv("KITH_SOAK") != "" {
				rounds = 200
			}
			for range rounds {
				rapid.Check(t, func(t *rapid.T) { runModel(t, s) })
				if os.Getenv("KITH_SOAK") == "" {
					break
				}
			}
		})
	}
}

func runModel(t *rapid.T, s settings) {
	w := newWorld(t, s)
	defer w.close()
	m := &model{world: w, values: map[string][][]byte{}, owners: map[string]*person{}}
	for range 2 {
		m.people = append(m.people, w.person())
	}
	for _, label := range owned {
		m.owners[label] = w.person()
	}
	steps := rapid.IntRange(5, 60).Draw(t, "steps")
	for i := range steps {
		if err := m.step(t, s); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	for _, p := range append(slices.Clone(m.people), m.owners[owned[0]], m.owners[owned[1]]) {
		if err := p.checkHead(); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *model) step(t *rapid.T, s settings) error {
	ctx := context.Background()
	person := rapid.SampledFrom(m.people).Draw(t, "person")
	switch rapid.IntRange(0, 11).Draw(t, "what") {
	case 0, 1:
		return m.publish(ctx, t)
	case 2:
		m.world.tick(time.Duration(rapid.Int64Range(1, int64(2*time.Hour)).Draw(t, "tick")))
		return nil
	case 3, 4:
		return m.lookup(ctx, t, person, s)
	case 5:
		return m.unknown(ctx, person)
	case 6:
		return m.monitor(ctx, person)
	case 7:
		_, err := person.c.Walk(ctx)
		return err
	case 8, 9:
		return m.own(ctx, t)
	case 10:
		return person.restart()
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
	return errors.Join(errs...)
}

func (m *model) lookup(ctx context.Context, t *rapid.T, p *person, s settings) error {
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
	if err != nil {
		if s.lifetime > 0 && options.Version != nil && int(want) < len(values)-1 && errors.Is(err, problem.ErrNoAnswer) {
			return nil // a replaced version may have expired
		}
		return fmt.Errorf("lookup of version %d of %d of %s: %w", want, len(values), label, err)
	}
	if l.Version != want || !bytes.Equal(l.Value, values[want]) {
		return fmt.Errorf("lookup of %s proved version %d with %q, truth is version %d with %q", label, l.Version, l.Value, want, values[want])
	}
	return p.checkHead()
}

func (m *model) unknown(ctx context.Context, p *person) error {
	_, err := p.c.Lookup(ctx, "nobody@example.org", client.Options{})
	if !errors.Is(err, problem.ErrNoAnswer) {
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

// own lets an owner publish, monitor or start again.
func (m *model) own(ctx context.Context, t *rapid.T) error {
	label := rapid.SampledFrom(owned).Draw(t, "owned")
	owner := m.owners[label]
	if owner.c.State().Owned(label) == nil {
		if _, err := owner.c.Own(ctx, label); err != nil {
			return fmt.Errorf("own: %w", err)
		}
	}
	switch rapid.IntRange(0, 3).Draw(t, "as owner") {
	case 0, 1:
		value := m.next(label)
		published, err := owner.c.Publish(ctx, label, func(*client.Found) ([]byte, error) { return value, nil })
		if err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		m.values[label] = append(m.values[label], value)
		if want := uint32(len(m.values[label]) - 1); !published.New || published.Version != want || len(published.Others) > 0 {
			return fmt.Errorf("publish: got %+v, want new version %d and no others", published, want)
		}
	case 2:
		return m.monitor(ctx, owner)
	case 3:
		return owner.restart()
	}
	return nil
}
