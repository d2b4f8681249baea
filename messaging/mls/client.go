package mls

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
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
	// group.Authenticator.
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

// Client is one device of somebody: an identity, its KeyPackages and its groups, all
// in one [Store]. It may be used by several goroutines at once.
type Client struct {
	cfg Config

	mu    sync.Mutex
	open  map[string]*Group // by group ID: one handle for each group
	packs sync.Mutex        // one change of KeyPackages at a time
}

// NewClient returns the client that cfg describes. It refuses one without an
// Authenticator: there is no way to build a group in which nobody asks who the
// members are.
func NewClient(cfg Config) (*Client, error) {
	switch {
	case cfg.Authenticator == nil:
		return nil, ErrNoAuthenticator
	case cfg.Store == nil:
		return nil, fmt.Errorf("%w: no Store", ErrConfig)
	case cfg.Signer == nil:
		return nil, fmt.Errorf("%w: no Signer", ErrConfig)
	case cfg.Rand == nil:
		return nil, fmt.Errorf("%w: no Rand", ErrConfig)
	case cfg.Now == nil:
		return nil, fmt.Errorf("%w: no Now", ErrConfig)
	case cfg.Credential.Type == 0:
		return nil, fmt.Errorf("%w: no Credential", ErrConfig)
	}
	s, err := suite.Get(cfg.Suite)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := s.CheckSignatureKey(cfg.Signer.Public()); err != nil {
		return nil, fmt.Errorf("%w: the Signer's key is not one of %v: %w", ErrConfig, s, err)
	}
	return &Client{cfg: cfg, open: map[string]*Group{}}, nil
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

// resumption returns the resumption PSK of another group of ours.
func (c *Client) resumption(id []byte, epoch uint64) ([]byte, error) {
	if s := c.peek(id); s != nil {
		defer s.Erase()
		if psk, ok := s.ResumptionPSK(epoch); ok {
			return psk, nil
		}
	}
	return nil, nil
}

// peek reads the state of a group, to look at and to erase; nil if there is none. It
// takes no lock: the caller may hold one of another group.
func (c *Client) peek(id []byte) *group.State {
	_, all, err := readRecords(c.cfg.Store, groupPrefix(id))
	if err != nil {
		return nil
	}
	s, err := c.load(id, all, stateRecords)
	if err != nil {
		return nil
	}
	return s
}

// Groups returns the identifiers of all groups in the store, those included that we
// are about to join by an external Commit.
func (c *Client) Groups() ([][]byte, error) {
	keys, err := c.cfg.Store.List("group/")
	if err != nil {
		return nil, storeError("listing groups", err)
	}
	var ids [][]byte
	for _, key := range keys {
		if !strings.HasSuffix(key, "/"+idRecord) || strings.Count(key, "/") != 2 {
			continue
		}
		value, err := c.cfg.Store.Get(key)
		if err != nil {
			return nil, storeError("reading a group", err)
		}
		if value == nil {
			continue // left since
		}
		var id groupID
		if err := syntax.Unmarshal(value, &id); err != nil {
			headName := strings.TrimSuffix(key, idRecord) + headKey
			head, failed := c.cfg.Store.Get(headName)
			if failed != nil {
				return nil, storeError("reading a group", failed)
			}
			if newer := checkFormat(headName, head, headFormat); newer != nil {
				return nil, newer
			}
			return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
		}
		ids = append(ids, slices.Clone(id.id))
	}
	return ids, nil
}

// handle returns the one handle of a group. It does not say that there is one.
func (c *Client) handle(id []byte) *Group {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.open[string(id)]
	if g == nil {
		g = &Group{client: c, id: slices.Clone(id)}
		c.open[string(id)] = g
	}
	return g
}

// Open returns the group with an identifier. Every Open of one group returns the same
// handle, whose calls wait for each other. ErrNoGroup: there is none; ErrCorrupt: its
// records are damaged, and it has to be joined anew ([Client.JoinExternal] with
// Resync, after [Client.Forget]); ErrFormat: they are a newer version's.
func (c *Client) Open(id []byte) (*Group, error) {
	if !c.present(id) {
		c.mu.Lock()
		g := c.open[string(id)]
		c.mu.Unlock()
		if g == nil { // identifiers that strangers make up leave nothing behind
			return nil, fmt.Errorf("%w: %x", ErrNoGroup, id)
		}
	}
	g := c.handle(id)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.ready(); err != nil {
		return nil, err
	}
	return g, nil
}

// Create founds a group whose only member we are. id: 32 random bytes if nil;
// otherwise it must be unlike that of all groups, everywhere. extensions are those of
// the GroupContext: required capabilities ([tree.RequiredCapabilities.Extension]),
// application data ([component.Dictionary.Into]), external senders.
func (c *Client) Create(id []byte, extensions tree.Extensions) (*Group, error) {
	if id == nil {
		id = make([]byte, 32)
		if _, err := io.ReadFull(c.cfg.Rand, id); err != nil {
			return nil, fmt.Errorf("mls: reading randomness: %w", err)
		}
	}
	cfg, err := c.config(c.cfg.Suite)
	if err != nil {
		return nil, err
	}
	if left, _, err := c.left(id); err != nil {
		return nil, err
	} else if left != nil {
		return nil, fmt.Errorf("%w: a group of this identifier was left", ErrReplayed)
	}
	s, err := group.Create(cfg, id, c.leaf(), group.CreateOptions{Extensions: extensions})
	if err != nil {
		return nil, err
	}
	return c.found(s, false, Batch{})
}

// found stores a group that is new to us, with more records of it and with what also
// belongs to the change, and returns its handle.
func (c *Client) found(s *group.State, restored bool, also Batch, more ...Record) (*Group, error) {
	g := c.handle(s.GroupID())
	g.mu.Lock()
	defer g.mu.Unlock()
	rec, all, err := readRecords(c.cfg.Store, groupPrefix(g.id))
	if err != nil {
		s.Erase()
		return nil, err
	}
	if rec.headSeen != nil || len(all) > 0 {
		s.Erase()
		return nil, fmt.Errorf("%w: %x", ErrMember, g.id)
	}
	changes := append(prefixed(stateRecords, s.Changes()), Record{idRecord, syntax.Marshal(&groupID{s.Suite().ID(), g.id})})
	changes = append(changes, more...)
	if err := rec.apply(changes, restored, also); err != nil {
		s.Erase()
		return nil, err
	}
	g.drop()
	g.rec, g.state, g.gone = rec, s, nil
	return g, nil
}

// Join enters the group of a Welcome that was made for one of our KeyPackages. That
// KeyPackage is used up, unless it is one of last resort. ratchetTree is the group's
// tree if the Welcome has none, and may come from anywhere.
//
// Last-resort KeyPackages can be used again by whoever has an old Welcome: a group
// that was left is therefore not entered in an epoch up to the one that we left it
// in ([ErrReplayed]), since its keys were used then.
func (c *Client) Join(welcome, ratchetTree []byte) (*Group, error) {
	if err := c.cfg.Limits.CheckMessage(len(welcome) + len(ratchetTree)); err != nil {
		return nil, err
	}
	m, err := message.Parse(welcome)
	if err != nil {
		return nil, err
	}
	w, ok := m.Body.(*message.Welcome)
	if !ok {
		return nil, fmt.Errorf("%w: not a Welcome", group.ErrUnexpected)
	}
	cfg, err := c.config(w.CipherSuite)
	if err != nil {
		return nil, err
	}
	kp, err := c.keyPackageFor(w)
	if err != nil {
		return nil, err
	}
	s, err := group.Join(cfg, kp.KeyPackage, w, group.JoinOptions{
		RatchetTree:  ratchetTree,
		Member:       c.present,
		Origin:       c.peek,
		AllowExpired: c.cfg.AllowExpired,
	})
	if err != nil {
		return nil, err
	}
	note, noted, err := c.left(s.GroupID())
	if err != nil {
		return nil, err
	}
	if note != nil && s.Epoch() <= note.epoch {
		s.Erase()
		return nil, fmt.Errorf("%w: epoch %d", ErrReplayed, s.Epoch())
	}
	also := Batch{Expect: []Record{noted, kp.stored}}
	if !kp.lastResort {
		also.Write = append(also.Write, Record{Key: kp.stored.Key})
	}
	return c.found(s, kp.restored, also)
}

// present reports whether there is a group in the store.
func (c *Client) present(id []byte) bool {
	head, err := c.cfg.Store.Get(groupPrefix(id) + headKey)
	return err != nil || head != nil
}

// groupID is the record that names a group.
type groupID struct {
	suite suite.ID
	id    []byte
}

func (g *groupID) Marshal(w *syntax.Writer) {
	w.Uint16(uint16(g.suite))
	w.Vector(g.id)
}

func (g *groupID) Unmarshal(r *syntax.Reader) {
	g.suite = suite.ID(r.Uint16())
	g.id = r.Vector()
}

func packageKey(ref []byte) string { return packages + hex.EncodeToString(ref) }
