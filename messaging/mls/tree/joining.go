package tree

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
)

// The integrity of a ratchet tree ("Joining via Welcome Message" (12.4.3.1)).

// Validate makes all checks of a tree that is new to us: its hash is treeHash,
// that of the GroupContext; lists of unmerged leaves are sound; all parent nodes
// are parent-hash valid; no key is used twice; all leaf nodes are valid. What
// takes long comes last, and on all processors.
//
// What is left to do is asking the Authentication Service about every leaf.
func (t *Tree) Validate(treeHash []byte, rules *Rules) error {
	if !bytes.Equal(t.RootHash(), treeHash) {
		return ErrTreeHash
	}
	if err := t.validateUnmergedLeaves(); err != nil {
		return err
	}
	if err := t.validateParentHashes(); err != nil {
		return err
	}
	if err := t.validateKeys(); err != nil {
		return err
	}
	if err := t.validateCredentials(); err != nil {
		return err
	}
	return t.validateNodes(rules)
}

// validateNodes makes the checks that need one node only.
func (t *Tree) validateNodes(rules *Rules) error {
	needs, err := rules.needs()
	if err != nil {
		return err
	}
	return inParallel(len(t.leaves), func(i int) error {
		if i < len(t.parents) && t.parents[i] != nil {
			if err := t.suite.CheckPublicKey(t.parents[i].EncryptionKey); err != nil {
				return fmt.Errorf("encryption key of node %d: %w", 2*i+1, err)
			}
		}
		if l := t.leaves[i]; l != nil {
			if err := validateLeaf(t.suite, l, InTree, LeafIndex(i), nil, rules, needs); err != nil {
				return fmt.Errorf("leaf %d: %w", i, err)
			}
		}
		return nil
	})
}

// validateUnmergedLeaves returns ErrUnmergedLeaves unless each list is sorted, and
// names leaves below its node that are not blank, which all nodes between, unless
// they are blank, name too.
func (t *Tree) validateUnmergedLeaves() error {
	for i, p := range t.parents {
		if p == nil {
			continue
		}
		x := NodeIndex(2*i + 1)
		lo, hi := x.Leaves()
		for k, l := range p.UnmergedLeaves {
			switch {
			case k > 0 && l <= p.UnmergedLeaves[k-1]:
				return fmt.Errorf("%w: node %d: not sorted", ErrUnmergedLeaves, x)
			case l < lo || l >= hi:
				return fmt.Errorf("%w: node %d: leaf %d is not below", ErrUnmergedLeaves, x, l)
			case t.leaves[l] == nil:
				return fmt.Errorf("%w: node %d: leaf %d is blank", ErrUnmergedLeaves, x, l)
			}
			// Of the nodes between it is enough to look at the highest: that one
			// answers for those below it.
			for y := x.toward(l); !y.IsLeaf(); y = y.toward(l) {
				if q := t.parents[y>>1]; q != nil {
					if !q.unmerged(l) {
						return fmt.Errorf("%w: node %d, unlike node %d above, lacks leaf %d", ErrUnmergedLeaves, y, x, l)
					}
					break
				}
			}
		}
	}
	return nil
}

// toward returns the child of x that contains leaf l.
func (x NodeIndex) toward(l LeafIndex) NodeIndex {
	if l.Node() < x {
		return x.Left()
	}
	return x.Right()
}

// inParallel calls work for 0 to n-1 and returns the error of the lowest that has
// one, so that the answer does not depend on the number of processors.
func inParallel(n int, work func(int) error) error {
	workers := min(runtime.GOMAXPROCS(0), (n+7)/8)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := n * w / workers; i < n*(w+1)/workers && errs[w] == nil; i++ {
				errs[w] = work(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
