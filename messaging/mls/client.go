package mls

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

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
			return nil, fmt.Errorf("%w: %s", ErrNoGroup, syntax.Hex(id))
		}
	}
	g, release := c.hold(id)
	defer release()
	if err := g.ready(); err != nil {
		return nil, err
	}
	return g, nil
}

// hold returns the one handle of a group, locked. It does not say that there is one: if
// it made the handle, and there is no group when it is released, nobody else has seen it
// and it is dropped, so that the identifiers of strangers leave nothing behind.
func (c *Client) hold(id []byte) (g *Group, release func()) {
	for {
		c.mu.Lock()
		g = c.open[string(id)]
		made := g == nil
		if made {
			g = &Group{client: c, id: slices.Clone(id)}
			c.open[string(id)] = g
		}
		c.mu.Unlock()
		g.mu.Lock()
		c.mu.Lock()
		dropped := c.open[string(id)] != g // while we waited for its lock
		c.mu.Unlock()
		if dropped {
			g.mu.Unlock()
			continue
		}
		return g, func() {
			defer g.mu.Unlock()
			if made && !c.present(id) {
				c.mu.Lock()
				delete(c.open, string(id))
				c.mu.Unlock()
			}
		}
	}
}

// present reports whether there is a group in the store.
func (c *Client) present(id []byte) bool {
	head, err := c.cfg.Store.Get(groupPrefix(id) + headKey)
	return err != nil || head != nil
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
