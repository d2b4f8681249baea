package mirror_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/mirror"
	"github.com/kith-kt/kith/auditor/mirror/synthetic"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

const entries = 300

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newLog makes n entries in a folder and publishes them.
func newLog(t testing.TB, n int) (*synthetic.Log, string) {
	t.Helper()
	dir := t.TempDir()
	l, err := synthetic.New(dir, 1000, 0)
	must(t, err)
	grow(t, l, n)
	return l, dir
}

func grow(t testing.TB, l *synthetic.Log, n int) {
	t.Helper()
	for range n {
		i := l.Size()
		must(t, l.Add(400*(i+1), []wire.PrefixLeaf{synthetic.Leaf(2 * i), synthetic.Leaf(2*i + 1)}, nil))
	}
	must(t, l.Publish())
}

// audit audits a place from the beginning.
func audit(t testing.TB, m *mirror.Mirror) (pass.Result, error) {
	t.Helper()
	envelope, err := m.Document(t.Context())
	if err != nil {
		return pass.Result{}, err
	}
	pinned, err := provider.Open(envelope, synthetic.Domain, time.Now(), time.Minute)
	if err != nil {
		return pass.Result{}, err
	}
	log, err := pass.NewLog(pinned.Document)
	must(t, err)
	p := pass.Pass{Log: log, Source: m}
	return p.Run(t.Context(), log.Begin())
}

func open(t testing.TB, place string) *mirror.Mirror {
	t.Helper()
	return openWithin(t, place, 0)
}

// openWithin is open where every request has so long; 0: as long as in earnest.
func openWithin(t testing.TB, place string, timeout time.Duration) *mirror.Mirror {
	t.Helper()
	m, err := mirror.Open(place, feed.Options{MaxWait: -1, Timeout: timeout})
	must(t, err)
	t.Cleanup(m.Close)
	return m
}

// host serves a folder as a file host does that knows nothing of kith.
func host(t testing.TB, dir string) string {
	server := httptest.NewServer(http.StripPrefix("/some/where", http.FileServer(http.Dir(dir))))
	t.Cleanup(server.Close)
	return server.URL + "/some/where/"
}

func TestFolderAndHost(t *testing.T) {
	for _, n := range []int{1, 31, 32, 33, 256, 300, 512} {
		l, dir := newLog(t, n)
		for _, place := range []string{dir, host(t, dir)} {
			r, err := audit(t, open(t, place))
			if err != nil || r.Entries != uint64(n) || r.Leaves != 2*uint64(n) || r.Bytes != l.UpdateBytes()+4*uint64(n) {
				t.Errorf("%d entries: %+v, %v", n, r, err)
			}
		}
	}
}

// TestEveryFlippedByteIsCaught: nothing in any file can be changed unnoticed, and
// what does not hold is named.
func TestEveryFlippedByteIsCaught(t *testing.T) {
	_, dir := newLog(t, entries)
	var paths []string
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	}))
	if len(paths) != 1+1+2+2+1+10 {
		t.Fatalf("%d files: %q", len(paths), paths)
	}
	tries := 60
	if testing.Short() {
		tries = 5
	}
	m := open(t, dir)
	r := rand.New(rand.NewPCG(1, 2))
	for _, path := range paths {
		whole, err := os.ReadFile(path)
		must(t, err)
		offsets := r.Perm(len(whole))
		offsets = append([]int{0, 1, 2, 3, len(whole) - 1}, offsets[:min(tries, len(whole))]...)
		for _, i := range offsets {
			bad := bytes.Clone(whole)
			bad[i] ^= 1 << r.IntN(8)
			must(t, os.WriteFile(path, bad, 0o600))
			_, err := audit(t, m)
			var found *pass.Misbehaviour
			switch {
			case err == nil && strings.HasSuffix(path, ".json"): // spaces, perhaps, or a signature's encoding
				t.Logf("byte %d of %s does not matter", i, path)
			case err == nil:
				t.Fatalf("byte %d of %s: not found", i, path)
			case strings.Contains(path, "log") && !errors.As(err, &found):
				t.Fatalf("byte %d of %s: %v", i, path, err)
			case found != nil && (found.Entry >= entries || mirror.Provable(found)):
				t.Fatalf("byte %d of %s: entry %d, %v", i, path, found.Entry, err)
			}
			if found != nil && strings.Contains(path, "updates") && found.Entry/checkpoint.UpdatesWidth != indexOf(t, dir, path) {
				t.Fatalf("byte %d of %s: entry %d is named: %v", i, path, found.Entry, err)
			}
		}
		must(t, os.WriteFile(path, whole, 0o600))
	}
	_, err := audit(t, m)
	must(t, err)
}

func indexOf(t *testing.T, dir, path string) uint64 {
	t.Helper()
	index, _, err := checkpoint.ParseUpdatesPath(filepath.ToSlash(strings.TrimPrefix(path, filepath.Join(dir, "log")+"/")))
	must(t, err)
	return index
}

// TestWrongCounts: bundles with other than their number of updates.
func TestWrongCounts(t *testing.T) {
	_, dir := newLog(t, 70)
	first, last := filepath.Join(dir, "log/updates/000"), filepath.Join(dir, "log/updates/002.p/6")
	for name, c := range map[string]struct {
		path   string
		change func(b, other []byte) []byte
		entry  uint64
		word   string
	}{
		"one more":         {first, func(b, other []byte) []byte { return append(b, other...) }, 0, "after its 32 updates"},
		"one more, last":   {last, func(b, other []byte) []byte { return append(b, other...) }, 0, "after its 6 updates"},
		"cut in a length":  {first, func(b, _ []byte) []byte { return b[:2] }, 0, "cut off in a length"},
		"cut in a body":    {last, func(b, _ []byte) []byte { return b[:len(b)-1] }, 69, "cut off"},
		"empty":            {last, func([]byte, []byte) []byte { return nil }, 64, "updates end before the checkpoint"},
		"an update of 4 G": {first, func(b, _ []byte) []byte { return append([]byte{255, 255, 255, 255}, b...) }, 0, "an update of"},
	} {
		whole, err := os.ReadFile(c.path)
		must(t, err)
		must(t, os.WriteFile(c.path, c.change(bytes.Clone(whole), []byte{0, 0, 0, 1, 'x'}), 0o600))
		_, err = audit(t, open(t, dir))
		var m *pass.Misbehaviour
		if err == nil || !strings.Contains(err.Error(), c.word) || errors.As(err, &m) && m.Entry != c.entry {
			t.Errorf("%s: %v", name, err)
		}
		must(t, os.WriteFile(c.path, whole, 0o600))
	}
	// Less than its number: the entry whose update is missing is named.
	whole, err := os.ReadFile(first)
	must(t, err)
	n := 0
	for range 31 {
		n += 4 + int(whole[n])<<24 + int(whole[n+1])<<16 + int(whole[n+2])<<8 + int(whole[n+3])
	}
	must(t, os.WriteFile(first, whole[:n], 0o600))
	var m *pass.Misbehaviour
	if _, err := audit(t, open(t, dir)); !errors.As(err, &m) || m.Entry != 31 || !errors.Is(err, pass.ErrShort) {
		t.Error(err)
	}
}

// TestPartialFilesMayBeGone: a reader with an old checkpoint finds its files in the
// full ones that came after.
func TestPartialFilesMayBeGone(t *testing.T) {
	l, dir := newLog(t, 290)
	old, err := os.ReadFile(filepath.Join(dir, "log/checkpoint"))
	must(t, err)
	for l.Size() < 600 {
		grow(t, l, 1)
	}
	must(t, os.WriteFile(filepath.Join(dir, "log/checkpoint"), old, 0o600))
	for _, gone := range []string{"tile/0/001.p", "tile/entries/001.p", "updates/009.p"} {
		must(t, os.RemoveAll(filepath.Join(dir, "log", gone)))
	}
	r, err := audit(t, open(t, dir))
	if err != nil || r.Entries != 290 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestOnlyTheFolder: neither links nor paths lead out of it, and nothing but
// regular files of bounded size is read.
func TestOnlyTheFolder(t *testing.T) {
	_, dir := newLog(t, 40)
	secret := filepath.Join(t.TempDir(), "secret")
	bundle := filepath.Join(dir, "log/updates/000")
	whole, err := os.ReadFile(bundle)
	must(t, err)
	must(t, os.WriteFile(secret, whole, 0o600)) // it would even be right
	folder, err := mirror.OpenFolder(dir)
	must(t, err)
	defer folder.Close()
	for name, make := range map[string]func(){
		"a link out":  func() { must(t, os.Symlink(secret, bundle)) },
		"an endless":  func() { must(t, os.Symlink("/dev/zero", bundle)) },
		"a pipe":      func() { must(t, syscall.Mkfifo(bundle, 0o600)) },
		"a folder":    func() { must(t, os.Mkdir(bundle, 0o700)) },
		"a huge file": func() { must(t, os.WriteFile(bundle, nil, 0o600)); must(t, os.Truncate(bundle, pass.MaxBundle+1)) },
	} {
		must(t, os.RemoveAll(bundle))
		make()
		_, err := audit(t, open(t, dir))
		if err == nil || !strings.Contains(err.Error(), "log/updates/000") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, path := range []string{"../" + filepath.Base(dir) + "/log/checkpoint", "/etc/passwd", "log/../../x"} {
		if b, err := folder.Get(t.Context(), path, 1<<20); err == nil {
			t.Errorf("%s: %d bytes", path, len(b))
		}
	}
	if _, err := folder.Get(t.Context(), "log/nothing", 1); !errors.Is(err, feed.ErrAbsent) {
		t.Error(err)
	}
	if _, err := mirror.OpenFolder(filepath.Join(dir, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestHostsThatWaste: what a host serves is bounded in bytes and time, and named.
func TestHostsThatWaste(t *testing.T) {
	_, dir := newLog(t, 40)
	honest := http.FileServer(http.Dir(dir))
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 100<<20))
	z.Close()
	for name, lie := range map[string]http.HandlerFunc{
		"a compression bomb": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for chunk := make([]byte, 1<<20); r.Context().Err() == nil; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
		"a page for people": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<!doctype html><p>Welcome")
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2/", http.StatusFound)
		},
		"never": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"gone":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) },
	} {
		for _, path := range []string{"/log/updates/000", "/log/tile/entries/000.p/40", "/log/checkpoint"} {
			if name == "endless" && path == "/log/checkpoint" {
				continue // the same code
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == path {
					w.Header().Set("Content-Type", "")
					lie(w, r)
					return
				}
				honest.ServeHTTP(w, r)
			}))
			timeout := time.Duration(0)
			if name == "never" {
				timeout = 3 * time.Second
			}
			_, err := audit(t, openWithin(t, server.URL, timeout))
			var m *pass.Misbehaviour
			if err == nil || errors.As(err, &m) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %s: %v", name, path, err)
			}
			server.CloseClientConnections()
			server.Close()
		}
	}
}

// TestProviderWithoutBundles: a provider that has pages alone is read by them.
func TestProviderWithoutBundles(t *testing.T) {
	_, dir := newLog(t, 100)
	honest := http.FileServer(http.Dir(dir))
	var all []byte
	for _, path := range []string{"000", "001", "002", "003.p/4"} {
		b, err := os.ReadFile(filepath.Join(dir, "log/updates", path))
		must(t, err)
		all = append(all, b...)
	}
	bundles := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/log/updates/"):
			bundles++
			http.NotFound(w, r)
		case r.URL.String() == "/audit/v1/updates?start=0":
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(all)
		default:
			honest.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	r, err := audit(t, open(t, server.URL))
	if err != nil || r.Entries != 100 || bundles != 1 {
		t.Errorf("%+v, %d bundles asked for: %v", r, bundles, err)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"http://cdn.example.net/x", "https://u@cdn.example.net", "https://cdn.example.net/../x", "https://cdn.example.net/a%2fb", "https://cdn.example.net/?x", "ftp://cdn.example.net"} {
		if m, err := mirror.Open(bad, feed.Options{}); err == nil {
			t.Errorf("%s: %s", bad, m.Address())
		}
	}
	for given, want := range map[string]string{
		"https://CDN.example.net/a/b-c/": "https://cdn.example.net/a/b-c",
		"http://127.0.0.1:1":             "http://127.0.0.1:1",
	} {
		m, err := mirror.Open(given, feed.Options{})
		if err != nil || m.Address() != want {
			t.Errorf("%s: %v", given, err)
		}
	}
}

// TestUpdatesFromTheMiddle: an auditor goes on within a bundle.
func TestUpdatesFromTheMiddle(t *testing.T) {
	_, dir := newLog(t, 70)
	m := open(t, dir)
	if b, err := m.Updates(t.Context(), 0); err != nil || b != nil {
		t.Errorf("before a checkpoint was read: %d bytes, %v", len(b), err)
	}
	_, err := m.Checkpoint(context.Background())
	must(t, err)
	whole, err := m.Updates(t.Context(), 32)
	must(t, err)
	for start := range uint64(32) {
		b, err := m.Updates(t.Context(), 32+start)
		if err != nil || !bytes.HasSuffix(whole, b) || len(b) == 0 || start > 0 && len(b) >= len(whole) {
			t.Errorf("from %d: %d bytes, %v", 32+start, len(b), err)
		}
	}
	if b, err := m.Updates(t.Context(), 70); err != nil || len(b) != 0 {
		t.Errorf("at the end: %d bytes, %v", len(b), err)
	}
}
