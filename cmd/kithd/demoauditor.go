package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/provider"
)

// How the demo's auditors run: fast, and with little patience. In earnest they ask
// every ten seconds, and wait for minutes.
const (
	demoPoll     = 20 * time.Millisecond
	demoInterval = 50 * time.Millisecond
	demoPatience = time.Second
	demoWait     = time.Minute // for what comes in a second where the machine has time
)

// A demoAuditor is an auditor as kith-auditor runs it, with keys, a folder and an
// address of its own.
type demoAuditor struct {
	name    string
	shown   *evil.View // what the provider shows it
	address string     // where it is reached
	watch   *watch.Watch
	desk
	told   chan alert // of its first finding
	cancel context.CancelFunc
	parts  []chan error
}

// An alert is what an auditor tells, and when.
type alert struct {
	watch.Finding
	at time.Time
}

// auditor starts an auditor, who audits the log as it is.
func (s *stage) auditor(ctx context.Context, name string) (*demoAuditor, error) {
	a, err := s.start(ctx, name)
	if err != nil {
		return nil, err
	}
	return a, a.reaches(ctx, s.log)
}

// start starts an auditor that is shown the log.
func (s *stage) start(ctx context.Context, name string) (_ *demoAuditor, err error) {
	a := &demoAuditor{name: name, told: make(chan alert, 1)}
	if a.shown, err = s.view(); err != nil {
		return nil, err
	}
	own, err := s.auditing.Open()
	if err != nil {
		return nil, err
	}
	a.address = own.Address
	dir := filepath.Join(s.dir, strings.ToLower(name))
	_, err = watch.Init(ctx, watch.InitOptions{Dir: dir, Address: a.shown.Address, Name: strings.ToLower(name) + ".example"})
	if err != nil {
		return nil, err
	}
	a.watch, err = watch.Open(ctx, watch.Options{
		Dir: dir, Address: a.shown.Address, Poll: demoPoll, Patience: demoPatience,
		Alerts: []watch.Alert{{Name: "demo", Tell: func(_ context.Context, f watch.Finding) error {
			select {
			case a.told <- alert{f, time.Now()}:
			default: // there was one
			}
			return nil
		}}},
	})
	if err != nil {
		return nil, err
	}
	handler, err := a.serve()
	if err != nil {
		return nil, err
	}
	own.Set(handler)
	running, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.run(running, a.watch.Run)
	a.run(running, a.gossips)
	s.watchers = append(s.watchers, a)
	return a, nil
}

// run runs one part of an auditor until it is closed.
func (a *demoAuditor) run(ctx context.Context, part func(context.Context) error) {
	ran := make(chan error, 1)
	a.parts = append(a.parts, ran)
	go func() { ran <- part(ctx) }()
}

// close stops an auditor. That it caught the provider is no fault.
func (a *demoAuditor) close() error {
	a.cancel()
	var errs []error
	for _, ran := range a.parts {
		err := <-ran
		if _, caught := errors.AsType[*watch.Misbehaved](err); !caught {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, a.watch.Close())...)
}

// reaches waits until an auditor has audited all of a log.
func (a *demoAuditor) reaches(ctx context.Context, l *evil.Running) error {
	size, err := sizeOf(l)
	if err != nil {
		return err
	}
	return a.watch.Await(ctx, size)
}

// caught waits until each of the auditors has caught the provider, and notes how.
func (s *stage) caught(ctx context.Context, auditors ...*demoAuditor) error {
	for _, a := range auditors {
		select {
		case found := <-a.told:
			if err := s.convicted(a, found); err != nil {
				return err
			}
		case <-time.After(demoWait):
			return fmt.Errorf("%w: %s noticed nothing: %s", errUnnoticed, a.name, cmp.Or(a.watch.Status().Fault, "all is well, it says"))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *stage) convicted(a *demoAuditor, found alert) error {
	file, err := a.watch.Evidence(found.ID)
	if err != nil {
		return err
	}
	by := byAudit
	if found.Kind == watch.KindGossip {
		by = byGossip
	}
	s.notices = append(s.notices, notice{Who: a.name, By: by, Seconds: found.at.Sub(s.began).Seconds(), Says: found.Text})
	s.keep(file)
	return nil
}

// appoint has the provider demand of its clients that an auditor cosigned what they
// are shown, as kithd set-auditor does.
func (s *stage) appoint(a *demoAuditor) error {
	root, err := operator.LoadRootKey(filepath.Join(s.data, operator.RootFolder, operator.RootKeyFile))
	if err != nil {
		return err
	}
	err = operator.ReviseDocument(s.data, s.now(), time.Hour, func(d *provider.Document) error {
		d.Auditors = append(d.Auditors, provider.Auditor{Name: a.name, Address: a.address, Cosigner: a.watch.Status().Cosigner})
		d.AuditorThreshold, d.MaxWitnessLagMS = len(d.Auditors), 60_000
		return nil
	}, root)
	if err != nil {
		return err
	}
	return s.log.ReloadDocument()
}

// carolIsServed waits until Carol, to whom nobody lies, is answered under the policy
// of the document, and all that she is shown has been cosigned.
func (s *stage) carolIsServed(ctx context.Context) error {
	carol, err := s.person(ctx, "carol")
	if err != nil {
		return err
	}
	defer carol.close()
	return until(ctx, func() (bool, error) {
		err := s.look(ctx, carol)
		if errors.Is(err, client.ErrPolicy) {
			return false, nil
		}
		state := carol.client.State()
		return err == nil && state.Covered() != nil && state.Covered().Size >= state.Head().Tree.TreeSize, err
	})
}

// until waits for what must come soon.
func until(ctx context.Context, came func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, demoWait)
	defer cancel()
	for {
		if ok, err := came(); ok || err != nil {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
