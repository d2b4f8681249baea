package group

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

// TestLoadChecksThatRecordsBelongTogether: each record can be read, and what one of them
// says is not what the others say. Load finds it before anything is sent or read with
// the wrong keys.
func TestLoadChecksThatRecordsBelongTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 93)
	all := w.group("alice bob carol", CreateOptions{})
	alice := all[0]
	w.talk(all)
	w.commit(all[1], all, CommitOptions{})
	w.commit(all[2], all, CommitOptions{})
	w.propose(all[1], all, &message.Remove{Removed: 2})
	if _, err := alice.Commit(CommitOptions{References: []message.ProposalRef{}}); err != nil {
		t.Fatal(err)
	}
	k := &keeper{}
	k.save(t, alice.State)
	secret := make([]byte, w.suite.HashSize())
	wide := func(n uint32) *schedule.SecretTree { return schedule.NewSecretTree(w.suite, secret, 2*n) }
	context := func(c *schedule.GroupContext, change func(c *schedule.GroupContext)) *schedule.GroupContext {
		c = c.Copy()
		change(c)
		return c
	}
	other := func(c *schedule.GroupContext) { c.GroupID = []byte("another") }
	unused := func(epoch uint64) func(r map[string][]byte) { // without ratchets, that show that the node secrets are others
		return func(r map[string][]byte) {
			maps.DeleteFunc(r, func(key string, _ []byte) bool {
				return strings.HasPrefix(key, keysPrefix(epoch)) && !strings.HasSuffix(key, recordNodes)
			})
		}
	}
	key, _, err := w.suite.GenerateKeyPair(w.rand)
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		state   func(s *State)          // before it is written
		records func(map[string][]byte) // after that
		config  func(c *Config)         // that it is read with
		fine    bool
	}{
		"nothing": {fine: true},
		"cipher suite": {config: func(c *Config) {
			c.Suite, _ = suite.Get(suite.X25519_CHACHA20POLY1305_SHA256_Ed25519) // keys and hashes of the same length
		}},
		"our signer": {config: func(c *Config) { c.Signer, c.OtherSigners = w.client("x").cfg.Signer, nil }, records: func(r map[string][]byte) { delete(r, recordNext) }},
		"tree hash": {state: func(s *State) {
			s.current.context = context(s.current.context, func(c *schedule.GroupContext) { c.TreeHash[0] ^= 1 })
		}},
		"width of the secret tree": {state: func(s *State) { s.current.keys = wide(s.Tree().LeafCount()) }, records: unused(alice.Epoch())},
		"our private key":          {state: func(s *State) { s.current.private = treekem.NewPrivate(s.Me(), key) }},
		"our leaf": {state: func(s *State) {
			s.current.private, s.current.me = treekem.NewPrivate(3, key), 3
		}},
		"removed, with keys":     {state: func(s *State) { s.removed = true }},
		"a member, without keys": {state: func(s *State) { s.current.private.Erase() }},
		"two past epochs are each other's": {records: func(r map[string][]byte) {
			a, b := pastKey(alice.past[0].context.Epoch), pastKey(alice.past[1].context.Epoch)
			r[a], r[b] = r[b], r[a]
		}},
		"a past epoch is the current one": {state: func(s *State) {
			s.past = s.past[:1]
			s.past[0].context = context(s.past[0].context, func(c *schedule.GroupContext) { c.Epoch = s.Epoch() })
			s.past[0].keys = s.current.keys
		}},
		"group of a past epoch":                {state: func(s *State) { s.past[1].context = context(s.past[1].context, other) }},
		"sender data of a past epoch":          {state: func(s *State) { s.past[0].senderData = s.past[0].senderData[1:] }},
		"width of a past epoch's secret tree":  {state: func(s *State) { s.past[0].keys = wide(s.past[0].tree.LeafCount()) }, records: unused(alice.past[0].context.Epoch)},
		"group of our Commit":                  {state: func(s *State) { s.pending.next.context = context(s.pending.next.context, other) }},
		"width of our Commit's secret tree":    {state: func(s *State) { s.pending.next.keys = wide(s.pending.next.tree.LeafCount()) }},
		"our private key of our Commit's tree": {state: func(s *State) { s.pending.next.private = treekem.NewPrivate(s.Me(), key) }},
		"our Commit, without keys":             {state: func(s *State) { s.pending.next.private.Erase() }},
		"epoch of our Commit": {state: func(s *State) {
			s.pending.next.context = context(s.pending.next.context, func(c *schedule.GroupContext) { c.Epoch++ })
		}},
		"a proposal twice": {records: func(r map[string][]byte) { r[proposalKey(1)] = slices.Clone(r[proposalKey(0)]) }},
	} {
		s := k.load(t, alice.cfg)
		if c.state != nil {
			c.state(s)
		}
		records := maps.Clone(k.records) // with ratchets that were not read
		maps.Copy(records, dump(s))
		if c.records != nil {
			c.records(records)
		}
		cfg := alice.cfg
		cfg.OtherSigners = func(public []byte) suite.Signer { return k.signers[string(public)] }
		if c.config != nil {
			c.config(&cfg)
		}
		for key, value := range records {
			if value == nil {
				delete(records, key)
			}
			records[key] = slices.Clone(value)
		}
		if what == "a past epoch is the current one" { // nothing of the other is left
			for key := range records {
				if _, is := k.records[key]; is && dump(s)[key] == nil {
					delete(records, key)
				}
			}
		}
		_, err := Load(cfg, records)
		if c.fine && err != nil || !c.fine && !errors.Is(err, ErrRecords) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestLoadChecksWhoWasRemoved: one who was removed has no keys to tell it by its own leaf.
func TestLoadChecksWhoWasRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 94)
	all := w.group("alice bob carol", CreateOptions{})
	carol := all[2]
	state := carol.State
	w.commit(all[0], all, CommitOptions{ByValue: []message.Proposal{&message.Remove{Removed: carol.Me()}}})
	if s, err := Load(carol.cfg, dump(state)); err != nil || !s.Removed() || s.Me() != 2 {
		t.Fatalf("as it is: %v", err)
	}
	state.current.me = 3
	if _, err := Load(carol.cfg, dump(state)); !errors.Is(err, ErrRecords) {
		t.Errorf("of a leaf that is blank: %v", err)
	}
}
