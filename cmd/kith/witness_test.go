package main

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// A witness cosigns whatever it is shown, while it is there. (Those that look are
// tested where they are.)
type witness struct {
	*checkpoint.Cosigner
	server *httptest.Server
	now    func() time.Time
	away   atomic.Bool
}

func (w *witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(checkpoint.MaxAddCheckpoint)))
	if err != nil || w.away.Load() {
		panic(http.ErrAbortHandler)
	}
	add, err := checkpoint.ParseAddCheckpoint(body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	text, _, _ := strings.Cut(string(add.Checkpoint), "\n\n")
	line, err := w.Cosign(text+"\n", uint64(w.now().Unix()))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	rw.Write(line)
}

// witnessing is the verb witnesses: the document names them from now on, and demands
// so many.
func (w *world) witnessing(ts *testscript.TestScript, args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	threshold, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var named []provider.Witness
	for _, name := range args[1:] {
		skey, vkey, err := checkpoint.GenerateCosigner(rand.Reader, name)
		if err != nil {
			return err
		}
		cosigner, err := checkpoint.NewCosigner(skey)
		if err != nil {
			return err
		}
		one := &witness{Cosigner: cosigner, now: w.now}
		one.server = httptest.NewServer(one)
		w.witnesses = append(w.witnesses, one)
		named = append(named, provider.Witness{Key: vkey, Address: one.server.URL})
	}
	w.often = true // checkpoints
	return w.revise(func(d *provider.Document) error {
		d.Witnesses, d.WitnessThreshold, d.MaxWitnessLagMS = named, threshold, 3000
		return nil
	})
}

// revise changes the provider document with the root key, and opens the log again.
func (w *world) revise(change func(*provider.Document) error) error {
	root, err := operator.LoadRootKey(filepath.Join(w.folder, operator.RootFolder, operator.RootKeyFile))
	if err != nil {
		return err
	}
	if err := w.running.close(); err != nil {
		return err
	}
	if err := operator.ReviseDocument(w.folder, w.now(), operator.DefaultDocumentLife, change, root); err != nil {
		return err
	}
	if w.running, err = w.run(w.folder); err != nil {
		return err
	}
	w.front.Set(w.op.Handler())
	return nil
}

// witness is the verb: NAME comes, or goes.
func (w *world) witness(_ *testscript.TestScript, args []string) error {
	i := slices.IndexFunc(w.witnesses, func(x *witness) bool { return len(args) == 2 && x.Name() == args[0] })
	if i < 0 || args[1] != "up" && args[1] != "down" {
		return errUsage
	}
	w.witnesses[i].away.Store(args[1] == "down")
	return nil
}

// until [-stderr PATTERN] CODE COMMAND... runs a command again and again, until it exits
// with a code, and says something.
func until(ts *testscript.TestScript, neg bool, args []string) {
	said := regexp.MustCompile("")
	if len(args) > 2 && args[0] == "-stderr" {
		var err error
		said, err = regexp.Compile("(?m)" + args[1])
		ts.Check(err)
		args = args[2:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("%v", errUsage)
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	for deadline := time.Now().Add(90 * time.Second); ; {
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
		stderr := ts.ReadFile("stderr")
		if got == want && said.MatchString(stderr) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("exit code %d, want %d, and %q in\n%s", got, want, said, stderr)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
