// Package archive keeps what an auditor audited: every leaf of the audit log, and
// the hashes over them, in flat files that only grow. With it an auditor proves
// what it saw, to others who saw something else, and serves it to them.
//
//	leaves      the leaves, checkpoint.LeafSize bytes each
//	level-K     the hashes over 256^K leaves each, 32 bytes each: the tiles of
//	            level K (C2SP tlog-tiles), one behind the other
//	head        how much of that counts, and the root over it
//
// What is appended counts once it is committed: the files are synced, then head is
// replaced. Killed at any moment, the archive is what it was at the last commit.
//
// Everything that is read is verified against the root in head, so that a damaged
// file is found when it matters, and named; it is never served, nor held against
// the log. Memory does not grow with the log.
package archive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/proto/checkpoint"
)

var (
	// ErrDamaged is an archive whose files are not what was committed.
	ErrDamaged = errors.New("archive is damaged")
	// ErrBeyond is a question about more than was committed.
	ErrBeyond = errors.New("beyond the archive")
	// ErrOrder is an appended leaf that is not the next one.
	ErrOrder = errors.New("leaf is not the next of the archive")
)

const (
	leavesFile = "leaves"
	headFile   = "head"
	maxLevels  = 8 // 256^8 leaves are more than a log has
)

// An Archive is the archive of one log. Reading is safe for concurrent use, also
// while one goroutine appends and commits.
type Archive struct {
	dir string

	mu        sync.Mutex
	committed tlog.Tree
	cache     cache

	// Of the one goroutine that appends.
	leaves *file
	levels []*file
	edge   [][]tlog.Hash // hashes of the partial tile at the right edge of each level
	next   uint64        // position of the next leaf
}

// Open opens the archive in a folder, which it makes if there is none. It drops
// what was appended and not committed. Its errors are ErrDamaged or the disk's.
func Open(dir string) (a *Archive, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a = &Archive{dir: dir}
	opened := a
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	if a.committed, err = readHead(filepath.Join(dir, headFile)); err != nil {
		return nil, err
	}
	a.next = uint64(a.committed.N)
	if a.leaves, err = openFile(filepath.Join(dir, leavesFile), a.next*checkpoint.LeafSize); err != nil {
		return nil, err
	}
	for k := 0; k == 0 || a.next>>(checkpoint.TileHeight*k) > 0; k++ {
		if err := a.openLevel(k, a.next>>(checkpoint.TileHeight*k)); err != nil {
			return nil, err
		}
	}
	if a.root() != a.committed.Hash {
		return nil, fmt.Errorf("%w: the right edge of %s has another root than %s", ErrDamaged, dir, headFile)
	}
	return a, nil
}

// openLevel opens the file of level k, the next one, which has n hashes.
func (a *Archive) openLevel(k int, n uint64) error {
	f, err := openFile(filepath.Join(a.dir, fmt.Sprintf("level-%d", k)), n*tlog.HashSize)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.levels, a.edge = append(a.levels, f), append(a.edge, nil)
	a.mu.Unlock()
	return a.readEdge(k, n)
}

// level returns the file of level k.
func (a *Archive) level(k int) (*file, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k < 0 || k >= len(a.levels) {
		return nil, fmt.Errorf("%w: no level %d", ErrBeyond, k)
	}
	return a.levels[k], nil
}

// Close closes the files. What was not committed is lost.
func (a *Archive) Close() error {
	var errs []error
	for _, f := range append(slices.Clone(a.levels), a.leaves) {
		if f != nil {
			errs = append(errs, f.close())
		}
	}
	return errors.Join(errs...)
}

// Size returns the number of leaves committed.
func (a *Archive) Size() uint64 { return uint64(a.tree().N) }

func (a *Archive) tree() tlog.Tree {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.committed
}

// Next returns the number of leaves appended, committed or not.
func (a *Archive) Next() uint64 { return a.next }

// Append appends encoded leaves. They count once Commit has returned.
func (a *Archive) Append(leaves ...[]byte) error {
	for _, b := range leaves {
		leaf, err := checkpoint.ParseLeaf(b)
		if err != nil {
			return err
		}
		if leaf.Position != a.next {
			return fmt.Errorf("%w: leaf %d after %d", ErrOrder, leaf.Position, a.next)
		}
		a.leaves.append(b)
		if err := a.add(0, tlog.RecordHash(b)); err != nil {
			return err
		}
		a.next++
	}
	return nil
}

// add appends a hash to a level, and the hash over a tile that it fills to the
// next level.
func (a *Archive) add(level int, h tlog.Hash) error {
	if level == len(a.levels) {
		if err := a.openLevel(level, 0); err != nil {
			return err
		}
	}
	a.levels[level].append(h[:])
	a.edge[level] = append(a.edge[level], h)
	if len(a.edge[level]) < checkpoint.TileWidth {
		return nil
	}
	over := fold(a.edge[level])
	a.edge[level] = a.edge[level][:0]
	return a.add(level+1, over)
}

// fold returns the hash over a power of two of hashes.
func fold(row []tlog.Hash) tlog.Hash {
	row = slices.Clone(row)
	for ; len(row) > 1; row = row[:len(row)/2] {
		for i := range len(row) / 2 {
			row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
		}
	}
	return row[0]
}

// root returns the root over all that was appended, by the right edge.
func (a *Archive) root() tlog.Hash {
	if a.next == 0 {
		return sha256.Sum256(nil)
	}
	var root tlog.Hash
	begun := false
	for _, row := range a.edge { // the lowest level is the rightmost
		for end := len(row); end > 0; {
			width := end & -end
			h := fold(row[end-width : end])
			if begun {
				h = tlog.NodeHash(h, root)
			}
			root, begun = h, true
			end -= width
		}
	}
	return root
}

// Commit makes durable what was appended.
func (a *Archive) Commit() error {
	tree := tlog.Tree{N: int64(a.next), Hash: a.root()}
	if tree == a.tree() {
		return nil
	}
	for _, f := range append(slices.Clone(a.levels), a.leaves) {
		if err := f.commit(); err != nil {
			return err
		}
	}
	if err := writeHead(a.dir, tree); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.committed = tree
	a.cache.full()
	return nil
}

// Revert drops what was appended and not committed.
func (a *Archive) Revert() error {
	a.next = uint64(a.tree().N)
	if err := a.leaves.cut(a.next * checkpoint.LeafSize); err != nil {
		return err
	}
	for k, f := range a.levels {
		n := a.next >> (checkpoint.TileHeight * k)
		if err := f.cut(n * tlog.HashSize); err != nil {
			return err
		}
		if err := a.readEdge(k, n); err != nil {
			return err
		}
	}
	return nil
}

// readEdge reads the partial tile at the right edge of a level of n hashes.
func (a *Archive) readEdge(k int, n uint64) error {
	width := n % checkpoint.TileWidth
	b := make([]byte, width*tlog.HashSize)
	if err := a.levels[k].read(b, (n-width)*tlog.HashSize); err != nil {
		return err
	}
	a.edge[k] = hashes(b)
	return nil
}

func hashes(b []byte) (out []tlog.Hash) {
	for ; len(b) > 0; b = b[tlog.HashSize:] {
		out = append(out, tlog.Hash(b[:tlog.HashSize]))
	}
	return out
}

// readHead reads what was committed, nothing if there is no such file.
func readHead(path string) (tree tlog.Tree, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return tlog.Tree{Hash: sha256.Sum256(nil)}, nil
	}
	if err != nil {
		return tree, err
	}
	tree, ok := parseHead(b)
	if !ok {
		return tree, fmt.Errorf("%w: %s", ErrDamaged, path)
	}
	return tree, nil
}
