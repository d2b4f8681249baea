package mls_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// rolesID is the component under which the group's context names its administrators,
// separated by spaces.
const rolesID = component.PrivateUse + 1

// roles lets only administrators change the list of members. All members have the same
// Policy, and it looks at nothing but what all of them see.
type roles struct{}

var errNotAdmin = errors.New("administrators only")

func isAdmin(view *group.View, name string) bool {
	data, _ := view.AppData(rolesID)
	for admin := range strings.FieldsSeq(string(data)) {
		if admin == name {
			return true
		}
	}
	return false
}

// byAdmin says whether an administrator made the proposal. Who is no member, such
// as an external sender, is none.
func byAdmin(view *group.View, sender message.Sender) bool {
	index, ok := sender.Leaf()
	if !ok {
		return false
	}
	leaf := view.Member(index)
	return leaf != nil && isAdmin(view, string(leaf.Credential.Identity))
}

func (roles) AllowProposal(view *group.View, p group.Covered) error {
	switch p.Proposal.(type) {
	case *message.Update, *message.SelfRemove:
		return nil // everybody's right
	}
	if !byAdmin(view, p.Sender) {
		return errNotAdmin
	}
	return nil
}

func (r roles) AllowCommit(view *group.View, committer message.Sender, leaf *tree.LeafNode, proposals []group.Covered) error {
	if committer.Type != message.SenderMember {
		return errNotAdmin // nobody joins on their own
	}
	for _, p := range proposals { // each by who made it, not by who commits it
		if err := r.AllowProposal(view, p); err != nil {
			return err
		}
	}
	return nil
}

// Roles live in the group's application data, which is part of what all members agree
// on, and a Policy reads them there.
func ExampleConfig_policy() {
	const id = suite.X25519_AES128GCM_SHA256_Ed25519
	s, err := suite.Get(id)
	check(err)
	names := directory{}
	newClient := func(name string) *mls.Client {
		_, signer, err := s.GenerateSigner(rand.Reader)
		check(err)
		names[name] = signer.Public()
		client, err := mls.NewClient(mls.Config{
			Suite: id, Credential: tree.BasicCredential([]byte(name)), Signer: signer,
			Authenticator: names, Store: new(mls.Memory), Rand: rand.Reader, Now: time.Now,
			Policy: roles{},
		})
		check(err)
		return client
	}
	alice, bob, carol := newClient("alice"), newClient("bob"), newClient("carol")
	pack := func(c *mls.Client) []byte {
		packages, err := c.KeyPackages(1)
		check(err)
		return packages[0]
	}

	data := component.Dictionary{}.With(rolesID, []byte("alice"))
	atAlices, err := alice.Create(nil, data.Into(nil))
	check(err)
	staged, err := atAlices.Invite(pack(bob))
	check(err)
	_, err = atAlices.Confirm()
	check(err)
	atBobs, err := bob.Join(staged.Welcome, nil)
	check(err)

	_, err = atBobs.Invite(pack(carol))
	fmt.Println(errors.Is(err, mls.ErrForbidden), err)
	_, err = atBobs.Update(nil)
	fmt.Println(err)

	// Output:
	// true mls: refused by the application's policy: administrators only
	// <nil>
}
