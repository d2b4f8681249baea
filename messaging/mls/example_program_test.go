package mls_test

import (
	"errors"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
)

// queue is a delivery service: all devices read it from the beginning, in one order.
type queue [][]byte

func (q *queue) send(message []byte) { *q = append(*q, message) }

// messenger is a program around a client.
type messenger struct {
	name   string
	client *mls.Client
	queue  *queue
	read   int      // of the queue
	early  [][]byte // to be received again; in a program, stored with read
}

// start sends what a crash may have kept from leaving.
func (d *messenger) start() error {
	ids, err := d.client.Groups()
	for _, id := range ids {
		g, err := d.client.Open(id)
		if err != nil {
			return err
		}
		if last, err := g.Accepted(); err != nil {
			return err
		} else if last != nil {
			d.queue.send(last.Welcome)
		}
		unsent, err := g.Resend()
		if err != nil {
			return err
		}
		for _, message := range unsent {
			d.queue.send(message)
		}
	}
	return err
}

// catchUp receives what is new in the queue.
func (d *messenger) catchUp() error {
	for ; d.read < len(*d.queue); d.read++ {
		if err := d.receive((*d.queue)[d.read]); err != nil {
			return err
		}
	}
	return nil
}

// receive takes one message. Its error is one of the store, after which it is to be
// received again; all other messages that are refused are dropped.
func (d *messenger) receive(message []byte) error {
	id, _, err := mls.GroupOf(message)
	if errors.Is(err, group.ErrUnexpected) { // for us it may be a Welcome
		_, err = d.client.Join(message, nil)
		return d.drop(err)
	}
	if err != nil {
		return d.drop(err)
	}
	g, err := d.client.Open(id)
	if err != nil {
		return d.drop(err) // mls.ErrNoGroup: of a group of others
	}
	event, err := g.Receive(message)
	if errors.Is(err, mls.ErrFuture) || errors.Is(err, mls.ErrUnknownProposal) {
		d.early = append(d.early, message)
		return nil
	}
	if err != nil {
		return d.drop(err)
	}
	switch e := event.(type) {
	case *mls.Message:
		fmt.Printf("%s reads: %s\n", d.name, e.Plaintext)
	case *mls.Proposed: // nothing is sent before it is committed: mls.ErrUnapplied
		staged, err := g.Commit(group.CommitOptions{})
		if err != nil {
			return d.drop(err)
		}
		d.queue.send(staged.Message)
	case *mls.Changed:
		if e.Own != nil && e.Own.Welcome != nil {
			d.queue.send(e.Own.Welcome)
		}
		again := d.early
		d.early = nil
		for _, message := range again {
			if err := d.receive(message); err != nil {
				return err
			}
		}
	case *mls.Removed:
		fmt.Printf("%s is out\n", d.name)
	case *mls.Reinitialized:
		// One of the members founds the next group: mls.Group.Continue.
	}
	return nil
}

// drop lets errors of the store through, and no others. A program would log them.
func (d *messenger) drop(err error) error {
	if errors.Is(err, mls.ErrStore) {
		return err
	}
	return nil
}

// A program starts, receives whatever the queue holds, and sends.
func Example_program() {
	names, messages := directory{}, new(queue)
	alice := &messenger{name: "alice", client: names.newClient("alice"), queue: messages}
	bob := &messenger{name: "bob", client: names.newClient("bob"), queue: messages}
	everybody := []*messenger{alice, bob}
	deliver := func() {
		for read := -1; read != alice.read+bob.read; {
			read = alice.read + bob.read
			for _, d := range everybody {
				check(d.catchUp())
			}
		}
	}

	packages, err := bob.client.KeyPackages(1)
	check(err)
	atAlices, err := alice.client.Create(nil, nil)
	check(err)
	_, err = atAlices.Invite(packages[0])
	check(err)
	// Here her program ends, before the Commit has left. The next one sends it.
	check(alice.start())
	deliver()

	atBobs, err := bob.client.Open(atAlices.ID())
	check(err)
	hello, err := atBobs.Send([]byte("hello"), nil)
	check(err)
	messages.send(hello)
	leaving, err := atBobs.Leave()
	check(err)
	messages.send(leaving)
	deliver()

	members, err := atAlices.Members()
	check(err)
	fmt.Println(len(members), "member is left")
	// Output:
	// alice reads: hello
	// bob is out
	// 1 member is left
}
