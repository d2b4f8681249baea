package group

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// keeper is a store of one State's records.
type keeper struct {
	records map[string][]byte
	signers map[string]suite.Signer // that the client has
	written int                     // bytes of the last changes
}

// save takes what has changed.
func (k *keeper) save(t tb, s *State) {
	t.Helper()
	if k.records == nil {
		k.records, k.signers = map[string][]byte{}, map[string]suite.Signer{}
	}
	k.signers[string(s.cfg.Signer.Public())] = s.cfg.Signer
	for _, w := range s.cache.order {
		if w.own != nil {
			k.signers[string(w.own.signer.Public())] = w.own.signer
		}
	}
	if s.pending != nil {
		k.signers[string(s.pending.signer.Public())] = s.pending.signer
	}
	k.written = 0
	seen := map[string]bool{}
	for _, c := range s.Changes() {
		if seen[c.Key] || len(c.Key) > 40 {
			t.Fatalf("%s: twice, or too long", c.Key)
		}
		seen[c.Key] = true
		k.written += len(c.Key) + len(c.Value)
		if c.Value == nil {
			delete(k.records, c.Key)
		} else {
			k.records[c.Key] = bytes.Clone(c.Value)
		}
	}
	if again := s.Changes(); len(again) > 0 {
		t.Fatalf("nothing has changed since, but %d records", len(again))
	}
}

// load returns the State that the records hold.
func (k *keeper) load(t tb, cfg Config) *State {
	t.Helper()
	cfg.OtherSigners = func(public []byte) suite.Signer { return k.signers[string(public)] }
	records := map[string][]byte{}
	for key, value := range k.records {
		records[key] = bytes.Clone(value)
	}
	s, err := Load(cfg, records)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	// Records with secrets are not kept: their memory may be used for something else.
	for key, value := range records {
		if !strings.HasPrefix(key, recordNode) && !strings.HasPrefix(key, recordKeys) {
			clear(value)
		}
	}
	if changed := s.Changes(); len(changed) > 0 {
		t.Fatalf("%s of a State just loaded is not as it was", changed[0].Key)
	}
	return s
}

// dump is all records of a State, but those of ratchets that it has not read.
func dump(s *State) map[string][]byte {
	mine := s.saved
	s.saved = saved{}
	all := map[string][]byte{}
	for _, c := range s.Changes() {
		all[c.Key] = c.Value
	}
	s.saved = mine
	return all
}

// TestLoadedStateIsTheSame has random groups go on with States that were stored and
// loaded, at any point: nobody can tell.
func TestLoadedStateIsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(r, suite.X25519_AES128GCM_SHA256_Ed25519, rapid.Uint64().Draw(r, "seed"))
		w.psks["known to all"] = []byte("secret")
		g := &randomGroup{world: w, r: r, all: w.clients("a b c d e f")}
		g.all[0].create(CreateOptions{})
		keepers := map[*State]*keeper{}
		for range rapid.IntRange(1, 20).Draw(r, "steps") {
			g.step()
			for _, c := range members(g.all) {
				k := keepers[c.State]
				if k == nil {
					k = &keeper{}
					keepers[c.State] = k
				}
				k.save(r, c.State)
				if !rapid.Bool().Draw(r, "load") {
					continue
				}
				old := c.State
				c.State = k.load(r, c.cfg)
				for key, value := range dump(c.State) {
					if !bytes.Equal(k.records[key], value) {
						r.Fatalf("%s of %s: %x is loaded as %x", key, c.name, k.records[key], value)
					}
				}
				delete(keepers, old)
				keepers[c.State] = k
			}
			if rapid.Bool().Draw(r, "pending") {
				by := g.one("committer", members(g.all))
				if _, err := by.Commit(CommitOptions{Leaf: g.change(by)}); err != nil {
					r.Fatal(err)
				}
				k := keepers[by.State]
				k.save(r, by.State)
				delete(keepers, by.State)
				by.State = k.load(r, by.cfg)
				keepers[by.State] = k
				g.follow(by, g.all, by.Pending())
				g.gone()
				k.save(r, by.State)
			}
		}
		g.agree(g.all)
		g.readAll()
	})
}

// TestMessagesWriteLittle: in a group of 1,024 members a message changes its sender's
// ratchets and nothing else, and a Commit what is on its path.
func TestMessagesWriteLittle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 1)
	const n = 1024
	all := []*peer{w.client("alice"), w.client("bob")}
	all[0].create(CreateOptions{})
	others := adds(all[1])
	for len(others) < n-1 {
		others = append(others, adds(w.client("somebody"))...)
	}
	p, err := all[0].Commit(CommitOptions{ByValue: others})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all[0].Merge(p); err != nil {
		t.Fatal(err)
	}
	if err := all[1].join(p.Welcome); err != nil {
		t.Fatal(err)
	}
	alice, bob := &keeper{}, &keeper{}
	alice.save(t, all[0].State)
	bob.save(t, all[1].State)
	for i := range 3 {
		msg, err := all[0].Protect([]byte("hello"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := all[1].Process(msg); err != nil {
			t.Fatal(err)
		}
		alice.save(t, all[0].State)
		bob.save(t, all[1].State)
		limit := 150
		if i == 0 {
			limit = 700 // and the secrets on the way down the tree
		}
		if alice.written > limit || bob.written > limit {
			t.Errorf("message %d: %d bytes written to send, %d to receive, want at most %d", i, alice.written, bob.written, limit)
		}
	}
	p, err = all[0].Commit(CommitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	alice.save(t, all[0].State)
	staged := alice.written - len(p.Message) // which has a ciphertext for every leaf of this young tree
	if _, err := all[0].Merge(p); err != nil {
		t.Fatal(err)
	}
	alice.save(t, all[0].State)
	if staged > 20_000 || alice.written > 20_000 {
		t.Errorf("a Commit: %d bytes written to stage it, %d to merge", staged, alice.written)
	}
	t.Logf("a Commit writes %d bytes to be staged besides its %d, and %d to be merged", staged, len(p.Message), alice.written)
}

// TestLoadRefusesOldNodeSecrets: node secrets from before a sender's first message
// would yield its keys a second time.
func TestLoadRefusesOldNodeSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 2)
	all := w.group("alice bob carol", CreateOptions{})
	alice := all[0]
	k := &keeper{}
	k.save(t, alice.State)
	nodes := keysPrefix(alice.Epoch()) + recordNodes
	old := k.records[nodes]
	w.talk(all)
	k.save(t, alice.State)
	k.load(t, alice.cfg)
	k.records[nodes] = old
	if _, err := Load(alice.cfg, k.records); !errors.Is(err, ErrRecords) {
		t.Fatalf("Load: %v, want ErrRecords", err)
	}
}

// TestLoadRefusesWhatIsMissingOrTooMuch takes away each record, and adds one.
func TestLoadRefusesWhatIsMissingOrTooMuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, suite.X25519_AES128GCM_SHA256_Ed25519, 3)
	all := w.group("alice bob carol", CreateOptions{})
	alice := all[0]
	k := &keeper{}
	k.save(t, alice.State)
	w.commit(all[1], all, CommitOptions{})
	if _, err := alice.Commit(CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	k.save(t, alice.State)
	for key := range k.records {
		if key == recordNext {
			continue // nothing else says that there is one
		}
		some := maps.Clone(k.records)
		delete(some, key)
		s, err := Load(alice.cfg, some)
		if strings.HasPrefix(key, recordKeys) && !strings.HasSuffix(key, recordNodes) && err == nil {
			// Ratchets are read when they are used.
			if _, err = s.Protect(nil, nil); key == keysPrefix(s.Epoch())+leafName(s.Me()) && !errors.Is(err, schedule.ErrRecord) {
				t.Errorf("Protect without %s: %v, want ErrRecord", key, err)
			}
			continue
		}
		if !errors.Is(err, ErrRecords) {
			t.Errorf("without %s: %v, want ErrRecords", key, err)
		}
	}
	some := maps.Clone(k.records)
	some["surplus"] = []byte{1}
	if _, err := Load(alice.cfg, some); !errors.Is(err, ErrRecords) {
		t.Errorf("with a record too much: %v, want ErrRecords", err)
	}
}

// TestLoadedReInit: a group that was closed by a ReInit is loaded with it, whether the
// Commit is merged or not.
func TestLoadedReInit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testSuite, 73)
	alice := w.group("alice bob", CreateOptions{})[0]
	_, err := alice.Commit(CommitOptions{ByValue: []message.Proposal{&message.ReInit{GroupID: []byte("next"), Version: message.MLS10, CipherSuite: w.suite.ID()}}})
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{}
	k.save(t, alice.State)
	alice.State = k.load(t, alice.cfg)
	p := alice.Pending()
	if string(p.Committed.ReInit.GroupID) != "next" || string(p.reinit.GroupID) != "next" {
		t.Fatalf("%+v", p.Committed.ReInit)
	}
	if _, err := alice.Merge(p); err != nil {
		t.Fatal(err)
	}
	k.save(t, alice.State)
	if s := k.load(t, alice.cfg); string(s.ReInit().GroupID) != "next" {
		t.Fatalf("%+v", s.ReInit())
	}
}
