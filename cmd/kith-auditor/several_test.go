package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	sshagents "golang.org/x/crypto/ssh/agent"

	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// TestSeveralProviders: one that misbehaves does not stop the others, is shown as
// what it is, and is the exit code in the end.
func TestSeveralProviders(t *testing.T) {
	good, bad := newWorld(t, operator.Options{}), newWorld(t, operator.Options{Domain: "example.net"})
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	for i, w := range []*world{good, bad} {
		w.publish("alice", 5)
		w.fine(new(initView), "init", "--data", dirs[i], "--provider", w.server.URL)
	}
	bad.flip("/log/tile/entries/000", 200)
	d := start(t, dirs[0], "--data", dirs[1])
	metric := func(name string) string {
		_, text := d.get("/metrics")
		for line := range strings.Lines(text) {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	until(t, "the bad one is caught", func() bool {
		return metric(`kith_auditor_misbehaviour{domain="example.net"}`) == "1"
	})
	good.publish("bob", 5)
	size := checkpointOf(t, string(good.op.Checkpoint())).Size
	until(t, "the good one goes on", func() bool {
		var n uint64
		err := json.Unmarshal([]byte(metric(`kith_auditor_audited_entries{domain="example.org"}`)), &n)
		return err == nil && n >= size
	})
	if metric(`kith_auditor_misbehaviour{domain="example.org"}`) != "0" {
		t.Error("the good one was caught")
	}
	var status int
	var body string
	until(t, "bad health", func() bool { // which is told after the alerts
		status, body = d.get("/healthz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "log entry")
	}, func() any { return fmt.Sprint(status, " ", body) })
	d.stop()
	if code := d.wait(); code != exitMisbehaved {
		t.Errorf("exit %d", code)
	}
	if _, stderr, code := run(t.Context(), "run", "--data", dirs[0], "--data", dirs[0]); code == exitFine || !strings.Contains(stderr, "in use") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if _, stderr, code := run(t.Context(), "audit", "--data", dirs[0], "--data", dirs[1]); code != exitUsage {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestTwoLogsOfOneOrigin: a request for a cosignature names the origin alone, so that
// two logs with one origin are refused before anything is served.
func TestTwoLogsOfOneOrigin(t *testing.T) {
	args := []string{"run", "--listen", "127.0.0.1:0"}
	for _, name := range []string{"example.org", "example.net"} {
		w := newWorld(t, operator.Options{Domain: name, Origin: "example.org/log"})
		w.publish("alice", 2)
		dir := filepath.Join(t.TempDir(), "a")
		w.fine(new(initView), "init", "--data", dir, "--provider", w.server.URL)
		args = append(args, "--data", dir)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience) // one that runs is stopped
	defer cancel()
	if out, stderr, code := run(ctx, args...); code != exitFailed || out != "" || !strings.Contains(stderr, "one origin: example.org/log") || !strings.Contains(stderr, "hint:") {
		t.Errorf("exit %d, %q: %s", code, out, stderr)
	}
}

// TestStays: with --stay what was found is served on.
func TestStays(t *testing.T) {
	w := newWorld(t, operator.Options{})
	w.publish("alice", 5)
	dir := filepath.Join(t.TempDir(), "a")
	w.fine(new(initView), "init", "--data", dir, "--provider", w.server.URL)
	w.flip("/log/tile/entries/000", 200)
	d := start(t, dir, "--stay")
	until(t, "it is caught", func() bool {
		_, text := d.get("/metrics")
		return strings.Contains(text, `kith_auditor_misbehaviour{domain="example.org"} 1`)
	})
	select {
	case code := <-d.done:
		t.Fatalf("it ended with %d", code)
	default:
	}
	d.stop()
	if code := d.wait(); code != exitMisbehaved {
		t.Errorf("exit %d", code)
	}
}

// TestAlerts: webhooks and commands are told once, of what was found and where.
func TestAlerts(t *testing.T) {
	w := newWorld(t, operator.Options{})
	w.publish("alice", 5)
	dir := filepath.Join(t.TempDir(), "a")
	w.fine(new(initView), "init", "--data", dir, "--provider", w.server.URL)
	w.flip("/log/tile/entries/000", 200)
	var mu sync.Mutex
	var posted []watch.Finding
	asked := 0
	hook := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked == 1 { // it is tried again
			out.WriteHeader(http.StatusBadGateway)
			return
		}
		b, err := io.ReadAll(r.Body)
		must(t, err)
		var f watch.Finding
		must(t, json.Unmarshal(b, &f))
		posted = append(posted, f)
	}))
	defer hook.Close()
	told := filepath.Join(t.TempDir(), "told")
	command := `printf '%s %s %s %s\n' "$KITH_KIND" "$KITH_DOMAIN" "$KITH_PROVED" "$KITH_EVIDENCE" >>` + told
	for range 2 {
		d := start(t, dir, "--alert-webhook", hook.URL, "--alert-exec", command)
		if code := d.wait(); code != exitMisbehaved {
			t.Fatalf("exit %d", code)
		}
	}
	if len(posted) != 1 || asked != 2 {
		t.Fatalf("%d asked, %+v", asked, posted)
	}
	b, err := os.ReadFile(told)
	if want := "leaf example.org false " + posted[0].File + "\n"; err != nil || string(b) != want {
		t.Errorf("%q, not %q, %v", b, want, err)
	}
	verdict(t, posted[0].File)
	for _, args := range [][]string{{"--alert-webhook", "http://kt.example.org/x"}, {"--alert-webhook", "nowhere"}, {"--alert-exec", " "}} {
		if _, stderr, code := run(t.Context(), append([]string{"run", "--data", dir}, args...)...); code != exitUsage {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
}

// TestCosignsOverHTTP: a provider that asks gets a cosignature of what was audited,
// of a checkpoint that was not audited when it asked.
func TestCosignsOverHTTP(t *testing.T) {
	w := newWorld(t, operator.Options{})
	w.publish("alice", 5)
	dir := filepath.Join(t.TempDir(), "a")
	var v initView
	w.fine(&v, "init", "--data", dir, "--provider", w.server.URL, "--name", "audit.example.com")
	if v.Name != "audit.example.com" || !strings.HasPrefix(v.Cosigner, "audit.example.com+") || !strings.Contains(strings.Join(v.SetAuditor, " "), v.Cosigner) {
		t.Errorf("%+v", v)
	}
	d := start(t, dir, "--poll", "1h")
	until(t, "the first pass", func() bool { status, _ := d.get("/healthz"); return status == http.StatusOK })
	w.publish("bob", 5)
	note := w.op.Checkpoint()
	body, err := (&checkpoint.AddCheckpoint{Checkpoint: note}).Append(nil)
	must(t, err)
	resp, err := http.Post(d.url+"/add-checkpoint", "text/plain", bytes.NewReader(body))
	must(t, err)
	defer resp.Body.Close()
	line, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", resp.StatusCode, line)
	}
	whole, err := checkpoint.AddCosignatures(note, line)
	must(t, err)
	pinned, err := provider.Reopen(w.op.Document())
	must(t, err)
	verifier, err := checkpoint.NewVerifier(pinned.Document.AuditLog.Key)
	must(t, err)
	signed, err := verifier.Open(whole)
	must(t, err)
	quorum, err := checkpoint.NewQuorum(1, v.Cosigner)
	must(t, err)
	if _, err := quorum.Check(signed, 0, 1<<62); err != nil {
		t.Error(err)
	}
	d.end()
}

// TestTrustByCommand: an audit that begins at a checkpoint in a file.
func TestTrustByCommand(t *testing.T) {
	w := newWorld(t, operator.Options{})
	w.publish("alice", 20)
	file := filepath.Join(t.TempDir(), "checkpoint")
	note := w.op.Checkpoint()
	must(t, os.WriteFile(file, note, 0o600))
	size := checkpointOf(t, string(note)).Size
	w.publish("bob", 5)
	dir := filepath.Join(t.TempDir(), "a")
	w.fine(new(initView), "init", "--data", dir, "--provider", w.server.URL, "--trust", file)
	var v auditView
	w.fine(&v, "audit", "--data", dir)
	if v.From != size || v.Entries != v.Head.Size-size || v.Entries == 0 {
		t.Errorf("%+v", v)
	}
	if _, stderr, code := w.auditor("init", "--data", dir, "--provider", w.server.URL, "--trust", file); code != exitFailed || !strings.Contains(stderr, "begun") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if _, _, code := w.auditor("init", "--data", t.TempDir(), "--trust", file); code != exitUsage {
		t.Errorf("exit %d", code)
	}
}

// TestKeysOfAnAgent: heads and cosignatures may be signed by an SSH agent.
func TestKeysOfAnAgent(t *testing.T) {
	ring := sshagents.NewKeyring()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	must(t, ring.Add(sshagents.AddedKey{PrivateKey: &ed}))
	must(t, ring.Add(sshagents.AddedKey{PrivateKey: p256}))
	list, err := ring.List()
	must(t, err)
	short, err := os.MkdirTemp("", "agent")
	must(t, err)
	defer os.RemoveAll(short)
	ln, err := net.Listen("unix", filepath.Join(short, "s"))
	must(t, err)
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); _ = sshagents.ServeAgent(ring, conn) }()
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", ln.Addr().String())
	for i, suite := range []string{operator.SuiteEd25519, operator.SuiteP256} {
		flags := []string{"--ssh-agent", "head=" + ssh.FingerprintSHA256(list[i]), "--ssh-agent", "cosigner=" + ssh.FingerprintSHA256(list[0])}
		w, dir := audited(t, suite, flags...)
		w.publish("alice", 5)
		d := start(t, dir)
		w.answers("alice-3")
		d.end()
		b, err := os.ReadFile(filepath.Join(dir, "auditor.key"))
		if err != nil || !strings.Contains(string(b), ssh.FingerprintSHA256(list[i])) {
			t.Errorf("%s, %v", b, err)
		}
	}
	dir := filepath.Join(t.TempDir(), "a")
	for _, c := range []struct {
		word string
		code int
		says string
	}{
		{"SHA256:none", exitFailed, "ssh-add -l"},
		{"heads=SHA256:x", exitUsage, "ssh-add -l"},
		{"x", exitUsage, "ssh-add -l"},
		{ssh.FingerprintSHA256(list[1]), exitFailed, "suite p256"},
	} {
		if _, stderr, code := run(t.Context(), "init", "--data", dir, "--ssh-agent", c.word); code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit %d: %s", c.word, code, stderr)
		}
	}
	t.Setenv("SSH_AUTH_SOCK", "")
	if _, stderr, code := run(context.Background(), "init", "--data", dir, "--ssh-agent", "SHA256:x"); code != exitFailed || !strings.Contains(stderr, "SSH_AUTH_SOCK") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
