package group

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Record is a piece of a State as a store keeps it. A nil Value: no more.
type Record struct {
	Key   string // ASCII, at most 40 bytes
	Value []byte
}

// ErrRecords: records are damaged, missing, or not of one moment.
var ErrRecords = fmt.Errorf("mls: damaged records of a group")

// A State is stored in records of these keys. What is used up with each message has
// its own small ones; the rest changes with a Commit.
//
//	state               which epochs there are; resumption PSKs; whether the group is over
//	epoch               the current epoch: context, secrets, private keys of the tree
//	node/<x>            one node of its tree
//	proposal/<n>        a proposal that waits, in order of arrival; with its private
//	                    key, if it is an Update of ours
//	past/<e>            what late messages of epoch e need
//	keys/<e>/nodes      node secrets of epoch e's secret tree
//	keys/<e>/<leaf>     the ratchets of a leaf of which a key was used
//	next                our own Commit that is not merged
const (
	recordState    = "state"
	recordEpoch    = "epoch"
	recordNext     = "next"
	recordNode     = "node/"
	recordProposal = "proposal/"
	recordPast     = "past/"
	recordKeys     = "keys/"
	recordNodes    = "nodes"
)

func nodeKey(x tree.NodeIndex) string { return fmt.Sprintf("%s%08x", recordNode, uint32(x)) }
func pastKey(epoch uint64) string     { return fmt.Sprintf("%s%016x", recordPast, epoch) }
func keysPrefix(epoch uint64) string  { return fmt.Sprintf("%s%016x/", recordKeys, epoch) }
func leafName(l tree.LeafIndex) string {
	return fmt.Sprintf("%08x", uint32(l))
}

// saved is what of a State is in its records, as of the last Changes or Load.
type saved struct {
	epoch   *epoch
	tree    *tree.Tree // whose nodes are there
	pending *Pending
	waiting []*waiting
	digests map[string][sha256.Size]byte // of records that are compared as a whole
	trees   map[*schedule.SecretTree]*savedTree
}

// savedTree is a secret tree in its records.
type savedTree struct {
	epoch  uint64
	leaves map[tree.LeafIndex]struct{} // that have a record
}

func newSaved() saved {
	return saved{digests: map[string][sha256.Size]byte{}, trees: map[*schedule.SecretTree]*savedTree{}}
}

// Changes returns the records that are not what they were when Changes was last
// called (or the State loaded), each key once. The caller puts them into its store
// as one: all of them, or else it drops the State and loads it again. Nothing that a
// method has returned may leave before that: a key that encrypted a message would be
// used a second time after a restart, and a private key that others encrypt to would
// be lost.
//
// A message changes the record of its sender's ratchets (about 100 bytes), the first
// one of a sender in an epoch a record of node secrets too.
func (s *State) Changes() []Record {
	if s.saved.digests == nil {
		s.saved = newSaved()
	}
	c := &changes{saved: &s.saved, at: map[string]int{}}
	if s.current != c.saved.epoch {
		c.whole(recordEpoch, syntax.Marshal(&epochRecord{epoch: s.current}))
		c.nodes(s.current.tree)
		c.pastEpochs(s)
	} else if s.removed { // most of its secrets were erased since, and must not come back
		c.whole(recordEpoch, syntax.Marshal(&epochRecord{epoch: s.current}))
	}
	c.whole(recordState, syntax.Marshal(&stateRecord{s}))
	c.secretTrees(s)
	c.proposals(s)
	if s.pending != c.saved.pending {
		if s.pending == nil {
			c.put(recordNext, nil)
		} else {
			c.put(recordNext, syntax.Marshal(&pendingRecord{Pending: s.pending}))
		}
	}
	c.saved.epoch, c.saved.pending = s.current, s.pending
	return c.records
}

// changes collects records.
type changes struct {
	saved   *saved
	records []Record
	at      map[string]int // where a key is in records
}

func (c *changes) put(key string, value []byte) {
	if i, ok := c.at[key]; ok {
		c.records[i].Value = value
		return
	}
	c.at[key] = len(c.records)
	c.records = append(c.records, Record{key, value})
}

// whole puts a record if its value is another one than before; nil: none.
func (c *changes) whole(key string, value []byte) {
	before, ok := c.saved.digests[key]
	now := sha256.Sum256(value)
	switch {
	case value == nil && ok:
		delete(c.saved.digests, key)
	case value == nil || ok && before == now:
		return
	default:
		c.saved.digests[key] = now
	}
	c.put(key, value)
}

// secretTrees puts what was used up of the keys of each epoch that is still there,
// and deletes the records of those that are not.
func (c *changes) secretTrees(s *State) {
	live := map[*schedule.SecretTree]uint64{s.current.keys: s.Epoch()}
	for _, p := range s.past {
		live[p.keys] = p.context.Epoch
	}
	// First what goes, since an epoch of the same number may come.
	for keys, t := range c.saved.trees {
		if _, ok := live[keys]; ok {
			continue
		}
		c.put(keysPrefix(t.epoch)+recordNodes, nil)
		for leaf := range t.leaves {
			c.put(keysPrefix(t.epoch)+leafName(leaf), nil)
		}
		delete(c.saved.trees, keys)
	}
	for keys, number := range live {
		interior, leaves := keys.Changes()
		t := c.saved.trees[keys]
		if t == nil {
			t = &savedTree{epoch: number, leaves: map[tree.LeafIndex]struct{}{}}
			c.saved.trees[keys] = t
			interior = true
		}
		if interior {
			c.put(keysPrefix(number)+recordNodes, keys.InteriorRecord())
		}
		for _, leaf := range leaves {
			t.leaves[leaf] = struct{}{}
			c.put(keysPrefix(number)+leafName(leaf), keys.LeafRecord(leaf))
		}
		keys.Saved()
	}
}

// Load returns the State that records hold: all that Changes has returned since the
// State was made, the newest of each key. cfg is that of the one who made it. It
// fails with ErrRecords, or an error of a package below, if the records cannot be of
// one State. Nobody is authenticated again.
//
// That all records are there, and none is older than the others, is for the store to
// see to (package mls does): here it is noticed only where it shows.
func Load(cfg Config, records map[string][]byte) (*State, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &State{cfg: cfg, cache: newProposalCache()}
	l := loader{s: s, records: records, used: map[string]bool{}}
	if err := l.load(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecords, err)
	}
	return s, nil
}

type loader struct {
	s       *State
	records map[string][]byte
	used    map[string]bool
}

// read reads the record of a key.
func (l *loader) read(key string, into syntax.Unmarshaler) error {
	value, ok := l.records[key]
	if !ok {
		return fmt.Errorf("%s is missing", key)
	}
	l.used[key] = true
	if err := syntax.Unmarshal(value, into); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// under goes through the records with a prefix, and marks them as used.
func (l *loader) under(prefix string, each func(name string, value []byte) error) error {
	for key, value := range l.records {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			l.used[key] = true
			if err := each(name, value); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	return nil
}
