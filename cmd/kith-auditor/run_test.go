package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/wire"
)

// A daemonTest is kith-auditor run, in process.
type daemonTest struct {
	t    *testing.T
	url  string // of /metrics and /healthz
	stop context.CancelFunc
	done chan int
}

// start starts kith-auditor run; the caller ends it.
func start(t *testing.T, dir string, more ...string) *daemonTest {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	t.Cleanup(func() { // before its folder goes, and the test is over
		stop()
		<-ended
	})
	r, w := io.Pipe()
	d := &daemonTest{t: t, stop: stop, done: make(chan int, 1)}
	logs, err := os.CreateTemp(t.TempDir(), "log")
	must(t, err)
	p := &program{out: w, err: logs, now: time.Now, rand: rand.Reader}
	go func() {
		defer close(ended)
		args := []string{"run", "--data", dir, "--listen", "127.0.0.1:0", "--poll", "5ms", "--log-format", "json"}
		code := p.run(ctx, append(args, more...))
		if code != exitFine {
			b, _ := os.ReadFile(logs.Name())
			t.Logf("%s", b)
		}
		w.Close()
		d.done <- code
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		<-ended
		said, _ := os.ReadFile(logs.Name())
		t.Fatalf("it does not listen: %q, %v\n%s", line, err, said)
	}
	d.url = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return d
}

// get asks for a path, again if there was too much asked.
func (d *daemonTest) get(path string) (status int, body string) {
	d.t.Helper()
	until(d.t, "an answer to GET "+path, func() bool {
		resp, err := http.Get(d.url + path)
		must(d.t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		must(d.t, err)
		status, body = resp.StatusCode, string(b)
		return status != http.StatusTooManyRequests
	})
	return status, body
}

// end stops it as SIGTERM would, and wants it to end well.
func (d *daemonTest) end() {
	d.t.Helper()
	d.stop()
	if code := d.wait(); code != exitFine {
		d.t.Fatalf("exit %d", code)
	}
}

func (d *daemonTest) wait() int {
	d.t.Helper()
	select {
	case code := <-d.done:
		return code
	case <-time.After(patience):
		d.t.Fatal("it does not end")
		return 0
	}
}

// patience is how long what must happen is waited for, on a machine that is slow and busy.
const patience = 90 * time.Second

// until waits for a condition. seen is what was seen last, for who reads that it did
// not come.
func until(t *testing.T, what string, ok func() bool, seen ...func() any) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			last := ""
			for _, s := range seen {
				last += fmt.Sprintf("\n%+v", s())
			}
			t.Fatalf("%s: in vain for %v%s", what, patience, last)
		}
		time.Sleep(5 * time.Millisecond) // between looks
	}
}

func heads(t *testing.T, dir string) (all []watch.SignedHead) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "heads.jsonl"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	must(t, err)
	for line := range strings.Lines(string(b)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var h watch.SignedHead
		must(t, json.Unmarshal([]byte(line), &h))
		all = append(all, h)
	}
	return all
}

// audited makes a log that waits for an auditor's signature, and that auditor.
func audited(t *testing.T, suite string, more ...string) (*world, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "auditor")
	out, stderr, code := run(t.Context(), append([]string{"init", "--data", dir, "--suite", suite, "--json"}, more...)...)
	if code != exitFine {
		t.Fatal(stderr)
	}
	var v initView
	must(t, json.Unmarshal([]byte(out), &v))
	public, err := base64.StdEncoding.DecodeString(v.PublicKey)
	must(t, err)
	w := newWorld(t, operator.Options{Suite: suite, Mode: operator.ModeThirdPartyAuditing, Auditor: &operator.Auditor{
		Name: "watcher", PublicKey: public, MaxLag: time.Minute,
	}})
	w.fine(&v, "init", "--data", dir, "--provider", w.server.URL)
	if !v.IsAuditor {
		t.Fatalf("%+v", v)
	}
	info, err := os.Stat(filepath.Join(dir, "auditor.key"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %s", info.Mode())
	}
	return w, dir
}

// lookup is a person's client over HTTP, which demands an auditor.
func (w *world) lookup(label string) error {
	w.t.Helper()
	log, err := client.NewLog(*w.op.Configuration())
	must(w.t, err)
	service, err := remote.New(w.server.URL, remote.Options{MaxWait: -1})
	must(w.t, err)
	defer service.Close()
	c := client.New(client.Config{Service: service, State: client.NewState(log), Policy: client.Policy{Opaque: true, RequireAuditor: true}})
	_, err = c.Lookup(w.t.Context(), label, client.Options{})
	return err
}

// answers waits until a label is looked up.
func (w *world) answers(label string) {
	w.t.Helper()
	var err error
	until(w.t, "an answer", func() bool { err = w.lookup(label); return err == nil }, func() any { return err })
}

// TestThirdPartyAuditing: a log that waits for an auditor answers nobody until
// kith-auditor has signed, and everybody afterwards.
func TestThirdPartyAuditing(t *testing.T) {
	for _, suite := range []string{operator.SuiteEd25519, operator.SuiteP256} {
		w, dir := audited(t, suite)
		w.publish("alice", 10)
		if err := w.lookup("alice-3"); err == nil {
			t.Fatal("it answers without its auditor")
		}
		d := start(t, dir)
		w.answers("alice-3")
		w.publish("bob", 10)
		size := checkpointOf(t, string(w.op.Checkpoint())).Size
		until(t, "the newest head", func() bool {
			head, err := w.op.Sequencer().AuditorHead()
			must(t, err)
			return head != nil && head.TreeSize >= size
		})
		must(t, w.lookup("bob-9"))
		var metrics string
		until(t, "metrics", func() bool {
			_, metrics = d.get("/metrics")
			return strings.Contains(metrics, `kith_auditor_misbehaviour{domain="example.org"} 0`) && !strings.Contains(metrics, `kith_auditor_signed_size{domain="example.org"} 0`) &&
				!strings.Contains(metrics, `kith_auditor_leaves_total{domain="example.org"} 0`)
		}, func() any { return metrics })
		until(t, "health", func() bool {
			status, body := d.get("/healthz")
			return status == http.StatusOK && body == "ok\n"
		})
		d.end()

		all := heads(t, dir)
		for i, h := range all {
			if i > 0 && h.Size <= all[i-1].Size {
				t.Errorf("head %d of size %d after %d", i, h.Size, all[i-1].Size)
			}
			head, err := wire.ParseAuditorTreeHead(h.Head, w.op.Configuration().Format())
			if err != nil || head.TreeSize != h.Size || head.Timestamp != h.Timestamp {
				t.Errorf("head %d: %+v, %v", i, head, err)
			}
		}

		// Started again, it signs nothing twice.
		d = start(t, dir)
		w.publish("carol", 1)
		until(t, "one more head", func() bool { return len(heads(t, dir)) > len(all) })
		d.end()
		if again := heads(t, dir); again[len(all)].Size <= all[len(all)-1].Size {
			t.Errorf("%d after %d", again[len(all)].Size, all[len(all)-1].Size)
		}
	}
}

// TestNothingIsSignedOfALie: run ends with 3 when the provider lies, and has not
// signed for it.
func TestNothingIsSignedOfALie(t *testing.T) {
	w, dir := audited(t, operator.SuiteEd25519)
	w.publish("alice", 5)
	w.flip("/log/tile/entries/000", 200)
	d := start(t, dir)
	if code := d.wait(); code != exitMisbehaved {
		t.Fatalf("exit %d", code)
	}
	if all := heads(t, dir); len(all) != 0 {
		t.Errorf("it signed %d heads", len(all))
	}
	files, err := os.ReadDir(filepath.Join(dir, "evidence"))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files of evidence, %v", len(files), err)
	}
	// The same lie is the same evidence.
	if code := start(t, dir).wait(); code != exitMisbehaved {
		t.Fatalf("exit %d", code)
	}
	if files, _ = os.ReadDir(filepath.Join(dir, "evidence")); len(files) != 1 {
		t.Errorf("%d files of evidence", len(files))
	}
}

// TestProviderDownAndUp: a provider that is down is asked again.
func TestProviderDownAndUp(t *testing.T) {
	w, dir := audited(t, operator.SuiteEd25519)
	w.publish("alice", 5)
	w.front.Set(nil)
	d := start(t, dir)
	var status int
	var body string
	seen := func() any { return fmt.Sprint(status, " ", body) }
	until(t, "bad health", func() bool {
		status, body = d.get("/healthz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "status 503")
	}, seen)
	w.front.Set(w.op.Handler())
	until(t, "good health", func() bool {
		status, body = d.get("/healthz")
		return status == http.StatusOK
	}, seen)
	d.end()
	if len(heads(t, dir)) == 0 {
		t.Error("nothing was signed")
	}
}

// TestLostProgressSignsNothing: who has signed and lost what they knew must not
// sign again as if nothing had been.
func TestLostProgressSignsNothing(t *testing.T) {
	w, dir := audited(t, operator.SuiteEd25519)
	w.publish("alice", 5)
	d := start(t, dir)
	until(t, "a head", func() bool { return len(heads(t, dir)) > 0 })
	d.end()
	must(t, os.Remove(filepath.Join(dir, "progress")))
	ctx, cancel := context.WithTimeout(t.Context(), patience) // or it would follow for ever
	defer cancel()
	_, stderr, code := run(ctx, "run", "--data", dir)
	if code != exitFailed || !strings.Contains(stderr, "progress is gone") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
