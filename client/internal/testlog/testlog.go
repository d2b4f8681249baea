// Package testlog is a small transparency log in memory for the tests of
// client: an honest one, and, by way of its exported fields and Clone, as
// dishonest a one as a test likes. It is slow and keeps everything.
package testlog

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

// Start is the time of the first log entry, in ms since the Unix epoch.
const Start = 1_790_000_000_000

// A Version is one version of a label.
type Version struct {
	Position   uint64 // of the log entry that created it
	Update     wire.UpdateValue
	Opening    wire.Opening
	Commitment wire.HashValue
	Skipped    bool
	Erased     bool // the log does not answer with it any more
}

// A Log is a log and all its keys.
type Log struct {
	Config  wire.Configuration
	Head    suite.Signer
	Auditor suite.Signer // ThirdPartyAuditing only
	Leaf    suite.Signer // ThirdPartyManagement only
	VRF     vrf.PrivateKey

	Time   uint64 // now, in ms since the Unix epoch
	Served uint64 // size of the head served; 0: the newest
	// AuditorBehind is by how many entries the auditor's head is smaller.
	AuditorBehind uint64
	PageLimit     int // ladders in an owner monitoring response; 0: no limit
	// TamperTBS, when set, changes what the head signature covers.
	TamperTBS func(*wire.TreeHeadTBS)
	// Calls counts the requests of each operation.
	Calls map[wire.Operation]int

	Entries []wire.LogEntry
	Labels  map[string][]Version

	pages   [][]byte
	nodes   []wire.HashValue
	tree    logtree.Appender
	builder prefixtree.Builder
	rng     *rand.Rand
	cache   map[string]vrfResult
}

type vrfResult struct {
	output wire.VRFOutput
	proof  []byte
}

// source is a reader of test randomness.
type source struct{ *rand.ChaCha8 }

// New makes a log with entry 0, which changes nothing. edit may change the
// configuration, whose durations are a second of window and a minute of clock
// bounds.
func New(id wire.CipherSuite, mode wire.DeploymentMode, edit func(*wire.Configuration)) *Log {
	s, err := suite.Get(id)
	must(err)
	seed := sha256.Sum256([]byte{byte(id), byte(mode)})
	random := source{rand.NewChaCha8(seed)}
	l := &Log{Labels: map[string][]Version{}, Calls: map[wire.Operation]int{}, cache: map[string]vrfResult{}, Time: Start, rng: rand.New(rand.NewChaCha8(seed))}
	signer := func() suite.Signer {
		k, err := s.GenerateSigner(random)
		must(err)
		return k
	}
	l.Head = signer()
	l.VRF, err = s.GenerateVRFKey(random)
	must(err)
	l.Config = wire.Configuration{
		CipherSuite: id, Mode: mode, SignaturePublicKey: l.Head.Public(), VRFPublicKey: l.VRF.Public().Bytes(),
		MaxAhead: 60_000, MaxBehind: 60_000, ReasonableMonitoringWindow: 1_000,
	}
	switch mode {
	case wire.ThirdPartyAuditing:
		l.Auditor = signer()
		l.Config.AuditorPublicKey, l.Config.MaxAuditorLag = l.Auditor.Public(), 30_000
	case wire.ThirdPartyManagement:
		l.Leaf = signer()
		l.Config.LeafPublicKey = l.Leaf.Public()
	}
	if edit != nil {
		edit(&l.Config)
	}
	l.Publish(nil)
	return l
}

// Size returns the number of log entries.
func (l *Log) Size() uint64 { return uint64(len(l.Entries)) }

// Advance lets time pass, in ms.
func (l *Log) Advance(ms uint64) *Log {
	l.Time += ms
	return l
}

// Publish adds a log entry with new values of labels, and returns its position.
func (l *Log) Publish(values map[string][][]byte) uint64 { return l.PublishSkipping(0, values) }

// PublishSkipping is Publish after skipping versions of each label
// ("Management").
func (l *Log) PublishSkipping(skip int, values map[string][][]byte) uint64 {
	pos := l.Size()
	var added []wire.PrefixLeaf
	for label, vs := range values {
		for range skip {
			v := Version{Position: pos, Skipped: true}
			added = append(added, wire.PrefixLeaf{VRFOutput: l.Output(label, uint32(len(l.Labels[label])))})
			l.Labels[label] = append(l.Labels[label], v)
		}
		for _, value := range vs {
			n := uint32(len(l.Labels[label]))
			v := Version{Position: pos, Update: wire.UpdateValue{Value: value}}
			binary.BigEndian.PutUint64(v.Opening[:], l.rng.Uint64())
			var err error
			v.Update.Suffix, err = suite.SignUpdate(l.Leaf, &l.Config, []byte(label), n, value)
			must(err)
			v.Commitment, err = suite.Commit([]byte(label), n, &v.Update, &v.Opening, l.Config.Format())
			must(err)
			added = append(added, wire.PrefixLeaf{VRFOutput: l.Output(label, n), Commitment: v.Commitment})
			l.Labels[label] = append(l.Labels[label], v)
		}
	}
	prefixtree.SortLeaves(added)
	page, root, err := l.builder.Apply(l, pos, added, nil, nil)
	must(err)
	l.pages = append(l.pages, page)
	entry := wire.LogEntry{Timestamp: l.Time, PrefixTree: root}
	l.Entries = append(l.Entries, entry)
	l.nodes = l.tree.Append(l.nodes, logtree.LeafHash(entry))
	return pos
}

// Value is Publish of one value.
func (l *Log) Value(label, value string) uint64 {
	return l.Publish(map[string][][]byte{label: {[]byte(value)}})
}

// Clone returns a log with the same keys and past, which goes its own way.
func (l *Log) Clone() *Log {
	c := *l
	c.Entries = slices.Clone(l.Entries)
	c.pages = slices.Clone(l.pages)
	c.nodes = slices.Clone(l.nodes)
	tree, err := logtree.NewAppender(l.tree.Size(), l.tree.FullSubtrees())
	must(err)
	c.tree = *tree
	c.builder = prefixtree.Builder{}
	c.rng = rand.New(rand.NewPCG(l.Size(), 7))
	c.Labels = map[string][]Version{}
	for k, v := range l.Labels {
		c.Labels[k] = slices.Clone(v)
	}
	c.Calls = map[wire.Operation]int{}
	return &c
}

// Truncated returns a log with the same keys and the first n entries, as an old
// backup put back would be.
func (l *Log) Truncated(n uint64) *Log {
	c := l.Clone()
	c.Entries = c.Entries[:n]
	c.pages = c.pages[:n]
	c.nodes = nil
	c.tree = logtree.Appender{}
	for _, e := range c.Entries {
		c.nodes = c.tree.Append(c.nodes, logtree.LeafHash(e))
	}
	for label, vs := range c.Labels {
		c.Labels[label] = slices.DeleteFunc(vs, func(v Version) bool { return v.Position >= n })
		if len(c.Labels[label]) == 0 {
			delete(c.Labels, label)
		}
	}
	return c
}

// LogEntry implements combined.Tree.
func (l *Log) LogEntry(pos uint64) (wire.LogEntry, error) { return l.Entries[pos], nil }

// LogNodes implements combined.Tree.
func (l *Log) LogNodes(nodes []logtree.Node) ([]wire.HashValue, error) {
	var out []wire.HashValue
	for _, d := range nodes {
		out = append(out, l.nodes[logtree.StoredIndex(d)])
	}
	return out, nil
}

// Page implements prefixtree.Pages.
func (l *Log) Page(pos uint64) ([]byte, error) { return l.pages[pos], nil }

// Root returns the root of the log tree at a size.
func (l *Log) Root(size uint64) wire.HashValue {
	var tree logtree.Appender
	for _, e := range l.Entries[:size] {
		tree.Append(nil, logtree.LeafHash(e))
	}
	return tree.Root()
}

func (l *Log) evaluate(label string, version uint32) vrfResult {
	alpha := suite.VRFInput([]byte(label), version)
	r, ok := l.cache[string(alpha)]
	if !ok {
		r.output, r.proof = l.VRF.Prove(alpha)
		l.cache[string(alpha)] = r
	}
	return r
}

// Output returns the VRF output of a label-version pair.
func (l *Log) Output(label string, version uint32) wire.VRFOutput {
	return l.evaluate(label, version).output
}

// greatestAt returns the number of versions of a label at an entry.
func (l *Log) greatestAt(label string) func(pos uint64) (uint32, bool) {
	return func(pos uint64) (uint32, bool) {
		n := 0
		for _, v := range l.Labels[label] {
			if v.Position <= pos {
				n++
			}
		}
		return uint32(n - 1), n > 0
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Rewrite adds a log entry that takes the versions of a label from first on out
// of the prefix tree, and puts values in the place of as many of them, which no
// honest log does.
func (l *Log) Rewrite(label string, first int, values ...string) uint64 {
	pos := l.Size()
	var removed, added []wire.PrefixLeaf
	for i, v := range l.Labels[label][first:] {
		removed = append(removed, wire.PrefixLeaf{VRFOutput: l.Output(label, uint32(first+i)), Commitment: v.Commitment})
	}
	kept := l.Labels[label][:first:first]
	for i, value := range values {
		n := uint32(first + i)
		v := Version{Position: l.Labels[label][n].Position, Update: wire.UpdateValue{Value: []byte(value)}}
		var err error
		v.Update.Suffix, err = suite.SignUpdate(l.Leaf, &l.Config, []byte(label), n, v.Update.Value)
		must(err)
		v.Commitment, err = suite.Commit([]byte(label), n, &v.Update, &v.Opening, l.Config.Format())
		must(err)
		added = append(added, wire.PrefixLeaf{VRFOutput: l.Output(label, n), Commitment: v.Commitment})
		kept = append(kept, v)
	}
	l.Labels[label] = kept
	prefixtree.SortLeaves(removed)
	prefixtree.SortLeaves(added)
	l.builder = prefixtree.Builder{}
	page, root, err := l.builder.Apply(l, pos, added, removed, nil)
	must(err)
	l.pages = append(l.pages, page)
	entry := wire.LogEntry{Timestamp: l.Time, PrefixTree: root}
	l.Entries = append(l.Entries, entry)
	l.nodes = l.tree.Append(l.nodes, logtree.LeafHash(entry))
	return pos
}
