package systemtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/proto/provider"
)

// The programs are built once, when the first test wants them.
var programs struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue && !soak() {
		checks.Value.Set("40") // logs, each with a store on disk
	}
	code := m.Run()
	if programs.dir != "" {
		os.RemoveAll(programs.dir)
	}
	os.Exit(code)
}

// program returns the path of "kithd", "kith" or "kith-auditor".
func program(t testing.TB, name string) string {
	t.Helper()
	programs.Do(func() {
		if programs.dir, programs.err = os.MkdirTemp("", "kith-programs"); programs.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", programs.dir, "../kithd", "../kith", "../kith-auditor")
		if out, err := build.CombinedOutput(); err != nil {
			programs.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	must(t, programs.err)
	return filepath.Join(programs.dir, name)
}

// patience is how long a test waits for what must happen. A machine that is slow and
// busy takes its time: what happens is waited for no longer than it takes.
const patience = 90 * time.Second

// run runs a program to its end and returns what it said.
func run(t testing.TB, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return runIn(t, nil, name, args...)
}

// runIn runs a program with additions to the environment.
func runIn(t testing.TB, environment []string, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	stdout, stderr, state := runFor(t, environment, name, args...)
	return stdout, stderr, state.ExitCode()
}

// runFor runs a program to its end, which is bounded.
func runFor(t testing.TB, environment []string, name string, args ...string) (stdout, stderr string, state *os.ProcessState) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, name), args...)
	var out, err bytes.Buffer
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = &out, &err
	if e := cmd.Run(); e != nil {
		if _, ok := errors.AsType[*exec.ExitError](e); !ok {
			t.Fatal(e)
		}
		if ctx.Err() != nil {
			t.Fatalf("%s %s: not ended after %v\n%s%s", name, strings.Join(args, " "), 3*patience, &out, &err)
		}
	}
	return out.String(), err.String(), cmd.ProcessState
}

// fine runs a program that must succeed.
func fine(t testing.TB, name string, args ...string) string {
	t.Helper()
	stdout, stderr, code := run(t, name, args...)
	if code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s", name, strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// works runs a program that must succeed, and returns how long processors worked for
// it: what else the machine has to do is not its fault.
func works(t testing.TB, name string, args ...string) time.Duration {
	t.Helper()
	_, stderr, state := runFor(t, nil, name, args...)
	if code := state.ExitCode(); code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s", name, strings.Join(args, " "), code, stderr)
	}
	return state.UserTime() + state.SystemTime()
}

// refuses runs a program that must fail with all of these words on standard error.
func refuses(t testing.TB, words []string, name string, args ...string) {
	t.Helper()
	stdout, stderr, code := run(t, name, args...)
	if code != 1 {
		t.Errorf("%s %s: exit code %d, want 1\n%s%s", name, strings.Join(args, " "), code, stdout, stderr)
	}
	for _, w := range words {
		if !strings.Contains(stderr, w) {
			t.Errorf("%s %s does not say %q:\n%s", name, strings.Join(args, " "), w, stderr)
		}
	}
}

// A daemon is a kithd that serves, as a process of its own.
type daemon struct {
	t       testing.TB
	dir     string
	address string // host:port
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process is gone
	stderr  lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// initData makes a log whose requesters are not limited.
func initData(t testing.TB, dir string, args ...string) {
	t.Helper()
	fine(t, "kithd", append([]string{"init", "--data", dir, "--domain", siteDomain, "--reasonable-monitoring-window", "1s"}, args...)...)
	path := filepath.Join(dir, "config.json")
	b, err := os.ReadFile(path)
	must(t, err)
	var config map[string]any
	must(t, json.Unmarshal(b, &config))
	config["limits"] = map[string]int{"searches_per_minute": -1, "updates_per_minute": -1, "reads_per_minute": -1}
	b, err = json.Marshal(config)
	must(t, err)
	must(t, os.WriteFile(path, b, 0o600))
}

// start serves a folder on address, or any if it is "", and waits until it does. An
// address that somebody else has is tried again, or another one is taken.
func start(t testing.TB, dir, address string, args ...string) *daemon {
	t.Helper()
	var d *daemon
	eventually(t, "kithd serve listens", func() bool {
		at := address
		if at == "" {
			at = freeAddress(t)
		}
		d = tryStart(t, dir, at, args...)
		return d.address != ""
	}, func() any { return &d.stderr })
	return d
}

// tryStart serves a folder on an address. The daemon has none if somebody else has it.
func tryStart(t testing.TB, dir, address string, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, dir: dir, ended: make(chan struct{})}
	d.cmd = exec.Command(program(t, "kithd"), append([]string{"serve", "--data", dir, "--listen", address}, args...)...)
	d.cmd.Stderr = &d.stderr
	out, err := d.cmd.StdoutPipe()
	must(t, err)
	must(t, d.cmd.Start())
	line := make(chan string, 1)
	go func() {
		first, _ := bufio.NewReader(out).ReadString('\n')
		line <- first
		d.cmd.Wait()
		close(d.ended)
	}()
	t.Cleanup(d.kill)
	select {
	case first := <-line:
		found := false
		if d.address, found = strings.CutPrefix(strings.TrimSpace(first), "listening on http://"); !found {
			<-d.ended
			if strings.Contains(d.stderr.String(), addressTaken) {
				return d
			}
			t.Fatalf("kithd serve said %q and ended\n%s", first, &d.stderr)
		}
	case <-time.After(patience):
		t.Fatalf("kithd serve does not answer\n%s", &d.stderr)
	}
	return d
}

// kill is kill -9.
func (d *daemon) kill() {
	d.cmd.Process.Kill()
	<-d.ended
}

// stop asks the process to end.
func (d *daemon) stop() {
	d.t.Helper()
	must(d.t, d.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Fatalf("kithd does not stop\n%s", &d.stderr)
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		d.t.Errorf("kithd serve ended with %d\n%s", code, &d.stderr)
	}
}

func (d *daemon) remote() *remote.Remote {
	r, err := remote.New("http://"+d.address, remote.Options{MaxWait: -1})
	must(d.t, err)
	d.t.Cleanup(r.Close)
	return r
}

// log pins the log of the provider document.
func (d *daemon) log() (*client.Log, []byte) {
	d.t.Helper()
	document, err := d.remote().Provider(context.Background())
	must(d.t, err)
	pinned, err := provider.Open(document, siteDomain, time.Now(), time.Minute)
	must(d.t, err)
	config, err := pinned.Document.Config()
	must(d.t, err)
	log, err := client.NewLog(*config)
	must(d.t, err)
	return log, document
}

// updates is a page of what auditors read.
func (d *daemon) updates(from uint64) []byte {
	d.t.Helper()
	resp, err := http.Get(fmt.Sprintf("http://%s/audit/v1/updates?start=%d", d.address, from))
	must(d.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(d.t, err)
	if resp.StatusCode != http.StatusOK {
		d.t.Fatalf("updates from %d: %s: %s", from, resp.Status, b)
	}
	return b
}
