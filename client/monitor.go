package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// A Monitored is the outcome of Monitor.
type Monitored struct {
	Contacts []ContactReport // labels looked up that needed monitoring, sorted
	Owned    []OwnerReport   // owned labels, sorted

	// Checks are of the head: who witnessed it, if the policy asks for that.
	Checks []Check
	// Problem says why the head does not meet the policy, or nil. In the settings
	// Warn and Observe Err does not return it, unless it is a *Misbehaviour.
	Problem error

	lenient bool // Warn or Observe
}

// A ContactReport is what monitoring a label showed to a user who looked it up.
type ContactReport struct {
	Label string
	Left  int // versions still to be monitored
	Err   error
}

// An OwnerReport is what monitoring a label showed to its owner.
type OwnerReport struct {
	Label    string
	Greatest *uint32 // nil: the label does not exist
	Verified uint64  // every distinguished log entry up to this one is as it should be
	// Recovered are the owner's own versions whose reply had been lost.
	Recovered []*Updated
	// Unexpected are versions found now that the owner did not publish.
	Unexpected []*Updated
	// Alerts are all versions the owner did not publish and did not take note of yet.
	Alerts []uint32
	Err    error
}

// Err returns the first misbehaviour that was found, or else the first error.
func (m *Monitored) Err() error {
	var first error
	note := func(err error) {
		_, was := errors.AsType[*Misbehaviour](first)
		_, is := errors.AsType[*Misbehaviour](err)
		if first == nil || is && !was {
			first = err
		}
	}
	if _, found := errors.AsType[*Misbehaviour](m.Problem); m.Problem != nil && (found || !m.lenient) {
		note(m.Problem)
	}
	for _, c := range m.Contacts {
		if c.Err != nil {
			note(c.Err)
		}
	}
	for _, o := range m.Owned {
		if o.Err != nil {
			note(o.Err)
		}
	}
	return first
}

// Monitor does what is due: it brings the head up to date, watches what was
// looked up and is not yet past its owner's eyes ("Contact Algorithm"; only in
// Contact Monitoring mode), and checks every owned label up to the newest
// distinguished log entry ("Owner Algorithm"). A fault of one label stands in its
// report and does not keep the others from being monitored; the error is of the
// head alone.
//
// Users should call it about once every Reasonable Monitoring Window.
func (c *Client) Monitor(ctx context.Context) (m *Monitored, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.finish(&err)
	m = new(Monitored)
	m.lenient = c.config.Policy.Setting != Enforce
	if _, err := c.walk(ctx); err != nil {
		return m, err
	}
	m.Problem = c.bind(ctx, func(name string, ok bool, detail string) { m.Checks = append(m.Checks, Check{name, ok, detail}) })
	for _, label := range c.state.Contacts() {
		if len(c.state.contacts[label].Monitor) == 0 || c.state.log.config.Mode != wire.ContactMonitoring {
			continue
		}
		m.Contacts = append(m.Contacts, c.monitorContact(ctx, label))
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
	}
	for _, label := range c.state.OwnedLabels() {
		m.Owned = append(m.Owned, c.monitorOwned(ctx, label))
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
	}
	return m, nil
}

func (c *Client) monitorContact(ctx context.Context, label string) ContactReport {
	watched, err := ask(ctx, c, label, func(s *State) (wire.Call, Verify[*Watched], error) { return s.ContactMonitor(label) })
	if declined(err, problem.ErrNoAnswer, problem.ErrRefused) {
		err = c.withheld(label, err, "you were shown a value of %s, and the directory does not let you watch it", label)
	}
	report := ContactReport{Label: label, Err: err, Left: len(c.state.contacts[label].Monitor)}
	if err == nil {
		report.Left = len(watched.Entries)
	}
	return report
}

func (c *Client) monitorOwned(ctx context.Context, label string) (r OwnerReport) {
	r.Label = label
	c.begin(label)
	defer func() {
		if m, ok := errors.AsType[*Misbehaviour](r.Err); ok && m.Evidence == nil {
			m.Evidence = c.trace.Append(nil)
		}
		c.trace = nil
		o := c.state.owned[label]
		r.Greatest, r.Verified, r.Alerts = o.greatest(), o.Verified, o.Alerts
	}()
	stuck := false
	for {
		_, updates, err := c.catchUp(ctx, label)
		for _, u := range updates {
			if u.Own {
				r.Recovered = append(r.Recovered, u)
			} else {
				r.Unexpected = append(r.Unexpected, u)
			}
		}
		if err != nil {
			r.Err = err
			return r
		}
		for done, moved := false, true; moved; {
			before := c.state.owned[label].Verified
			w, err := ask(ctx, c, label, func(s *State) (wire.Call, Verify[*OwnerWatched], error) { return s.OwnerMonitor(label) })
			if err != nil {
				r.Err = err
				return r
			}
			if done = w.Done; done {
				return r
			}
			if moved = w.Verified > before; moved {
				stuck = false
			}
		}
		// The directory stopped before the rightmost distinguished entry: there may
		// be a version since catchUp. The second time in one place there is not.
		if stuck {
			r.Err = &Misbehaviour{Kind: Unexpected,
				Detail: fmt.Sprintf("the directory will not prove what stood at %s after log entry %d", label, c.state.owned[label].Verified)}
			return r
		}
		stuck = true
	}
}
