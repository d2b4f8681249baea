package mls_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// directory is the Authentication Service: who has which signature key. Here it is a
// map; with Kith it is a key transparency log, whose every answer is proved.
type directory map[string][]byte

// Authenticate is asked about everybody who is about to become a member, by whichever
// way. An error keeps them out.
func (d directory) Authenticate(groupID []byte, candidates []group.Candidate) error {
	for _, c := range candidates {
		if name := string(c.Credential.Identity); !bytes.Equal(d[name], c.SignatureKey) {
			return fmt.Errorf("the directory has another key for %s", name)
		}
	}
	return nil
}

// newClient is one device: a name, a signature key, a store.
func (d directory) newClient(name string) *mls.Client {
	const id = suite.X25519_AES128GCM_SHA256_Ed25519
	s, err := suite.Get(id)
	check(err)
	_, signer, err := s.GenerateSigner(rand.Reader)
	check(err)
	client, err := mls.NewClient(mls.Config{
		Suite:         id,
		Credential:    tree.BasicCredential([]byte(name)),
		Signer:        signer,
		Authenticator: d,
		Store:         new(mls.Memory), // yours is on disk, and encrypted
		Rand:          rand.Reader,
		Now:           time.Now,
	})
	check(err)
	if d[name] == nil {
		d[name] = signer.Public() // whoever comes first has the name
	}
	return client
}

func Example() {
	names := directory{}
	alice, bob, mallory := names.newClient("alice"), names.newClient("bob"), names.newClient("bob")

	// Bob publishes KeyPackages, one for everybody who wants to add him.
	packages, err := bob.KeyPackages(10)
	check(err)

	// Alice founds a group and invites him. Her Commit is sent, and counts once the
	// delivery service has accepted it; only then is the Welcome handed out.
	atAlices, err := alice.Create(nil, nil)
	check(err)
	staged, err := atAlices.Invite(packages[0])
	check(err)
	deliver(staged.Message)
	_, err = atAlices.Confirm()
	check(err)
	atBobs, err := bob.Join(staged.Welcome, nil)
	check(err)

	// They talk. What Send returns was stored before, so that no key is used twice.
	message, err := atAlices.Send([]byte("hello bob"), nil)
	check(err)
	event, err := atBobs.Receive(message)
	check(err)
	if m, ok := event.(*mls.Message); ok {
		fmt.Printf("%s: %s\n", m.Sender.Credential.Identity, m.Plaintext)
	}

	// Somebody who says that he is Bob has a key that the directory does not know.
	packages, err = mallory.KeyPackages(1)
	check(err)
	_, err = atAlices.Invite(packages[0])
	fmt.Println(errors.Is(err, mls.ErrUnauthenticated), err)

	// Bob renews his keys. Alice's group follows.
	staged, err = atBobs.Update(nil)
	check(err)
	event, err = atAlices.Receive(staged.Message)
	check(err)
	if c, ok := event.(*mls.Changed); ok {
		fmt.Printf("epoch %d by %s\n", c.Epoch, c.Committer.Credential.Identity)
	}
	_, err = atBobs.Receive(staged.Message) // his own, as the delivery service hands it out
	check(err)

	// Bob leaves. Somebody else's Commit carries it out.
	leave, err := atBobs.Leave()
	check(err)
	_, err = atAlices.Receive(leave)
	check(err)
	staged, err = atAlices.Commit(group.CommitOptions{})
	check(err)
	_, err = atAlices.Confirm()
	check(err)
	event, err = atBobs.Receive(staged.Message)
	check(err)
	_, out := event.(*mls.Removed)
	fmt.Println("bob is out:", out)

	// Output:
	// alice: hello bob
	// true mls: refused by the authenticator: the directory has another key for bob
	// epoch 2 by bob
	// bob is out: true
}

// deliver stands for the delivery service, which hands messages to all members, the
// Commits of all in one order.
func deliver([]byte) {}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
