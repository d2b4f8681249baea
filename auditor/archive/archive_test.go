package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/wire"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// leaf returns the leaf at a position, like no other.
func leaf(pos, timestamp uint64) []byte {
	seed := binary.BigEndian.AppendUint64(nil, pos)
	l := checkpoint.Leaf{Position: pos, Timestamp: timestamp, PrefixRoot: sha256.Sum256(append(seed, 1)), Root: sha256.Sum256(append(seed, 2)), UpdateSize: 7}
	return l.Append(nil)
}

// fill appends the leaves [Next, size).
func fill(t testing.TB, a *Archive, size uint64) {
	t.Helper()
	for pos := a.Next(); pos < size; pos++ {
		must(t, a.Append(leaf(pos, 100*pos)))
	}
}

func open(t testing.TB, dir string) *Archive {
	t.Helper()
	a, err := Open(dir)
	must(t, err)
	t.Cleanup(func() { a.Close() })
	return a
}

// A reference is the same log in memory, by sumdb/tlog alone.
type reference []tlog.Hash

func (r reference) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = r[x]
	}
	return out, nil
}

func newReference(t testing.TB, size uint64) (r reference) {
	for pos := range size {
		hashes, err := tlog.StoredHashes(int64(pos), leaf(pos, 100*pos), r)
		must(t, err)
		r = append(r, hashes...)
	}
	return r
}

// TestAgainstTlog: roots, proofs and tiles are those of the same log in memory, at
// every stage of its growth.
func TestAgainstTlog(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	const last = 70_000 // more than two levels of tiles
	end := uint64(last)
	if testing.Short() {
		end = 3000
	}
	ref := newReference(t, end)
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []uint64{0, 1, 2, 255, 256, 257, 511, 512, 3000, 65535, 65536, 65537, last} {
		if size > end {
			break
		}
		fill(t, a, size)
		must(t, a.Commit())
		if r.IntN(2) == 0 {
			must(t, a.Close())
			a = open(t, dir)
		}
		if a.Size() != size {
			t.Fatalf("size %d, not %d", a.Size(), size)
		}
		for range 20 {
			at := size - r.Uint64N(size+1)/uint64(1+r.IntN(8))
			c, err := a.Checkpoint(at)
			must(t, err)
			want, err := tlog.TreeHash(int64(at), ref)
			must(t, err)
			if at == 0 {
				want = sha256.Sum256(nil)
			}
			if c.Root != want {
				t.Fatalf("another root at size %d", at)
			}
			if at == 0 {
				continue
			}
			pos, older := r.Uint64N(at), 1+r.Uint64N(at)
			l, err := a.Leaf(pos)
			must(t, err)
			proof, err := a.Inclusion(pos, at)
			must(t, err)
			must(t, checkpoint.CheckInclusion(c, &l, proof))
			before, err := a.Checkpoint(older)
			must(t, err)
			proof, err = a.Consistency(older, at)
			must(t, err)
			must(t, checkpoint.CheckConsistency(before, c, proof))
			root, err := a.Root(pos + 1)
			if err != nil || root != l.Root {
				t.Fatal(root, err)
			}
		}
		for level := checkpoint.Entries; level < 3; level++ {
			for range 5 {
				n := size >> (8 * max(level, 0))
				if n == 0 {
					continue
				}
				tile := checkpoint.Tile{Level: level, Index: r.Uint64N(n) / 256}
				tile.Width = 1 + r.IntN(int(min(256, n-tile.Index*256)))
				got, err := a.Tile(tile)
				must(t, err)
				var want []byte
				if level == checkpoint.Entries {
					for i := range tile.Width {
						want, err = checkpoint.AppendEntry(want, leaf(tile.Index*256+uint64(i), 100*(tile.Index*256+uint64(i))))
						must(t, err)
					}
				} else {
					want, err = tlog.ReadTileData(tile.Tlog(), ref)
					must(t, err)
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("size %d: %s differs", size, tile.Path())
				}
			}
		}
		must(t, a.Check(t.Context()))
	}
}

func TestBounds(t *testing.T) {
	a := open(t, t.TempDir())
	fill(t, a, 300)
	must(t, a.Commit())
	fill(t, a, 310) // not committed: not there
	for name, ask := range map[string]func() error{
		"leaf":        func() error { _, err := a.Leaf(300); return err },
		"root":        func() error { _, err := a.Root(301); return err },
		"root of 0":   func() error { _, err := a.Root(0); return err },
		"checkpoint":  func() error { _, err := a.Checkpoint(301); return err },
		"inclusion":   func() error { _, err := a.Inclusion(5, 301); return err },
		"beyond size": func() error { _, err := a.Inclusion(5, 5); return err },
		"consistency": func() error { _, err := a.Consistency(5, 301); return err },
		"backwards":   func() error { _, err := a.Consistency(6, 5); return err },
		"tile":        func() error { _, err := a.Tile(checkpoint.Tile{Index: 1, Width: 45}); return err },
		"level":       func() error { _, err := a.Tile(checkpoint.Tile{Level: 63, Width: 1}); return err },
		"each":        func() error { return a.Each(0, 301, nil) },
		"walk":        func() error { _, err := a.Distinguished(&wire.Configuration{}, 301, 1); return err },
	} {
		if err := ask(); !errors.Is(err, ErrBeyond) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.Append(leaf(311, 0)); !errors.Is(err, ErrOrder) {
		t.Error(err)
	}
	if err := a.Append(leaf(309, 0)); !errors.Is(err, ErrOrder) {
		t.Error(err)
	}
	if err := a.Append([]byte("no leaf")); err == nil {
		t.Error("not a leaf")
	}
	must(t, a.Revert())
	if a.Next() != 300 {
		t.Error(a.Next())
	}
	fill(t, a, 600)
	must(t, a.Commit())
	must(t, a.Check(t.Context()))
}

// TestCutAnywhere: whatever of an unfinished commit reached the disk, the archive is
// what it was at the last one, and can go on.
func TestCutAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "archive")
		must2(t, err)
		defer os.RemoveAll(dir)
		first := rapid.Uint64Range(0, 700).Draw(t, "first")
		more := rapid.Uint64Range(0, 700).Draw(t, "more")
		a, err := Open(dir)
		must2(t, err)
		add := func(a *Archive, size uint64) {
			for pos := a.Next(); pos < size; pos++ {
				must2(t, a.Append(leaf(pos, 100*pos)))
			}
			must2(t, a.Commit())
		}
		add(a, first)
		sizes := map[string]int64{}
		for _, name := range files(dir) {
			info, err := os.Stat(name)
			must2(t, err)
			sizes[name] = info.Size()
		}
		head, err := os.ReadFile(filepath.Join(dir, headFile))
		if err != nil && first > 0 {
			t.Fatal(err)
		}
		add(a, first+more)
		must2(t, a.Close())
		if head == nil {
			os.Remove(filepath.Join(dir, headFile))
		} else {
			must2(t, os.WriteFile(filepath.Join(dir, headFile), head, 0o600))
		}
		for _, name := range files(dir) {
			info, err := os.Stat(name)
			must2(t, err)
			cut := rapid.Int64Range(sizes[name], info.Size()).Draw(t, name)
			must2(t, os.Truncate(name, cut))
		}
		a, err = Open(dir)
		must2(t, err)
		defer a.Close()
		if a.Size() != first {
			t.Fatalf("size %d, not %d", a.Size(), first)
		}
		add(a, first+more)
		must2(t, a.Check(t.Context()))
	})
}

// files returns the files of leaves and hashes.
func files(dir string) (names []string) {
	for _, pattern := range []string{leavesFile, "level-*"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		names = append(names, found...)
	}
	slices.Sort(names)
	return names
}

// TestEveryByteCounts: a changed byte of any file is found, the file is named, and
// nothing wrong is ever handed out.
func TestEveryByteCounts(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	const size = 66_000
	fill(t, a, size)
	must(t, a.Commit())
	must(t, a.Close())
	r := rand.New(rand.NewPCG(3, 4))
	tries := 5
	if testing.Short() {
		tries = 2
	}
	for _, name := range append(files(dir), filepath.Join(dir, headFile)) {
		honest, err := os.ReadFile(name)
		must(t, err)
		for range tries {
			at := r.IntN(len(honest))
			bad := bytes.Clone(honest)
			bad[at] ^= 1 << r.IntN(8)
			must(t, os.WriteFile(name, bad, 0o600))
			a, err := Open(dir)
			if err == nil {
				err = a.Check(t.Context())
				pos := uint64(at / checkpoint.LeafSize)
				if strings.HasSuffix(name, leavesFile) {
					if _, e := a.Leaf(pos); !errors.Is(e, ErrDamaged) {
						t.Errorf("leaf %d was handed out: %v", pos, e)
					}
				}
				for range 50 { // whatever is handed out is true
					pos := r.Uint64N(size)
					if l, e := a.Encoded(pos); e == nil && !bytes.Equal(l, leaf(pos, 100*pos)) {
						t.Errorf("leaf %d is another", pos)
					}
				}
				a.Close()
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(name)) && !strings.Contains(err.Error(), "right edge") {
				t.Errorf("byte %d of %s: %v", at, filepath.Base(name), err)
			}
		}
		must(t, os.WriteFile(name, honest, 0o600))
		if len(honest) > 0 {
			must(t, os.WriteFile(name, honest[:len(honest)-1], 0o600))
			if _, err := Open(dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(name)) {
				t.Errorf("%s cut off: %v", name, err)
			}
			must(t, os.WriteFile(name, honest, 0o600))
		}
	}
	must(t, open(t, dir).Check(t.Context()))

	// At the right edge it is found before anything is appended to it.
	for _, level := range []string{"level-0", "level-1"} {
		name := filepath.Join(dir, level)
		b, err := os.ReadFile(name)
		must(t, err)
		b[len(b)-1] ^= 1
		must(t, os.WriteFile(name, b, 0o600))
		if _, err := Open(dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "right edge") {
			t.Errorf("%s: %v", level, err)
		}
		b[len(b)-1] ^= 1
		must(t, os.WriteFile(name, b, 0o600))
	}
}

// asWriter makes this test a process that appends and commits until it is killed.
const asWriter = "KITH_TEST_ARCHIVE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asWriter); dir != "" {
		a, err := Open(dir)
		if err != nil {
			panic(err)
		}
		for {
			for range 1 + rand.IntN(100) {
				if err := a.Append(leaf(a.Next(), 100*a.Next())); err != nil {
					panic(err)
				}
			}
			if err := a.Commit(); err != nil {
				panic(err)
			}
			fmt.Println(a.Size())
		}
	}
	os.Exit(m.Run())
}

// TestKilled: killed with SIGKILL again and again, the archive has all that was
// committed, whole.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asWriter+"="+dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		committed := uint64(0)
		for range 1 + rand.IntN(20) {
			if !lines.Scan() {
				t.Fatal("the writer ended")
			}
			committed, err = strconv.ParseUint(lines.Text(), 10, 64)
			must(t, err)
		}
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) // to hit it anywhere
		must(t, cmd.Process.Kill())
		rest, _ := io.ReadAll(out)
		_, _ = cmd.Process.Wait()
		if whole := strings.Fields(string(rest)); len(whole) > 1 {
			n, err := strconv.ParseUint(whole[len(whole)-2], 10, 64)
			must(t, err)
			committed = max(committed, n)
		}
		a, err := Open(dir)
		must(t, err)
		if a.Size() < committed {
			t.Errorf("size %d after %d was committed", a.Size(), committed)
		}
		must(t, a.Check(t.Context()))
		must(t, a.Close())
	}
}

// stamps is a log of timestamps alone, for package combined.
type stamps []uint64

func (s stamps) Timestamp(pos uint64) (uint64, error) { return s[pos], nil }

func (s stamps) Lookups(uint64, []uint32, func(uint32, bool) bool) ([]bool, error) {
	return nil, errors.New("no lookups here")
}

// TestDistinguishedIsThatOfClients: the walk finds what directories and clients
// find, in logs of every pace.
func TestDistinguishedIsThatOfClients(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "archive")
		must2(t, err)
		defer os.RemoveAll(dir)
		a, err := Open(dir)
		must2(t, err)
		defer a.Close()
		var all stamps
		now := rapid.Uint64Range(0, 5000).Draw(t, "begin")
		for range rapid.IntRange(1, 300).Draw(t, "entries") {
			all = append(all, now)
			must2(t, a.Append(leaf(uint64(len(all)-1), now)))
			now += rapid.Uint64Range(0, 400).Draw(t, "pace")
		}
		must2(t, a.Commit())
		c := &wire.Configuration{ReasonableMonitoringWindow: rapid.Uint64Range(1, 3000).Draw(t, "window")}
		if rapid.Bool().Draw(t, "expires") {
			life := c.ReasonableMonitoringWindow + rapid.Uint64Range(1, 20000).Draw(t, "lifetime")
			c.MaximumLifetime = &life
		}
		size := rapid.Uint64Range(1, uint64(len(all))).Draw(t, "size")
		count := rapid.IntRange(1, 10).Draw(t, "count")
		got, err := a.Distinguished(c, size, count)
		must2(t, err)
		params := combined.Params{ReasonableMonitoringWindow: c.ReasonableMonitoringWindow}
		if c.MaximumLifetime != nil {
			params.MaximumLifetime = *c.MaximumLifetime
		}
		view, err := combined.NewView(all, params, size, 0, nil)
		must2(t, err)
		want, err := view.Distinguished(combined.Recent{Count: count}, nil)
		must2(t, err)
		positions := make([]uint64, len(got))
		for i, p := range got {
			positions[i] = p.Position
			if p.Timestamp != all[p.Position] {
				t.Fatal("another timestamp")
			}
		}
		if !slices.Equal(positions, want) {
			t.Fatalf("%v, and clients find %v", positions, want)
		}
	})
}

func TestPoints(t *testing.T) {
	a := open(t, t.TempDir())
	if p, err := a.Points(10); err != nil || len(p) != 0 {
		t.Error(p, err)
	}
	fill(t, a, 1000)
	must(t, a.Commit())
	for _, n := range []int{1, 2, 7, 100, 1000, 5000} {
		p, err := a.Points(n)
		must(t, err)
		if len(p) > n || len(p) < min(n, 1000)*9/10 || p[len(p)-1].Position != 999 || n > 1 && p[0].Position != 0 {
			t.Errorf("%d: %d points", n, len(p))
		}
		for i := range p {
			if i > 0 && p[i].Position <= p[i-1].Position || p[i].Timestamp != 100*p[i].Position {
				t.Errorf("%+v", p[i])
			}
		}
	}
}

// TestReadersWhileItGrows is for the race detector.
func TestReadersWhileItGrows(t *testing.T) {
	a := open(t, t.TempDir())
	fill(t, a, 10)
	must(t, a.Commit())
	done := make(chan error)
	for range 4 {
		go func() {
			for {
				size := a.Size()
				if size > 2000 {
					done <- nil
					return
				}
				proof, err := a.Inclusion(size/2, size)
				if err == nil {
					var c checkpoint.Checkpoint
					if c, err = a.Checkpoint(size); err == nil {
						var l checkpoint.Leaf
						if l, err = a.Leaf(size / 2); err == nil {
							err = checkpoint.CheckInclusion(c, &l, proof)
						}
					}
				}
				if err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for size := uint64(20); size < 2100; size += 17 {
		fill(t, a, size)
		must(t, a.Commit())
	}
	for range 4 {
		must(t, <-done)
	}
}

func BenchmarkAppend(b *testing.B) {
	a := open(b, b.TempDir())
	for b.Loop() {
		must(b, a.Append(leaf(a.Next(), 0)))
	}
	must(b, a.Commit())
}
