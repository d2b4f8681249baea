package group

import (
	"fmt"
	"io"
	"time"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// Config is what a member brings to a group besides the group's own state. It
// must not change while a State uses it.
type Config struct {
	// Suite is the group's cipher suite.
	Suite *suite.Suite
	// Signer has our signature key, the one of our leaf.
	Signer suite.Signer
	// Authenticator says who somebody is. It must not be nil.
	Authenticator Authenticator
	// Policy says who may do what. nil: whatever RFC 9420 allows, except that nobody
	// can ask to be added to the group.
	Policy Policy
	// Components has the application's components. An AppDataUpdate or
	// AppEphemeral of a component that is not here is refused.
	Components map[component.ID]Component
	// PSK returns the external pre-shared key of an identifier; nil, or an error:
	// there is none ("Pre-Shared Keys", 8.4).
	PSK func(id []byte) ([]byte, error)
	// ComponentPSK does the same for keys of application components.
	ComponentPSK func(component component.ID, id []byte) ([]byte, error)
	// Resumption returns the resumption PSK of an epoch of another group; for this
	// group the State knows its own of the last Limits.ResumptionEpochs ("Resumption
	// PSK", 8.6). nil: there are none.
	Resumption func(groupID []byte, epoch uint64) ([]byte, error)
	// Rand is where keys, nonces and reuse guards come from (the encapsulation of
	// HPKE excepted: see suite.Suite.EncryptWithLabel).
	Rand io.Reader
	// Now is the clock that lifetimes of KeyPackages are compared with.
	Now func() time.Time
	// OtherSigners returns the signer of a public key that is not Signer's, while
	// we are about to change our key: an Update or Commit of ours with a new
	// signature key waits, and the State was loaded meanwhile. nil: there is none.
	OtherSigners func(public []byte) suite.Signer
	// Padding is applied to all that we encrypt (15.1). nil: to the next power of
	// two, at least 64 bytes.
	Padding message.Padding
	// PublicHandshake sends proposals and Commits signed but not encrypted, for a
	// Delivery Service that must look at them (6).
	PublicHandshake bool
	// Limits is what a peer can make us do. The zero value is [DefaultLimits].
	Limits Limits
}

// Limits bounds what a peer can make us keep or compute. A field that is 0 has the
// value of [DefaultLimits]. All members of a group need the same: what one refuses
// and the others do not leaves it behind.
//
// Of Proposals and of ProposalsSize, a member may fill a quarter, rounded up, and all
// who are no members together another one. If several of them have filled all, each of
// the others still has the part that everybody would have who shared it evenly: nothing,
// where there are more members than Proposals.
type Limits struct {
	MessageSize      int // bytes of one message that is processed
	Members          int // non-blank leaves after a Commit
	Proposals        int // that wait for a Commit, in one epoch
	ProposalsSize    int // bytes of all that wait for a Commit
	CommitProposals  int // in one Commit
	ExtensionsSize   int // bytes of one extensions field: GroupContext, KeyPackage, leaf (with its capabilities)
	CredentialSize   int // bytes of one credential
	PastEpochs       int // epochs whose application messages can still be read; -1: none
	ResumptionEpochs int // past epochs whose resumption PSK is kept; -1: none
	// Lifetime is the longest lifetime of a KeyPackage, in s; 0: tree.DefaultMaxLifetime.
	// All members must have the same.
	Lifetime uint64
}

// DefaultLimits allows what large groups need: a tree of thousands of leaves with
// post-quantum keys, and a Commit that adds a thousand members, is some megabytes.
var DefaultLimits = Limits{
	MessageSize:      16 << 20,
	Members:          1 << 14,
	Proposals:        4096,
	ProposalsSize:    32 << 20,
	CommitProposals:  8192,
	ExtensionsSize:   1 << 20,
	CredentialSize:   1 << 16,
	PastEpochs:       3,
	ResumptionEpochs: 8,
}

func (l Limits) withDefaults() Limits {
	or := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	d := DefaultLimits
	or(&l.MessageSize, d.MessageSize)
	or(&l.Members, d.Members)
	or(&l.Proposals, d.Proposals)
	or(&l.ProposalsSize, d.ProposalsSize)
	or(&l.CommitProposals, d.CommitProposals)
	or(&l.ExtensionsSize, d.ExtensionsSize)
	or(&l.CredentialSize, d.CredentialSize)
	or(&l.PastEpochs, d.PastEpochs)
	or(&l.ResumptionEpochs, d.ResumptionEpochs)
	l.PastEpochs = max(l.PastEpochs, 0)
	l.ResumptionEpochs = max(l.ResumptionEpochs, 0)
	return l
}

// CheckMessage returns ErrLimit for a message of n bytes that is not to be parsed.
func (l Limits) CheckMessage(n int) error {
	if most := l.withDefaults().MessageSize; n > most {
		return fmt.Errorf("%w: message of %d bytes, the most is %d", ErrLimit, n, most)
	}
	return nil
}

// complete checks a Config and fills in defaults. Everything that makes a State
// begins with it: without an Authenticator there is no State.
func (c Config) complete() (Config, error) {
	if c.Authenticator == nil {
		return c, ErrNoAuthenticator
	}
	switch {
	case c.Suite == nil:
		return c, fmt.Errorf("%w: no cipher suite", ErrConfig)
	case c.Signer == nil:
		return c, fmt.Errorf("%w: no signer", ErrConfig)
	case c.Rand == nil:
		return c, fmt.Errorf("%w: no randomness", ErrConfig)
	case c.Now == nil:
		return c, fmt.Errorf("%w: no clock", ErrConfig)
	}
	if c.Padding == nil {
		c.Padding = message.PadToPowerOfTwo(64)
	}
	c.Limits = c.Limits.withDefaults()
	return c, nil
}

// authenticate asks the Authenticator about a batch.
func (c *Config) authenticate(groupID []byte, candidates []Candidate) error {
	if len(candidates) == 0 {
		return nil
	}
	if c.Authenticator == nil {
		return ErrNoAuthenticator
	}
	for i := range candidates {
		candidates[i].Suite = c.Suite.ID()
		if err := c.checkSuccessor(groupID, &candidates[i]); err != nil {
			return fmt.Errorf("%w: %w", ErrUnauthenticated, err)
		}
	}
	if err := c.Authenticator.Authenticate(groupID, candidates); err != nil {
		return fmt.Errorf("%w: %w", ErrUnauthenticated, err)
	}
	return nil
}
