// Package synthetic makes logs out of nothing, as static files (package mirror):
// for measurements and tests that need a large log and no provider. Keys and
// leaves are the same in every run.
package synthetic

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// Domain is the domain of every log.
const Domain = "example.org"

// A Log is a log that is being made. Everything but its files is in memory, some
// 700 bytes a leaf.
type Log struct {
	Configuration *wire.Configuration
	Digest        checkpoint.Digest // of the encoded Configuration
	Document      []byte            // the signed provider document
	Head          suite.Signer      // of tree heads
	Checkpoints   *checkpoint.Signer
	Root          ed25519.PrivateKey // root key: signs documents

	dir     string
	builder prefixtree.Builder
	pages   [][]byte
	entries []wire.LogEntry
	tree    logtree.Appender
	nodes   []wire.HashValue // of the log tree, by logtree.StoredIndex
	leaves  [][]byte
	hashes  []tlog.Hash
	bundle  []byte // of updates, begun
	bytes   uint64 // of updates
}

// New begins a log in a folder. window is its Reasonable Monitoring Window, in
// ms; seed, at most 255, tells logs apart.
func New(dir string, window uint64, seed byte) (*Log, error) {
	fixed := func(purpose byte) []byte {
		b := sha256.Sum256([]byte{seed, purpose})
		return b[:]
	}
	of, err := suite.Get(wire.KT_128_SHA256_Ed25519)
	if err != nil {
		return nil, err
	}
	l := &Log{dir: dir}
	if l.Head, err = of.GenerateSigner(bytes.NewReader(fixed(1))); err != nil {
		return nil, err
	}
	vrfKey, err := of.GenerateVRFKey(bytes.NewReader(bytes.Repeat(fixed(2), 4)))
	if err != nil {
		return nil, err
	}
	l.Configuration = &wire.Configuration{
		CipherSuite: wire.KT_128_SHA256_Ed25519, Mode: wire.ContactMonitoring,
		SignaturePublicKey: l.Head.Public(), VRFPublicKey: vrfKey.Public().Bytes(),
		MaxAhead: 60_000, MaxBehind: 86_400_000, ReasonableMonitoringWindow: window,
	}
	encoded, err := l.Configuration.Append(nil, l.Configuration.Format())
	if err != nil {
		return nil, err
	}
	l.Digest = sha256.Sum256(encoded)
	skey, vkey, err := checkpoint.GenerateKey(bytes.NewReader(fixed(3)), Domain+"/log")
	if err != nil {
		return nil, err
	}
	if l.Checkpoints, err = checkpoint.NewSigner(skey); err != nil {
		return nil, err
	}
	root := ed25519.NewKeyFromSeed(fixed(4))
	l.Root = root
	issued := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := &provider.Document{
		Domain: Domain, DraftRevision: "526cc8a", Version: 1, Issued: issued, Expires: issued.AddDate(100, 0, 0),
		Configuration: encoded, AuditLog: provider.AuditLog{Origin: Domain + "/log", Key: vkey},
		Addresses: []string{"https://" + Domain}, Limits: provider.Limits{MaxValueBytes: 1 << 20},
		RootKeys: []strictjson.Bytes{strictjson.Bytes(root.Public().(ed25519.PublicKey))}, RootThreshold: 1,
	}
	payload, err := d.Encode()
	if err != nil {
		return nil, err
	}
	if l.Document, err = provider.Sign(payload, root); err != nil {
		return nil, err
	}
	return l, l.write(strings.TrimPrefix(provider.Path, "/"), l.Document)
}

// Leaf returns a leaf that is like no other n's.
func Leaf(n uint64) wire.PrefixLeaf {
	b := binary.BigEndian.AppendUint64(nil, n)
	return wire.PrefixLeaf{VRFOutput: sha256.Sum256(b), Commitment: sha256.Sum256(append(b, 1))}
}

// Size returns the number of entries.
func (l *Log) Size() uint64 { return uint64(len(l.leaves)) }

// UpdateBytes returns the length of all encoded AuditorUpdates.
func (l *Log) UpdateBytes() uint64 { return l.bytes }

// Page implements prefixtree.Pages.
func (l *Log) Page(pos uint64) ([]byte, error) {
	if pos >= uint64(len(l.pages)) {
		return nil, fmt.Errorf("synthetic: no entry %d", pos)
	}
	return l.pages[pos], nil
}

// Add makes the next entry, at a time in ms, and sorts the leaves.
func (l *Log) Add(timestamp uint64, added, removed []wire.PrefixLeaf) error {
	prefixtree.SortLeaves(added)
	prefixtree.SortLeaves(removed)
	pos := l.Size()
	u := &wire.AuditorUpdate{Timestamp: timestamp, Added: added, Removed: removed}
	page, root, err := l.builder.Apply(l, pos, added, removed, &u.Proof)
	if err != nil {
		return err
	}
	l.pages = append(l.pages, page)
	entry := wire.LogEntry{Timestamp: timestamp, PrefixTree: root}
	l.entries = append(l.entries, entry)
	l.nodes = l.tree.Append(l.nodes, logtree.LeafHash(entry))
	update, err := u.Append(nil, l.Configuration.Format())
	if err != nil {
		return err
	}
	l.bytes += uint64(len(update))
	leaf := checkpoint.Leaf{
		Position: pos, Timestamp: timestamp, PrefixRoot: root, Root: l.tree.Root(),
		Configuration: l.Digest, UpdateSize: uint32(len(update)), Update: sha256.Sum256(update),
	}
	encoded := leaf.Append(nil)
	hashes, err := tlog.StoredHashes(int64(pos), encoded, l)
	if err != nil {
		return err
	}
	l.leaves, l.hashes = append(l.leaves, encoded), append(l.hashes, hashes...)
	l.bundle = checkpoint.AppendUpdate(l.bundle, update)
	if (pos+1)%checkpoint.UpdatesWidth == 0 {
		err := l.write("log/"+checkpoint.UpdatesPath(pos/checkpoint.UpdatesWidth, checkpoint.UpdatesWidth), l.bundle)
		l.bundle = l.bundle[:0]
		return err
	}
	return nil
}

// ReadHashes implements tlog.HashReader, over the audit log.
func (l *Log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x < 0 || x >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("synthetic: no hash %d", x)
		}
		out[i] = l.hashes[x]
	}
	return out, nil
}

// Nodes returns nodes of the log tree.
func (l *Log) Nodes(nodes []logtree.Node) []wire.HashValue {
	out := make([]wire.HashValue, len(nodes))
	for i, n := range nodes {
		out[i] = l.nodes[logtree.StoredIndex(n)]
	}
	return out
}

// Update returns the encoded AuditorUpdate of a log entry.
func (l *Log) Update(pos uint64) ([]byte, error) {
	u, err := prefixtree.Update(l, pos, l.entries[pos].Timestamp)
	if err != nil {
		return nil, err
	}
	return u.Append(nil, l.Configuration.Format())
}

// Entry returns a log entry.
func (l *Log) Entry(pos uint64) wire.LogEntry { return l.entries[pos] }

// Leaf returns an encoded leaf of the audit log.
func (l *Log) Leaf(pos uint64) []byte { return l.leaves[pos] }
