package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-kt/kith/auditor/mirror/synthetic"
	"github.com/kith-kt/kith/directory/export"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/wire"
)

// export writes the log down in a folder.
func (w *world) export(dir string) {
	w.t.Helper()
	folder, err := export.OpenFolder(dir)
	must(w.t, err)
	defer folder.Close()
	_, err = export.Run(w.t.Context(), &export.Log{
		Format: w.op.Configuration().Format(), Snapshot: w.op.Sequencer().Snapshot, Signed: w.op.SignCheckpoint, Envelope: w.op.Document,
	}, folder, export.Options{})
	must(w.t, err)
}

// fails runs a command line that must exit with 1, and returns what it says.
func (w *world) fails(args ...string) (faultView, string) {
	w.t.Helper()
	out, stderr, code := w.auditor(append(args, "--json")...)
	var f faultView
	if code != exitFailed {
		w.t.Fatalf("%v: exit %d: %s", args, code, stderr)
	}
	must(w.t, json.Unmarshal([]byte(out), &f))
	return f, stderr
}

// TestAuditFromACopy: from a folder or a file host, without a word to the provider.
func TestAuditFromACopy(t *testing.T) {
	w := newWorld(t, operator.Options{})
	w.publish("a", entries(t))
	data := filepath.Join(t.TempDir(), "auditor")
	w.fine(new(initView), "init", "--provider", w.server.URL, "--data", data)
	var served auditView
	w.fine(&served, "audit", "--provider", w.server.URL)

	dir := t.TempDir()
	w.export(dir)
	host := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer host.Close()
	w.front.Set(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the provider was asked for %s", r.URL) }))
	for _, args := range [][]string{
		{"--from", dir}, {"--from", host.URL}, {"--from", dir, "--fingerprint", served.Fingerprint}, {"--from", host.URL, "--data", data},
	} {
		var v auditView
		w.fine(&v, append([]string{"audit"}, args...)...)
		if v.Head != served.Head || v.Leaves != served.Leaves || v.Fingerprint != served.Fingerprint || v.Entries != served.Entries {
			t.Errorf("%v: %+v, not %+v", args, v, served)
		}
	}
	out, _, code := w.auditor("audit", "--from", dir)
	if code != exitFine || !strings.Contains(out, "fingerprint  "+served.Fingerprint) {
		t.Errorf("exit %d: %s", code, out)
	}
	if f, stderr := w.fails("audit", "--from", dir, "--fingerprint", served.Fingerprint[:1]+flipped(served.Fingerprint[1:])); f.Evidence != "" || !strings.Contains(stderr, "fingerprint") {
		t.Errorf("%+v: %s", f, stderr)
	}
	if _, stderr := w.fails("audit", "--from", t.TempDir()); !strings.Contains(stderr, "holds no whole log") {
		t.Error(stderr)
	}
	if _, stderr := w.fails("audit", "--from", filepath.Join(dir, "nowhere")); !strings.Contains(stderr, "no such file") {
		t.Error(stderr)
	}
	if _, _, code := w.auditor("audit", "--from", dir, "--provider", w.server.URL); code != exitUsage {
		t.Errorf("both: exit %d", code)
	}

	// A document that was cut off is named.
	document := filepath.Join(dir, ".well-known", "kith.json")
	whole, err := os.ReadFile(document)
	must(t, err)
	must(t, os.WriteFile(document, whole[:100], 0o600))
	if f, stderr := w.fails("audit", "--from", dir); f.Evidence != "" || !strings.Contains(stderr, "kith.json") || !strings.Contains(stderr, "hint: copy the log again") {
		t.Errorf("%+v: %s", f, stderr)
	}
	must(t, os.WriteFile(document, whole, 0o600))

	// Another log, for a folder that knows this one.
	other := newWorld(t, operator.Options{})
	foreign := t.TempDir()
	other.export(foreign)
	if f, _ := w.fails("audit", "--from", foreign, "--data", data); f.Evidence != "" {
		t.Errorf("%+v", f)
	}
}

// TestStaleAndForkedCopies: a copy that is old is no fault of the provider; one that
// the provider signed against what it signed before is.
func TestStaleAndForkedCopies(t *testing.T) {
	w := newWorld(t, operator.Options{})
	w.publish("a", 20)
	old, fork, data := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "auditor")
	w.export(old)
	one := w.dir
	second := w.copy()
	w.serve(one)
	w.publish("one", 3)
	w.fine(new(initView), "init", "--provider", w.server.URL, "--data", data)
	w.fine(new(auditView), "audit", "--data", data)
	if f, stderr := w.fails("audit", "--from", old, "--data", data); f.Evidence != "" || !strings.Contains(stderr, "older than what this folder has seen") {
		t.Errorf("%+v: %s", f, stderr)
	}
	w.serve(second)
	w.publish("two", 3)
	w.export(fork)
	if f, v := w.caught("audit", "--from", fork, "--data", data); !v.Proved || v.Kind != evidence.TwoCheckpoints {
		t.Errorf("%+v, %+v", f, v)
	}
}

// TestEveryFlippedByteOfACopyIsCaught: whatever byte of an exported log is changed,
// the audit fails, and names the entry; and it does not accuse the provider.
func TestEveryFlippedByteOfACopyIsCaught(t *testing.T) {
	t.Chdir(t.TempDir())
	w := newWorld(t, operator.Options{})
	w.publish("a", entries(t))
	dir := t.TempDir()
	w.export(dir)
	size := w.size()
	tries := 8
	if testing.Short() {
		tries = 2
	}
	r := rand.New(rand.NewPCG(1, 2))
	files := 0
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		files++
		whole, err := os.ReadFile(path)
		must(t, err)
		for i := range tries {
			at := r.IntN(len(whole))
			if i == 0 {
				at = len(whole) - 1
			}
			bad := bytes.Clone(whole)
			bad[at] ^= 1 << r.IntN(8)
			must(t, os.WriteFile(path, bad, 0o600))
			out, stderr, code := w.auditor("audit", "--from", dir, "--json")
			document := strings.HasSuffix(path, ".json")
			var f faultView
			if err := json.Unmarshal([]byte(out), &f); err != nil || code != exitFailed && !document || f.Evidence != "" {
				t.Fatalf("byte %d of %s: exit %d: %s", at, path, code, stderr)
			}
			if !document && (f.Entry == nil || *f.Entry >= size || !strings.Contains(stderr, "log entry ")) {
				t.Fatalf("byte %d of %s: no entry is named: %s", at, path, stderr)
			}
		}
		must(t, os.WriteFile(path, whole, 0o600))
		return nil
	}))
	if files < 6 {
		t.Errorf("%d files", files)
	}
	w.fine(new(auditView), "audit", "--from", dir)
}

func (w *world) size() uint64 {
	w.t.Helper()
	snap, err := w.op.Sequencer().Snapshot()
	must(w.t, err)
	defer snap.Release()
	return snap.Head().Size
}

// TestSignedLiesInACopy: what the provider signed is the provider's, whoever hands
// it on.
func TestSignedLiesInACopy(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := t.TempDir()
	l, err := synthetic.New(dir, benchWindow, 0)
	must(t, err)
	for i := range uint64(10) {
		must(t, l.Add(benchTime(i), []wire.PrefixLeaf{synthetic.Leaf(i)}, nil))
	}
	must(t, l.Add(benchTime(10), nil, []wire.PrefixLeaf{synthetic.Leaf(9)}))
	must(t, l.Publish())
	w := &world{t: t}
	f, v := w.caughtFrom(dir)
	if !v.Proved || v.Kind != evidence.EarlyRemoval || f.Step != 5 || v.Entry != 10 {
		t.Errorf("%+v, %+v", f, v)
	}
}

func (w *world) caughtFrom(dir string) (f faultView, v *evidence.Verdict) {
	w.t.Helper()
	out, stderr, code := w.auditor("audit", "--from", dir, "--json")
	if code != exitMisbehaved {
		w.t.Fatalf("exit %d: %s", code, stderr)
	}
	must(w.t, json.Unmarshal([]byte(out), &f))
	return f, verdict(w.t, f.Evidence)
}
