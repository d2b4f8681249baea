package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory/export"
	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/checkpoint"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A provider is a real log.
type provider struct {
	t   testing.TB
	op  *operator.Operator
	log *export.Log
	n   int
}

func newProvider(t testing.TB) *provider {
	t.Helper()
	dir := t.TempDir()
	_, err := operator.Init(dir, operator.Options{Domain: "example.org", OpaqueValues: true, ReasonableMonitoringWindow: time.Hour})
	must(t, err)
	op, err := operator.Open(dir, operator.OpenOptions{Interval: time.Millisecond, Limits: &httpapi.Unlimited})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- op.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-ran)
		must(t, op.Close())
	})
	return &provider{t: t, op: op, log: &export.Log{
		Format: op.Configuration().Format(), Snapshot: op.Sequencer().Snapshot, Signed: op.SignCheckpoint, Envelope: op.Document,
	}}
}

// grow makes entries until there are size.
func (p *provider) grow(size uint64) {
	p.t.Helper()
	for p.size() < size {
		p.n++
		_, err := p.op.Publish(p.t.Context(), fmt.Append(nil, "label-", p.n), []byte("value"))
		must(p.t, err)
	}
}

func (p *provider) size() uint64 {
	snap, err := p.op.Sequencer().Snapshot()
	must(p.t, err)
	defer snap.Release()
	return snap.Head().Size
}

// into exports to a folder.
func (p *provider) into(dir string) (export.Summary, error) {
	p.t.Helper()
	return into(p.t, p.log, dir)
}

func into(t testing.TB, s export.Source, dir string) (export.Summary, error) {
	t.Helper()
	folder, err := export.OpenFolder(dir)
	must(t, err)
	defer folder.Close()
	return export.Run(t.Context(), s, folder, export.Options{})
}

// filesOf returns the files of a folder with their digests and times.
func filesOf(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		b, err := os.ReadFile(path)
		must(t, err)
		info, err := d.Info()
		must(t, err)
		rel, err := filepath.Rel(dir, path)
		must(t, err)
		sum := sha256.Sum256(b)
		files[filepath.ToSlash(rel)] = hex.EncodeToString(sum[:8]) + info.ModTime().Format(time.RFC3339Nano)
		return nil
	}))
	return files
}

// TestFilesAreWhatIsServed: for every path, the bytes of the HTTP interface.
func TestFilesAreWhatIsServed(t *testing.T) {
	p := newProvider(t)
	p.grow(300)
	dir := t.TempDir()
	s, err := p.into(dir)
	if err != nil || s.Size != 300 || s.Previous != 0 || s.Files != 1+1+2+2+1+10 {
		t.Fatalf("%+v, %v", s, err)
	}
	server := httptest.NewServer(p.op.Handler())
	defer server.Close()
	for path := range filesOf(t, dir) {
		r, err := http.Get(server.URL + "/" + path)
		must(t, err)
		var served bytes.Buffer
		_, err = served.ReadFrom(r.Body)
		must(t, err)
		r.Body.Close()
		written, err := os.ReadFile(filepath.Join(dir, path))
		must(t, err)
		if r.StatusCode != http.StatusOK || !bytes.Equal(written, served.Bytes()) {
			t.Errorf("%s: %d bytes, served with %s: %d", path, len(written), r.Status, served.Len())
		}
	}
}

// TestIncremental: only what is new is written; full files never again; partial
// ones go when the full one is there; and with nothing new nothing is written.
func TestIncremental(t *testing.T) {
	p := newProvider(t)
	dir := t.TempDir()
	var before map[string]string
	size := uint64(0)
	for _, next := range []uint64{1, 5, 31, 32, 33, 255, 256, 257, 290, 290, 530} {
		p.grow(next)
		s, err := p.into(dir)
		if err != nil || s.Size != next || s.Previous != size || s.Present != 0 || next == size && s.Files+s.Bytes != 0 {
			t.Fatalf("to %d: %+v, %v", next, s, err)
		}
		after := filesOf(t, dir)
		written := 0
		for path, now := range after {
			was, there := before[path]
			if was != now {
				written++
			}
			if there && was != now && path != "log/checkpoint" {
				t.Errorf("to %d: %s was written again", next, path)
			}
			if strings.Contains(path, ".p/") {
				full, _, _ := strings.Cut(path, ".p/")
				if after[full] != "" {
					t.Errorf("to %d: %s is there beside the full one", next, path)
				}
			}
		}
		if uint64(written) != s.Files {
			t.Errorf("to %d: %d files are new, %d counted", next, written, s.Files)
		}
		for path := range before {
			if after[path] == "" && !strings.Contains(path, ".p/") {
				t.Errorf("to %d: %s is gone", next, path)
			}
		}
		before, size = after, next
	}
	// The same in one go.
	whole := t.TempDir()
	_, err := p.into(whole)
	must(t, err)
	for path := range filesOf(t, whole) {
		a, err := os.ReadFile(filepath.Join(whole, path))
		must(t, err)
		if b, err := os.ReadFile(filepath.Join(dir, path)); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

var errKilled = errors.New("killed")

// A killer is a target that stops for good before its nth write, and may leave a
// beginning of it behind.
type killer struct {
	export.Target
	dir  string
	mu   sync.Mutex
	left int
}

func (k *killer) Put(ctx context.Context, path string, b []byte, final bool) error {
	k.mu.Lock()
	k.left--
	dead := k.left < 0
	k.mu.Unlock()
	if dead {
		name := filepath.Join(k.dir, filepath.FromSlash(path)) + ".new"
		_ = os.MkdirAll(filepath.Dir(name), 0o755)
		_ = os.WriteFile(name, b[:len(b)/2], 0o644)
		return errKilled
	}
	return k.Target.Put(ctx, path, b, final)
}

// TestKilledAnywhere: whenever an export ends, what its checkpoint covers is there
// in full, and the next one finishes it without writing again what is whole.
func TestKilledAnywhere(t *testing.T) {
	p := newProvider(t)
	p.grow(70)
	old := t.TempDir()
	_, err := p.into(old)
	must(t, err)
	p.grow(300)
	want := t.TempDir()
	total, err := p.into(want)
	must(t, err)
	step := 1
	if testing.Short() {
		step = 4
	}
	for _, from := range []string{"", old} {
		for kill := 0; ; kill += step {
			dir := t.TempDir()
			if from != "" {
				must(t, os.CopyFS(dir, os.DirFS(from)))
			}
			folder, err := export.OpenFolder(dir)
			must(t, err)
			s, err := export.Run(t.Context(), p.log, &killer{Target: folder, dir: dir, left: kill}, export.Options{})
			must(t, folder.Close())
			if err == nil {
				break
			}
			if !errors.Is(err, errKilled) || s.Files > uint64(kill) {
				t.Fatalf("killed at write %d: %+v, %v", kill, s, err)
			}
			covered(t, p, dir)
			again, err := p.into(dir)
			if err != nil || again.Size != 300 || from == "" && again.Files+s.Files != total.Files {
				t.Fatalf("after a kill at write %d: %+v and %+v of %+v: %v", kill, s, again, total, err)
			}
			covered(t, p, dir)
			got, wanted := slices.Sorted(maps.Keys(filesOf(t, dir))), slices.Sorted(maps.Keys(filesOf(t, want)))
			// Every file that was begun is written by the next export.
			if from == "" && !slices.Equal(got, wanted) {
				t.Fatalf("after a kill at write %d: files\n%q, not\n%q", kill, got, wanted)
			}
		}
	}
}

// covered checks that everything under the checkpoint in a folder is there.
func covered(t *testing.T, p *provider, dir string) {
	t.Helper()
	note, err := os.ReadFile(filepath.Join(dir, "log/checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	must(t, err)
	text, _, _ := strings.Cut(string(note), "\n\n")
	c, err := checkpoint.ParseText(text + "\n")
	must(t, err)
	for level := checkpoint.Entries; level < 3; level++ {
		n := c.Size
		if level > 0 {
			n >>= checkpoint.TileHeight * level
		}
		for index := uint64(0); index*checkpoint.TileWidth < n; index++ {
			same(t, p, dir, checkpoint.Tile{Level: level, Index: index, Width: int(min(checkpoint.TileWidth, n-index*checkpoint.TileWidth))}.Path())
		}
	}
	for index := uint64(0); index*checkpoint.UpdatesWidth < c.Size; index++ {
		same(t, p, dir, checkpoint.UpdatesPath(index, int(min(checkpoint.UpdatesWidth, c.Size-index*checkpoint.UpdatesWidth))))
	}
}

// same checks a file, or the full one that replaced it.
func same(t *testing.T, p *provider, dir, path string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "log", path))
	if full, _, partial := strings.Cut(path, ".p/"); partial && errors.Is(err, fs.ErrNotExist) {
		path = full
		b, err = os.ReadFile(filepath.Join(dir, "log", path))
	}
	must(t, err)
	if want, err := p.log.File(t.Context(), path); err != nil || !bytes.Equal(b, want) {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestTornFiles: a file of another length than it must have is written again.
func TestTornFiles(t *testing.T) {
	p := newProvider(t)
	p.grow(70)
	dir := t.TempDir()
	_, err := p.into(dir)
	must(t, err)
	must(t, os.Remove(filepath.Join(dir, "log/checkpoint")))
	torn := filepath.Join(dir, "log/updates/001")
	must(t, os.Truncate(torn, 100))
	s, err := p.into(dir)
	if err != nil || s.Files != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	covered(t, p, dir)
}

// TestOtherTargets: what is not of this log is refused before anything is written.
func TestOtherTargets(t *testing.T) {
	p, other := newProvider(t), newProvider(t)
	p.grow(40)
	other.grow(10)
	theirs := t.TempDir()
	_, err := other.into(theirs)
	must(t, err)
	ours := t.TempDir()
	_, err = p.into(ours)
	must(t, err)
	bigger, err := p.log.Signed()
	must(t, err)

	for name, c := range map[string]struct {
		spoil func(dir string)
		want  error
	}{
		"another log": {func(dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.CopyFS(dir, os.DirFS(theirs)))
		}, export.ErrOtherLog},
		"another log's beginning": {func(dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.CopyFS(dir, os.DirFS(theirs)))
			must(t, os.Remove(filepath.Join(dir, "log/checkpoint")))
		}, export.ErrOtherLog},
		"no document": {func(dir string) { must(t, os.Remove(filepath.Join(dir, ".well-known/kith.json"))) }, export.ErrOtherLog},
		"not a document": {func(dir string) {
			must(t, os.WriteFile(filepath.Join(dir, ".well-known/kith.json"), []byte("{}"), 0o600))
		}, export.ErrOtherLog},
		"another's point": {func(dir string) { must(t, copyOver(theirs, dir, "log/checkpoint")) }, export.ErrOtherLog},
		"garbage":         {func(dir string) { must(t, os.WriteFile(filepath.Join(dir, "log/checkpoint"), []byte("x"), 0o600)) }, export.ErrOtherLog},
	} {
		dir := t.TempDir()
		must(t, os.CopyFS(dir, os.DirFS(ours)))
		c.spoil(dir)
		before := filesOf(t, dir)
		_, err := p.into(dir)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if after := filesOf(t, dir); !maps.Equal(before, after) {
			t.Errorf("%s: something was written", name)
		}
	}

	// A log that is behind its target.
	p.grow(41)
	dir := t.TempDir()
	_, err = p.into(dir)
	must(t, err)
	behind := *p.log
	behind.Signed = func() ([]byte, error) { return bigger, nil } // of 40 entries
	if _, err := into(t, &behind, dir); !errors.Is(err, export.ErrAhead) {
		t.Error(err)
	}
}

func copyOver(from, to, path string) error {
	b, err := os.ReadFile(filepath.Join(from, path))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, path), b, 0o644)
}

// A liar is a source with one file changed.
type liar struct {
	export.Source
	path   string
	change func([]byte) []byte
}

func (l *liar) File(ctx context.Context, path string) ([]byte, error) {
	b, err := l.Source.File(ctx, path)
	if path == l.path {
		b = l.change(bytes.Clone(b))
	}
	return b, err
}

// TestDamagedSource: what does not stand under the checkpoint is not published.
func TestDamagedSource(t *testing.T) {
	p := newProvider(t)
	p.grow(300)
	flip := func(b []byte) []byte { b[2+1+8+8+5] ^= 1; return b } // in the first leaf's root of the prefix tree
	for _, path := range []string{"updates/003", "updates/009.p/12", "tile/entries/001.p/44", "tile/0/000", "tile/1/000.p/1"} {
		for name, change := range map[string]func([]byte) []byte{
			"flipped": flip,
			"longer":  func(b []byte) []byte { return append(b, 0) },
			"shorter": func(b []byte) []byte { return b[:len(b)-1] },
		} {
			dir := t.TempDir()
			_, err := into(t, &liar{p.log, path, change}, dir)
			if !errors.Is(err, export.ErrSource) {
				t.Errorf("%s, %s: %v", path, name, err)
			}
			if strings.HasPrefix(path, "updates") && name == "flipped" && !strings.Contains(fmt.Sprint(err), "log entry") {
				t.Errorf("%s: the entry is not named: %v", path, err)
			}
			if _, err := os.Stat(filepath.Join(dir, "log/checkpoint")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, %s: a checkpoint was written", path, name)
			}
		}
	}
}

// TestFolderStaysInside: links in the target lead nowhere, and two exports at a
// time are one too many.
func TestFolderStaysInside(t *testing.T) {
	p := newProvider(t)
	p.grow(40)
	dir, outside := t.TempDir(), t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(dir, "log")))
	if _, err := p.into(dir); err == nil {
		t.Error("it followed a link")
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("%q were written outside", left)
	}
	held, err := export.OpenFolder(dir)
	must(t, err)
	defer held.Close()
	if _, err := export.OpenFolder(dir); !errors.Is(err, export.ErrInUse) {
		t.Error(err)
	}
}

// TestRemote: through another process the same is written, with progress.
func TestRemote(t *testing.T) {
	p := newProvider(t)
	p.grow(300)
	server := httptest.NewServer(export.Handler(p.log))
	defer server.Close()
	dir, direct := t.TempDir(), t.TempDir()
	folder, err := export.OpenFolder(dir)
	must(t, err)
	defer folder.Close()
	var last, all uint64
	_, err = export.Run(t.Context(), &export.Remote{Client: server.Client(), Base: server.URL}, folder, export.Options{
		Progress: func(done, of uint64) {
			if done <= last || done > of {
				t.Errorf("%d of %d after %d", done, of, last)
			}
			last, all = done, of
		},
	})
	must(t, err)
	if last != 300 || all != 300 {
		t.Errorf("ended at %d of %d", last, all)
	}
	_, err = p.into(direct)
	must(t, err)
	if a, b := filesOf(t, dir), filesOf(t, direct); len(a) != len(b) {
		t.Errorf("%d files, not %d", len(a), len(b))
	}
	covered(t, p, dir)
	for _, path := range []string{"/log/updates/010", "/log/tile/0/002", "/kt/v1/search", "/log/updates/000.p/99", "/log/../kith.json"} {
		r, err := http.Get(server.URL + path)
		must(t, err)
		r.Body.Close()
		if r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
}

// BenchmarkRun exports 300 entries to a new folder.
func BenchmarkRun(b *testing.B) {
	p := newProvider(b)
	p.grow(300)
	for b.Loop() {
		if s, err := p.into(b.TempDir()); err != nil || s.Size != 300 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*300/b.Elapsed().Seconds(), "entries/s")
}
