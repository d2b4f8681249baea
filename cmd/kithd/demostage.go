package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/record"
)

// A stage is a provider with keys of its own, on which one attack is played. Each
// of its people and auditors reaches it at an address of their own.
type stage struct {
	dir      string           // temporary
	data     string           // the folder of the log that all saw before the lie
	now      func() time.Time // the provider's clock
	views    evil.Views       // of the provider
	auditing evil.Views       // of the auditors, for whoever asks them
	log      *evil.Running    // over data
	logs     []*evil.Running  // all that run
	alice    *demoPerson
	bob      *demoPerson
	shown    map[*demoPerson]*evil.View
	watchers []*demoAuditor
	keys     []record.PublishedKey // alice's, oldest first
	grown    int                   // others' keys published

	began    time.Time // of the lie
	notices  []notice
	evidence [][]byte
}

// newStage makes a provider, and Alice, who has published nothing yet. now is the
// provider's clock.
func newStage(ctx context.Context, now func() time.Time) (_ *stage, err error) {
	s := &stage{now: now, notices: []notice{}, shown: map[*demoPerson]*evil.View{}}
	if s.dir, err = os.MkdirTemp("", "kith-demo-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	s.data = filepath.Join(s.dir, "provider")
	_, err = operator.Init(s.data, operator.Options{
		Domain: demoDomain, Addresses: []string{"http://127.0.0.1:1"},
		ReasonableMonitoringWindow: time.Second, Now: now,
	})
	if err != nil {
		return nil, err
	}
	if s.log, err = s.run(s.data); err != nil {
		return nil, err
	}
	if s.alice, err = s.person(ctx, "alice"); err != nil {
		return nil, err
	}
	secret, _, err := s.log.Tokens().Create(ctx, directory.ScopeUpdate, []byte(alice))
	if err != nil {
		return nil, err
	}
	s.alice.token = secret
	return s, nil
}

func (s *stage) close() error {
	var errs []error
	for _, p := range []*demoPerson{s.alice, s.bob} {
		if p != nil {
			p.close()
		}
	}
	for _, a := range s.watchers {
		errs = append(errs, a.close())
	}
	errs = append(errs, s.auditing.Close(), s.views.Close())
	for _, l := range s.logs {
		errs = append(errs, l.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// run runs a folder. It shows it to nobody.
func (s *stage) run(dir string) (*evil.Running, error) {
	l, err := evil.Run(dir, operator.OpenOptions{Now: s.now})
	if err == nil {
		s.logs = append(s.logs, l)
	}
	return l, err
}

// view opens an address for somebody, at which the log is shown.
func (s *stage) view() (*evil.View, error) {
	v, err := s.views.Open()
	if err == nil {
		v.Set(s.log.Handler())
	}
	return v, err
}

// person has somebody pin the provider.
func (s *stage) person(ctx context.Context, name string) (*demoPerson, error) {
	return s.personAt(ctx, name, s.log.Handler())
}

// personAt has somebody pin what h shows.
func (s *stage) personAt(ctx context.Context, name string, h http.Handler) (*demoPerson, error) {
	v, err := s.view()
	if err != nil {
		return nil, err
	}
	v.Set(h)
	p, err := newDemoPerson(ctx, s.dir, name, v.Address)
	if err == nil {
		s.shown[p] = v
	}
	return p, err
}

// meetBob has Bob pin the provider and look Alice up.
func (s *stage) meetBob(ctx context.Context) (err error) {
	if s.bob, err = s.person(ctx, "bob"); err != nil {
		return err
	}
	return s.look(ctx, s.bob)
}

// lies notes that a lie is told from now on. Nobody may have complained before.
func (s *stage) lies() error {
	for _, a := range s.watchers {
		if all := a.watch.Findings(); len(all) > 0 {
			return fmt.Errorf("%s complains of an honest provider: %s", a.name, all[0].Text)
		}
	}
	s.began = time.Now()
	return nil
}

// keep keeps an evidence file, once.
func (s *stage) keep(file []byte) {
	if file != nil && !slices.ContainsFunc(s.evidence, func(f []byte) bool { return bytes.Equal(f, file) }) {
		s.evidence = append(s.evidence, file)
	}
}

// refused notes that somebody's client refused an answer, as it must, and keeps the
// evidence that it has made of it.
func (s *stage) refused(who string, err error) error {
	if err == nil {
		return fmt.Errorf("%w: %s's client accepted it", errUnnoticed, who)
	}
	reason, ok := refusal(err)
	if !ok {
		return err
	}
	s.notice(who, byLookup, reason)
	if m, ok := errors.AsType[*client.Misbehaviour](err); ok {
		s.keep(m.File)
	}
	return nil
}

// notice notes that somebody noticed, just now.
func (s *stage) notice(who, by, says string) {
	s.notices = append(s.notices, notice{Who: who, By: by, Seconds: time.Since(s.began).Seconds(), Says: says})
}

// look has somebody look Alice up.
func (s *stage) look(ctx context.Context, p *demoPerson) error {
	_, err := p.client.Lookup(ctx, alice, client.Options{})
	return err
}

// forge publishes the provider's own key for Alice in a log.
func (s *stage) forge(ctx context.Context, l *evil.Running, version uint32, kind record.Kind) error {
	theirs, err := s.forgery(version, kind)
	if err != nil {
		return err
	}
	_, err = l.Publish(ctx, []byte(alice), theirs)
	return err
}

// aliceKey has Alice publish a new key.
func (s *stage) aliceKey(ctx context.Context) error {
	key, err := newSSHKey()
	if err != nil {
		return err
	}
	published, err := s.alice.publish(ctx, alice, key)
	if err != nil {
		return err
	}
	if !published.New || len(published.Others) > 0 {
		return errors.New("somebody else published for alice")
	}
	s.keys = append(s.keys, key)
	return nil
}

// grow publishes keys of other users until a log has size entries.
func (s *stage) grow(ctx context.Context, l *evil.Running, size uint64) error {
	for {
		head, err := sizeOf(l)
		if err != nil || head >= size {
			return err
		}
		s.grown++
		if err := s.imported(ctx, l, fmt.Sprintf("user%03d@%s", s.grown, demoDomain)); err != nil {
			return err
		}
	}
}

// imported has the provider publish the first key of a user.
func (s *stage) imported(ctx context.Context, l *evil.Running, label string) error {
	key, err := newSSHKey()
	if err != nil {
		return err
	}
	value, err := record.NewImported(demoDomain, label, nil, []record.PublishedKey{key})
	if err != nil {
		return err
	}
	_, err = l.Publish(ctx, []byte(label), value)
	return err
}

// aliceCloses has Alice give her label up: nobody should use her keys any more.
func (s *stage) aliceCloses(ctx context.Context) error {
	account, err := s.alice.ring.Account(alice)
	if err != nil {
		return err
	}
	_, err = s.alice.client.Publish(ctx, alice, func(last *client.Found) ([]byte, error) {
		if last == nil {
			return nil, errors.New("alice has nothing to withdraw")
		}
		return record.NewClosed(demoDomain, alice, record.LinkOf(last.Version, last.Value), "", account.Key())
	})
	return err
}

// sizeOf returns how many entries a log has, under its newest checkpoint too.
func sizeOf(l *evil.Running) (uint64, error) {
	if _, err := l.SignCheckpoint(); err != nil {
		return 0, err
	}
	snap, err := l.Sequencer().Snapshot()
	if err != nil {
		return 0, err
	}
	defer snap.Release()
	return snap.Head().Size, nil
}

// pause closes the log while do works on its folder. Whoever asks meanwhile finds
// nobody there.
func (s *stage) pause(do func() error) (err error) {
	s.views.Show(nil)
	if err := s.log.Stop(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	if s.log, err = s.run(s.data); err == nil {
		s.views.Show(s.log.Handler())
	}
	return err
}

// copy copies the log, and runs the copy.
func (s *stage) copy() (*evil.Running, error) {
	to := filepath.Join(s.dir, fmt.Sprintf("copy%d", len(s.logs)))
	if err := s.pause(func() error { return evil.Copy(s.data, to) }); err != nil {
		return nil, err
	}
	return s.run(to)
}

// restore publishes Alice's own key again, in the provider's name, over a forgery.
func (s *stage) restore(ctx context.Context, forged uint32) error {
	value, err := record.NewImported(demoDomain, alice, &record.Link{Version: forged}, s.keys[len(s.keys)-1:])
	if err != nil {
		return err
	}
	_, err = s.log.Publish(ctx, []byte(alice), value)
	return err
}

// forgery is a record for a version of Alice's label with a key of the provider's own, signed by an account key of its own. Whoever meets Alice for the
// first time there has no reason to doubt it.
func (s *stage) forgery(version uint32, kind record.Kind) ([]byte, error) {
	_, mallory, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := newSSHKey()
	if err != nil {
		return nil, err
	}
	r := &record.Record{Domain: demoDomain, Label: alice, Version: version, Kind: kind, Keys: []record.PublishedKey{key}}
	if r.Version > 0 {
		r.Previous = new(record.Hash)
	}
	if err := r.Sign(mallory, nil); err != nil {
		return nil, err
	}
	return r.Encode()
}
