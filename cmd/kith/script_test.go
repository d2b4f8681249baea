package main

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// ahead is by how much the clock of kith is set wrong in scripts.
const ahead = "KITH_TEST_AHEAD"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kith": func() {
		d, err := time.ParseDuration(os.Getenv(ahead))
		if err != nil {
			d = 0
		}
		os.Exit(runAs(func(p *program) {
			p.now, p.hasty = func() time.Time { return time.Now().Add(d) }, true
		}))
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup:               newWorld,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"provider":  in((*world).provider),   // new [KIND], honest, down, fork, other, split, evil KIND
			"auditor":   in((*world).auditing),   // HOW it answers, or saw N
			"successor": in((*world).successor),  // another log of the same provider
			"witnesses": in((*world).witnessing), // THRESHOLD NAME...: the document names them
			"witness":   in((*world).witness),    // NAME up|down
			"accounts":  in((*world).account),    // open|invite|closed, honest, down, lost M PATH, lie FIELD JSON, ...
			"agekey":    ageKey,                  // NAME: NAME.key and NAME.pub
			"showsnot":  secretless,              // TEXT FILE...
			"until":     until,                   // CODE COMMAND...: again and again
			"import":    in((*world).imports),    // LABEL FILE: the provider vouches for an SSH key
			"intrude":   in((*world).intrude),    // LABEL FILE: somebody else takes the label
			"erase":     in((*world).erase),      // LABEL VERSION
			"token":     in((*world).token),      // LABEL FILE; the label search is the scope
			"advance":   in((*world).advance),    // DURATION: every clock
			"skew":      in((*world).skew),       // DURATION: the clock of kith alone
			"sshkey":    in((*world).sshKey),     // LABEL FILE
			"openpgp":   in((*world).openPGP),    // ADDRESS FILE
			"cosigner":  cosigner,                // NAME VARIABLE: its verifier key
			"thefile":   theFile,                 // FOLDER PREFIX VARIABLE: the name of its one file that begins so
			"flip":      flip,                    // FILE OFFSET
			"exits":     exits,                   // CODE COMMAND...
		},
	})
}

// in makes a verb of a method of the script's world.
func in(verb func(*world, *testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this verb cannot fail")
		}
		ts.Check(verb(ts.Value(worldKey{}).(*world), ts, args))
	}
}

var errUsage = errors.New("a verb with other arguments; see TestScripts")

// exits runs a command that must exit with a code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("%v", errUsage)
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

// flip changes one bit of a file; a negative offset counts from the end.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("%v", errUsage)
	}
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	i, err := strconv.Atoi(args[1])
	ts.Check(err)
	if i < 0 {
		i += len(b)
	}
	b[i] ^= 1
	ts.Check(os.WriteFile(path, b, 0o600))
}

// cosigner puts the verifier key of a new cosigner into a variable.
func cosigner(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("%v", errUsage)
	}
	_, vkey, err := checkpoint.GenerateCosigner(rand.Reader, args[0])
	ts.Check(err)
	ts.Setenv(args[1], vkey)
}

// theFile puts the name of the one file in a folder that begins with a prefix into a variable.
func theFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("%v", errUsage)
	}
	found, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), args[1]+"*"))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%d files, not one: %v", len(found), found)
	}
	ts.Setenv(args[2], filepath.Base(found[0]))
}
