package treekem

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Created is a new path of this member that is in the tree, and that nobody else
// knows yet.
type Created struct {
	suite.Redacted
	suite   *suite.Suite
	tree    *tree.Tree
	leaf    tree.LeafNode
	path    []tree.PathNode // filtered direct path
	secrets [][]byte        // path_secret[i] of path[i]; one more, the commit_secret
	private *Private
}

// Create renews the keys of sender's path in t, a clone of the group's tree to
// which the proposals of the Commit are applied ("Synchronizing Views of the
// Tree" (7.5)). leaf is what the new leaf node is to say: encryption key, source,
// parent hash and signature are set by Create, the rest is the caller's, who
// mostly takes it from the present leaf node. Randomness: KDF.Nh bytes for
// path_secret[0], and what the KEM takes for the leaf's key pair.
func Create(s *suite.Suite, t *tree.Tree, sender tree.LeafIndex, leaf tree.LeafNode, signer suite.Signer, groupID []byte, rand io.Reader) (*Created, error) {
	if t.Leaf(sender) == nil {
		return nil, fmt.Errorf("%w: leaf %d", ErrSender, sender)
	}
	priv, pub, err := s.GenerateKeyPair(rand)
	if err != nil {
		return nil, fmt.Errorf("mls: leaf key: %w", err)
	}
	first := make([]byte, s.HashSize())
	if _, err := io.ReadFull(rand, first); err != nil {
		return nil, fmt.Errorf("mls: path secret: %w", err)
	}

	c := &Created{
		suite:   s,
		tree:    t,
		path:    t.FilteredDirectPath(sender),
		secrets: [][]byte{first},
		private: NewPrivate(sender, priv),
	}
	clear(priv)
	publics := make([][]byte, len(c.path))
	for i, step := range c.path {
		priv, pub, err := nodeKeys(s, c.secrets[i])
		if err != nil {
			c.Erase()
			return nil, fmt.Errorf("mls: key of node %d: %w", step.Node, err)
		}
		c.private.set(step.Node, priv)
		publics[i] = pub
		c.secrets = append(c.secrets, nextSecret(s, c.secrets[i]))
	}

	leaf.EncryptionKey = pub
	leaf.Source = tree.SourceCommit
	leaf.Lifetime = tree.Lifetime{}
	if leaf.ParentHash, err = t.SetPath(sender, publics); err == nil {
		if err = leaf.Sign(s, signer, groupID, sender); err == nil {
			err = t.SetLeaf(sender, &leaf)
		}
	}
	if err != nil {
		c.Erase()
		return nil, err
	}
	c.leaf = leaf
	return c, nil
}

// CreateExternal is Create for an external Commit ("Joining via External Commits"
// (12.4.3.2)): the sender has no leaf yet, and is assigned the leftmost blank one,
// or the first of an extended tree. Private tells which.
func CreateExternal(s *suite.Suite, t *tree.Tree, leaf tree.LeafNode, signer suite.Signer, groupID []byte, rand io.Reader) (*Created, error) {
	return Create(s, t, t.Add(&leaf), leaf, signer, groupID, rand)
}

// Encrypt returns the path, its secrets encrypted to all members but the leaves
// that the same Commit adds. context is the encoding of the provisional
// GroupContext, which the root hash of the tree with the new path is part of. It
// fails with ErrKey if a public key of the tree cannot be encrypted to.
//
// The encryptions are shared out among GOMAXPROCS goroutines. Their randomness is
// the system's, see suite.Suite.EncryptWithLabel.
func (c *Created) Encrypt(context []byte, added []tree.LeafIndex) (*UpdatePath, error) {
	path := &UpdatePath{LeafNode: c.leaf, Nodes: make([]UpdatePathNode, len(c.path))}
	excluded := newLeafSet(added)
	var jobs []encryption
	for i, step := range c.path {
		to := recipients(c.tree, step.Copath, excluded)
		node := &path.Nodes[i]
		node.EncryptionKey = c.tree.EncryptionKey(step.Node)
		node.EncryptedPathSecret = make([]suite.Ciphertext, len(to))
		for j, n := range to {
			jobs = append(jobs, encryption{n, c.tree.EncryptionKey(n), c.secrets[i], &node.EncryptedPathSecret[j]})
		}
	}
	if err := encryptAll(c.suite, context, jobs); err != nil {
		return nil, err
	}
	return path, nil
}

// leafSet is a set of leaves.
type leafSet map[tree.LeafIndex]struct{}

func newLeafSet(leaves []tree.LeafIndex) leafSet {
	set := make(leafSet, len(leaves))
	for _, l := range leaves {
		set[l] = struct{}{}
	}
	return set
}

// recipients returns the resolution of a copath node without the leaves that the
// Commit adds.
func recipients(t *tree.Tree, copath tree.NodeIndex, added leafSet) []tree.NodeIndex {
	resolution := t.Resolution(copath)
	if len(added) == 0 {
		return resolution
	}
	return slices.DeleteFunc(resolution, func(n tree.NodeIndex) bool {
		if !n.IsLeaf() {
			return false
		}
		_, excluded := added[n.Leaf()]
		return excluded
	})
}

// encryption is one path secret for one node.
type encryption struct {
	to     tree.NodeIndex
	public []byte
	secret []byte
	result *suite.Ciphertext
}

// encryptAll fills the results of jobs.
func encryptAll(s *suite.Suite, context []byte, jobs []encryption) error {
	const share = 4 // jobs that a goroutine is worth starting for
	workers := max(1, min(runtime.GOMAXPROCS(0), len(jobs)/share))
	var (
		next   atomic.Int64
		errs   = make([]error, workers)
		worker = func(w int) {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					return
				}
				c, err := s.EncryptWithLabel(jobs[i].public, secretLabel, context, jobs[i].secret)
				if err != nil {
					errs[w] = fmt.Errorf("mls: path secret for node %d: %w", jobs[i].to, err)
					return
				}
				*jobs[i].result = c
			}
		}
		group sync.WaitGroup
	)
	for w := 1; w < workers; w++ {
		group.Go(func() { worker(w) })
	}
	worker(0)
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// CommitSecret returns the commit_secret, KDF.Nh bytes, valid until Erase.
func (c *Created) CommitSecret() []byte { return c.secrets[len(c.secrets)-1] }

// PathSecret returns the path secret that the Welcome tells the new member at
// leaf: that of the lowest node above both it and the sender ("Adding Members to
// the Group" (12.4.3)). It is valid until Erase, and nil if leaf is not a member
// besides the sender.
func (c *Created) PathSecret(leaf tree.LeafIndex) []byte {
	if c.tree.Leaf(leaf) == nil {
		return nil
	}
	for i, step := range c.path {
		if step.Copath.Contains(leaf.Node()) {
			return c.secrets[i]
		}
	}
	return nil
}

// Private returns the sender's private keys under the new path, which Erase
// leaves alone.
func (c *Created) Private() *Private { return c.private.Clone() }

// Sender returns the leaf whose path it is.
func (c *Created) Sender() tree.LeafIndex { return c.private.leaf }

// Erase overwrites the path secrets and the commit_secret, once the key schedule
// and the Welcomes are made.
func (c *Created) Erase() {
	for _, secret := range c.secrets {
		clear(secret)
	}
	c.private.Erase()
	c.secrets = nil
}
