package watch

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/auditor/archive"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// TestFollows: what is audited is in the archive, and is gone on from.
func TestFollows(t *testing.T) {
	w := newWorld(t, nil).fill(300)
	dir := w.init(nil)
	watch := w.open(dir, nil)
	for range 3 {
		passes(t, watch)
		s := watch.Status()
		if s.Size != uint64(len(w.leaves)) || s.Root != w.roots.Root() || s.Misbehaved || s.Fault != "" || s.LastPass.IsZero() || s.Domain != "example.org" {
			t.Fatalf("%+v", s)
		}
		if watch.Archive().Size() != s.Size || !bytes.Equal(watch.Checkpoint(), w.checkpoint(len(w.leaves))) {
			t.Fatalf("the archive is at %d", watch.Archive().Size())
		}
		must(t, watch.Archive().Check(t.Context()))
		must(t, watch.Close())
		w.fill(70)
		watch = w.open(dir, nil)
		if got := watch.Status(); got.Size != s.Size || got.Root != s.Root {
			t.Fatalf("it begins at %d", got.Size)
		}
	}
}

// TestFolderOfBefore: a folder that has progress and no archive is gone on from; the
// archive is read again, from entry 0, and verified.
func TestFolderOfBefore(t *testing.T) {
	w := newWorld(t, nil).fill(300)
	dir := w.init(nil)
	watch := w.open(dir, nil)
	passes(t, watch)
	must(t, watch.Close())
	for _, name := range []string{archiveFolder, updatesFolder, cosignerFile, checkpointFile, findingsFile} {
		must(t, os.RemoveAll(filepath.Join(dir, name)))
	}
	w.fill(10)
	w.lie = func(path string, b []byte) ([]byte, error) {
		if path == "tile/entries/000" {
			b[300] ^= 1
		}
		return b, nil
	}
	watch = w.open(dir, nil)
	if _, err := watch.Pass(t.Context()); err == nil {
		t.Fatal("a leaf that is not the one audited")
	}
	must(t, watch.Close())
	must(t, os.RemoveAll(filepath.Join(dir, findingsFile)))
	w.lie = nil
	watch = w.open(dir, nil)
	if r := passes(t, watch); r.Entries != 10 || watch.Archive().Size() != 310 {
		t.Errorf("%d entries, archive of %d", r.Entries, watch.Archive().Size())
	}
	must(t, watch.Archive().Check(t.Context()))
}

// TestDamagedArchiveIsNamed: and is not held against the log.
func TestDamagedArchiveIsNamed(t *testing.T) {
	w := newWorld(t, nil).fill(300)
	dir := w.init(nil)
	watch := w.open(dir, nil)
	passes(t, watch)
	must(t, watch.Close())
	name := filepath.Join(dir, archiveFolder, "level-0")
	b, err := os.ReadFile(name)
	must(t, err)
	must(t, os.WriteFile(name, b[:100], 0o600))
	if _, err := Open(t.Context(), w.options(dir)); !errors.Is(err, archive.ErrDamaged) || !strings.Contains(err.Error(), name) {
		t.Error(err)
	}
	must(t, os.RemoveAll(filepath.Join(dir, archiveFolder)))
	passes(t, w.open(dir, nil))
}

// TestArchiveOfAnotherLog: put into the folder, it accuses nobody.
func TestArchiveOfAnotherLog(t *testing.T) {
	var dirs []string
	for _, w := range []*world{newWorld(t, nil).fill(100), fork(t, 50, 100)} {
		dirs = append(dirs, w.init(nil))
		watch := w.open(dirs[len(dirs)-1], nil)
		passes(t, watch)
		must(t, watch.Close())
	}
	w := newWorld(t, nil).fill(100)
	for _, also := range []string{"", checkpointFile, progressFile} {
		mine := filepath.Join(t.TempDir(), "auditor")
		must(t, os.CopyFS(mine, os.DirFS(dirs[0])))
		must(t, filepath.WalkDir(mine, func(name string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				err = os.Chmod(name, 0o600)
			}
			return err
		}))
		must(t, os.RemoveAll(filepath.Join(mine, archiveFolder)))
		must(t, os.CopyFS(filepath.Join(mine, archiveFolder), os.DirFS(filepath.Join(dirs[1], archiveFolder))))
		if also != "" {
			must(t, os.Remove(filepath.Join(mine, also)))
		}
		if _, err := Open(t.Context(), w.options(mine)); !errors.Is(err, archive.ErrDamaged) || !strings.Contains(err.Error(), archiveFolder) {
			t.Errorf("without %q: %v", also, err)
		}
	}
}

// TestArchiveAheadOfProgress: killed between the two, nothing is lost and nothing
// is there twice.
func TestArchiveAheadOfProgress(t *testing.T) {
	w := newWorld(t, nil).fill(100)
	dir := w.init(nil)
	watch := w.open(dir, nil)
	passes(t, watch)
	before, err := os.ReadFile(filepath.Join(dir, progressFile))
	must(t, err)
	w.fill(50)
	passes(t, watch)
	must(t, watch.Close())
	must(t, os.WriteFile(filepath.Join(dir, progressFile), before, 0o600))
	watch = w.open(dir, nil)
	if r := passes(t, watch); r.Entries != 50 || watch.Archive().Size() != 150 {
		t.Errorf("%d entries, archive of %d", r.Entries, watch.Archive().Size())
	}
}

// TestDownIsNoMisbehaviour: whatever cannot be read, nothing is found, however long.
func TestDownIsNoMisbehaviour(t *testing.T) {
	w := newWorld(t, nil).fill(20)
	watch := w.start()
	passes(t, watch)
	w.lie = func(string, []byte) ([]byte, error) { return nil, problem.ErrUnavailable }
	for range 10 {
		w.wait(time.Hour)
		if _, err := watch.Pass(t.Context()); !errors.Is(err, problem.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if s := watch.Status(); len(s.Findings) != 0 || s.Fault == "" || s.Failures != 10 {
		t.Errorf("%+v", s)
	}
}

func auditedBy(public []byte, start uint64) func(*wire.Configuration) {
	return func(c *wire.Configuration) {
		c.Mode, c.AuditorPublicKey, c.AuditorStartPos, c.MaxAuditorLag = wire.ThirdPartyAuditing, public, start, 60_000
	}
}

// auditor makes the keys of an auditor, before there is a log.
func auditorKeys(t testing.TB) (dir string, id *Identity) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "keys")
	id, err := Init(t.Context(), InitOptions{Dir: dir, Name: "audit.example.net"})
	must(t, err)
	return dir, id
}

// TestMUSTNotSignTwoHeadsOfOneSize: what was signed before is handed out again, and
// a head that the history contradicts is not made.
func TestMUSTNotSignTwoHeadsOfOneSize(t *testing.T) {
	dir, id := auditorKeys(t)
	w := newWorld(t, auditedBy(id.PublicKey, 0)).fill(20)
	w.init(func(o *InitOptions) { o.Dir = dir })
	watch := w.open(dir, nil)
	passes(t, watch)
	if len(w.heads) != 1 || watch.Status().SignedSize != 20 || !watch.Status().SignsHeads {
		t.Fatalf("%d heads", len(w.heads))
	}
	again, err := watch.sign()
	if err != nil || !bytes.Equal(again, w.heads[0]) {
		t.Errorf("another head: %v", err)
	}
	root := watch.progress.State.Root()
	for _, h := range []SignedHead{
		{Size: 20, Root: make([]byte, 32), Head: []byte{1}}, // another root
		{Size: 21, Root: root[:], Head: []byte{1}},          // more than was audited
	} {
		must(t, os.Remove(filepath.Join(dir, headsFile)))
		must(t, watch.folder.addLine(headsFile, &h))
		if b, err := watch.sign(); !errors.Is(err, ErrHeads) || b != nil {
			t.Errorf("size %d: signed %x, %v", h.Size, b, err)
		}
	}
}

// TestTornHistory: what a crash left of a line is not a head, and is replaced.
func TestTornHistory(t *testing.T) {
	f := &folder{dir: t.TempDir()}
	for size := range uint64(3) {
		must(t, f.addLine(headsFile, &SignedHead{Size: size + 1, Root: []byte{1}, Head: []byte{2}}))
		file, err := os.OpenFile(f.path(headsFile), os.O_APPEND|os.O_WRONLY, 0)
		must(t, err)
		_, err = file.WriteString(`{"size":99`)
		must(t, err)
		must(t, file.Close())
		if h, err := f.lastHead(); err != nil || h.Size != size+1 {
			t.Fatalf("%+v, %v", h, err)
		}
	}
	if b, err := f.lines(headsFile); err != nil || bytes.Count(b, []byte("\n")) != 3 {
		t.Errorf("%s, %v", b, err)
	}
	must(t, os.WriteFile(f.path(headsFile), []byte("garbage\n"), 0o600))
	if _, err := f.lastHead(); !errors.Is(err, ErrHeads) {
		t.Error(err)
	}
}

// TestAuditorChanges: leaves go over to the Configuration of another auditor, as the
// document announces it, and never back.
func TestAuditorChanges(t *testing.T) {
	dir, id := auditorKeys(t)
	w := newWorld(t, auditedBy(bytes.Repeat([]byte{9}, 32), 0)).fill(20)
	old := w.digest
	w.init(func(o *InitOptions) { o.Dir = dir })
	watch := w.open(dir, nil)
	passes(t, watch)
	if len(w.heads) != 0 {
		t.Fatal("it signs as another auditor")
	}
	// The document is there before the first leaf of the new Configuration, but not
	// before this pass began.
	c := *w.config
	auditedBy(id.PublicKey, 20)(&c)
	first := w.envelope
	w.publish(&c)
	w.configure()
	w.fill(10)
	served := 0
	w.lie = func(path string, b []byte) ([]byte, error) {
		if path == "document" {
			if served++; served == 1 {
				return first, nil
			}
		}
		return b, nil
	}
	passes(t, watch)
	if s := watch.Status(); s.Size != 30 || !s.SignsHeads || len(w.heads) != 1 {
		t.Errorf("%+v", s)
	}
	w.lie = nil

	// Somebody new knows both from the document.
	other := w.start()
	if r := passes(t, other); r.Entries != 30 {
		t.Errorf("%d entries", r.Entries)
	}

	w.digest = old
	w.fill(1)
	_, err := watch.Pass(t.Context())
	m, ok := errors.AsType[*Misbehaved](err)
	if !ok || m.Finding.Kind != string(pass.Reconfigured) || m.Finding.Entry != 30 {
		t.Fatal(err)
	}
	verdict(t, watch, m.Finding)
}

// TestOtherLogIsNotFollowed: a document with another key, or other rules, is not of
// the log that is pinned.
func TestOtherLogIsNotFollowed(t *testing.T) {
	for name, change := range map[string]func(*wire.Configuration){
		"another VRF key": func(c *wire.Configuration) { c.VRFPublicKey = bytes.Repeat([]byte{3}, 32) },
		"another window":  func(c *wire.Configuration) { c.ReasonableMonitoringWindow++ },
	} {
		w := newWorld(t, nil).fill(5)
		watch := w.start()
		passes(t, watch)
		c := *w.config
		change(&c)
		if name == "another VRF key" { // it has no past in common with the one before
			w.document.Former, w.document.Configuration = nil, nil
		}
		w.publish(&c)
		if _, err := watch.Pass(t.Context()); !errors.Is(err, ErrMoved) {
			if _, ok := errors.AsType[*Misbehaved](err); !ok {
				t.Errorf("%s: %v", name, err)
			}
		}
		switch f := watch.Findings(); {
		case name == "another window": // the root keys may say so; it is not followed
			if len(f) != 0 || watch.Status().Fault == "" {
				t.Errorf("%s: %+v", name, f)
			}
		case len(f) != 1 || f[0].Kind != KindDocuments:
			t.Errorf("%s: %+v", name, f)
		default:
			verdict(t, watch, f[0])
		}
	}
}

// TestTwoDocuments: two documents of one version prove themselves.
func TestTwoDocuments(t *testing.T) {
	w := newWorld(t, nil).fill(5)
	watch := w.start()
	passes(t, watch)
	w.document.Addresses = []string{"https://elsewhere.example.org"}
	w.envelope = w.sign(w.document)
	_, err := watch.Pass(t.Context())
	m, ok := errors.AsType[*Misbehaved](err)
	if !ok || !m.Finding.Proved || m.Finding.Kind != KindDocuments {
		t.Fatal(err)
	}
	verdict(t, watch, m.Finding)
}

// TestAwait: whoever waits gets a pass made, once, and an answer in time.
func TestAwait(t *testing.T) {
	w := newWorld(t, nil).fill(20)
	watch := w.start()
	must(t, watch.Await(t.Context(), 20))
	w.fill(5)
	done := make(chan error)
	for range 8 {
		go func() { done <- watch.Await(t.Context(), 25) }()
	}
	for range 8 {
		must(t, <-done)
	}
	if err := watch.Await(t.Context(), 26); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
	ends, err := watch.begins(t.Context()) // a pass that takes long
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := watch.Await(ctx, 26); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	ends()
}

// TestTrust: an audit that begins after a trusted checkpoint holds all before
// against it, and computes all after.
func TestTrust(t *testing.T) {
	w := newWorld(t, nil).fill(300)
	note := w.checkpoint(280)
	dir := w.init(func(o *InitOptions) { o.Trust = note })
	watch := w.open(dir, nil)
	if s := watch.Status(); s.Size != 280 || s.Start != 280 || watch.Archive().Size() != 280 || !bytes.Equal(watch.Checkpoint(), note) {
		t.Fatalf("%+v", s)
	}
	if r := passes(t, watch); r.Entries != 20 || watch.Status().Root != w.roots.Root() {
		t.Errorf("%d entries", r.Entries)
	}
	must(t, watch.Archive().Check(t.Context()))
	must(t, watch.Close())

	if _, err := Init(t.Context(), InitOptions{Dir: dir, Source: w, Now: w.now, Trust: note}); !errors.Is(err, ErrBegun) {
		t.Error(err)
	}
	younger := newWorld(t, nil).fill(100) // a folder that has audited, but not as far
	begun := younger.init(nil)
	early := younger.open(begun, nil)
	passes(t, early)
	must(t, early.Close())
	if _, err := Init(t.Context(), InitOptions{Dir: begun, Source: w, Now: w.now, Trust: note}); !errors.Is(err, ErrBegun) {
		t.Error(err)
	}

	other := newWorld(t, nil).fill(100)
	other.entry(1, []wire.PrefixLeaf{leaf(9999)}, nil, nil)
	other.fill(200)
	for name, trust := range map[string][]byte{
		"another log's":   other.checkpoint(280),
		"beyond":          other.checkpoint(301),
		"not signed":      bytes.Replace(note, []byte("280"), []byte("281"), 1),
		"of an empty log": w.checkpoint(0),
	} {
		into := filepath.Join(t.TempDir(), "a")
		if _, err := Init(t.Context(), InitOptions{Dir: into, Source: w, Now: w.now, Trust: trust}); !errors.Is(err, ErrTrust) {
			t.Errorf("%s: %v", name, err)
		}
		if b, _ := os.ReadFile(filepath.Join(into, progressFile)); b != nil {
			t.Errorf("%s: it was trusted", name)
		}
	}
	// Leaves that stand under the checkpoint, but whose roots do not follow.
	liar := newWorld(t, nil).fill(50)
	liar.entry(1, nil, nil, func(_ *wire.AuditorUpdate, l *checkpoint.Leaf) { l.Root[0] ^= 1 })
	if _, err := Init(t.Context(), InitOptions{Dir: filepath.Join(t.TempDir(), "a"), Source: liar, Now: liar.now, Trust: liar.checkpoint(51)}); !errors.Is(err, ErrTrust) {
		t.Error(err)
	}
}
