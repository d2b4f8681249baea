package group

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// fuzzRealm is the clients as they are in one cipher suite, in which each has a
// signature key of its own.
type fuzzRealm struct {
	*world
	clients []*peer
	erin    *peer // in no group, and so is frank
	frank   *peer
	server  suite.Signer // an external sender of groups that are open
}

// realm returns the clients in a suite.
func (w *fuzzWorld) realm(id suite.ID) *fuzzRealm {
	if r := w.realms[id]; r != nil {
		return r
	}
	r := &fuzzRealm{world: newWorld(w.t, id, w.seed<<16|uint64(id))}
	r.psks["psk"] = []byte("a key of the application")
	r.clients = r.world.clients("alice mallory bob carol dave")
	r.erin, r.frank = r.client("erin"), r.client("frank")
	for _, c := range r.everybody() {
		c.cfg.Resumption = func(groupID []byte, epoch uint64) ([]byte, error) {
			return w.resume[fmt.Sprint(string(groupID), epoch)], nil
		}
		if w.seed%2 == 1 {
			if w.policy[c.name] == nil {
				w.policy[c.name] = new(fuzzPolicy)
			}
			c.cfg.Policy = w.policy[c.name]
		}
	}
	r.server = r.client("server").cfg.Signer
	w.realms[id] = r
	return r
}

func (r *fuzzRealm) everybody() []*peer { return append(slices.Clone(r.clients), r.erin, r.frank) }

// peer returns a client by its name.
func (r *fuzzRealm) peer(name string) *peer {
	all := r.everybody()
	return all[slices.IndexFunc(all, func(c *peer) bool { return c.name == name })]
}

// fuzzSuites is how many of 64 sessions have a suite: few the slow ones.
var fuzzSuites = []struct {
	id   suite.ID
	of64 int
	slow bool
}{
	{suite.X25519_AES128GCM_SHA256_Ed25519, 36, false},
	{suite.P256_AES128GCM_SHA256_P256, 8, false},
	{suite.X25519_CHACHA20POLY1305_SHA256_Ed25519, 8, false},
	{suite.MLKEM768X25519_AES128GCM_SHA256_Ed25519, 4, false},
	{suite.MLKEM768X25519_AES256GCM_SHA384_Ed25519, 2, false},
	{suite.X448_AES256GCM_SHA512_Ed448, 2, true},
	{suite.X448_CHACHA20POLY1305_SHA512_Ed448, 2, true},
	{suite.P384_AES256GCM_SHA384_P384, 1, true},
	{suite.P521_AES256GCM_SHA512_P521, 1, true},
}

// fuzzSuite picks one with a number of [0, 64).
func fuzzSuite(n int) suite.ID {
	for _, s := range fuzzSuites {
		if n -= s.of64; n < 0 {
			return s.id
		}
	}
	panic(n)
}

func fuzzSlow(id suite.ID) bool {
	return slices.ContainsFunc(fuzzSuites, func(s struct {
		id   suite.ID
		of64 int
		slow bool
	}) bool {
		return s.id == id && s.slow
	})
}

// otherSuite is one that a group does not have.
func otherSuite(id suite.ID) suite.ID {
	if id == suite.X25519_CHACHA20POLY1305_SHA256_Ed25519 {
		return suite.X25519_AES128GCM_SHA256_Ed25519
	}
	return suite.X25519_CHACHA20POLY1305_SHA256_Ed25519
}

// openGroup is the extensions of a group that has the realm's server as an external
// sender.
func (r *fuzzRealm) openGroup() tree.Extensions {
	q := tree.RequiredCapabilities{Proposals: []tree.ProposalType{tree.ProposalSelfRemove}}
	return tree.Extensions{q.Extension(), r.senders()}
}
