package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/proto/record"
)

// The people of the demo, and how many others the provider publishes.
const (
	alice      = "alice@" + demoDomain
	demoOthers = 300
)

// A demo is the story while it is told.
type demo struct {
	*storyteller
	dir      string
	provider *demoProvider
	alice    *demoPerson
	bob      *demoPerson
	keys     []record.PublishedKey // alice's, oldest first
	outcome  outcome
}

// runDemo tells the whole story. An error is a fault of the demo itself, and not
// an attack that succeeded.
func runDemo(ctx context.Context, dir string, story *storyteller) (*outcome, error) {
	d := &demo{storyteller: story, dir: dir}
	defer d.close()
	for _, part := range []func(context.Context) error{
		d.begin, d.signUp, d.publish, d.lookup, d.restart, d.change, d.monitor, d.attacks,
	} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	return &d.outcome, nil
}

func (d *demo) close() {
	for _, p := range []*demoPerson{d.alice, d.bob} {
		if p != nil {
			p.close()
		}
	}
	if d.provider != nil {
		d.provider.close()
	}
}

func (d *demo) data() string { return filepath.Join(d.dir, "provider") }

// begin starts the provider, and two people pin it.
func (d *demo) begin(ctx context.Context) error {
	d.chapter("A provider starts")
	var err error
	if d.provider, err = newDemoProvider(d.data()); err != nil {
		return err
	}
	if err := d.provider.run(d.data()); err != nil {
		return err
	}
	d.say("It serves %s at %s, with its log in one file of a temporary folder.", demoDomain, d.provider.address)
	if d.alice, err = newDemoPerson(ctx, d.dir, "alice", d.provider.address); err != nil {
		return err
	}
	if d.bob, err = newDemoPerson(ctx, d.dir, "bob", d.provider.address); err != nil {
		return err
	}
	d.say("Alice and Bob each pin its fingerprint, as they would compare it on first contact:")
	d.say("%s", d.bob.log.Fingerprint())
	return nil
}

// publish has the provider import keys, and Alice publish hers herself.
func (d *demo) publish(ctx context.Context) error {
	d.chapter("Keys are published")
	items := make([]directory.Load, demoOthers)
	for i := range items {
		label := fmt.Sprintf("user%03d@%s", i, demoDomain)
		key, err := newSSHKey()
		if err != nil {
			return err
		}
		value, err := record.NewImported(demoDomain, label, nil, []record.PublishedKey{key})
		if err != nil {
			return err
		}
		items[i] = directory.Load{Label: []byte(label), Value: value}
	}
	began := time.Now()
	if err := d.load(ctx, items); err != nil {
		return err
	}
	d.outcome.Published += len(items)
	d.say("The provider publishes the keys of %d users: a commitment to each goes into an append-only log, in %s.",
		len(items), time.Since(began).Round(time.Millisecond))

	if err := d.aliceKey(ctx); err != nil {
		return err
	}
	d.say("Alice publishes hers herself, with the session she logged in to, signed by an account key that nobody else can use. Her client verified that it went into the log as version 0 of %s, and that nobody had been there before.", alice)
	return nil
}

// aliceKey publishes a new key of Alice.
func (d *demo) aliceKey(ctx context.Context) error {
	key, err := newSSHKey()
	if err != nil {
		return err
	}
	published, err := d.alice.publish(ctx, alice, key)
	if err != nil {
		return err
	}
	if !published.New || len(published.Others) > 0 {
		return errors.New("somebody else published for alice")
	}
	d.keys = append(d.keys, key)
	d.outcome.Published++
	d.outcome.Verified++
	return nil
}

// lookup is Bob's first look at Alice.
func (d *demo) lookup(ctx context.Context) error {
	d.chapter("Bob looks Alice up")
	found, err := d.look(ctx)
	if err != nil {
		return err
	}
	d.say("The answer is her SSH key %s. Bob's client believed none of it. It checked that", found.Record.Keys[0].Fingerprint())
	d.checks(found)
	return nil
}

func (d *demo) checks(l *client.Lookup) {
	for _, c := range l.Checks {
		d.item("✓", "%s", c.Detail)
	}
}

// look has Bob look Alice up, and holds the answer against the truth.
func (d *demo) look(ctx context.Context) (*client.Lookup, error) {
	found, err := d.bob.client.Lookup(ctx, alice, client.Options{})
	if err != nil {
		return nil, err
	}
	want := d.keys[len(d.keys)-1]
	if len(found.Record.Keys) != 1 || !bytes.Equal(found.Record.Keys[0].Data, want.Data) {
		return nil, errors.New("bob was given another key than alice published")
	}
	d.outcome.Verified++
	return found, nil
}

// restart stops the provider and starts it again. In between it keeps a copy of
// its log for later.
func (d *demo) restart(ctx context.Context) error {
	d.chapter("The provider restarts")
	if err := d.provider.stop(); err != nil {
		return err
	}
	for _, copied := range []string{d.older(), d.forked()} {
		if err := evil.Copy(d.data(), copied); err != nil {
			return err
		}
	}
	if err := d.provider.run(d.data()); err != nil {
		return err
	}
	if _, err := d.look(ctx); err != nil {
		return err
	}
	d.say("Bob looks again: the log continues the one he saw before.")
	return nil
}

func (d *demo) older() string  { return filepath.Join(d.dir, "older") }
func (d *demo) forked() string { return filepath.Join(d.dir, "forked") }

// change is Alice's new key.
func (d *demo) change(ctx context.Context) error {
	d.chapter("Alice changes her key")
	if err := d.aliceKey(ctx); err != nil {
		return err
	}
	found, err := d.look(ctx)
	if err != nil {
		return err
	}
	d.say("Bob looks her up and finds version %d, key %s.", found.Version, found.Record.Keys[0].Fingerprint())
	for _, e := range found.Events {
		d.item("✓", "%s", e.Text())
	}
	return nil
}

// monitor lets both watch until the log has moved past a common reference point.
func (d *demo) monitor(ctx context.Context) error {
	d.chapter("Both keep an eye on the log")
	for {
		for _, p := range []*demoPerson{d.alice, d.bob} {
			m, err := p.client.Monitor(ctx)
			if err == nil {
				err = m.Err()
			}
			if err != nil {
				return fmt.Errorf("%s monitors: %w", p.name, err)
			}
			d.outcome.Verified++
		}
		if c := d.bob.client.State().Contact(alice); c != nil && len(c.Monitor) == 0 {
			break
		}
		// The log needs an entry a monitoring window later: other users' keys make it.
		if err := d.other(ctx); err != nil {
			return err
		}
	}
	d.say("Alice's client verified every version of her label: nobody published a key in her name. Bob's verified that what he was shown is what Alice was shown.")
	return nil
}

// other publishes the key of one more user.
func (d *demo) other(ctx context.Context) error {
	key, err := newSSHKey()
	if err != nil {
		return err
	}
	label := fmt.Sprintf("late%06d@%s", d.outcome.Published, demoDomain)
	value, err := record.NewImported(demoDomain, label, nil, []record.PublishedKey{key})
	if err != nil {
		return err
	}
	if _, err := d.provider.open.Publish(ctx, []byte(label), value); err != nil {
		return err
	}
	d.outcome.Published++
	return nil
}

// load publishes many values at once.
func (d *demo) load(ctx context.Context, loads []directory.Load) error {
	each := func(yield func(directory.Load, error) bool) {
		for _, l := range loads {
			if !yield(l, nil) {
				return
			}
		}
	}
	progress, err := d.provider.open.Sequencer().BulkLoad(ctx, each, directory.BulkOptions{})
	if err == nil && progress.Added != uint64(len(loads)) {
		err = fmt.Errorf("%d of %d keys went into the log", progress.Added, len(loads))
	}
	return err
}
