package treekem_test

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/messaging/mls/treekem"
)

func get(t testing.TB, id suite.ID) *suite.Suite {
	t.Helper()
	s, err := suite.Get(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVectorsTreeKEM(t *testing.T) {
	t.Parallel()
	const file = "treekem.json"
	var cases []vectorCase
	mlstest.Vectors(t, file, &cases)
	ran := 0
	for i := range cases {
		cases[i].run(t)
		ran++
	}
	mlstest.Report(t, file, ran, len(cases))
}

type vectorCase struct {
	CipherSuite             suite.ID    `json:"cipher_suite"`
	GroupID                 mlstest.Hex `json:"group_id"`
	Epoch                   uint64      `json:"epoch"`
	ConfirmedTranscriptHash mlstest.Hex `json:"confirmed_transcript_hash"`
	RatchetTree             mlstest.Hex `json:"ratchet_tree"`
	LeavesPrivate           []struct {
		Index          tree.LeafIndex `json:"index"`
		EncryptionPriv mlstest.Hex    `json:"encryption_priv"`
		SignaturePriv  mlstest.Hex    `json:"signature_priv"`
		PathSecrets    []struct {
			Node       tree.NodeIndex `json:"node"`
			PathSecret mlstest.Hex    `json:"path_secret"`
		} `json:"path_secrets"`
	} `json:"leaves_private"`
	UpdatePaths []struct {
		Sender        tree.LeafIndex `json:"sender"`
		UpdatePath    mlstest.Hex    `json:"update_path"`
		PathSecrets   []mlstest.Hex  `json:"path_secrets"`
		CommitSecret  mlstest.Hex    `json:"commit_secret"`
		TreeHashAfter mlstest.Hex    `json:"tree_hash_after"`
	} `json:"update_paths"`
}

// context is the provisional GroupContext with the tree hash of tr.
func (c *vectorCase) context(tr *tree.Tree) []byte {
	return (&schedule.GroupContext{
		CipherSuite:             c.CipherSuite,
		GroupID:                 c.GroupID,
		Epoch:                   c.Epoch,
		TreeHash:                tr.RootHash(),
		ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
	}).Bytes()
}

func (c *vectorCase) run(t *testing.T) {
	s := get(t, c.CipherSuite)
	before, err := tree.Parse(s, c.RatchetTree)
	if err != nil {
		t.Fatal(err)
	}
	privates := make(map[tree.LeafIndex]*treekem.Private)
	signers := make(map[tree.LeafIndex]suite.Signer)
	for _, l := range c.LeavesPrivate {
		p := treekem.NewPrivate(l.Index, l.EncryptionPriv)
		for _, secret := range l.PathSecrets {
			priv, _, err := s.DeriveKeyPair(s.DeriveSecret(secret.PathSecret, "node"))
			if err != nil {
				t.Fatal(err)
			}
			treekem.SetKey(p, secret.Node, priv)
		}
		if err := p.Check(s, before); err != nil {
			t.Errorf("suite %v, leaf %d: %v", s, l.Index, err)
		}
		if signers[l.Index], err = s.NewSigner(l.SignaturePriv); err != nil {
			t.Fatal(err)
		}
		privates[l.Index] = p
	}

	for _, u := range c.UpdatePaths {
		var path treekem.UpdatePath
		if err := syntax.Unmarshal(u.UpdatePath, &path); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(syntax.Marshal(&path), u.UpdatePath) {
			t.Errorf("suite %v: the path of %d is read and written differently", s, u.Sender)
		}
		after := before.Clone()
		received, err := treekem.Merge(s, after, u.Sender, &path, nil)
		if err != nil {
			t.Fatalf("suite %v, sender %d: %v", s, u.Sender, err)
		}
		if !bytes.Equal(after.RootHash(), u.TreeHashAfter) {
			t.Errorf("suite %v, sender %d: tree hash %x, want %x", s, u.Sender, after.RootHash(), u.TreeHashAfter)
		}
		context := c.context(after)
		for j := range before.Members() {
			if j == u.Sender {
				continue
			}
			secret, err := treekem.OpenSecret(received, privates[j], context)
			if err != nil {
				t.Fatalf("suite %v, sender %d, member %d: %v", s, u.Sender, j, err)
			}
			if !bytes.Equal(secret, u.PathSecrets[j]) {
				t.Errorf("suite %v, sender %d, member %d: path secret %x, want %x", s, u.Sender, j, secret, u.PathSecrets[j])
			}
			private, commit, err := received.Open(privates[j], context)
			if err != nil {
				t.Fatalf("suite %v, sender %d, member %d: %v", s, u.Sender, j, err)
			}
			if !bytes.Equal(commit, u.CommitSecret) {
				t.Errorf("suite %v, sender %d, member %d: commit secret %x, want %x", s, u.Sender, j, commit, u.CommitSecret)
			}
			if err := private.Check(s, after); err != nil {
				t.Errorf("suite %v, sender %d, member %d: %v", s, u.Sender, j, err)
			}
		}
		c.createNew(t, s, before, u.Sender, signers[u.Sender], privates)
	}
}

// createNew makes a path of our own and lets everybody process it.
func (c *vectorCase) createNew(t *testing.T, s *suite.Suite, before *tree.Tree, sender tree.LeafIndex, signer suite.Signer, privates map[tree.LeafIndex]*treekem.Private) {
	clone := before.Clone()
	created, err := treekem.Create(s, clone, sender, *before.Leaf(sender), signer, c.GroupID, mlstest.Rand(uint64(sender)))
	if err != nil {
		t.Fatal(err)
	}
	context := c.context(clone)
	path, err := created.Encrypt(context, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := created.Private().Check(s, clone); err != nil {
		t.Errorf("suite %v, sender %d: %v", s, sender, err)
	}
	theirs := before.Clone()
	received, err := treekem.Merge(s, theirs, sender, path, nil)
	if err != nil {
		t.Fatalf("suite %v, sender %d: own path: %v", s, sender, err)
	}
	if !bytes.Equal(theirs.RootHash(), clone.RootHash()) {
		t.Errorf("suite %v, sender %d: views of the tree differ", s, sender)
	}
	if err := theirs.Leaf(sender).VerifySignature(s, c.GroupID, sender); err != nil {
		t.Errorf("suite %v, sender %d: %v", s, sender, err)
	}
	for j := range before.Members() {
		if j == sender {
			continue
		}
		_, commit, err := received.Open(privates[j], context)
		if err != nil {
			t.Fatalf("suite %v, sender %d, member %d: own path: %v", s, sender, j, err)
		}
		if !bytes.Equal(commit, created.CommitSecret()) {
			t.Errorf("suite %v, sender %d, member %d: commit secrets differ", s, sender, j)
		}
	}
}
