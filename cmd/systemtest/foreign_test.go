package systemtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// foreign builds the program in testdata/tessera, whose modules the project itself
// does not depend on.
func foreign(t *testing.T) string {
	t.Helper()
	folder := filepath.Join("testdata", "tessera")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	need(t, fetches(ctx, t, folder, "go", "mod", "download"), "a way to the modules of Tessera (go mod download)")
	program := filepath.Join(t.TempDir(), "foreign")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// fetches runs a command that fetches things from elsewhere, again if that fails: a
// network has its moments.
func fetches(ctx context.Context, t *testing.T, folder, name string, args ...string) bool {
	t.Helper()
	for attempt := range 3 {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = folder
		out, err := cmd.CombinedOutput()
		if err == nil {
			return true
		}
		t.Logf("attempt %d: %v\n%s", attempt+1, err, out)
		select {
		case <-time.After(3 * time.Second):
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// asks runs the foreign program and returns what it says.
func asks(t *testing.T, program string, args ...string) (stdout string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, &errs)
	}
	return out.String(), nil
}

// TestForeignImplementations: what nobody of this project wrote reads our audit
// log. Tessera's fsck computes the tree again from what kithd serves, and from an
// exported folder; sumdb proves every leaf, and that checkpoints continue each
// other; transparency-dev/formats reads checkpoints, our cosignatures, and makes
// some that we read. And where a byte is wrong, they say so.
func TestForeignImplementations(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of entries, and a program to build")
	}
	t.Parallel()
	program := foreign(t)
	dir := filepath.Join(t.TempDir(), "data")
	initData(t, dir)
	older := filepath.Join(t.TempDir(), "older")
	key := publishMany(t, dir, 600, older)
	d := start(t, dir, "")
	base := "http://" + d.address

	if out, err := asks(t, program, "fsck", base, key); err != nil || !strings.HasPrefix(out, "fsck: 60") {
		t.Errorf("over HTTP: %s, %v", out, err)
	}
	if out, err := asks(t, program, "proofs", base, key, older); err != nil || !strings.HasPrefix(out, "proofs: 60") {
		t.Errorf("proofs: %s, %v", out, err)
	}
	exported := filepath.Join(t.TempDir(), "exported")
	fine(t, "kithd", "export-audit", "--data", dir, exported)
	if out, err := asks(t, program, "fsck", exported, key); err != nil || !strings.HasPrefix(out, "fsck: 60") {
		t.Errorf("over a folder: %s, %v", out, err)
	}
	for _, name := range []string{"log/tile/0/001", "log/tile/entries/000", "log/checkpoint"} {
		path := filepath.Join(exported, name)
		whole, err := os.ReadFile(path)
		must(t, err)
		bad := bytes.Clone(whole)
		bad[len(bad)/2] ^= 1
		must(t, os.WriteFile(path, bad, 0o600))
		if out, err := asks(t, program, "fsck", exported, key); err == nil {
			t.Errorf("%s with another bit: %s", name, out)
		}
		must(t, os.WriteFile(path, whole, 0o600))
	}
	foreignCosignatures(t, program, exported, key)
	d.stop()
}

// publishMany makes n entries, and keeps a checkpoint from the middle. It returns
// the key of the audit log.
func publishMany(t *testing.T, dir string, n int, older string) string {
	t.Helper()
	op, err := operator.Open(dir, operator.OpenOptions{Interval: time.Millisecond, CheckpointInterval: time.Millisecond, Limits: &httpapi.Unlimited})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- op.Run(ctx) }()
	for i := range n {
		if i == n/3 {
			note, err := op.SignCheckpoint()
			must(t, err)
			must(t, os.WriteFile(older, note, 0o600))
		}
		_, err := op.Publish(ctx, fmt.Appendf(nil, "label-%d", i), []byte("value"))
		must(t, err)
	}
	pinned, err := provider.Reopen(op.Document())
	must(t, err)
	cancel()
	must(t, <-ran)
	must(t, op.Close())
	return pinned.Document.AuditLog.Key
}

// foreignCosignatures has the foreign program verify our cosignatures, and verifies
// the ones it makes.
func foreignCosignatures(t *testing.T, program, exported, key string) {
	t.Helper()
	path := filepath.Join(exported, "log", "checkpoint")
	signed, err := os.ReadFile(path)
	must(t, err)
	skey, vkey, err := checkpoint.GenerateCosigner(rand.Reader, "audit.example.net")
	must(t, err)
	cosigner, err := checkpoint.NewCosigner(skey)
	must(t, err)
	text, _, _ := strings.Cut(string(signed), "\n\n")
	line, err := cosigner.Cosign(text+"\n", 1_790_000_000)
	must(t, err)
	with, err := checkpoint.AddCosignatures(signed, line)
	must(t, err)
	file := filepath.Join(t.TempDir(), "cosigned")
	must(t, os.WriteFile(file, with, 0o600))
	if out, err := asks(t, program, "cosigned", file, key, vkey); err != nil || out != "cosigned: audit.example.net at 1790000000\n" {
		t.Errorf("our cosignature: %s, %v", out, err)
	}
	_, other, err := checkpoint.GenerateCosigner(rand.Reader, "audit.example.net")
	must(t, err)
	if out, err := asks(t, program, "cosigned", file, key, other); err == nil {
		t.Errorf("our cosignature, with another key: %s", out)
	}

	out, err := asks(t, program, "cosign", path, key)
	must(t, err)
	var theirs struct {
		Keys       []string `json:"keys"`
		Checkpoint string   `json:"checkpoint"`
	}
	must(t, json.Unmarshal([]byte(out), &theirs))
	verifier, err := checkpoint.NewVerifier(key)
	must(t, err)
	opened, err := verifier.Open([]byte(theirs.Checkpoint))
	must(t, err)
	for _, key := range theirs.Keys {
		w, err := checkpoint.NewWitness(key)
		must(t, err)
		verifyOne(t, w, opened)
	}
}

func verifyOne(t *testing.T, w *checkpoint.Witness, s *checkpoint.Signed) {
	t.Helper()
	var sig *note.Signature
	for i := range s.Others {
		if w.Made(s.Others[i]) {
			sig = &s.Others[i]
		}
	}
	if sig == nil {
		t.Errorf("no cosignature of %s", w.Name())
		return
	}
	at, err := w.Verify(s.Checkpoint, *sig)
	if age := time.Since(time.Unix(int64(at), 0)); err != nil || age < -time.Minute || age > 5*time.Minute {
		t.Errorf("their cosignature %s: %s old, %v", w.Name(), age, err)
	}
	other := s.Checkpoint
	other.Size++
	if _, err := w.Verify(other, *sig); err == nil {
		t.Errorf("their cosignature %s holds for another checkpoint", w.Name())
	}
}

// TestMirrorsAreAudited: a file host that knows nothing of kith serves an exported
// log; kith-auditor audits that, in a process of its own, and finds a changed byte.
func TestMirrorsAreAudited(t *testing.T) {
	dir, exported := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "exported")
	initData(t, dir)
	publishMany(t, dir, 40, filepath.Join(t.TempDir(), "older"))
	fine(t, "kithd", "export-audit", "--data", dir, exported)
	host := &http.Server{Handler: http.FileServer(http.Dir(exported))}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = host.Serve(ln) }()
	defer host.Close()
	for _, place := range []string{exported, "http://" + ln.Addr().String()} {
		if out := fine(t, "kith-auditor", "audit", "--from", place); !strings.Contains(out, "from entry 0 on, 40 leaves") {
			t.Errorf("%s: %s", place, out)
		}
	}
	path := filepath.Join(exported, "log", "updates", "000")
	b, err := os.ReadFile(path)
	must(t, err)
	b[len(b)/2] ^= 1
	must(t, os.WriteFile(path, b, 0o600))
	refuses(t, []string{"log entry ", "hint: the provider has not signed"}, "kith-auditor", "audit", "--from", exported)
}
