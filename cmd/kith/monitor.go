package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/problem"
)

func (p *program) newMonitor() *cobra.Command {
	var watch bool
	var every time.Duration
	var ack, restart string
	cmd := &cobra.Command{
		Use:   "monitor",
		Short: "Watch your own labels, and those you looked up",
		Long: `Monitor proves that nothing was put at your labels but what you published, and
that what you were shown of others is what their owners were shown. Run it about
once every monitoring window, which kith status tells, or let it --watch.

When a key appears that you did not publish, it says so and exits with 3. If it
was you after all, say so with --ack LABEL.

When a version was erased before you came by, nobody can prove to you any more how
it came about. Ask your provider why; then begin anew with --restart LABEL.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch given := cmd.Flags().Changed("every"); {
			case given && !watch:
				return usage(errors.New("--every goes with --watch"), "")
			case given && every < minEvery:
				return usage(fmt.Errorf("--every is %s, and the least is %s", every, minEvery), "a time such as 1h")
			}
			switch {
			case ack != "":
				return p.takeNote(cmd.Context(), ack)
			case restart != "":
				return p.onlineAnyway(cmd.Context(), func(s *session) error { return s.restart(cmd.Context(), restart) })
			case watch:
				return p.watch(cmd.Context(), every)
			}
			return p.onlineAnyway(cmd.Context(), func(s *session) error { return s.monitor(cmd.Context()) })
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "go on until interrupted, or something is wrong")
	cmd.Flags().DurationVar(&every, "every", 0, "time `D` between two looks of --watch; default half the monitoring window, at most an hour")
	cmd.Flags().StringVar(&ack, "ack", "", "take note of the versions of `LABEL` that you did not publish from here")
	cmd.Flags().StringVar(&restart, "restart", "", "begin to watch your `LABEL` anew, where a version in between was erased")
	cmd.MarkFlagsMutuallyExclusive("watch", "ack", "restart")
	return cmd
}

// minEvery is the least time between two looks: more would only burden the directory.
const minEvery = time.Second

// A monitoredView is what monitoring showed, in JSON.
type monitoredView struct {
	OK       bool           `json:"ok"`
	Size     uint64         `json:"log_size"`
	Head     string         `json:"log_head_time"`
	Owned    []ownedView    `json:"owned"`
	Contacts []watchedView  `json:"contacts"`
	Alerts   []alert        `json:"alerts"`
	Faults   []labelledView `json:"faults"`
	Gossip   []replyView    `json:"gossip,omitempty"`
}

type ownedView struct {
	Label     string  `json:"label"`
	Greatest  *uint32 `json:"version,omitempty"`
	Verified  uint64  `json:"verified_to_log_entry"`
	Recovered []int64 `json:"recovered_versions,omitempty"`
	OK        bool    `json:"ok"`
}

type watchedView struct {
	Label string `json:"label"`
	Left  int    `json:"still_watched"`
	OK    bool   `json:"ok"`
}

type labelledView struct {
	Label string `json:"label,omitempty"`
	faultView
}

// monitor looks once.
func (s *session) monitor(ctx context.Context) error {
	_, pending := s.follow(ctx, false) // what stands against it keeps nobody from looking
	if errors.Is(pending, problem.ErrUnavailable) {
		pending = nil
	}
	m, err := s.client.Monitor(ctx)
	if err != nil {
		if pending != nil {
			s.p.warn("%s", plain(pending))
		}
		return err
	}
	v := &monitoredView{OK: true, Owned: []ownedView{}, Contacts: []watchedView{}, Alerts: []alert{}, Faults: []labelledView{}}
	if head := s.client.State().Head(); head != nil {
		v.Size, v.Head = head.Tree.TreeSize, moment(head.Time()).Format(time.RFC3339Nano)
		s.p.print("the log has %d entries, the newest of %s, and continues what was seen before", v.Size, clock(moment(head.Time())))
	}
	var worst *failure
	fault := func(name string, err error) {
		f := *asFailure(s.keep(err, name))
		f.err = fmt.Errorf("%s: %w", label.Display(name), err)
		v.OK = false
		v.Faults = append(v.Faults, labelledView{name, faultView{plain(f.err), f.hint, f.kind, f.evidence, f.code}})
		if worst == nil || worst.code < f.code {
			f.told = true
			worst = &f
		} else {
			s.p.warn("%s", plain(f.err))
			for _, path := range f.evidence {
				s.p.warn("evidence: %s", path)
			}
		}
	}
	for _, r := range m.Owned {
		s.owned(ctx, v, r, fault)
	}
	for _, r := range m.Contacts {
		s.watched(v, r, fault)
	}
	if len(m.Owned)+len(m.Contacts) == 0 {
		s.p.print("there is no label to watch")
	}
	v.Gossip = s.gossipOnMonitor(ctx)
	for _, err := range []error{pending, m.Problem, s.refused()} {
		if err == nil {
			continue
		}
		f := *asFailure(s.keep(err, ""))
		f.err = err
		v.OK = false
		v.Faults = append(v.Faults, labelledView{"", faultView{plain(err), f.hint, f.kind, f.evidence, f.code}})
		if worst == nil || worst.code < f.code {
			f.told, worst = true, &f
		} else {
			s.p.warn("%s", plain(err))
		}
	}
	if len(v.Alerts) > 0 {
		v.OK = false
		if worst != nil {
			s.p.warn("%s", plain(worst))
		}
		return s.alarm(v.Alerts, v)
	}
	if err := s.p.emit(v); err != nil {
		return err
	}
	if worst != nil {
		return worst
	}
	return nil
}

// owned reports on a label of the user.
func (s *session) owned(ctx context.Context, v *monitoredView, r client.OwnerReport, fault func(string, error)) {
	shown := label.Display(r.Label)
	o := ownedView{Label: r.Label, Greatest: r.Greatest, Verified: r.Verified, OK: r.Err == nil}
	for _, u := range r.Recovered {
		o.Recovered = append(o.Recovered, int64(u.First))
		s.p.print("%s: version %d is yours, though the reply to it was lost", shown, u.First)
	}
	found := s.alerts(ctx, r.Label)
	o.OK = o.OK && len(found) == 0
	v.Alerts = append(v.Alerts, found...)
	v.Owned = append(v.Owned, o)
	switch {
	case r.Err != nil:
		fault(r.Label, r.Err)
	case len(found) > 0:
	case r.Greatest == nil:
		s.p.print("%s: nothing is published there, and nobody else has published anything", shown)
	default:
		s.p.print("%s: version %d is the newest, all as you published it, checked up to log entry %d", shown, *r.Greatest, r.Verified)
	}
}

// watched reports on a label that was looked up.
func (s *session) watched(v *monitoredView, r client.ContactReport, fault func(string, error)) {
	v.Contacts = append(v.Contacts, watchedView{r.Label, r.Left, r.Err == nil})
	switch {
	case r.Err != nil:
		fault(r.Label, r.Err)
	case r.Left > 0:
		s.p.print("%s: what you were shown is still there; it will be watched until its owner had the chance to object", label.Display(r.Label))
	default:
		s.p.print("%s: what you were shown is what its owner was shown; no more watching is needed", label.Display(r.Label))
	}
}

// restart owns a label anew, from the newest entry that everybody compares. What
// was published before that is not looked at: history shows it.
func (s *session) restart(ctx context.Context, typed string) error {
	name, err := s.p.canonical(typed)
	if err != nil {
		return err
	}
	if s.client.State().Owned(name) == nil {
		return failed("run: kith status", "%s is not a label of yours", label.Display(name))
	}
	o, err := s.client.Own(ctx, name)
	if m, ok := errors.AsType[*client.Misbehaviour](err); ok && m.Kind == client.Withheld {
		f := *asFailure(s.keep(err, name))
		f.err, f.hint = err, "what is missing is still too new to begin after it; try again in "+s.window().String()
		return &f
	}
	if err != nil {
		return err
	}
	v := struct {
		Label string `json:"label"`
		Start uint64 `json:"from_log_entry"`
	}{name, o.Start}
	s.p.print("%s: watched anew from log entry %d on", label.Display(name), o.Start)
	s.p.warn("what was published before is not looked at: see kith history %s", name)
	return s.p.emit(v)
}

// takeNote forgets alerts about a label.
func (p *program) takeNote(ctx context.Context, typed string) error {
	name, err := p.canonical(typed)
	if err != nil {
		return err
	}
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	o := s.client.State().Owned(name)
	if o == nil {
		return failed("run: kith status", "%s is not a label of yours", label.Display(name))
	}
	versions := o.Alerts
	if err := s.client.Edit(func(state *client.State) (*client.State, error) { return state.WithoutAlerts(name), nil }); err != nil {
		return err
	}
	p.print("%s: taken note of %s", label.Display(name), count(len(versions), "version"))
	return p.emit(struct {
		Label    string   `json:"label"`
		Versions []uint32 `json:"versions"`
	}{name, append([]uint32{}, versions...)})
}

// watch looks again and again, until it is interrupted or the directory
// misbehaves. Between two looks other kith processes may work.
func (p *program) watch(ctx context.Context, every time.Duration) error {
	for {
		pause := every
		err := p.onlineAnyway(ctx, func(s *session) error {
			if pause == 0 {
				pause = max(time.Second, min(s.window()/2, time.Hour))
			}
			return s.monitor(ctx)
		})
		switch {
		case ctx.Err() != nil:
			return nil // it was asked to end
		case err == nil:
		case pause == 0, asFailure(err).code != exitFailed: // it never began, or the directory misbehaved
			return err
		default:
			p.warn("%s; trying again in %s", plain(err), pause)
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
	}
}
