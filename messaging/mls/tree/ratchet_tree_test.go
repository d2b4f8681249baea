package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"pgregory.net/rapid"
)

// pair is a tree and its slow double, to which the same is done unless it is nil. Keys are just
// numbers, and nothing is signed.
type pair struct {
	fast *Tree
	slow *slow
	keys uint64
}

func newPair(s *suite.Suite) *pair {
	return &pair{fast: New(s), slow: slowTree(0, 0)}
}

func (p *pair) key() []byte {
	p.keys++
	return binary.BigEndian.AppendUint64(nil, p.keys)
}

func (p *pair) leaf(source LeafNodeSource) *LeafNode {
	return &LeafNode{EncryptionKey: p.key(), SignatureKey: p.key(), Source: source, Credential: BasicCredential(nil)}
}

func (p *pair) members() (list []LeafIndex) {
	for i := range p.fast.Members() {
		list = append(list, i)
	}
	return list
}

func (p *pair) add() {
	l := p.leaf(SourceKeyPackage)
	p.fast.Add(l)
	if p.slow != nil {
		p.slow = p.slow.add(l)
	}
}

// step does one of the things that happen to a tree; a and b choose what and where.
func (p *pair) step(a, b uint32) error {
	members := p.members()
	if len(members) == 0 {
		p.add()
		return nil
	}
	i := members[b%uint32(len(members))]
	switch a % 8 {
	case 0, 1, 2:
		p.add()
	case 3:
		l := p.leaf(SourceUpdate)
		if p.slow != nil {
			p.slow.update(uint32(i), l)
		}
		return p.fast.Update(i, l)
	case 4, 5:
		if p.slow != nil {
			p.slow = p.slow.remove(uint32(i))
		}
		return p.fast.Remove(i)
	case 6, 7:
		keys := make([][]byte, len(p.fast.FilteredDirectPath(i)))
		for k := range keys {
			keys[k] = p.key()
		}
		h, err := p.fast.SetPath(i, keys)
		if err != nil {
			return err
		}
		l := p.leaf(SourceCommit)
		l.ParentHash = h
		if p.slow != nil {
			if s := p.slow.setPath(p.fast.suite, uint32(i), keys); !bytes.Equal(h, s) {
				return fmt.Errorf("parent hash %x, want %x", h, s)
			}
			p.slow.leaves()[i].leaf = l
		}
		return p.fast.SetLeaf(i, l)
	}
	return nil
}

// compare returns an error if the trees are not the same in every respect.
func (p *pair) compare() error {
	nodes := p.slow.inOrder()
	if int(NodeCount(p.fast.LeafCount())) != len(nodes) {
		return fmt.Errorf("%d leaves for %d nodes", p.fast.LeafCount(), len(nodes))
	}
	index := make(map[*slow]NodeIndex)
	for i, n := range nodes {
		index[n] = NodeIndex(i)
	}
	for i, n := range nodes {
		x := NodeIndex(i)
		if n.left == nil && p.fast.Leaf(x.Leaf()) != n.leaf {
			return fmt.Errorf("leaf %d", x.Leaf())
		}
		if n.left != nil {
			q := p.fast.Parent(x)
			if (q == nil) != (n.parent == nil) || q != nil && !bytes.Equal(syntax.Marshal(q), syntax.Marshal(n.parent)) {
				return fmt.Errorf("node %d: %v, want %v", x, q, n.parent)
			}
		}
		if p.fast.IsBlank(x) != n.blank() {
			return fmt.Errorf("is node %d blank?", x)
		}
		if !bytes.Equal(p.fast.Hash(x), n.treeHash(p.fast.suite)) {
			return fmt.Errorf("tree hash of %d", x)
		}
		var resolution []NodeIndex
		for _, m := range p.slow.resolution(n) {
			resolution = append(resolution, index[m])
		}
		if got := p.fast.Resolution(x); !slices.Equal(got, resolution) {
			return fmt.Errorf("resolution of %d: %d, want %d", x, got, resolution)
		}
	}
	for i, l := range p.slow.leaves() {
		var path []PathNode
		for _, n := range p.slow.filteredDirectPath(l) {
			_, off := n.child(l)
			path = append(path, PathNode{index[n], index[off]})
		}
		if got := p.fast.FilteredDirectPath(LeafIndex(i)); !slices.Equal(got, path) {
			return fmt.Errorf("filtered direct path of %d: %d, want %d", i, got, path)
		}
	}
	return nil
}

// valid returns an error unless the tree is as members leave it behind.
func (p *pair) valid() error {
	return errors.Join(p.fast.validateUnmergedLeaves(), p.fast.validateParentHashes(),
		p.fast.validateKeys(), slowParentHashes(p.fast))
}

// frozen is a tree that nobody may change any more.
type frozen struct {
	tree          *Tree
	encoded, hash []byte
}

func freeze(t *Tree) frozen { return frozen{t, syntax.Marshal(t), t.Clone().RootHash()} }

func (f *frozen) check() error {
	if !bytes.Equal(syntax.Marshal(f.tree), f.encoded) || !bytes.Equal(f.tree.RootHash(), f.hash) {
		return errors.New("a change of a clone reached the original")
	}
	return nil
}

// Whatever members do, the tree is the slow one, it stays valid, it survives being
// written and read, and clones have nothing to do with each other.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	s := mustSuite(t, x25519)
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(s)
		p.add()
		var old []frozen
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "clone") == 0 {
				old = append(old, freeze(p.fast))
				p.fast = p.fast.Clone()
			}
			if err := p.step(rapid.Uint32().Draw(t, "what"), rapid.Uint32().Draw(t, "where")); err != nil {
				t.Fatal(err)
			}
			if len(p.members()) == 0 {
				p.add()
			}
			if err := p.compare(); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.valid(); err != nil {
			t.Fatal(err)
		}
		for _, f := range old {
			if err := f.check(); err != nil {
				t.Fatal(err)
			}
		}
		again, err := Parse(s, syntax.Marshal(p.fast))
		if err != nil {
			t.Fatal(err)
		}
		if again.LeafCount() != p.fast.LeafCount() || !bytes.Equal(again.RootHash(), p.fast.RootHash()) || again.NextLeaf() != p.fast.NextLeaf() {
			t.Fatal("read back differently")
		}
	})
}

// A group of a few hundred members, compared from time to time. With KITH_SOAK set
// it takes minutes.
func TestLongHistory(t *testing.T) {
	t.Parallel()
	steps, seeds := 300, 1
	if os.Getenv("KITH_SOAK") != "" {
		steps, seeds = 2000, 10
	}
	for seed := range seeds {
		p, rand := newPair(mustSuite(t, x25519)), mlstest.Rand(uint64(seed))
		for k := range steps {
			var b [8]byte
			if _, err := io.ReadFull(rand, b[:]); err != nil {
				t.Fatal(err)
			}
			if err := p.step(binary.BigEndian.Uint32(b[:]), binary.BigEndian.Uint32(b[4:])); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, k, err)
			}
			if k%100 == 99 {
				if err := p.compare(); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, k, err)
				}
				if err := errors.Join(p.fast.validateUnmergedLeaves(), p.fast.validateParentHashes(), p.fast.validateKeys()); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, k, err)
				}
			}
		}
	}
}

// The tree hashes of 5,000 steps through one long history, as one constant.
func TestAccumulatedHash(t *testing.T) {
	t.Parallel()
	const want = "6fa510ca3f81e9367b16e9ee7269278168f48e1fdd99fa147512509b14037512"
	p, sum, rand := newPair(mustSuite(t, x25519)), sha256.New(), mlstest.Rand(9420)
	p.slow = nil
	for range 5000 {
		var b [8]byte
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			t.Fatal(err)
		}
		if err := p.step(binary.BigEndian.Uint32(b[:]), binary.BigEndian.Uint32(b[4:])); err != nil {
			t.Fatal(err)
		}
		sum.Write(p.fast.RootHash())
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAssemble(t *testing.T) {
	g := eventful(t)
	tree, err := Assemble(g.s, slices.Clone(g.tree.leaves), slices.Clone(g.tree.parents))
	if err != nil || !bytes.Equal(tree.RootHash(), g.tree.RootHash()) || tree.NextLeaf() != g.tree.NextLeaf() {
		t.Errorf("another tree: %v", err)
	}
	for _, n := range [][2]int{{0, 0}, {0, 1}, {3, 2}, {4, 4}, {4, 2}} {
		if _, err := Assemble(g.s, make([]*LeafNode, n[0]), make([]*ParentNode, n[1])); !errors.Is(err, ErrRatchetTree) {
			t.Errorf("%d leaves, %d parents: %v", n[0], n[1], err)
		}
	}
}
