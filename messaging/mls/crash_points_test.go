package mls_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
)

// device is a client whose store fails once, and the application around it, which goes
// on afterwards as an application should: on the same client if the store only failed,
// in a new program on what was written if the power went.
type device struct {
	t      *testing.T
	cfg    mls.Config
	store  *crashStore
	client *mls.Client
	lost   int // messages whose key was erased when the power went
}

func newDevice(t *testing.T, w *world, name string, at int, after, down bool) *device {
	d := &device{t: t, store: &crashStore{Memory: &mls.Memory{}, at: at, after: after, down: down}}
	d.cfg = w.config(name, d.store)
	d.client = must(t)(mls.NewClient(d.cfg))
	return d
}

// do runs f; if the store fails, once more with again set.
func (d *device) do(what string, f func(again bool) error) {
	d.t.Helper()
	err := f(false)
	if errors.Is(err, errPower) {
		if !errors.Is(err, mls.ErrStore) {
			d.t.Fatalf("%s: %v is no ErrStore", what, err)
		}
		if d.store.down {
			d.store = &crashStore{Memory: d.store.Memory, at: -1}
			d.cfg.Store = d.store
			d.client = must(d.t)(mls.NewClient(d.cfg))
		}
		err = f(true)
	}
	if err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
}

func (d *device) group(id []byte) *mls.Group {
	d.t.Helper()
	return ok[*mls.Group](d.t)(d.client.Open(id))
}

// send sends, and shows the observer what has left.
func (d *device) send(o *observer, id []byte, text string) (sent []byte) {
	d.t.Helper()
	d.do("Send", func(bool) (err error) {
		sent, err = d.group(id).Send([]byte(text), nil)
		return err
	})
	o.sent(sent)
	return sent
}

// receive receives, and requires of application data that its key is gone from the
// store when the plaintext is there.
func (d *device) receive(id, message []byte) (event mls.Event) {
	d.t.Helper()
	d.do("Receive", func(again bool) (err error) {
		g, err := d.client.Open(id)
		if again && errors.Is(err, mls.ErrNoGroup) || again && errors.Is(err, mls.ErrRemoved) {
			return nil // it was the Commit that removed us
		}
		if err != nil {
			return err
		}
		event, err = g.Receive(message)
		switch {
		case again && errors.Is(err, schedule.ErrConsumed):
			d.lost++
			return nil
		case again && (errors.Is(err, mls.ErrPast) || errors.Is(err, mls.ErrRemoved)):
			return nil // it was a Commit, and is done
		case again && errors.Is(err, group.ErrDuplicate):
			return nil // it was a proposal, and waits
		}
		return err
	})
	if m, isMessage := event.(*mls.Message); isMessage {
		cfg := d.cfg
		cfg.Store = d.store.Memory.Clone()
		another := must(d.t)(mls.NewClient(cfg))
		_, err := ok[*mls.Group](d.t)(another.Open(id)).Receive(message)
		if !errors.Is(err, schedule.ErrConsumed) {
			d.t.Fatalf("%q was given out, and the store can still read it: %v", m.Plaintext, err)
		}
	}
	return event
}

// stage stages a Commit; after a crash it goes on with the one that waits, if there is.
func (d *device) stage(o *observer, id []byte, f func(g *mls.Group) (*mls.Staged, error)) (staged *mls.Staged) {
	d.t.Helper()
	d.do("staging", func(again bool) (err error) {
		g := d.group(id)
		if again {
			if staged, err = g.Pending(); staged != nil || err != nil {
				return err
			}
		}
		staged, err = f(g)
		return err
	})
	o.sent(staged.Message)
	return staged
}

// propose makes a proposal; after a crash it goes on with the one that waits, if there
// is.
func (d *device) propose(o *observer, id []byte, f func(g *mls.Group) ([]byte, error)) (message []byte) {
	d.t.Helper()
	d.do("proposing", func(again bool) (err error) {
		g := d.group(id)
		if again {
			waits, err := g.Resend()
			if len(waits) > 0 || err != nil {
				message = waits[0]
				return err
			}
		}
		message, err = f(g)
		return err
	})
	o.sent(message)
	return message
}

func (d *device) confirm(id []byte) {
	d.t.Helper()
	d.do("Confirm", func(again bool) error {
		_, err := d.group(id).Confirm()
		if again && errors.Is(err, mls.ErrNoPending) {
			return nil // it was done
		}
		return err
	})
}

// life is what happens to alice, whose store fails at one point.
func life(t *testing.T, at int, after, down bool) (applies, pairs int) {
	w := newWorld(t, 7)
	alice := newDevice(t, w, "alice", at, after, down)
	bobs, carols := &mls.Memory{}, &mls.Memory{}
	w.psk = []byte("known to all")
	bob, carol := must(t)(mls.NewClient(w.config("bob", bobs))), must(t)(mls.NewClient(w.config("carol", carols)))
	o := newObserver(t)

	// KeyPackages are published once they are stored, and one is used.
	var packs [][]byte
	alice.do("KeyPackages", func(bool) (err error) {
		packs, err = alice.client.KeyPackages(2)
		return err
	})
	b := ok[*mls.Group](t)(bob.Create([]byte("first"), nil))
	id := b.ID()
	commitOf := func(staged *mls.Staged, err error) *mls.Changed {
		t.Helper()
		ok[*mls.Staged](t)(staged, err)
		return ok[mls.Event](t)(b.Confirm()).(*mls.Changed)
	}
	welcome := commitOf(b.Invite(packs[0])).Own.Welcome
	o.learn(bobs, id)
	alice.do("Join", func(again bool) error {
		_, err := alice.client.Join(welcome, nil)
		if again && errors.Is(err, mls.ErrNoKeyPackage) {
			_, err = alice.client.Open(id) // it was done
		}
		return err
	})
	if _, err := alice.client.Join(welcome, nil); err == nil {
		t.Fatal("a KeyPackage was used twice")
	}

	// Messages, both ways and out of order.
	for i := range 3 {
		text := fmt.Sprint("to bob ", i)
		wantMessage(t, b, alice.send(o, id, text), text)
	}
	var toAlice [][]byte
	for i := range 3 {
		toAlice = append(toAlice, ok[[]byte](t)(b.Send(fmt.Append(nil, "to alice ", i), nil)))
	}
	for _, i := range []int{2, 0, 1} {
		if m, isMessage := alice.receive(id, toAlice[i]).(*mls.Message); isMessage && string(m.Plaintext) != fmt.Sprint("to alice ", i) {
			t.Fatalf("received %q", m.Plaintext)
		}
	}

	// An Update whose private key has to be there when bob commits it.
	update := alice.propose(o, id, func(g *mls.Group) ([]byte, error) { return g.ProposeUpdate(nil, group.ProposalOptions{}) })
	ok[mls.Event](t)(b.Receive(update))
	theirs := commitOf(b.Commit(group.CommitOptions{}))
	alice.receive(id, theirs.Own.Message)
	o.learn(bobs, id)
	sameEpoch(t, b, alice.group(id))

	// A Commit of alice's, and the Welcome in it.
	pack := ok[[][]byte](t)(carol.KeyPackages(1))[0]
	staged := alice.stage(o, id, func(g *mls.Group) (*mls.Staged, error) { return g.Invite(pack) })
	ok[mls.Event](t)(b.Receive(staged.Message))
	o.learn(bobs, id)
	alice.confirm(id)
	accepted := ok[*mls.Staged](t)(alice.group(id).Accepted())
	if accepted == nil || !bytes.Equal(accepted.Welcome, staged.Welcome) {
		t.Fatal("the Welcome was lost")
	}
	c := ok[*mls.Group](t)(carol.Join(accepted.Welcome, nil))
	wantMessage(t, c, alice.send(o, id, "welcome"), "welcome")
	sameEpoch(t, b, c, alice.group(id))

	// One that loses, one that is discarded, and one that is accepted after that.
	lost := alice.stage(o, id, func(g *mls.Group) (*mls.Staged, error) { return g.Update(nil) })
	won := ok[*mls.Staged](t)(b.Update(nil))
	ok[mls.Event](t)(b.Confirm())
	ok[mls.Event](t)(c.Receive(won.Message))
	o.learn(bobs, id)
	alice.receive(id, won.Message)
	if _, err := alice.group(id).Receive(lost.Message); err == nil {
		t.Fatal("the Commit that lost was accepted")
	}
	wantMessage(t, b, alice.send(o, id, "after a lost one"), "after a lost one")
	alice.stage(o, id, func(g *mls.Group) (*mls.Staged, error) { return g.Update(nil) })
	alice.do("Discard", func(again bool) error {
		err := alice.group(id).Discard()
		if again && errors.Is(err, mls.ErrNoPending) {
			return nil
		}
		return err
	})
	staged = alice.stage(o, id, func(g *mls.Group) (*mls.Staged, error) { return g.Update(nil) })
	ok[mls.Event](t)(b.Receive(staged.Message))
	ok[mls.Event](t)(c.Receive(staged.Message))
	o.learn(bobs, id)
	alice.receive(id, staged.Message)
	wantMessage(t, b, alice.send(o, id, "after three"), "after three")
	sameEpoch(t, b, c, alice.group(id))

	// A proposal of hers that she commits herself.
	psk := &message.PreSharedKey{PSK: schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte("psk")}}
	proposal := alice.propose(o, id, func(g *mls.Group) ([]byte, error) { return g.Propose(psk, group.ProposalOptions{}) })
	ok[mls.Event](t)(b.Receive(proposal))
	ok[mls.Event](t)(c.Receive(proposal))
	staged = alice.stage(o, id, func(g *mls.Group) (*mls.Staged, error) { return g.Commit(group.CommitOptions{}) })
	ok[mls.Event](t)(b.Receive(staged.Message))
	ok[mls.Event](t)(c.Receive(staged.Message))
	o.learn(bobs, id)
	alice.confirm(id)
	if waits := ok[[][]byte](t)(alice.group(id).Resend()); len(waits) > 0 {
		t.Fatalf("%d messages of the epoch before wait", len(waits))
	}

	// Groups that she founds: one of her own, and a branch, whose Welcome is not lost.
	alice.do("Create", func(again bool) error {
		_, err := alice.client.Create([]byte("third"), nil)
		if again && errors.Is(err, mls.ErrMember) {
			return nil // it was done
		}
		return err
	})
	if n := len(ok[[]mls.Member](t)(alice.group([]byte("third")).Members())); n != 1 {
		t.Fatalf("%d members of a new group", n)
	}
	bobsPack := ok[[][]byte](t)(bob.KeyPackages(1))[0]
	alice.do("Branch", func(again bool) error {
		_, _, err := alice.group(id).Branch([]byte("branch"), bobsPack)
		if again && errors.Is(err, mls.ErrMember) {
			return nil
		}
		return err
	})
	branch := ok[*mls.Group](t)(bob.Join(ok[*mls.Staged](t)(alice.group([]byte("branch")).Accepted()).Welcome, nil))
	o.learn(bobs, branch.ID())
	wantMessage(t, branch, alice.send(o, branch.ID(), "in the branch"), "in the branch")
	alice.do("Forget", func(again bool) error {
		err := alice.client.Forget([]byte("third"))
		if again && errors.Is(err, mls.ErrNoGroup) {
			return nil
		}
		return err
	})

	// A group that she joins by herself, and leaves.
	b2g := ok[*mls.Group](t)(bob.Create([]byte("second"), nil))
	id2 := b2g.ID()
	info := ok[[]byte](t)(b2g.GroupInfo())
	var join *mls.Staged
	alice.do("JoinExternal", func(again bool) error {
		_, staged, err := alice.client.JoinExternal(info, mls.ExternalOptions{})
		if again && errors.Is(err, mls.ErrMember) {
			staged, err = alice.group(id2).Pending() // it was done
		}
		join = staged
		return err
	})
	ok[mls.Event](t)(b2g.Receive(join.Message))
	o.learn(bobs, id2)
	alice.confirm(id2)
	wantMessage(t, b2g, alice.send(o, id2, "here I am"), "here I am")

	leave := alice.propose(o, id2, (*mls.Group).Leave)
	ok[mls.Event](t)(b2g.Receive(leave))
	out := ok[*mls.Staged](t)(b2g.Commit(group.CommitOptions{}))
	ok[mls.Event](t)(b2g.Confirm())
	alice.receive(id2, out.Message)

	// And the end: bob removes her.
	me := ok[mls.Member](t)(alice.group(id).Me())
	removal := ok[*mls.Staged](t)(b.Remove(me))
	ok[mls.Event](t)(b.Confirm())
	alice.receive(id, removal.Message)
	if ids := ok[[][]byte](t)(alice.client.Groups()); len(ids) != 1 || !bytes.Equal(ids[0], branch.ID()) {
		t.Fatalf("groups at the end: %q", ids)
	}
	if keys := ok[[]string](t)(alice.store.Memory.List("group/" + fmt.Sprintf("%x", id))); len(keys) > 0 {
		t.Fatalf("left behind of the group: %q", keys)
	}
	if at >= 0 && alice.lost > 0 && !after {
		t.Fatalf("%d messages were lost although nothing had been written", alice.lost)
	}
	return alice.store.applies, o.count
}

// TestEveryCrashPoint lets the store fail at every Apply of a client's life: before or
// after it has written, and with the program going on or ending there. Whatever point
// it is, the client goes on; no key encrypts twice; no KeyPackage, Update, pending
// Commit or join that has left is without its private keys; no plaintext was given out
// whose key is still there.
func TestEveryCrashPoint(t *testing.T) {
	t.Parallel()
	points, pairs := life(t, -1, false, false)
	if points < 20 || pairs < 8 {
		t.Fatalf("only %d batches, %d messages", points, pairs)
	}
	t.Logf("%d crash points, 4 ways each; %d messages of different keys", points, pairs)
	for at := range points {
		for _, after := range []bool{false, true} {
			for _, down := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d,after=%v,down=%v", at, after, down), func(t *testing.T) {
					t.Parallel()
					life(t, at, after, down)
				})
			}
		}
	}
}
