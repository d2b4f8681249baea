package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
)

func entries(t *testing.T) int {
	if testing.Short() {
		return 60
	}
	return 300
}

func TestAuditPasses(t *testing.T) {
	for _, suite := range []string{operator.SuiteEd25519, operator.SuiteP256} {
		w := newWorld(t, operator.Options{Suite: suite})
		n := entries(t)
		w.publish("a", n)
		var v auditView
		w.fine(&v, "audit", "--provider", w.server.URL)
		size := v.Head.Size
		if v.From != 0 || v.Entries != size || size < uint64(n) || v.Leaves != uint64(n) || v.Domain != domain {
			t.Fatalf("%s: %+v", suite, v)
		}
		dir := filepath.Join(t.TempDir(), "auditor")
		var i initView
		w.fine(&i, "init", "--provider", w.server.URL, "--data", dir, "--fingerprint", v.Fingerprint)
		w.fine(&v, "audit", "--data", dir)
		w.publish("b", 5)
		w.fine(&v, "audit", "--provider", w.server.URL, "--data", dir)
		if v.From != size || v.Entries != v.Head.Size-size || v.Leaves != 5 {
			t.Errorf("%s: went on: %+v", suite, v)
		}
		out, _, code := w.auditor("audit", "--data", dir)
		if code != exitFine || !strings.Contains(out, v.Head.Root) || !strings.Contains(out, fmt.Sprintf("audited      0 entries from entry %d on", v.Head.Size)) {
			t.Errorf("%s: %d %s", suite, code, out)
		}
	}
}

// TestEveryFlippedByteIsCaught: whatever of the served updates, leaves, tiles or
// checkpoint is not what it was, the audit fails and names the entry.
func TestEveryFlippedByteIsCaught(t *testing.T) {
	t.Chdir(t.TempDir()) // for the evidence
	w := newWorld(t, operator.Options{})
	w.publish("a", entries(t))
	paths := []string{"/log/checkpoint", "/log/tile/entries/000", "/log/tile/0/000", "/audit/v1/updates?start=0"}
	if !testing.Short() {
		paths = append(paths, "/log/tile/entries/001.p", "/log/tile/0/001.p", "/log/tile/1/000.p")
	}
	for _, path := range paths {
		for _, offset := range []int{0, 1, 31, 100, 5000, 123457} {
			w.flip(path, offset)
			f, v := w.caught("audit", "--provider", w.server.URL)
			if v.Kind != evidence.Stated || v.Claim != evidence.BadAnswer {
				t.Errorf("%s at %d: evidence %+v, %+v", path, offset, f, v)
			}
		}
	}
	w.front.Set(w.op.Handler())
	var v auditView
	w.fine(&v, "audit", "--provider", w.server.URL)
}

// TestForkAndRollback: with a folder, a log that does not continue the one seen is
// found out, and the two checkpoints in the evidence show it.
func TestForkAndRollback(t *testing.T) {
	w := newWorld(t, operator.Options{})
	w.publish("a", 20)
	one := w.dir
	other := w.copy()
	old := w.copy()
	dir := filepath.Join(t.TempDir(), "auditor")
	w.serve(one)
	w.publish("one", 3)
	w.fine(new(initView), "init", "--provider", w.server.URL, "--data", dir)
	w.fine(new(auditView), "audit", "--data", dir)

	for _, c := range []struct {
		name string
		dir  string
		more int
		kind pass.Kind
		what evidence.Kind
	}{
		{"rolled back", old, 0, pass.Rollback, evidence.Stated},
		{"another root at the same size", other, 3, pass.Fork, evidence.TwoCheckpoints},
		{"a fork that grew", other, 4, pass.Fork, evidence.TwoLeaves},
	} {
		w.serve(c.dir)
		w.publish(c.name, c.more)
		mine := filepath.Join(t.TempDir(), "auditor")
		must(t, os.CopyFS(mine, os.DirFS(dir)))
		private(t, mine)
		f, v := w.caught("audit", "--data", mine)
		if f.Kind != string(c.kind) || v.Kind != c.what || v.Proved != (c.what != evidence.Stated) || !strings.HasPrefix(f.Evidence, mine) {
			t.Errorf("%s: %+v, %+v", c.name, f, v)
			continue
		}
		// The lie was not remembered as truth. What was proved is not forgotten
		// when the provider tells the truth again, until somebody decides so.
		w.serve(one)
		if v.Proved {
			if again, _ := w.caught("audit", "--data", mine); again.Evidence != f.Evidence {
				t.Errorf("%s: %s, then %s", c.name, f.Evidence, again.Evidence)
			}
			must(t, os.Remove(filepath.Join(mine, "findings.jsonl")))
		}
		w.fine(new(auditView), "audit", "--data", mine)
	}
}

// private makes a copied folder fit for an auditor.
func private(t *testing.T, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.Chmod(name, 0o700)
		}
		return os.Chmod(name, 0o600)
	}))
}

func checkpointOf(t *testing.T, signed string) checkpoint.Checkpoint {
	t.Helper()
	text, _, _ := strings.Cut(signed, "\n\n")
	c, err := checkpoint.ParseText(text + "\n")
	must(t, err)
	return c
}

// TestResumeAfterInterruption: an audit that was interrupted goes on.
func TestResumeAfterInterruption(t *testing.T) {
	w := newWorld(t, operator.Options{})
	w.publish("a", 300)
	dir := filepath.Join(t.TempDir(), "auditor")
	w.fine(new(initView), "init", "--provider", w.server.URL, "--data", dir)
	ctx, cancel := context.WithCancel(t.Context())
	honest := w.op.Handler()
	w.front.Set(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/log/tile/entries/001") {
			cancel() // after the first 256 entries
			<-r.Context().Done()
			return
		}
		honest.ServeHTTP(out, r)
	}))
	if _, stderr, code := run(ctx, "audit", "--data", dir); code != exitFailed {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	w.front.Set(honest)
	var v auditView
	w.fine(&v, "audit", "--data", dir)
	if v.From != 256 || v.Entries != v.Head.Size-256 {
		t.Errorf("%+v", v)
	}
}

// TestUnreachableIsNoMisbehaviour: what cannot be read is failed, not caught.
func TestUnreachableIsNoMisbehaviour(t *testing.T) {
	w := newWorld(t, operator.Options{})
	for _, path := range []string{"/.well-known/kith.json", "/log/checkpoint", "/log/tile", "/audit"} {
		honest := w.op.Handler()
		w.front.Set(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, path) {
				panic(http.ErrAbortHandler)
			}
			honest.ServeHTTP(out, r)
		}))
		if _, stderr, code := w.auditor("audit", "--provider", w.server.URL); code != exitFailed || !strings.Contains(stderr, "hint: ") {
			t.Errorf("%s: exit %d: %s", path, code, stderr)
		}
	}
}

// TestFoldersOfOthers: a folder is of one log, and is damaged by nobody unnoticed.
func TestFoldersOfOthers(t *testing.T) {
	w, other := newWorld(t, operator.Options{}), newWorld(t, operator.Options{})
	dir, second := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	w.fine(new(initView), "init", "--provider", w.server.URL, "--data", dir)
	w.fine(new(auditView), "audit", "--data", dir)
	refused := func(word string, args ...string) {
		t.Helper()
		_, stderr, code := w.auditor(args...)
		if code != exitFailed || !strings.Contains(stderr, word) {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
	refused("signed", "audit", "--data", dir, "--provider", other.server.URL)
	refused("signed", "init", "--data", dir, "--provider", other.server.URL)
	var v auditView
	w.fine(&v, "audit", "--data", dir)
	if v.Entries != 0 {
		t.Errorf("%+v", v)
	}

	// The progress of another log, put into the folder.
	other.fine(&v, "init", "--provider", other.server.URL, "--data", second)
	other.fine(&v, "audit", "--data", second)
	b, err := os.ReadFile(filepath.Join(second, "progress"))
	must(t, err)
	mine, err := os.ReadFile(filepath.Join(dir, "progress"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "progress"), b, 0o600))
	refused("another log", "audit", "--data", dir)
	mine[len(mine)/2] ^= 1
	must(t, os.WriteFile(filepath.Join(dir, "progress"), mine, 0o600))
	refused("damaged", "audit", "--data", dir)
	mine[len(mine)/2] ^= 1
	must(t, os.WriteFile(filepath.Join(dir, "progress"), mine, 0o600))
	w.fine(&v, "audit", "--data", dir)

	must(t, os.Chmod(filepath.Join(dir, "progress"), 0o644))
	refused("read by others", "audit", "--data", dir)
	refused("holds no provider", "audit", "--data", t.TempDir())
	must(t, os.Chmod(filepath.Join(dir, "progress"), 0o600))
	refused("fingerprint", "audit", "--data", dir, "--fingerprint", v.Fingerprint[:1]+flipped(v.Fingerprint[1:]))

	held, err := watch.Open(t.Context(), watch.Options{Dir: dir})
	must(t, err)
	refused("in use", "audit", "--data", dir)
	must(t, held.Close())
}

// flipped is a fingerprint with another second letter.
func flipped(s string) string {
	if s[0] == 'a' {
		return "b" + s[1:]
	}
	return "a" + s[1:]
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{"audit"}, {"init"}, {"run"}, {"audit", "x"}, {"nonsense"}, {"audit", "--nonsense"},
		{"init", "--data", t.TempDir(), "--suite", "rot13"},
		{"audit", "--provider", "http://127.0.0.1:1", "--fingerprint", "abc"},
		{"run", "--data", t.TempDir(), "--poll", "0s"},
		{"run", "--data", t.TempDir(), "--tls-cert", "c.pem", "--tls-key", "k.pem"},
		{"run", "--data", t.TempDir(), "--behind-proxy"},
	} {
		if _, stderr, code := run(t.Context(), args...); code != exitUsage || !strings.Contains(stderr, "kith-auditor: hint: ") {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
	if _, stderr, code := run(t.Context(), "audit", "--provider", "http://kt.example.org"); code != exitFailed || !strings.Contains(stderr, "https") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestFirstContact(t *testing.T) {
	w := newWorld(t, operator.Options{})
	other := newWorld(t, operator.Options{})
	var v auditView
	other.fine(&v, "audit", "--provider", other.server.URL)
	dir := t.TempDir()
	_, stderr, code := w.auditor("init", "--provider", w.server.URL, "--data", dir, "--fingerprint", v.Fingerprint)
	if code != exitFailed || !strings.Contains(stderr, "not the one you gave") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Error("something was written")
	}
}
