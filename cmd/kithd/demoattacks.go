package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/wire"
)

// attacks has the provider lie to Bob, in six ways. He keeps his keyring all along.
func (d *demo) attacks(ctx context.Context) error {
	d.chapter("The provider turns evil, and Bob asks again")
	for _, a := range []struct {
		name, told string
		play       func(context.Context) error // returns why Bob refused
	}{
		{"swapped key", "It gives Bob, and him alone, its own key in place of Alice's.", d.swappedKey},
		{"tampered proof", "Somebody on the way flips bits of the answer, one at a time, everywhere in it.", d.tamperedProof},
		{"withheld key", "It denies that Alice was ever there.", d.withheld},
		{"rolled-back log", "It puts back an earlier copy of its log, in which Alice has her old key: an honest server over old data, every signature genuine.", d.rolledBack},
		{"forked log", "It goes on from that old copy and publishes its own key for Alice there, a second log under the same signing key.", d.forkedLog},
		{"reset passed off as the owner's change", "It publishes, in the real log for everybody to see, a record that says \"the owner changed her key\".", d.fakeOwner},
	} {
		d.item("✗", "%s", a.told)
		before := d.bob.client.State().Append(nil)
		err := a.play(ctx)
		reason, refused := refusal(err)
		if err != nil && !refused {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		if refused && a.name != "reset passed off as the owner's change" && !bytes.Equal(before, d.bob.client.State().Append(nil)) {
			return fmt.Errorf("%s: was refused, and yet changed what bob remembers", a.name)
		}
		if !refused {
			reason = "bob's client accepted it"
		}
		d.outcome.Attacks = append(d.outcome.Attacks, attack{a.name, refused, reason})
		d.item(" ", "%s: %s", map[bool]string{true: "Refused", false: "ACCEPTED"}[refused], reason)
	}
	return d.aliceNotices(ctx)
}

// refusal returns the reason in an error with which a client refuses an answer.
// Other errors are the demo's own.
func refusal(err error) (reason string, refused bool) {
	var m *client.Misbehaviour
	switch {
	case errors.As(err, &m):
		return m.Error(), true
	case errors.Is(err, client.ErrUnacknowledged), errors.Is(err, client.ErrPolicy), errors.Is(err, client.ErrClock):
		return err.Error(), true
	}
	return "", false
}

// lie puts a liar in front of the provider while Bob looks Alice up.
func (d *demo) lie(ctx context.Context, liar func(honest http.Handler) http.Handler) error {
	honest := d.provider.open.Handler()
	d.provider.front.Set(liar(honest))
	defer d.provider.front.Set(honest)
	_, err := d.bob.client.Lookup(ctx, alice, client.Options{})
	return err
}

func (d *demo) swappedKey(ctx context.Context) error {
	_, theirs, err := d.forgery(1, record.Owner)
	if err != nil {
		return err
	}
	return d.lie(ctx, func(honest http.Handler) http.Handler {
		return evil.SwapValue(honest, d.bob.log.Format(), theirs)
	})
}

func (d *demo) tamperedProof(ctx context.Context) error {
	const flips = 64
	var first error
	for i := range flips {
		err := d.lie(ctx, func(honest http.Handler) http.Handler {
			return evil.FlipBit(honest, wire.OpSearch, 8*113*i+i%8)
		})
		if _, refused := refusal(err); !refused {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (d *demo) withheld(ctx context.Context) error {
	return d.lie(ctx, func(honest http.Handler) http.Handler { return evil.Withhold(honest, d.bob.log.Format()) })
}

func (d *demo) rolledBack(ctx context.Context) error {
	return d.elsewhere(ctx, d.older(), nil)
}

func (d *demo) forkedLog(ctx context.Context) error {
	return d.elsewhere(ctx, d.forked(), func() error {
		_, theirs, err := d.forgery(1, record.Owner)
		if err != nil {
			return err
		}
		head := d.bob.client.State().Head().Tree.TreeSize
		for {
			placed, err := d.provider.open.Publish(ctx, []byte(alice), theirs)
			if err != nil || placed.Position >= head {
				return err
			}
		}
	})
}

// elsewhere serves another folder, after prepare did something to it, and has Bob
// look Alice up there.
func (d *demo) elsewhere(ctx context.Context, dir string, prepare func() error) error {
	if err := d.provider.exchange(dir); err != nil {
		return err
	}
	if prepare != nil {
		if err := prepare(); err != nil {
			return err
		}
	}
	_, refusal := d.bob.client.Lookup(ctx, alice, client.Options{})
	if err := d.provider.exchange(d.data()); err != nil {
		return err
	}
	// The honest log is back, and Bob goes on where he was.
	if _, err := d.look(ctx); err != nil {
		return fmt.Errorf("after the attack: %w", err)
	}
	return refusal
}

// forgery is a record for a version of Alice's label with a key of the
// provider's own, signed by an account key of its own.
func (d *demo) forgery(version uint32, kind record.Kind) (*record.Record, []byte, error) {
	_, mallory, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	key, err := newSSHKey()
	if err != nil {
		return nil, nil, err
	}
	previous := record.Hash{}
	if found := d.bob.client.State().Contact(alice); found != nil {
		previous = found.Pin.Hash
	}
	r := &record.Record{
		Domain: demoDomain, Label: alice, Version: version, Previous: &previous, Kind: kind,
		Keys: []record.PublishedKey{key},
	}
	if err := r.Sign(mallory, nil); err != nil {
		return nil, nil, err
	}
	encoded, err := r.Encode()
	return r, encoded, err
}

// fakeOwner publishes a record that calls itself the owner's. The proof is
// perfect; the chain of account keys is not.
func (d *demo) fakeOwner(ctx context.Context) error {
	_, theirs, err := d.forgery(uint32(len(d.keys)), record.Owner)
	if err != nil {
		return err
	}
	if _, err := d.provider.open.Publish(ctx, []byte(alice), theirs); err != nil {
		return err
	}
	shown, err := d.bob.client.Lookup(ctx, alice, client.Options{})
	if shown != nil {
		for _, e := range shown.Events {
			if e.Kind.Blocks() {
				return fmt.Errorf("%w: %s", err, e.Text())
			}
		}
	}
	return err
}

// aliceNotices is the other half of the last attack: the owner is told.
func (d *demo) aliceNotices(ctx context.Context) error {
	d.chapter("Alice is told")
	m, err := d.alice.client.Monitor(ctx)
	if err != nil {
		return err
	}
	for _, o := range m.Owned {
		for _, u := range o.Unexpected {
			d.say("Her client reports: version %d of %s was published in log entry %d, and not by her. The log kept it for everybody to see.",
				u.First, o.Label, u.Position)
			return nil
		}
	}
	return errors.New("alice was not told of a version that she did not publish")
}
