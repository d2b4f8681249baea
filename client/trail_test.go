package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/strictjson"
	"golang.org/x/mod/sumdb/tlog"
)

const auditOrigin = domain + "/log"

// A trail is the audit log of a test log, with witnesses, and a client.Binder.
type trail struct {
	t        testing.TB
	l        *testlog.Log
	signer   *checkpoint.Signer
	verifier *checkpoint.Verifier
	keys     map[string]*checkpoint.Cosigner

	leaves []checkpoint.Leaf
	hashes []tlog.Hash
	size   uint64 // of the checkpoint served
	note   []byte // the checkpoint served

	err   error                     // Binding fails with it
	edit  func(*checkpoint.Binding) // changes what is served
	stale []byte                    // is served, whatever is asked for
	last  []byte                    // the newest checkpoint, if not note
	asked []uint64
}

func newTrail(t testing.TB, l *testlog.Log) *trail {
	t.Helper()
	a := &trail{t: t, l: l, keys: map[string]*checkpoint.Cosigner{}}
	skey, vkey, err := checkpoint.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{1}, 32)), auditOrigin)
	if err == nil {
		a.signer, err = checkpoint.NewSigner(skey)
	}
	if err == nil {
		a.verifier, err = checkpoint.NewVerifier(vkey)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *trail) ReadHashes(indexes []int64) (out []tlog.Hash, err error) {
	for _, at := range indexes {
		out = append(out, a.hashes[at])
	}
	return out, nil
}

// cosigner is a witness or an auditor, whose key follows from its name.
func (a *trail) cosigner(name string) *checkpoint.Cosigner {
	a.t.Helper()
	if a.keys[name] == nil {
		seed := sha256.Sum256([]byte(name))
		skey, _, err := checkpoint.GenerateCosigner(bytes.NewReader(seed[:]), name)
		if err != nil {
			a.t.Fatal(err)
		}
		if a.keys[name], err = checkpoint.NewCosigner(skey); err != nil {
			a.t.Fatal(err)
		}
	}
	return a.keys[name]
}

func (a *trail) quorum(threshold int, names ...string) checkpoint.Quorum {
	a.t.Helper()
	var vkeys []string
	for _, name := range names {
		vkeys = append(vkeys, a.cosigner(name).VerifierKey())
	}
	q, err := checkpoint.NewQuorum(threshold, vkeys...)
	if err != nil {
		a.t.Fatal(err)
	}
	return q
}

// sign makes a checkpoint of everything in the log, which the named cosign now.
func (a *trail) sign(names ...string) *trail {
	a.t.Helper()
	config, err := a.l.Config.Append(nil, a.l.Config.Format())
	if err != nil {
		a.t.Fatal(err)
	}
	for n := uint64(len(a.leaves)); n < a.l.Size(); n++ {
		e := a.l.Entries[n]
		leaf := checkpoint.Leaf{Position: n, Timestamp: e.Timestamp, PrefixRoot: e.PrefixTree, Root: a.l.Root(n + 1), Configuration: checkpoint.DigestOf(config)}
		hashes, err := tlog.StoredHashesForRecordHash(int64(n), leaf.Hash(), a)
		if err != nil {
			a.t.Fatal(err)
		}
		a.leaves, a.hashes = append(a.leaves, leaf), append(a.hashes, hashes...)
	}
	a.size = a.l.Size()
	root, err := tlog.TreeHash(int64(a.size), a)
	if err == nil {
		a.note, err = a.signer.Sign(a.size, root)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return a.cosign(a.l.Time, names...)
}

// cosign has the named cosign the checkpoint served, at a time in ms.
func (a *trail) cosign(at uint64, names ...string) *trail {
	a.t.Helper()
	text := string(a.note[:bytes.Index(a.note, []byte("\n\n"))+1])
	for _, name := range names {
		line, err := a.cosigner(name).Cosign(text, at/1000)
		if err == nil {
			a.note, err = checkpoint.AddCosignatures(a.note, line)
		}
		if err != nil {
			a.t.Fatal(err)
		}
	}
	return a
}

// Binding implements client.Binder.
func (a *trail) Binding(_ context.Context, size uint64) ([]byte, error) {
	a.asked = append(a.asked, size)
	if a.err != nil || a.stale != nil {
		return a.stale, a.err
	}
	if size > a.l.Size() {
		return nil, fmt.Errorf("no head of %d entries", size)
	}
	return a.binding(size)
}

// Checkpoint implements client.Newest.
func (a *trail) Checkpoint(context.Context) ([]byte, error) {
	if a.last != nil {
		return a.last, nil
	}
	return a.note, nil
}

func (a *trail) binding(size uint64) ([]byte, error) {
	pos := min(size, a.size) - 1
	b := &checkpoint.Binding{Checkpoint: a.note, Leaf: a.leaves[pos]}
	proof, err := tlog.ProveRecord(int64(a.size), int64(pos), a)
	if err != nil {
		return nil, err
	}
	b.Proof = proof
	full, elements := checkpoint.BindingNodes(a.size, size)
	if b.FullSubtrees, err = a.l.LogNodes(full); err != nil {
		return nil, err
	}
	if b.Elements, err = a.l.LogNodes(elements); err != nil {
		return nil, err
	}
	if a.edit != nil {
		a.edit(b)
	}
	return b.Append(nil)
}

// document is a provider document of the log.
func (a *trail) document() []byte {
	a.t.Helper()
	config, err := a.l.Config.Append(nil, a.l.Config.Format())
	if err != nil {
		a.t.Fatal(err)
	}
	root := key("root")
	d := &provider.Document{
		Domain: domain, DraftRevision: "526cc8a", Version: 1, Issued: now(a.l).UTC().Truncate(time.Second), Expires: now(a.l).UTC().Truncate(time.Second).AddDate(1, 0, 0),
		Configuration: config, AuditLog: provider.AuditLog{Origin: auditOrigin, Key: a.signer.VerifierKey()}, Addresses: []string{"https://" + domain},
		Limits:   provider.Limits{MaxValueBytes: 1 << 16},
		RootKeys: []strictjson.Bytes{strictjson.Bytes(root[32:])}, RootThreshold: 1,
	}
	payload, err := d.Encode()
	if err == nil {
		payload, err = provider.Sign(payload, root)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return payload
}

// witnessed is a client that demands two of w1, w2 and w3.
func witnessed(a *trail, edit func(*client.Config)) *client.Client {
	a.t.Helper()
	return newClient(a.t, a.l, func(c *client.Config) {
		c.Binder, c.AuditLog, c.Provider = a, a.verifier, a.document()
		c.Policy.Witnesses = a.quorum(2, "w1", "w2", "w3")
		c.Policy.MaxCosignatureAge, c.Policy.MaxWitnessLag = 30*time.Second, 5*time.Second
		if edit != nil {
			edit(c)
		}
	})
}

// trailed is a log with alice in it, under a checkpoint that w1 and w2 cosigned.
func trailed(t testing.TB) *trail {
	t.Helper()
	l := contactLog()
	for range 5 {
		l.Advance(300).Publish(nil)
	}
	l.Advance(300).Value("alice", "key 0")
	for range 6 {
		l.Advance(300).Publish(nil)
	}
	return newTrail(t, l).sign("w1", "w2")
}
