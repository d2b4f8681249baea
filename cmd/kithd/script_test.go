package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/record"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kithd": main})
}

// keyrings are where the keyring of Debian's developers may lie.
var keyrings = []string{"/usr/share/keyrings/debian-keyring.gpg", "/usr/share/keyrings/debian-keyring.pgp"}

func debianKeyring() string {
	for _, path := range keyrings {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("KEYRING", debianKeyring())
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "keyring":
				if debianKeyring() == "" && os.Getenv("CI") != "" {
					return false, errors.New("debian-keyring is required when CI is set")
				}
				return debianKeyring() != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"waitfor":   waitfor,
			"get":       get,
			"flip":      flip,
			"mode":      mode,
			"terminate": terminate,
			"claim":     claim,
		},
	})
}

// patience is how long a script waits for what must happen.
const patience = 90 * time.Second

// waitfor FILE VARIABLE waits until a file is there and puts its first line into
// a variable.
func waitfor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE VARIABLE")
	}
	path, end := ts.MkAbs(args[0]), time.Now().Add(patience)
	for {
		b, err := os.ReadFile(path)
		if err == nil {
			line, _, _ := strings.Cut(string(b), "\n")
			ts.Setenv(args[1], line)
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s did not appear", args[0])
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// exits N COMMAND... runs a command that must exit with code N.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		coded, ok := errors.AsType[interface {
			error
			ExitCode() int
		}](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = coded.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// get [-status N] URL writes what is served at a URL to standard output.
func get(ts *testscript.TestScript, neg bool, args []string) {
	want := http.StatusOK
	if len(args) == 3 && args[0] == "-status" {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		want, args = n, args[2:]
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: get [-status N] URL")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
	ts.Check(err)
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	if response.StatusCode != want {
		ts.Fatalf("status %d, want %d", response.StatusCode, want)
	}
	_, err = io.Copy(ts.Stdout(), response.Body)
	ts.Check(err)
}

// flip FILE OFFSET, or flip FILE /REGEXP/, turns one bit of a file over: of the
// byte there, or of the first byte of every match. A negative offset counts from
// the end.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET|/REGEXP/")
	}
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	if re, ok := strings.CutPrefix(args[1], "/"); ok {
		places := regexp.MustCompile(strings.TrimSuffix(re, "/")).FindAllIndex(b, -1)
		if len(places) == 0 {
			ts.Fatalf("%s: no such text", args[0])
		}
		for _, at := range places {
			b[at[0]] ^= 1
		}
	} else {
		at, err := strconv.Atoi(args[1])
		ts.Check(err)
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 1
	}
	ts.Check(os.WriteFile(path, b, 0o600))
}

// claim DIR LABEL makes an owner's record the newest one of a label.
func claim(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: claim DIR LABEL")
	}
	ctx := context.Background()
	ts.Check(withOperator(ctx, ts.MkAbs(args[0]), true, func(op *operator.Operator) error {
		snap, err := op.Sequencer().Snapshot()
		if err != nil {
			return err
		}
		now, err := standingOf(snap, args[1], false)
		snap.Release()
		if err != nil {
			return err
		}
		account := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		value, err := record.NewClaim(op.Config().Log.Domain, args[1], now.link(), record.Content{}, account)
		if err != nil {
			return err
		}
		_, err = op.Publish(ctx, []byte(args[1]), value)
		return err
	}))
}

// terminate sends SIGTERM to what runs in the background.
func terminate(ts *testscript.TestScript, neg bool, args []string) {
	for _, c := range ts.BackgroundCmds() {
		if err := c.Process.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			ts.Check(err)
		}
	}
}

// mode PERM FILE... checks the permissions of files.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: mode PERM FILE...")
	}
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); (got == args[0]) == neg {
			ts.Fatalf("%s has mode %s", name, got)
		}
	}
}

// TestCommandsSayWhatTheyDo holds every command to one manner.
func TestCommandsSayWhatTheyDo(t *testing.T) {
	var names []string
	for _, c := range newRoot().Commands() {
		names = append(names, c.Name())
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short text %q", c.Name(), c.Short)
		}
	}
	for _, want := range []string{"init", "serve", "import", "publish", "erase", "token", "status", "check", "backup", "restore"} {
		if !slices.Contains(names, want) {
			t.Errorf("no command %s", want)
		}
	}
}
