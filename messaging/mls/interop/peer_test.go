package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// need skips the test without a service, and fails it where CI is set.
func need(t testing.TB, there bool, service string) {
	t.Helper()
	if there {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is required when CI is set", service)
	}
	t.Skipf("no %s", service)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// packages is the folder with ts-mls and our scripts, installed once for all tests;
// TestMain removes it.
var packages struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if packages.dir != "" {
		os.RemoveAll(packages.dir)
	}
	os.Exit(code)
}

func install() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "mls-interop"); err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "tsmls"))); err != nil {
		return dir, err
	}
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return dir, err
	}
	if bytes.Contains(lock, []byte(`"resolved"`)) {
		return dir, errors.New("package-lock.json names a registry")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return dir, errors.Join(errInstall, err, errors.New(string(out)))
	}
	return dir, nil
}

var errInstall = errors.New("npm ci")

// peer is a Node.js process that answers requests, one after the other.
type peer struct {
	t       testing.TB
	mu      sync.Mutex
	in      io.WriteCloser
	out     *bufio.Reader
	clients atomic.Int64
}

// start runs one of the scripts until the test ends.
func start(t testing.TB, script string) *peer {
	t.Helper()
	_, noNode := exec.LookPath("node")
	_, noNPM := exec.LookPath("npm")
	need(t, noNode == nil && noNPM == nil, "node and npm")
	packages.Do(func() { packages.dir, packages.err = install() })
	if errors.Is(packages.err, errInstall) {
		t.Log(packages.err)
		need(t, false, "a way to the packages of npm (npm ci)")
	}
	must(t, packages.err)
	cmd := exec.Command("node", "--no-warnings", script)
	cmd.Dir = packages.dir
	var complaints strings.Builder
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		err := cmd.Wait()
		if err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v\n%s", script, err, complaints.String())
		}
	})
	return &peer{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
}

// q is a request's fields, besides op.
type q map[string]any

// answer is what all operations of peer.mjs answer with.
type answer struct {
	Error string

	Key, KeyPackage         []byte
	Commit, Welcome, Tree   []byte
	Proposal, GroupInfo     []byte
	Kind                    string
	Text, AAD               []byte
	Messages                [][]byte
	Asked                   []leaf
	Secret, Public, Enc, CT []byte

	Active, Closed          bool
	Epoch                   uint64
	TreeHash, Transcript    []byte
	Authenticator, Exported []byte
	Leaf                    uint32
	Members                 []leaf
}

type leaf struct {
	Index    uint32
	Identity string
	Key      []byte
}

// try asks, and returns what the peer made of it.
func (p *peer) try(op string, fields q, into any) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	request := q{"op": op}
	for k, v := range fields {
		request[k] = v
	}
	line, err := json.Marshal(request)
	must(p.t, err)
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		p.t.Fatalf("%s: %v", op, err)
	}
	line, err = p.out.ReadBytes('\n')
	if err != nil {
		p.t.Fatalf("%s: %v", op, err)
	}
	must(p.t, json.Unmarshal(line, into))
}

// ask asks what must succeed.
func (p *peer) ask(op string, fields q) answer {
	p.t.Helper()
	var a answer
	p.try(op, fields, &a)
	if a.Error != "" {
		p.t.Fatalf("%s: %s", op, a.Error)
	}
	return a
}
