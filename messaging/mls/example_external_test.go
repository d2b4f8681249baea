package mls_test

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls"
)

// Bob joins without being invited, from a GroupInfo that a member gave away. When he
// has lost the group's state, he comes back the same way, with Resync.
func ExampleClient_JoinExternal() {
	names := directory{}
	alice, bob := names.newClient("alice"), names.newClient("bob")
	atAlices, err := alice.Create(nil, nil)
	check(err)
	join := func(o mls.ExternalOptions) {
		// A GroupInfo is good for one epoch: each Commit makes a newer one necessary.
		info, err := atAlices.GroupInfo()
		check(err)
		atBobs, staged, err := bob.JoinExternal(info, o)
		check(err)
		deliver(staged.Message)
		event, err := atAlices.Receive(staged.Message)
		check(err)
		c := event.(*mls.Changed)
		fmt.Printf("%s is in, %d more, %d less\n", c.Committer.Credential.Identity, len(c.Added), len(c.Removed))
		_, err = atBobs.Confirm() // he is a member from here on; refused: Discard, and again
		check(err)
		message, err := atBobs.Send([]byte("hello"), nil)
		check(err)
		_, err = atAlices.Receive(message)
		check(err)
	}
	join(mls.ExternalOptions{})
	join(mls.ExternalOptions{Resync: true})

	// Output:
	// bob is in, 1 more, 0 less
	// bob is in, 1 more, 1 less
}
