package group

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

const (
	recordFormat = 1
	recordErased = 2 // of an epoch without private keys: we were removed in it
)

var errFormat = errors.New("format of another version")

func ordered[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// stateRecord is what is neither of an epoch nor of a message.
type stateRecord struct{ *State }

func (s *stateRecord) Marshal(w *syntax.Writer) {
	w.Uint8(recordFormat)
	w.Optional(s.removed)
	w.Optional(s.reinit != nil)
	if s.reinit != nil {
		s.reinit.Marshal(w)
	}
	syntax.WriteList(w, s.past, func(w *syntax.Writer, p *pastEpoch) { w.Uint64(p.context.Epoch) })
	syntax.WriteList(w, s.psks, func(w *syntax.Writer, p resumptionPSK) {
		w.Uint64(p.epoch)
		w.Vector(p.secret)
	})
}

// Unmarshal leaves past epochs with their number only.
func (s *stateRecord) Unmarshal(r *syntax.Reader) {
	if r.Uint8() != recordFormat {
		r.Fail(errFormat)
	}
	s.removed = r.Optional()
	s.reinit = readReInit(r)
	s.past = syntax.ReadList(r, func(r *syntax.Reader) *pastEpoch {
		return &pastEpoch{context: &schedule.GroupContext{Epoch: r.Uint64()}}
	})
	s.psks = syntax.ReadList(r, func(r *syntax.Reader) resumptionPSK {
		return resumptionPSK{r.Uint64(), slices.Clone(r.Vector())}
	})
}

// epochRecord is an epoch without its tree and the secret tree. The confirmation tag
// and the interim transcript hash follow from the rest.
type epochRecord struct {
	cfg *Config
	*epoch
}

func (e *epochRecord) Marshal(w *syntax.Writer) {
	if e.erased() {
		w.Uint8(recordErased)
		e.context.Marshal(w)
		w.Uint32(uint32(e.me))
	} else {
		w.Uint8(recordFormat)
		e.context.Marshal(w)
		e.private.Marshal(w)
	}
	e.secrets.Marshal(w)
}

// erased reports whether the private keys are gone: we were removed.
func (e *epochRecord) erased() bool { return e.private.Key(e.me.Node()) == nil }

func (e *epochRecord) Unmarshal(r *syntax.Reader) {
	format := r.Uint8()
	e.context, e.private = readContext(r), new(treekem.Private)
	switch format {
	case recordFormat:
		e.private.Unmarshal(r)
	case recordErased:
		e.private = treekem.NewPrivate(tree.LeafIndex(r.Uint32()), nil)
		e.private.Erase()
	default:
		r.Fail(errFormat)
	}
	if r.Err() == nil && e.context.CipherSuite != e.cfg.Suite.ID() {
		r.Fail(fmt.Errorf("%w: cipher suite %v", ErrConfig, e.context.CipherSuite))
	}
	e.secrets = schedule.ReadSecrets(e.cfg.Suite, r)
	e.me = e.private.Leaf()
}

// readContext reads a GroupContext that does not keep the record, in which there are
// secrets.
func readContext(r *syntax.Reader) *schedule.GroupContext {
	var c schedule.GroupContext
	c.Unmarshal(r)
	return c.Copy()
}

// complete puts the tree and the secret tree to an epoch that was read, and checks
// that they belong together.
func (e *epochRecord) complete(t *tree.Tree, keys *schedule.SecretTree) error {
	s := e.cfg.Suite
	e.tree, e.keys = t, keys
	if !slices.Equal(t.RootHash(), e.context.TreeHash) {
		return tree.ErrTreeHash
	}
	if t.Leaf(e.me) == nil {
		return tree.ErrIndex
	}
	if keys.LeafCount() != t.LeafCount() {
		return fmt.Errorf("a secret tree of %d leaves for %d", keys.LeafCount(), t.LeafCount())
	}
	if !e.erased() {
		if err := e.private.Check(s, t); err != nil {
			return err
		}
	}
	e.confirmationTag = e.secrets.ConfirmationTag(e.context.ConfirmedTranscriptHash)
	e.interim = schedule.InterimTranscriptHash(s, e.context.ConfirmedTranscriptHash, e.confirmationTag)
	return nil
}

// pastRecord is a past epoch without its secret tree. Of the ratchet tree it has the
// leaves, as they differ from today's: they are who signs.
type pastRecord struct {
	*pastEpoch
	leaves *delta
}

func (p *pastRecord) Marshal(w *syntax.Writer) {
	p.context.Marshal(w)
	w.Uint32(uint32(p.me))
	w.Vector(p.senderData)
	p.leaves.Marshal(w)
}

func (p *pastRecord) Unmarshal(r *syntax.Reader) {
	p.context = readContext(r)
	p.me = tree.LeafIndex(r.Uint32())
	p.senderData = slices.Clone(r.Vector())
	p.leaves = new(delta)
	p.leaves.Unmarshal(r)
}

// pastEpochs puts the past epochs: with each new one they differ otherwise from the
// current.
func (c *changes) pastEpochs(s *State) {
	live := map[string]bool{}
	for _, p := range s.past {
		key := pastKey(p.context.Epoch)
		live[key] = true
		c.whole(key, syntax.Marshal(&pastRecord{p, differences(s.current.tree, p.tree, false)}))
	}
	for key := range c.saved.digests {
		if strings.HasPrefix(key, recordPast) && !live[key] {
			c.whole(key, nil)
		}
	}
}

// load reads everything, in the order in which it depends on each other.
func (l *loader) load() error {
	s := l.s
	s.saved = newSaved()
	if err := l.read(recordState, &stateRecord{s}); err != nil {
		return err
	}
	t, err := l.assemble(s.cfg.Suite)
	if err != nil {
		return err
	}
	e := &epochRecord{&s.cfg, new(epoch)}
	if err := l.read(recordEpoch, e); err != nil {
		return err
	}
	if e.erased() != s.removed {
		return fmt.Errorf("%s and %s are of two moments", recordState, recordEpoch)
	}
	keys, err := l.secretTree(e.context.Epoch)
	if err != nil {
		return err
	}
	if err := e.complete(t, keys); err != nil {
		return err
	}
	s.current = e.epoch
	s.saved.epoch, s.saved.tree = s.current, t
	for _, p := range s.past {
		if err := l.pastEpoch(p); err != nil {
			return err
		}
	}
	if err := l.proposals(); err != nil {
		return err
	}
	if _, ok := l.records[recordNext]; ok {
		if err := l.pending(); err != nil {
			return err
		}
	}
	for key, value := range l.records {
		if !l.used[key] {
			return fmt.Errorf("%s belongs to nothing", key)
		}
		if key == recordState || strings.HasPrefix(key, recordPast) {
			s.saved.digests[key] = sha256.Sum256(value)
		}
	}
	if !s.removed {
		_, err = s.signer()
	}
	return err
}

func (l *loader) pastEpoch(p *pastEpoch) error {
	s := l.s
	epoch := p.context.Epoch
	r := &pastRecord{pastEpoch: p}
	if err := l.read(pastKey(epoch), r); err != nil {
		return err
	}
	if p.context.Epoch != epoch || epoch >= s.Epoch() || !slices.Equal(p.context.GroupID, s.GroupID()) ||
		len(p.senderData) != s.cfg.Suite.HashSize() {
		return fmt.Errorf("%s is another epoch", pastKey(epoch))
	}
	var err error
	if p.tree, err = r.leaves.apply(s.cfg.Suite, s.current.tree, false); err != nil {
		return err
	}
	if p.keys, err = l.secretTree(epoch); err != nil {
		return err
	}
	if p.keys.LeafCount() != p.tree.LeafCount() {
		return fmt.Errorf("%s has other leaves than its secrets", pastKey(epoch))
	}
	return nil
}

// secretTree reads the secret tree of an epoch. The ratchets of a leaf are read when
// the first message asks for them.
func (l *loader) secretTree(epoch uint64) (*schedule.SecretTree, error) {
	prefix := keysPrefix(epoch)
	leaves := map[tree.LeafIndex][]byte{}
	var interior []byte
	err := l.under(prefix, func(name string, value []byte) error {
		if name == recordNodes {
			interior = value
			return nil
		}
		n, err := strconv.ParseUint(name, 16, 32)
		if err != nil || leafName(tree.LeafIndex(n)) != name {
			return fmt.Errorf("no leaf index")
		}
		leaves[tree.LeafIndex(n)] = value
		return nil
	})
	if err != nil {
		return nil, err
	}
	if interior == nil {
		return nil, fmt.Errorf("%s%s is missing", prefix, recordNodes)
	}
	keys, err := schedule.RestoreSecretTree(l.s.cfg.Suite, interior, func(i tree.LeafIndex) ([]byte, error) {
		record := leaves[i]
		delete(leaves, i)
		return record, nil
	})
	if err != nil {
		return nil, err
	}
	saved := &savedTree{epoch, map[tree.LeafIndex]struct{}{}}
	for i := range leaves {
		// Node secrets from before the leaf's first message would yield its keys
		// a second time.
		if keys.Unused(i) {
			return nil, fmt.Errorf("%s%s is older than the ratchets of leaf %d", prefix, recordNodes, i)
		}
		saved.leaves[i] = struct{}{}
	}
	l.s.saved.trees[keys] = saved
	return keys, nil
}
