package mls

import (
	"io"
	"time"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Config is who a client is, and what it stands on. The first seven fields must be
// there; the zero values of the others are good.
type Config struct {
	Suite      suite.ID        // of KeyPackages and of groups that we found
	Credential tree.Credential // who we are
	Signer     suite.Signer    // has the signature key that the Credential vouches for
	// Authenticator says whether a credential is what it claims: the Authentication
	// Service. It is asked about every leaf by every way into a group, see
	// group.Authenticator. Who takes a member's place, by an Update or by an external
	// Commit, has the same basic credential, or else a group.SuccessorAuthenticator is
	// asked. For X.509 it must compare the leaf with Candidate.Replaces itself: otherwise
	// whoever it knows takes anybody's place.
	Authenticator group.Authenticator
	Store         Store
	Rand          io.Reader        // crypto/rand.Reader
	Now           func() time.Time // time.Now

	// Keep returns what the application wants stored together with an event, in the
	// same batch: the plaintext of a message, whose key is gone once it is received,
	// is then neither lost in a crash nor stored without having been received. Keys
	// begin with "app/". The group must not be used in it. nil: nothing.
	Keep func(groupID []byte, e Event) []Record
	// Policy says who may change what; nil: every member everything.
	Policy group.Policy
	// Components has the application's code behind its data in groups.
	Components map[component.ID]group.Component
	// PSK returns the external pre-shared key of an identifier.
	PSK func(id []byte) ([]byte, error)
	// OtherSigners returns the signers of public keys that leaves of ours have in
	// some groups, other than Signer. nil: there are none.
	OtherSigners func(public []byte) suite.Signer
	// Padding of all that is encrypted; nil: to the next power of two.
	Padding message.Padding
	// PublicHandshake sends proposals and Commits signed, not encrypted: for a
	// delivery service that has to look at them. It then sees who is in the group.
	PublicHandshake bool
	// KeyPackageLifetime is how long others may use a KeyPackage; 0:
	// group.DefaultLifetime.
	KeyPackageLifetime time.Duration
	// AllowExpired lets us join groups in which somebody's KeyPackage has expired since
	// it was used. Members replace theirs with their first Commit or Update; one who
	// never does keeps new members out otherwise ("Leaf Node Validation", 7.3).
	AllowExpired bool
	// Capabilities of our leaves; nil: group.DefaultCapabilities, with GREASE.
	Capabilities *tree.Capabilities
	// Limits on what others can make us keep and compute.
	Limits group.Limits
}

// config returns what a group of a suite is run with.
func (c *Client) config(id suite.ID) (group.Config, error) {
	s, err := suite.Get(id)
	if err != nil {
		return group.Config{}, err
	}
	return group.Config{
		Suite:           s,
		Signer:          c.cfg.Signer,
		OtherSigners:    c.cfg.OtherSigners,
		Authenticator:   c.cfg.Authenticator,
		Policy:          c.cfg.Policy,
		Components:      c.cfg.Components,
		PSK:             c.cfg.PSK,
		Resumption:      c.resumption,
		Rand:            c.cfg.Rand,
		Now:             c.cfg.Now,
		Padding:         c.cfg.Padding,
		PublicHandshake: c.cfg.PublicHandshake,
		Limits:          c.cfg.Limits,
	}, nil
}

// leaf is what our leaves say of us.
func (c *Client) leaf() group.LeafOptions {
	o := group.LeafOptions{Credential: c.cfg.Credential, Capabilities: c.cfg.Capabilities}
	if d := c.cfg.KeyPackageLifetime; d != 0 {
		now := c.cfg.Now()
		// Clocks differ: what begins an hour ago has begun everywhere.
		o.Lifetime = tree.Lifetime{NotBefore: uint64(now.Add(-time.Hour).Unix()), NotAfter: uint64(now.Add(d).Unix())}
	}
	return o
}
