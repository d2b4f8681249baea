package systemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/problem"
)

// A folderScene is a served folder with one owner and one observer.
type folderScene struct {
	dir      string
	d        *daemon
	w        *writer
	observer *client.Client
}

func newFolderScene(t *testing.T, dir string) *folderScene {
	initData(t, dir, "--opaque-values")
	s := &folderScene{dir: dir, d: start(t, dir, "")}
	log, _ := s.d.log()
	r := s.d.remote()
	token := strings.TrimSpace(fine(t, "kithd", "token", "--data", dir, "a@example.org"))
	s.w = newWriter(r, log, "a@example.org", token)
	s.observer = client.New(client.Config{Service: r, State: client.NewState(log), Policy: client.Policy{Opaque: true}})
	return s
}

// TestOlderStore: a server does not go on from a store that is older than what it
// served, or a fork would begin; with the newest store back everybody goes on.
func TestOlderStore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "data")
	s := newFolderScene(t, dir)
	store := filepath.Join(dir, "kith.db")
	publish(t, s.w)
	s.d.stop()
	older, err := os.ReadFile(store)
	must(t, err)
	s.d = start(t, dir, s.d.address)
	publish(t, s.w)
	must(t, s.w.check(ctx, s.observer))
	s.d.kill()
	newest, err := os.ReadFile(store)
	must(t, err)
	must(t, os.WriteFile(store, older, 0o600))
	for _, command := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"status"}, {"check"}} {
		refuses(t, []string{"going on would fork the log"}, "kithd", append(command, "--data", dir)...)
	}
	must(t, os.WriteFile(store, newest, 0o600))
	s.d = start(t, dir, s.d.address)
	publish(t, s.w)
	must(t, s.w.check(ctx, s.observer))
	s.d.stop()
}

// TestReadOnlyFolder: a folder that cannot be written is not served, and says so.
func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	initData(t, dir, "--opaque-values")
	modes := map[string]fs.FileMode{"kith.db": 0o400, "high-water": 0o400, "": 0o500}
	for name, mode := range modes {
		must(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	defer os.Chmod(dir, 0o700)
	command := []string{program(t, "kithd"), "serve", "--data", dir, "--listen", "127.0.0.1:0"}
	if os.Geteuid() == 0 { // whom modes do not stop
		_, err := exec.LookPath("setpriv")
		need(t, err == nil, "setpriv")
		command = append([]string{"setpriv", "--bounding-set=-dac_override,-dac_read_search"}, command...)
	}
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "permission denied") || !strings.Contains(string(out), "kithd: hint:") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestFullDisk fills the disk under a server: updates fail and say that nothing
// happened or nobody knows, look-ups go on, nothing acknowledged is lost, and with
// room again the same process goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	mount := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mount).CombinedOutput(); err != nil {
		need(t, false, fmt.Sprintf("small disk that can be mounted (%v: %s)", err, bytes.TrimSpace(out)))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", mount).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	dir := filepath.Join(mount, "data")
	s := newFolderScene(t, dir)
	publish(t, s.w)
	ballast := filepath.Join(mount, "ballast")
	fill(t, ballast)
	var full error
	for i := 0; full == nil; i++ {
		if i > 500 {
			t.Fatal("the disk never fills up")
		}
		full = s.w.once()
	}
	t.Logf("%d versions, then: %v", s.w.last+1, full)
	if !errors.Is(full, problem.ErrUnavailable) {
		t.Errorf("a full disk gives %v", full)
	}
	for range 3 {
		if err := s.w.once(); !errors.Is(err, problem.ErrUnavailable) {
			t.Errorf("a full disk gives %v", err)
		}
		must(t, s.w.check(ctx, s.observer)) // look-ups go on
	}
	if said := s.d.stderr.String(); !strings.Contains(said, "no space left on device") {
		t.Errorf("the operator is not told:\n%s", said)
	}
	// In the same process there is room again.
	must(t, os.Remove(ballast))
	publish(t, s.w)
	must(t, s.w.check(ctx, s.observer))

	// And after a crash on a full disk.
	fill(t, ballast)
	for s.w.once() == nil {
	}
	s.d.kill()
	must(t, os.Remove(ballast))
	s.d = start(t, dir, s.d.address)
	publish(t, s.w)
	must(t, s.w.check(ctx, s.observer))
	s.d.stop()
	fine(t, "kithd", "check", "--data", dir)
}

// fill leaves no room on a disk but for the room that files have already.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); err != nil {
			if !strings.Contains(err.Error(), "no space left") {
				t.Fatal(fmt.Errorf("fill: %w", err))
			}
			return
		}
	}
}
