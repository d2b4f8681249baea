package mls_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// A store is put back from a backup. What was sent since used keys that the backup
// believes to be unused, so nothing is sent until a Commit has renewed them.
func ExampleRestore() {
	const id = suite.X25519_AES128GCM_SHA256_Ed25519
	s, err := suite.Get(id)
	check(err)
	_, signer, err := s.GenerateSigner(rand.Reader)
	check(err)
	names := directory{"alice": signer.Public()}
	store := new(mls.Memory)
	cfg := mls.Config{
		Suite: id, Credential: tree.BasicCredential([]byte("alice")), Signer: signer,
		Authenticator: names, Store: store, Rand: rand.Reader, Now: time.Now,
	}
	alice, err := mls.NewClient(cfg)
	check(err)
	atAlices, err := alice.Create(nil, nil)
	check(err)
	backup := store.Clone()
	_, err = atAlices.Send([]byte("since the backup"), nil)
	check(err)

	// Restore once; from then on NewClient opens the store as ever.
	cfg.Store = backup
	alice, err = mls.Restore(cfg)
	check(err)
	groups, err := alice.Groups()
	check(err)
	for _, id := range groups {
		g, err := alice.Open(id)
		check(err)
		// First Receive what the delivery service has had since the backup: so where
		// we are in its queue belongs into the backup too.
		_, err = g.Send([]byte("too early"), nil)
		fmt.Println(errors.Is(err, mls.ErrRestored), err)

		staged, err := g.Update(nil)
		check(err)
		deliver(staged.Message)
		_, err = g.Confirm() // once it is accepted
		check(err)
		_, err = g.Send([]byte("as before"), nil)
		fmt.Println(err)
	}

	// Output:
	// true mls: restored from a backup, and no commit of ours since: update first
	// <nil>
}
