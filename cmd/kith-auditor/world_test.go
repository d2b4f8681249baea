package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/evidence"
)

const domain = "example.org"

// A world is one address, a provider behind it, and perhaps a liar in front of it.
type world struct {
	t      *testing.T
	front  evil.Switch
	server *httptest.Server
	dir    string // of the provider
	op     *operator.Operator
	stop   func()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T, o operator.Options) *world {
	t.Helper()
	w := &world{t: t}
	w.server = httptest.NewServer(&w.front)
	t.Cleanup(func() {
		if w.stop != nil {
			w.stop()
		}
		w.server.Close()
	})
	if o.Domain == "" {
		o.Domain = domain
	}
	o.Addresses, o.OpaqueValues = []string{w.server.URL}, true
	if o.ReasonableMonitoringWindow == 0 {
		o.ReasonableMonitoringWindow = time.Hour
	}
	dir := t.TempDir()
	_, err := operator.Init(dir, o)
	must(t, err)
	w.serve(dir)
	return w
}

// serve serves the provider in a folder, instead of the one before.
func (w *world) serve(dir string) {
	w.t.Helper()
	if w.stop != nil {
		w.stop()
	}
	op, err := operator.Open(dir, operator.OpenOptions{
		Interval: time.Millisecond, CheckpointInterval: time.Millisecond, Limits: &httpapi.Unlimited,
	})
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- op.Run(ctx) }()
	w.dir, w.op = dir, op
	w.stop = func() {
		cancel()
		must(w.t, <-ran)
		must(w.t, op.Close())
		w.stop = nil
	}
	w.front.Set(op.Handler())
}

// publish makes n entries.
func (w *world) publish(word string, n int) {
	w.t.Helper()
	for i := range n {
		_, err := w.op.Publish(w.t.Context(), fmt.Appendf(nil, "%s-%d", word, i), []byte("value"))
		must(w.t, err)
	}
	_, err := w.op.SignCheckpoint()
	must(w.t, err)
}

// copy stops the provider and copies its folder: two of one log.
func (w *world) copy() string {
	w.t.Helper()
	if w.stop != nil {
		w.stop()
	}
	to := w.t.TempDir()
	must(w.t, os.CopyFS(to, os.DirFS(w.dir)))
	for _, private := range []string{"keys", "root"} {
		entries, err := os.ReadDir(filepath.Join(to, private))
		must(w.t, err)
		must(w.t, os.Chmod(filepath.Join(to, private), 0o700))
		for _, e := range entries {
			must(w.t, os.Chmod(filepath.Join(to, private, e.Name()), 0o600))
		}
	}
	return to
}

// flip changes one bit of the answers to requests whose URL begins so.
func (w *world) flip(prefix string, offset int) {
	honest := w.op.Handler()
	w.front.Set(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.String(), prefix) {
			honest.ServeHTTP(out, r)
			return
		}
		answer := httptest.NewRecorder()
		honest.ServeHTTP(answer, r)
		b := answer.Body.Bytes()
		b[offset%len(b)] ^= 1
		out.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		out.WriteHeader(answer.Code)
		out.Write(b)
	}))
}

// auditor runs one command line.
func (w *world) auditor(args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	return run(w.t.Context(), args...)
}

func run(ctx context.Context, args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	p := &program{out: &out, err: &err, now: time.Now, rand: rand.Reader}
	code = p.run(ctx, args)
	return out.String(), err.String(), code
}

// fine runs a command line that must succeed, with JSON for v.
func (w *world) fine(v any, args ...string) {
	w.t.Helper()
	out, stderr, code := w.auditor(append(args, "--json")...)
	if code != exitFine {
		w.t.Fatalf("%v: exit %d: %s", args, code, stderr)
	}
	must(w.t, json.Unmarshal([]byte(out), v))
}

// caught runs a command line that must exit with 3, and verifies the evidence.
func (w *world) caught(args ...string) (faultView, *evidence.Verdict) {
	w.t.Helper()
	out, stderr, code := w.auditor(append(args, "--json")...)
	var f faultView
	if code != exitMisbehaved {
		w.t.Fatalf("%v: exit %d: %s", args, code, stderr)
	}
	must(w.t, json.Unmarshal([]byte(out), &f))
	v := verdict(w.t, f.Evidence)
	if f.Entry == nil || v.Domain != domain || v.Proved != f.Proved || f.Exit != code {
		w.t.Fatalf("%+v does not fit %+v", v, f)
	}
	if !strings.Contains(stderr, f.Evidence) || !strings.Contains(stderr, fmt.Sprintf("log entry %d", *f.Entry)) {
		w.t.Errorf("the file or the entry is not named: %s", stderr)
	}
	return f, v
}

// verdict verifies an evidence file.
func verdict(t *testing.T, path string) *evidence.Verdict {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	e, err := evidence.Parse(b)
	must(t, err)
	if e.Detached, err = os.ReadFile(path + ".update"); err != nil {
		e.Detached = nil
	}
	v, err := e.Verify()
	must(t, err)
	return v
}
