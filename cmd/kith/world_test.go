package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/wire"
)

const (
	domain = "example.org"
	window = time.Hour // reasonable monitoring window
)

type worldKey struct{}

// A world is what a script runs in: one address, and a provider behind it.
type world struct {
	dir      string
	front    evil.Switch // the directory
	face     *front
	server   *httptest.Server
	accounts *service     // nil: none
	ahead    atomic.Int64 // of the provider's clock, in ns
	running
	other     running // a fork of the log, under the same keys
	auditor   *auditor
	witnesses []*witness
	often     bool // checkpoints are signed
	made      int
}

// A running is a log that is open.
type running struct {
	folder string
	op     *operator.Operator
	stop   func() error
}

func newWorld(e *testscript.Env) error {
	w := &world{dir: filepath.Join(e.WorkDir, ".world")}
	if err := w.open(); err != nil {
		return err
	}
	e.Values[worldKey{}] = w
	e.Defer(w.close)
	e.Setenv("URL", w.server.URL)
	e.Setenv("KITH_HOME", filepath.Join(e.WorkDir, "home"))
	return nil
}

func (w *world) open() error {
	w.face = &front{directory: &w.front}
	w.server = httptest.NewServer(w.face)
	return os.Mkdir(w.dir, 0o700)
}

func (w *world) close() {
	w.server.Close()
	if w.auditor != nil {
		w.auditor.server.Close()
	}
	for _, r := range []*running{&w.running, &w.other} {
		if err := r.close(); err != nil {
			panic(err)
		}
	}
	for _, x := range w.witnesses {
		x.server.Close()
	}
	if w.accounts != nil {
		if err := w.accounts.store.Close(); err != nil {
			panic(err)
		}
	}
}

func (r *running) close() error {
	if r.stop == nil {
		return nil
	}
	stop := r.stop
	r.stop = nil
	return stop()
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// fresh puts a provider with keys of its own behind the address.
func (w *world) fresh(ts *testscript.TestScript, o operator.Options) error {
	found, err := w.start(o)
	if err == nil {
		ts.Setenv("FINGERPRINT", found)
	}
	return err
}

// start is fresh; it returns the fingerprint of the log.
func (w *world) start(o operator.Options) (string, error) {
	for _, r := range []*running{&w.running, &w.other} {
		if err := r.close(); err != nil {
			return "", err
		}
	}
	w.made++
	dir := filepath.Join(w.dir, fmt.Sprint(w.made))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	o.Domain, o.Addresses, o.ReasonableMonitoringWindow, o.Now = domain, []string{w.server.URL}, window, w.now
	made, err := operator.Init(dir, o)
	if err != nil {
		return "", err
	}
	if w.running, err = w.run(dir); err != nil {
		return "", err
	}
	w.front.Set(w.op.Handler())
	return made.Fingerprint.String(), nil
}

// fork makes a second log of the provider, which goes on by itself.
func (w *world) fork() error {
	if err := w.running.close(); err != nil {
		return err
	}
	w.made++
	dir := filepath.Join(w.dir, fmt.Sprint(w.made))
	if err := evil.Copy(w.folder, dir); err != nil {
		return err
	}
	var err error
	if w.running, err = w.run(w.folder); err != nil {
		return err
	}
	if w.other, err = w.run(dir); err != nil {
		return err
	}
	w.front.Set(w.op.Handler())
	return nil
}

// swap puts the other log behind the address.
func (w *world) swap() {
	w.running, w.other = w.other, w.running
	w.front.Set(w.op.Handler())
}

// run opens a data folder.
func (w *world) run(dir string) (running, error) {
	o := operator.OpenOptions{Interval: time.Millisecond, Now: w.now}
	o.Authorizer = func(tokens directory.Authorizer) directory.Authorizer { return sessions{tokens, w} }
	if w.often {
		o.CheckpointInterval = 50 * time.Millisecond
	}
	op, err := operator.Open(dir, o)
	if err != nil {
		return running{}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- op.Run(ctx) }()
	return running{dir, op, func() error {
		cancel()
		if err := <-ran; err != nil && ctx.Err() == nil {
			return err
		}
		return op.Close()
	}}, nil
}

func (w *world) provider(ts *testscript.TestScript, args []string) error {
	format := func() wire.Format {
		c := w.op.Configuration()
		return wire.Format{Suite: c.CipherSuite, Mode: c.Mode}
	}
	switch strings.Join(args, " ") {
	case "new":
		return w.fresh(ts, operator.Options{})
	case "new p256":
		return w.fresh(ts, operator.Options{Suite: operator.SuiteP256})
	case "new private":
		return w.fresh(ts, operator.Options{Search: operator.SearchToken})
	case "fork":
		return w.fork()
	case "other":
		w.swap()
	case "split": // the other log for people, this one for witnesses
		people, witnesses := w.other.op.Handler(), w.op.Handler()
		w.front.Set(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/log/") {
				witnesses.ServeHTTP(rw, r)
				return
			}
			people.ServeHTTP(rw, r)
		}))
	case "honest":
		w.front.Set(w.op.Handler())
	case "down":
		w.front.Set(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	case "evil flip":
		w.front.Set(evil.FlipBit(w.op.Handler(), wire.OpSearch, 3001))
	case "evil withhold":
		w.front.Set(evil.Withhold(w.op.Handler(), format()))
	case "evil lost": // takes an update, and loses the reply
		w.front.Set(evil.Responses(w.op.Handler(), wire.OpUpdate, func([]byte) []byte { panic(http.ErrAbortHandler) }))
	case "evil garbage":
		w.front.Set(evil.Responses(w.op.Handler(), wire.OpSearch, func([]byte) []byte { return []byte("garbage") }))
	default:
		return errUsage
	}
	return nil
}

// publish puts a record at a label in the provider's name.
func (w *world) publish(label string, build func(last *record.Link) ([]byte, error)) error {
	log, err := client.NewLog(*w.op.Configuration())
	if err != nil {
		return err
	}
	secret, token, err := w.op.Tokens().Create(context.Background(), directory.ScopeSearch, nil)
	if err != nil {
		return err
	}
	reader := client.New(client.Config{Service: w.op.Directory(), State: client.NewState(log), Now: w.now,
		Policy: client.Policy{Opaque: true}, Token: func(string) string { return secret }})
	var last *record.Link
	switch l, err := reader.Lookup(context.Background(), label, client.Options{}); {
	case err == nil:
		link := record.LinkOf(l.Version, l.Value)
		last = &link
	case !errors.Is(err, problem.ErrNoAnswer):
		return err
	}
	if err := w.op.Tokens().Revoke(context.Background(), token.ID); err != nil {
		return err
	}
	value, err := build(last)
	if err != nil {
		return err
	}
	_, err = w.op.Publish(context.Background(), []byte(label), value)
	return err
}

func (w *world) imports(ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	keys, err := parseKeys(record.SSH, []byte(ts.ReadFile(args[1])))
	if err != nil {
		return err
	}
	return w.publish(args[0], func(last *record.Link) ([]byte, error) {
		return record.NewImported(domain, args[0], last, keys)
	})
}

func (w *world) erase(_ *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	version, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		return err
	}
	return w.op.Sequencer().Erase(context.Background(), []byte(args[0]), uint32(version))
}

func (w *world) intrude(ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	keys, err := parseKeys(record.SSH, []byte(ts.ReadFile(args[1])))
	if err != nil {
		return err
	}
	_, account, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	return w.publish(args[0], func(last *record.Link) ([]byte, error) {
		return record.NewClaim(domain, args[0], last, record.Content{Keys: keys}, account)
	})
}

func (w *world) token(ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	scope, label := directory.ScopeUpdate, []byte(args[0])
	if args[0] == "search" {
		scope, label = directory.ScopeSearch, nil
	}
	secret, _, err := w.op.Tokens().Create(context.Background(), scope, label)
	if err != nil {
		return err
	}
	return os.WriteFile(ts.MkAbs(args[1]), []byte(secret+"\n"), 0o600)
}

func (w *world) advance(ts *testscript.TestScript, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	ts.Setenv(ahead, time.Duration(w.ahead.Add(int64(d))).String())
	return nil
}

func (w *world) skew(ts *testscript.TestScript, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	ts.Setenv(ahead, (time.Duration(w.ahead.Load()) + d).String())
	return nil
}

func (w *world) sshKey(ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return err
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " " + args[0] + "\n"
	return os.WriteFile(ts.MkAbs(args[1]), []byte(line), 0o600)
}

// openPGP writes a public key in binary, and its fingerprint into $OPENPGP.
func (w *world) openPGP(ts *testscript.TestScript, args []string) error {
	if len(args) != 2 {
		return errUsage
	}
	e, err := openpgp.NewEntity("A Person", "", args[0], nil)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		return err
	}
	var secret bytes.Buffer
	if err := e.SerializePrivate(&secret, nil); err != nil {
		return err
	}
	if err := os.WriteFile(ts.MkAbs(args[1]+".secret"), secret.Bytes(), 0o600); err != nil {
		return err
	}
	ts.Setenv("OPENPGP", fmt.Sprintf("%X", e.PrimaryKey.Fingerprint))
	return os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o600)
}
