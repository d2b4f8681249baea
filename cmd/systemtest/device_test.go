package systemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/problem"
)

// A device is one of several with which an owner publishes. It knows which values
// it sent itself.
type device struct {
	*person
	m      *model
	label  string
	sent   map[string]bool
	alerts []uint32 // what it must have warned of
	seen   int      // how many versions that is about
}

func newDevice(m *model, label string) *device {
	return &device{person: m.world.person(), m: m, label: label, sent: map[string]bool{}}
}

// known is how many versions the device knows of.
func (d *device) known() int {
	o := d.c.State().Owned(d.label)
	if o == nil {
		return 0
	}
	g, ok := o.Greatest()
	if !ok {
		return 0
	}
	return int(g.Version) + 1
}

// own lets owners publish, monitor, or start again.
func (m *model) own(ctx context.Context, t *rapid.T) error {
	label := rapid.SampledFrom(owned).Draw(t, "owned")
	d := rapid.SampledFrom(m.devices[label]).Draw(t, "device")
	if d.c.State().Owned(label) == nil {
		if err := d.own(ctx); err != nil {
			return err
		}
	}
	switch rapid.IntRange(0, 5).Draw(t, "as owner") {
	case 0:
		return d.watch(ctx)
	case 1:
		m.counts["again"]++
		return d.own(ctx)
	}
	return m.publishFrom(ctx, t, label)
}

// An attempt is what one device tries to publish.
type attempt struct {
	*device
	values  [][]byte
	outcome *client.Published // of one value
	first   uint32            // of several
	made    bool
	err     error
}

// publishFrom has some devices of one owner publish at the same time.
func (m *model) publishFrom(ctx context.Context, t *rapid.T, label string) error {
	var tries []*attempt
	for i, d := range m.devices[label] {
		if d.c.State().Owned(label) == nil || len(tries) > 0 && rapid.Bool().Draw(t, fmt.Sprint("not device ", i)) {
			continue
		}
		a := &attempt{device: d}
		count := rapid.SampledFrom([]int{1, 1, 1, 2, 5}).Draw(t, "values")
		for range count {
			a.values = append(a.values, m.next(label))
		}
		d.lose = rapid.SampledFrom([]loss{nothing, nothing, nothing, lostRequest, lostReply}).Draw(t, "lose")
		tries = append(tries, a)
	}
	losses := map[*device]loss{}
	for _, a := range tries {
		losses[a.device] = a.lose
	}
	var wait sync.WaitGroup
	for _, a := range tries {
		wait.Go(func() { a.try(ctx) })
	}
	wait.Wait()
	if err := m.world.audited(); err != nil {
		return err
	}
	if err := m.sync(label, tries); err != nil {
		return err
	}
	for _, a := range tries {
		lost := a.device.lose == nothing && losses[a.device] != nothing
		a.device.lose = nothing
		if err := a.judge(ctx, lost); err != nil {
			return err
		}
	}
	return nil
}

func (a *attempt) try(ctx context.Context) {
	for _, v := range a.values {
		a.sent[string(v)] = true
	}
	if len(a.values) > 1 {
		a.err = a.batch(ctx)
		return
	}
	a.outcome, a.err = a.c.Publish(ctx, a.label, func(*client.Found) ([]byte, error) { return a.values[0], nil })
	if a.err == nil {
		a.first, a.made = a.outcome.Version, a.outcome.New
	}
}

// batch publishes several values in one request. The client's own Publish has one
// value; this is what a program that has more does with the requests.
func (a *attempt) batch(ctx context.Context) error {
	caughtUp, err := a.c.Publish(ctx, a.label, func(*client.Found) ([]byte, error) { return nil, nil })
	if a.outcome = caughtUp; err != nil {
		return err
	}
	for range 20 {
		if err := a.c.Edit(func(s *client.State) (*client.State, error) { return s.WithIntent(a.label, a.values) }); err != nil {
			return err
		}
		own := false
		err := a.c.Edit(func(s *client.State) (*client.State, error) {
			call, verify, err := s.Update(a.label, a.values)
			if err != nil {
				return nil, err
			}
			response, err := a.Do(ctx, call)
			if err != nil {
				return nil, err
			}
			u, next, err := verify(response, a.world.clock.Now())
			if err != nil {
				return nil, err
			}
			own, a.first = u.Own, u.First
			if own && u.Skipped != 0 {
				return nil, errors.New("versions were skipped")
			}
			return next, nil
		})
		if own || err != nil {
			a.made = own
			return err
		}
	}
	return errors.New("the directory tells of ever more versions")
}

// sync learns from the store which versions there are, and holds them against what
// was tried: what was made is there as it was acknowledged, each value once, and
// nothing that nobody sent.
func (m *model) sync(label string, tries []*attempt) error {
	stored, err := m.world.stored(label)
	if err != nil {
		return err
	}
	old := m.values[label]
	if len(stored) < len(old) {
		return fmt.Errorf("%s had %d versions and has %d", label, len(old), len(stored))
	}
	for v, value := range old {
		if !m.erased[label][uint32(v)] && !bytes.Equal(value, stored[v]) {
			return fmt.Errorf("version %d of %s has changed", v, label)
		}
	}
	fresh := stored[len(old):]
	for _, a := range tries {
		if a.made {
			at := int(a.first) - len(old)
			if at < 0 || at+len(a.values) > len(fresh) || !slices.EqualFunc(a.values, fresh[at:at+len(a.values)], bytes.Equal) {
				return fmt.Errorf("versions from %d of %s are not what was acknowledged", a.first, label)
			}
		}
	}
	for v, value := range fresh {
		sent := slices.ContainsFunc(tries, func(a *attempt) bool {
			return slices.ContainsFunc(a.values, func(b []byte) bool { return bytes.Equal(b, value) })
		})
		twice := slices.ContainsFunc(fresh[:v], func(b []byte) bool { return bytes.Equal(b, value) })
		if !sent || twice {
			return fmt.Errorf("version %d of %s has a value that nobody sent, or that came twice", len(old)+v, label)
		}
	}
	m.values[label] = append(slices.Clip(old), fresh...)
	return nil
}

// judge decides whether the outcome of an attempt is right.
func (a *attempt) judge(ctx context.Context, lost bool) error {
	if a.outcome != nil {
		for _, u := range a.outcome.Others {
			a.m.counts["others"]++
			if err := a.checkUpdated(u); err != nil {
				return err
			}
		}
	}
	if err := a.checkAlerts(); err != nil {
		return err
	}
	switch {
	case lost && errors.Is(a.err, problem.ErrUnavailable):
		a.m.counts["lost"]++
		return nil
	case a.stuck(a.err):
		return a.startAgain(ctx)
	case a.err != nil:
		return fmt.Errorf("publish %d values: %w", len(a.values), a.err)
	case !a.made:
		return fmt.Errorf("published nothing: %+v", a.outcome)
	}
	if len(a.values) > 1 {
		a.m.counts["batch"]++
	}
	return nil
}

// checkUpdated holds versions that a device was told of against the truth.
func (d *device) checkUpdated(u *client.Updated) error {
	for i, value := range u.Values {
		v := int(u.First) + i
		if v >= len(d.m.values[d.label]) || !bytes.Equal(value, d.m.values[d.label][v]) {
			return fmt.Errorf("version %d of %s is told wrongly", v, d.label)
		}
		if u.Own && !d.sent[string(value)] {
			return fmt.Errorf("version %d of %s is taken for this device's own", v, d.label)
		}
	}
	if u.Own {
		d.m.counts["echo"]++
	}
	return nil
}

// checkAlerts: a device warns of exactly the versions that it did not publish, of
// those that came to be since it owns the label.
func (d *device) checkAlerts() error {
	o := d.c.State().Owned(d.label)
	for _, v := range o.Alerts {
		if d.sent[string(d.m.values[d.label][v])] {
			return fmt.Errorf("%s is warned of its own version %d (alerts %d, known %d, erased %v)", d.label, v, o.Alerts, d.known(), d.m.erased[d.label])
		}
	}
	for ; d.seen < d.known(); d.seen++ {
		if !d.sent[string(d.m.values[d.label][d.seen])] {
			d.alerts = append(d.alerts, uint32(d.seen))
		}
	}
	if !slices.Equal(o.Alerts, d.alerts) {
		return fmt.Errorf("%s is warned of versions %d, not %d", d.label, o.Alerts, d.alerts)
	}
	return nil
}

// own makes the device an owner, or has it start again.
func (d *device) own(ctx context.Context) error {
	o, err := d.c.Own(ctx, d.label)
	if d.stuck(err) {
		return d.startAgain(ctx)
	}
	if err != nil {
		return fmt.Errorf("own: %w", err)
	}
	return d.begun(o)
}

// begun checks a new ownership.
func (d *device) begun(o *client.Ownership) error {
	next := 0
	for _, u := range o.Since {
		if err := d.checkUpdated(u); err != nil {
			return err
		}
		next = int(u.First) + len(u.Values)
	}
	if truth := len(d.m.values[d.label]); d.known() != truth || len(o.Since) > 0 && next != truth {
		return fmt.Errorf("the owner of %s begins with %d versions of %d", d.label, d.known(), truth)
	}
	d.seen = d.known() // what was before is told, and no alert
	return d.checkAlerts()
}

// stuck reports whether err is that the directory cannot tell of a version because
// it was erased before this owner heard of it. Who begins again hears again of
// versions from the new start on, which may lie before those it knew.
func (d *device) stuck(err error) bool {
	m, ok := errors.AsType[*client.Misbehaviour](err)
	return ok && m.Kind == client.Withheld && len(d.m.erased[d.label]) > 0
}

// startAgain is the way out for an owner who is stuck: from a later distinguished
// log entry on.
func (d *device) startAgain(ctx context.Context) error {
	d.m.counts["stuck"]++
	for range 10 {
		d.m.world.tick(13 * time.Hour) // heartbeats
		o, err := d.c.Own(ctx, d.label)
		if err == nil {
			return d.begun(o)
		}
		if !d.stuck(err) {
			return fmt.Errorf("own again after an erased version: %w", err)
		}
	}
	return errors.New("an owner who is stuck can never start again")
}

// watch monitors the label.
func (d *device) watch(ctx context.Context) error {
	report, err := d.c.Monitor(ctx)
	if err != nil {
		return fmt.Errorf("owner's monitor: %w", err)
	}
	for _, o := range report.Owned {
		for _, u := range append(slices.Clone(o.Recovered), o.Unexpected...) {
			if err := d.checkUpdated(u); err != nil {
				return err
			}
		}
	}
	if err := d.checkAlerts(); err != nil {
		return err
	}
	if err := report.Err(); d.stuck(err) {
		return d.startAgain(ctx)
	} else if err != nil {
		return fmt.Errorf("owner's monitor: %w", err)
	}
	if truth := len(d.m.values[d.label]); d.known() != truth {
		return fmt.Errorf("the owner of %s knows %d versions of %d", d.label, d.known(), truth)
	}
	return nil
}
