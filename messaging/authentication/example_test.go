package authentication

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/proto/record"
)

// newDevice is a device of label in groups: gate is a *client.Client, which remembers what
// it has verified, and store is on disk and encrypted.
func newDevice(gate Directory, label string, signer suite.Signer, store mls.Store) (*mls.Client, *Service, error) {
	const id = suite.X25519_AES128GCM_SHA256_Ed25519
	service, err := New(Config{Directory: gate, Suite: id, Now: time.Now, Reuse: 5 * time.Minute})
	if err != nil {
		return nil, nil, err
	}
	device, err := mls.NewClient(mls.Config{
		Suite:         id,
		Credential:    tree.BasicCredential([]byte(label)),
		Signer:        signer,
		Authenticator: service,
		Store:         store,
		Rand:          rand.Reader,
		Now:           time.Now,
	})
	return device, service, err
}

// removeUnlisted removes the members that their owners have taken out of their records.
// It returns why others could not be proved.
func removeUnlisted(ctx context.Context, g *mls.Group, service *Service) (*mls.Staged, error) {
	view, err := g.View()
	if err != nil {
		return nil, err
	}
	gone, err := Unlisted(service.Recheck(ctx, view.Members()))
	if len(gone) == 0 {
		return nil, err
	}
	staged, removing := g.Remove(gone...)
	if removing != nil {
		return nil, removing
	}
	return staged, err
}

// directoryOf is a directory of one label in which there is one device.
func directoryOf(label string, device suite.Signer) Directory {
	r := &record.Record{Label: label, Devices: []record.Device{{ID: []byte("phone"), MLS: &record.MLSKey{
		CipherSuite:  uint16(suite.X25519_AES128GCM_SHA256_Ed25519),
		SignatureKey: device.Public(),
	}}}}
	g := &gate{}
	g.says(label, &client.Lookup{Label: label, Standing: record.Held, Record: r}, nil)
	return g
}

func Example() {
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	check(err)
	_, signer, err := s.GenerateSigner(rand.Reader)
	check(err)
	gate := directoryOf("bob@example.org", signer)
	bob, service, err := newDevice(gate, "bob@example.org", signer, new(mls.Memory))
	check(err)
	g, err := bob.Create(nil, nil) // Bob's own record is looked up too
	check(err)
	staged, err := removeUnlisted(context.Background(), g, service)
	fmt.Println("to remove:", staged, err)

	eve, _, err := newDevice(gate, "eve@example.org", signer, new(mls.Memory))
	check(err)
	_, err = eve.Create(nil, nil)
	fmt.Println(err)

	// Output:
	// to remove: <nil> <nil>
	// mls: refused by the authenticator: creation: eve@example.org: the directory proves no record: no provable answer; check the name, or ask them to publish an account record with this device
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
