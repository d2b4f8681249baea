package main

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/directory/operator"
)

// asProgram makes this test the program itself, for tests that kill it.
const asProgram = "KITH_TEST_AS_AUDITOR"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"kith-auditor": main})
}

func TestScripts(t *testing.T) {
	w := newWorld(t, operator.Options{})
	w.publish("a", 3)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("URL", w.server.URL)
			vectors, err := filepath.Abs("../../proto/testdata/evidence")
			e.Setenv("EVIDENCE", vectors)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mode":  mode,  // MODE FILE
			"exits": exits, // CODE COMMAND...
		},
	})
}

func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[0] {
		ts.Fatalf("%s has mode %s", args[1], got)
	}
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// TestKilled: killed with SIGKILL in the middle, an audit goes on from what it saved.
func TestKilled(t *testing.T) {
	w := newWorld(t, operator.Options{})
	w.publish("a", 300)
	dir := filepath.Join(t.TempDir(), "auditor")
	w.fine(new(initView), "init", "--provider", w.server.URL, "--data", dir)
	honest, there, release := w.op.Handler(), make(chan struct{}, 1), make(chan struct{})
	w.front.Set(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/log/tile/entries/001") {
			select {
			case there <- struct{}{}: // after the first 256 entries
			default:
			}
			<-release
			return
		}
		honest.ServeHTTP(out, r)
	}))
	cmd := exec.Command(os.Args[0], "audit", "--data", dir)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var said bytes.Buffer
	cmd.Stderr = &said
	must(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-there:
	case err := <-ended:
		t.Fatalf("it ended before: %v\n%s", err, &said)
	}
	must(t, cmd.Process.Kill())
	if err := <-ended; err == nil {
		t.Fatal("it was not killed")
	}
	close(release)
	w.front.Set(honest)
	var v auditView
	w.fine(&v, "audit", "--data", dir)
	if v.From+v.Entries != v.Head.Size || v.Head.Size < 300 || v.From != 0 && v.From != 256 {
		t.Errorf("%+v", v)
	}
}

// TestKilledAnywhere: killed again and again, whenever, nothing is lost or there twice.
func TestKilledAnywhere(t *testing.T) {
	w := newWorld(t, operator.Options{})
	dir := filepath.Join(t.TempDir(), "auditor")
	w.publish("a", 20)
	w.fine(new(initView), "init", "--provider", w.server.URL, "--data", dir)
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	for i := range rounds {
		w.publish(strconv.Itoa(i), 60)
		cmd := exec.Command(os.Args[0], "run", "--data", dir, "--poll", "1ms")
		cmd.Env = append(os.Environ(), asProgram+"=1")
		must(t, cmd.Start())
		time.Sleep(time.Duration(rand.IntN(120)) * time.Millisecond) // whenever
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
	var v auditView
	w.fine(&v, "audit", "--data", dir)
	if v.From+v.Entries != v.Head.Size || v.Head.Size < uint64(60*rounds) {
		t.Errorf("%+v", v)
	}
	watched, err := watch.Open(t.Context(), watch.Options{Dir: dir})
	must(t, err)
	defer watched.Close()
	must(t, watched.Archive().Check(t.Context()))
	if n := watched.Archive().Size(); n != v.Head.Size || len(watched.Findings()) != 0 {
		t.Errorf("an archive of %d, findings %+v", n, watched.Findings())
	}
}

// TestCommandsSayWhatTheyDo holds every command to one manner.
func TestCommandsSayWhatTheyDo(t *testing.T) {
	for _, c := range new(program).newRoot().Commands() {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || c.Long == "" {
			t.Errorf("%s: short text %q", c.Name(), c.Short)
		}
	}
}
