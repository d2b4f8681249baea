package treekem

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Received is another member's path that was merged into the tree, with its
// secrets still closed.
type Received struct {
	suite  *suite.Suite
	tree   *tree.Tree
	sender tree.LeafIndex
	added  leafSet
	path   *UpdatePath
	nodes  []tree.PathNode // filtered direct path of the sender
}

// Merge puts path into t, a clone of the group's tree to which the proposals of
// the Commit are applied; added are the leaves that they added. When it fails, the
// clone is good for nothing. It makes the checks of "Processing a Commit"
// (12.4.2) and "Update Paths" (7.6) that are about the path as a whole:
//
//   - ErrSender: the sender has a leaf;
//   - ErrSource: the leaf node's source is commit;
//   - ErrShape: there is a node for each of the filtered direct path, and in it a
//     ciphertext for each node of the copath child's resolution but added;
//   - ErrKeyReused: no public key of the path is in the tree, the sender's present
//     one included, or twice in the path;
//   - suite.ErrKey: each is a public key of the suite;
//   - ErrParentHash: the leaf node has the parent hash of the path.
//
// The leaf node itself is for tree.ValidateLeaf and the Authenticator.
func Merge(s *suite.Suite, t *tree.Tree, sender tree.LeafIndex, path *UpdatePath, added []tree.LeafIndex) (*Received, error) {
	if t.Leaf(sender) == nil {
		return nil, fmt.Errorf("%w: leaf %d", ErrSender, sender)
	}
	if err := checkKeys(s, t, path); err != nil {
		return nil, err
	}
	return merge(s, t, sender, path, added)
}

// MergeExternal is Merge for an external Commit ("Joining via External Commits"
// (12.4.3.2)): the sender is assigned the leftmost blank leaf, or the first of an
// extended tree. Sender tells which.
func MergeExternal(s *suite.Suite, t *tree.Tree, path *UpdatePath, added []tree.LeafIndex) (*Received, error) {
	if err := checkKeys(s, t, path); err != nil {
		return nil, err
	}
	return merge(s, t, t.Add(&path.LeafNode), path, added)
}

func merge(s *suite.Suite, t *tree.Tree, sender tree.LeafIndex, path *UpdatePath, added []tree.LeafIndex) (*Received, error) {
	if path.LeafNode.Source != tree.SourceCommit {
		return nil, fmt.Errorf("%w: %d", ErrSource, path.LeafNode.Source)
	}
	nodes := t.FilteredDirectPath(sender)
	if len(path.Nodes) != len(nodes) {
		return nil, fmt.Errorf("%w: %d nodes, not %d", ErrShape, len(path.Nodes), len(nodes))
	}
	excluded := newLeafSet(added)
	publics := make([][]byte, len(nodes))
	for i, step := range nodes {
		if got, want := len(path.Nodes[i].EncryptedPathSecret), len(recipients(t, step.Copath, excluded)); got != want {
			return nil, fmt.Errorf("%w: node %d has %d ciphertexts, not %d", ErrShape, step.Node, got, want)
		}
		publics[i] = slices.Clone(path.Nodes[i].EncryptionKey)
	}
	leaf, err := detached(&path.LeafNode)
	if err != nil {
		return nil, err
	}
	parentHash, err := t.SetPath(sender, publics)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(parentHash, path.LeafNode.ParentHash) {
		return nil, fmt.Errorf("%w of leaf %d", ErrParentHash, sender)
	}
	if err := t.SetLeaf(sender, leaf); err != nil {
		return nil, err
	}
	return &Received{suite: s, tree: t, sender: sender, added: excluded, path: path, nodes: nodes}, nil
}

// detached returns a copy of a leaf node that shares no memory with it: what stays
// in a tree must neither change with the buffer of a message nor keep it.
func detached(leaf *tree.LeafNode) (*tree.LeafNode, error) {
	c := new(tree.LeafNode)
	if err := syntax.Unmarshal(syntax.Marshal(leaf), c); err != nil {
		return nil, fmt.Errorf("leaf of the path: %w", err)
	}
	return c, nil
}

// maxPath is the length of the longest path, under a root of 2^31 leaves.
const maxPath = 31

// checkKeys checks the public keys of path by themselves and against those of the
// tree before the path is merged.
func checkKeys(s *suite.Suite, t *tree.Tree, path *UpdatePath) error {
	if len(path.Nodes) > maxPath {
		return fmt.Errorf("%w: %d nodes", ErrShape, len(path.Nodes))
	}
	fresh := make(map[string]struct{}, len(path.Nodes)+1)
	add := func(key []byte) error {
		if err := s.CheckPublicKey(key); err != nil {
			return err
		}
		if _, twice := fresh[string(key)]; twice {
			return ErrKeyReused
		}
		fresh[string(key)] = struct{}{}
		return nil
	}
	if err := add(path.LeafNode.EncryptionKey); err != nil {
		return fmt.Errorf("leaf of the path: %w", err)
	}
	for i := range path.Nodes {
		if err := add(path.Nodes[i].EncryptionKey); err != nil {
			return fmt.Errorf("node %d of the path: %w", i, err)
		}
	}
	for n := range tree.NodeIndex(tree.NodeCount(t.LeafCount())) {
		if _, known := fresh[string(t.EncryptionKey(n))]; known {
			return fmt.Errorf("%w: in node %d", ErrKeyReused, n)
		}
	}
	return nil
}

// Sender returns the leaf whose path it is.
func (r *Received) Sender() tree.LeafIndex { return r.sender }

// Open decrypts the path secret that is meant for the member whose keys mine are,
// and returns its keys under the new path, and the commit_secret, KDF.Nh bytes.
// context is the encoding of the provisional GroupContext. It fails with
// ErrNotRecipient, with ErrPathSecret if the secret is not what the sender
// announced to send, and with ErrKeyMismatch if the public keys of the path do not
// belong to it; mine is as it was in any case.
func (r *Received) Open(mine *Private, context []byte) (*Private, []byte, error) {
	secret, at, err := r.decrypt(mine, context)
	if err != nil {
		return nil, nil, err
	}
	private := mine.Clone()
	above := make([]tree.NodeIndex, 0, len(r.nodes)-at)
	for _, step := range r.nodes[at:] {
		above = append(above, step.Node)
	}
	commit, err := private.climb(r.suite, secret, above, r.tree)
	if err != nil {
		private.Erase()
		return nil, nil, err
	}
	private.Prune(r.tree)
	return private, commit, nil
}

// decrypt returns the path secret that is meant for the member, and the position
// in the path of the node that it is of.
func (r *Received) decrypt(mine *Private, context []byte) (secret []byte, at int, err error) {
	at, err = r.overlap(mine.leaf)
	if err != nil {
		return nil, 0, err
	}
	key, ciphertext := r.find(mine, at)
	if key == nil {
		return nil, 0, fmt.Errorf("%w: leaf %d has no key below node %d", ErrNotRecipient, mine.leaf, r.nodes[at].Node)
	}
	secret, err = r.suite.DecryptWithLabel(key, secretLabel, context, *ciphertext)
	if err != nil {
		return nil, 0, fmt.Errorf("%w of node %d: %w", ErrPathSecret, r.nodes[at].Node, err)
	}
	if len(secret) != r.suite.HashSize() {
		clear(secret)
		return nil, 0, fmt.Errorf("%w of node %d: %d bytes", ErrPathSecret, r.nodes[at].Node, len(secret))
	}
	return secret, at, nil
}

// overlap returns the position in the path of the lowest node above both the
// sender and leaf.
func (r *Received) overlap(leaf tree.LeafIndex) (int, error) {
	for i, step := range r.nodes {
		if step.Copath.Contains(leaf.Node()) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: leaf %d", ErrNotRecipient, leaf)
}

// find returns the first ciphertext of the path's node at that mine has the key of.
func (r *Received) find(mine *Private, at int) ([]byte, *suite.Ciphertext) {
	for j, n := range recipients(r.tree, r.nodes[at].Copath, r.added) {
		if key := mine.keys[n]; key != nil {
			return key, &r.path.Nodes[at].EncryptedPathSecret[j]
		}
	}
	return nil, nil
}
