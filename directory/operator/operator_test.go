package operator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// A world is a data folder and what is run from it.
type world struct {
	t   *testing.T
	dir string
	now atomic.Int64 // ms since the Unix epoch
}

func newWorld(t *testing.T, o operator.Options) *world {
	t.Helper()
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "data")}
	w.now.Store(1_800_000_000_000)
	o.Domain, o.Now = "example.org", w.clock
	if _, err := operator.Init(w.dir, o); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) clock() time.Time { return time.UnixMilli(w.now.Load()) }

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

func (w *world) open(o operator.OpenOptions) (*operator.Operator, error) {
	o.Now = w.clock
	return operator.Open(w.dir, o)
}

// A served is an operator that runs behind a real server.
type served struct {
	*operator.Operator
	URL  string
	stop func()
}

func (w *world) serve(o operator.OpenOptions) *served {
	w.t.Helper()
	op, err := w.open(o)
	if err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewServer(op.Handler())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- op.Run(ctx) }()
	stopped := false
	s := &served{op, server.URL, func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		server.Close()
		if err := op.Close(); err != nil {
			w.t.Error(err)
		}
	}}
	w.t.Cleanup(s.stop)
	for op.Ready() != nil {
		select {
		case err := <-done:
			w.t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	return s
}

func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, b
}

func post(t *testing.T, url, token string, body []byte) (int, []byte) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", httpapi.MediaType)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, b
}

func (s *served) update(t *testing.T, token, label, value string, greatest *uint32) int {
	t.Helper()
	request := wire.UpdateRequest{Label: []byte(label), GreatestVersion: greatest, Values: []wire.LabelValue{{Value: []byte(value)}}}
	body, err := request.Append(nil, s.Configuration().Format())
	if err != nil {
		t.Fatal(err)
	}
	status, _ := post(t, s.URL+"/kt/v1/update", token, body)
	return status
}

func (s *served) search(t *testing.T, token, label string) (int, []byte) {
	t.Helper()
	request := wire.SearchRequest{Label: []byte(label)}
	f := s.Configuration().Format()
	body, err := request.Append(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	status, b := post(t, s.URL+"/kt/v1/search", token, body)
	if status != http.StatusOK {
		return status, nil
	}
	response, err := wire.ParseSearchResponse(b, f, false)
	if err != nil {
		t.Fatal(err)
	}
	return status, response.Value.Value
}

// TestRoundTrip takes a provider through init, serving, updates, and a restart.
func TestRoundTrip(t *testing.T) {
	for _, suite := range []string{operator.SuiteEd25519, operator.SuiteP256} {
		t.Run(suite, func(t *testing.T) {
			w := newWorld(t, operator.Options{Suite: suite})
			s := w.serve(operator.OpenOptions{})
			token, _, err := s.Tokens().Create(t.Context(), directory.ScopeUpdate, []byte("alice@example.org"))
			if err != nil {
				t.Fatal(err)
			}
			if status, _ := s.search(t, "", "alice@example.org"); status != http.StatusNotFound {
				t.Errorf("search before: %d", status)
			}
			if status := s.update(t, token, "alice@example.org", "one", nil); status != http.StatusOK {
				t.Fatalf("update: %d", status)
			}
			if _, err := s.Publish(t.Context(), []byte("alice@example.org"), []byte("two")); err != nil {
				t.Fatal(err)
			}
			if _, value := s.search(t, "", "alice@example.org"); string(value) != "two" {
				t.Errorf("found %q", value)
			}
			_, envelope := get(t, s.URL+provider.Path)
			pinned, err := provider.Open(envelope, "example.org", w.clock(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := pinned.Document.Config(); err != nil || c.CipherSuite != s.Configuration().CipherSuite {
				t.Errorf("configuration: %v, %v", c, err)
			}
			s.stop()

			s = w.serve(operator.OpenOptions{})
			if _, value := s.search(t, "", "alice@example.org"); string(value) != "two" {
				t.Errorf("found %q after a restart", value)
			}
			greatest := uint32(1)
			if status := s.update(t, token, "alice@example.org", "three", &greatest); status != http.StatusOK {
				t.Errorf("update after a restart: %d", status)
			}
		})
	}
}

// TestHeartbeatBeforeReady: after a downtime nobody is shown an old head.
func TestHeartbeatBeforeReady(t *testing.T) {
	w := newWorld(t, operator.Options{MaxBehind: time.Hour})
	w.now.Add(10 * time.Hour.Milliseconds())
	op, err := w.open(operator.OpenOptions{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	if size := sizeOf(t, op); size != 1 {
		t.Errorf("offline, the log grew to %d", size)
	}
	if op.Ready() == nil {
		t.Error("ready without running")
	}
	if err := op.Close(); err != nil {
		t.Fatal(err)
	}
	if op, err = w.open(operator.OpenOptions{}); err != nil {
		t.Fatal(err)
	}
	defer op.Close()
	if size := sizeOf(t, op); size != 2 {
		t.Errorf("the log has %d entries, no heartbeat", size)
	}
}

func sizeOf(t *testing.T, op *operator.Operator) uint64 {
	t.Helper()
	snap, err := op.Sequencer().Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	return snap.Head().Size
}

// TestReadiness: a heartbeat that is overdue makes the provider unready.
func TestReadiness(t *testing.T) {
	w := newWorld(t, operator.Options{MaxBehind: time.Hour})
	// The timer never fires, as if the sequencer hung.
	s := w.serve(operator.OpenOptions{After: func(time.Duration) <-chan time.Time { return nil }})
	if status, _ := get(t, s.URL+"/readyz"); status != http.StatusOK {
		t.Errorf("fresh: %d", status)
	}
	w.now.Add(50 * time.Minute.Milliseconds())
	if status, b := get(t, s.URL+"/readyz"); status != http.StatusServiceUnavailable || !bytes.Contains(b, []byte("overdue")) {
		t.Errorf("overdue: %d %s", status, b)
	}
	if status, _ := get(t, s.URL+"/healthz"); status != http.StatusOK {
		t.Errorf("health: %d", status)
	}
}

// TestRefusals: what a provider must not be opened over.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*testing.T, *world)
		want  error
	}{
		{"a second process", func(t *testing.T, w *world) {
			op, err := w.open(operator.OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { op.Close() })
		}, operator.ErrInUse},
		{"an exposed key", func(t *testing.T, w *world) {
			must(t, os.Chmod(w.path("keys", "vrf.key"), 0o644))
		}, directory.ErrExposedKey},
		{"an older store", func(t *testing.T, w *world) {
			old, err := os.ReadFile(w.path(operator.StoreFile))
			must(t, err)
			s := w.serve(operator.OpenOptions{})
			if _, err := s.Publish(t.Context(), []byte("a"), []byte("b")); err != nil {
				t.Fatal(err)
			}
			s.stop()
			must(t, os.WriteFile(w.path(operator.StoreFile), old, 0o600))
		}, directory.ErrHighWater},
		{"no store", func(t *testing.T, w *world) { must(t, os.Remove(w.path(operator.StoreFile))) }, fs.ErrNotExist},
		{"no high-water mark", func(t *testing.T, w *world) { must(t, os.Remove(w.path(operator.HighWaterFile))) }, fs.ErrNotExist},
		{"no log", func(t *testing.T, w *world) { must(t, os.Remove(w.path(operator.ConfigFile))) }, operator.ErrNoLog},
		{"another window", func(t *testing.T, w *world) {
			edit(t, w.path(operator.ConfigFile), `"24h0m0s"`, `"48h0m0s"`)
		}, operator.ErrDocument},
		{"an unknown setting", func(t *testing.T, w *world) {
			edit(t, w.path(operator.ConfigFile), `"search"`, `"serch"`)
		}, operator.ErrConfig},
		{"an edited document", func(t *testing.T, w *world) {
			b, err := os.ReadFile(w.path(operator.DocumentFile))
			must(t, err)
			var e map[string]any
			must(t, json.Unmarshal(b, &e))
			e["signatures"] = []any{}
			b, err = json.Marshal(e)
			must(t, err)
			must(t, os.WriteFile(w.path(operator.DocumentFile), b, 0o644))
		}, provider.ErrSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, operator.Options{})
			test.spoil(t, w)
			op, err := w.open(operator.OpenOptions{})
			if err == nil {
				op.Close()
			}
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, path, old, new string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Contains(b, []byte(old)) {
		t.Fatalf("%s has no %s", path, old)
	}
	must(t, os.WriteFile(path, bytes.ReplaceAll(b, []byte(old), []byte(new)), 0o644))
}

// TestInitRefusesToOverwrite: whatever part of a log is there.
func TestInitRefusesToOverwrite(t *testing.T) {
	for _, name := range []string{operator.ConfigFile, operator.DocumentFile, operator.StoreFile, operator.KeysFolder, operator.HighWaterFile, operator.RootFolder} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte("mine"), 0o600))
		if _, err := operator.Init(dir, operator.Options{Domain: "example.org"}); !errors.Is(err, operator.ErrExists) {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
			t.Errorf("%s was touched", name)
		}
	}
}

// TestInitFiles: what is secret is readable by its owner only.
func TestInitFiles(t *testing.T) {
	w := newWorld(t, operator.Options{})
	for path, mode := range map[string]fs.FileMode{
		"keys": 0o700, "keys/signature.key": 0o600, "keys/vrf.key": 0o600, "keys/log.key": 0o600,
		"root": 0o700, "root/root.key": 0o600, "high-water": 0o600,
	} {
		info, err := os.Stat(w.path(path))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// TestInitLeavesNothing: a failed Init can be tried again.
func TestInitLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := operator.Init(dir, operator.Options{Domain: "example.org", Rand: strings.NewReader("too little")}); err == nil {
		t.Fatal("a log from ten bytes of randomness")
	}
	bad := operator.Options{Domain: "example.org", Addresses: []string{"not an address"}}
	if _, err := operator.Init(dir, bad); err == nil {
		t.Fatal("a log at no address")
	}
	// Somebody else writes a file when most of the log is there already.
	calls := 0
	late := operator.Options{Domain: "example.org", Now: func() time.Time {
		if calls++; calls == 2 {
			must(t, os.WriteFile(filepath.Join(dir, operator.ConfigFile), nil, 0o600))
		}
		return time.Now()
	}}
	if _, err := operator.Init(dir, late); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a log over another: %v", err)
	}
	if _, err := operator.Init(dir, operator.Options{Domain: "example.org"}); err != nil {
		t.Error(err)
	}
}

// TestInitOptions: what no log can have is refused before anything is written.
func TestInitOptions(t *testing.T) {
	for name, o := range map[string]operator.Options{
		"no domain":              {},
		"a bad domain":           {Domain: "exa mple.org"},
		"an unknown suite":       {Domain: "example.org", Suite: "rsa"},
		"an unknown mode":        {Domain: "example.org", Mode: "trust-me"},
		"no auditor":             {Domain: "example.org", Mode: operator.ModeThirdPartyAuditing},
		"an idle auditor":        {Domain: "example.org", Auditor: &operator.Auditor{PublicKey: make([]byte, 32)}},
		"a bad auditor":          {Domain: "example.org", Mode: operator.ModeThirdPartyAuditing, Auditor: &operator.Auditor{PublicKey: []byte("short")}},
		"a lifetime too short":   {Domain: "example.org", MaximumLifetime: time.Hour},
		"a lifetime of a window": {Domain: "example.org", MaximumLifetime: operator.DefaultWindow},
		"a negative window":      {Domain: "example.org", ReasonableMonitoringWindow: -1},
		"an unknown search":      {Domain: "example.org", Search: "nobody"},
		"values without end":     {Domain: "example.org", MaxValue: 1 << 30},
		"an origin with a space": {Domain: "example.org", Origin: "a log"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		if _, err := operator.Init(dir, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "k*")); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

// TestTokenBoundSearch: who may search is decided by tokens alone.
func TestTokenBoundSearch(t *testing.T) {
	w := newWorld(t, operator.Options{Search: operator.SearchToken})
	s := w.serve(operator.OpenOptions{})
	for _, label := range []string{"alice", "bob"} {
		if _, err := s.Publish(t.Context(), []byte(label), []byte("key of "+label)); err != nil {
			t.Fatal(err)
		}
	}
	reader, _, err := s.Tokens().Create(t.Context(), directory.ScopeSearch, nil)
	must(t, err)
	alice, known, err := s.Tokens().Create(t.Context(), directory.ScopeUpdate, []byte("alice"))
	must(t, err)
	greatest := uint32(0)
	for _, test := range []struct {
		token, label string
		search       int
		update       int
	}{
		{"", "alice", 401, 401},
		{"kith_made-up", "alice", 401, 401},
		{reader, "alice", 200, 403},
		{reader, "bob", 200, 403},
		{alice, "bob", 404, 403},
		{alice, "nobody", 404, 403},
		{alice, "alice", 200, 200},
	} {
		if status, _ := s.search(t, test.token, test.label); status != test.search {
			t.Errorf("search of %s: %d, want %d", test.label, status, test.search)
		}
		if status := s.update(t, test.token, test.label, "x", &greatest); status != test.update {
			t.Errorf("update of %s: %d, want %d", test.label, status, test.update)
		}
	}
	must(t, s.Tokens().Revoke(t.Context(), known.ID))
	if status, _ := s.search(t, alice, "alice"); status != 401 {
		t.Errorf("search with a revoked token: %d", status)
	}
}

// TestCheckpoints: checkpoints verify, do not change while the log grows within
// the interval, and follow it after.
func TestCheckpoints(t *testing.T) {
	w := newWorld(t, operator.Options{})
	tick := make(chan time.Time)
	s := w.serve(operator.OpenOptions{
		CheckpointInterval: 7 * time.Hour,
		After: func(d time.Duration) <-chan time.Time {
			if d == 7*time.Hour {
				return tick
			}
			return time.After(d)
		},
	})
	pinned, err := provider.Reopen(s.Document())
	must(t, err)
	verifier, err := checkpoint.NewVerifier(pinned.Document.AuditLog.Key)
	must(t, err)
	open := func() *checkpoint.Signed {
		_, b := get(t, s.URL+"/log/checkpoint")
		signed, err := verifier.Open(b)
		must(t, err)
		return signed
	}
	first := open()
	if first.Size != 1 {
		t.Errorf("the first checkpoint has size %d", first.Size)
	}
	_, err = s.Publish(t.Context(), []byte("a"), []byte("b"))
	must(t, err)
	if again := open(); again.Size != 1 {
		t.Errorf("the checkpoint went to size %d within the interval", again.Size)
	}
	select {
	case tick <- time.Now():
	case <-time.After(30 * time.Second):
		t.Fatal("nobody waits for the interval")
	}
	for before := s.Checkpoint(); bytes.Equal(before, s.Checkpoint()) && open().Size == 1; {
		time.Sleep(time.Millisecond)
	}
	if next := open(); next.Size != 2 {
		t.Errorf("the next checkpoint has size %d", next.Size)
	}
	_, err = s.Publish(t.Context(), []byte("a"), []byte("c"))
	must(t, err)
	if _, err := s.SignCheckpoint(); err != nil || open().Size != 3 {
		t.Errorf("on demand: size %d, %v", open().Size, err)
	}
}

// TestAuditorHead: in third-party auditing mode nothing is answered until the
// auditor has signed, and only its own heads are taken.
func TestAuditorHead(t *testing.T) {
	ed25519, err := suite.Get(wire.KT_128_SHA256_Ed25519)
	must(t, err)
	auditor, err := ed25519.ParseSigner(bytes.Repeat([]byte{7}, 32))
	must(t, err)
	w := newWorld(t, operator.Options{Mode: operator.ModeThirdPartyAuditing, Auditor: &operator.Auditor{PublicKey: auditor.Public()}})
	op, err := w.open(operator.OpenOptions{})
	must(t, err)
	server := httptest.NewServer(op.Handler())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- op.Run(ctx) }()
	defer func() {
		cancel()
		must(t, <-done)
		server.Close()
		must(t, op.Close())
	}()
	s := &served{op, server.URL, nil}
	if status, _ := s.search(t, "", "a"); status != http.StatusServiceUnavailable {
		t.Errorf("search without an auditor's head: %d", status)
	}
	if op.Ready() == nil {
		t.Error("ready without an auditor's head")
	}
	snap, err := op.Sequencer().Snapshot()
	must(t, err)
	head := snap.Head()
	snap.Release()
	signed, err := suite.SignAuditorTreeHead(auditor, op.Configuration(), head.Timestamp, head.Size, head.Root)
	must(t, err)
	forged := *signed
	forged.Signature = bytes.Repeat([]byte{1}, len(signed.Signature))
	for _, test := range []struct {
		head *wire.AuditorTreeHead
		want int
	}{{&forged, 422}, {signed, 204}, {signed, 204}} {
		b, err := test.head.Append(nil, op.Configuration().Format())
		must(t, err)
		if status, _ := post(t, s.URL+"/audit/v1/head", "", b); status != test.want {
			t.Errorf("head: %d, want %d", status, test.want)
		}
	}
	if status, _ := s.search(t, "", "a"); status != http.StatusNotFound {
		t.Errorf("search of nobody: %d", status)
	}
	for op.Ready() != nil { // Run may just have begun
		time.Sleep(time.Millisecond)
	}
}

// TestClockSetBack: the operator is told, once, when the log is ahead of the clock.
func TestClockSetBack(t *testing.T) {
	w := newWorld(t, operator.Options{MaxAhead: time.Minute})
	for _, test := range []struct {
		back time.Duration
		told int
	}{{time.Minute, 0}, {time.Minute + time.Millisecond, 1}} {
		begun := w.now.Load()
		w.now.Add(-test.back.Milliseconds())
		var log bytes.Buffer
		op, err := w.open(operator.OpenOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		must(t, err)
		must(t, op.Close())
		if n := strings.Count(log.String(), "in the future"); n != test.told {
			t.Errorf("%v back: told %d times: %s", test.back, n, log.String())
		}
		w.now.Store(begun)
	}
}

// TestReviseDocument: a new version is signed with the root key and served.
func TestReviseDocument(t *testing.T) {
	w := newWorld(t, operator.Options{})
	s := w.serve(operator.OpenOptions{})
	root, err := operator.LoadRootKey(w.path("root", "root.key"))
	must(t, err)
	before := s.Document()
	w.now.Add(1000)
	must(t, operator.ReviseDocument(w.dir, w.clock(), time.Hour, func(d *provider.Document) error {
		d.Addresses = []string{"https://kt.example.org"}
		return nil
	}, root))
	if !bytes.Equal(before, s.Document()) {
		t.Error("the served document changed by itself")
	}
	must(t, s.ReloadDocument())
	pinned, err := provider.Reopen(s.Document())
	if err != nil || pinned.Document.Version != 2 || pinned.Document.Addresses[0] != "https://kt.example.org" {
		t.Errorf("%+v, %v", pinned, err)
	}
	must(t, os.WriteFile(w.path(operator.DocumentFile), before, 0o644))
	if err := s.ReloadDocument(); !errors.Is(err, provider.ErrRollback) {
		t.Errorf("the old document came back: %v", err)
	}
	if err := operator.ReviseDocument(w.dir, w.clock(), time.Hour, nil); !errors.Is(err, provider.ErrSignature) {
		t.Errorf("a document without a root key: %v", err)
	}
}

// TestDocumentIsNotForgotten: an old copy of the document, or none, does not lead to a
// second one of a version that was served, which would convict the provider.
func TestDocumentIsNotForgotten(t *testing.T) {
	w := newWorld(t, operator.Options{})
	root, err := operator.LoadRootKey(w.path("root", "root.key"))
	must(t, err)
	revise := func() {
		t.Helper()
		w.now.Add(1000)
		must(t, operator.ReviseDocument(w.dir, w.clock(), time.Hour, nil, root))
	}
	op, err := w.open(operator.OpenOptions{Offline: true})
	must(t, err)
	first := op.Document()
	revise()
	must(t, op.ReloadDocument())
	second := op.Document()
	must(t, op.Close())

	// Revised before the newest is back.
	must(t, os.WriteFile(w.path(operator.DocumentFile), first, 0o644))
	revise()
	other, err := os.ReadFile(w.path(operator.DocumentFile))
	must(t, err)
	if _, err := evidence.NewTwoDocuments(first, second, other); err != nil {
		t.Fatalf("not what convicts: %v", err)
	}
	if op, err := w.open(operator.OpenOptions{Offline: true}); !errors.Is(err, operator.ErrDocument) {
		t.Errorf("it is served: %v", err)
		must(t, op.Close())
	}
	for name, put := range map[string]func() error{
		"none":   func() error { return os.Remove(w.path(operator.DocumentFile)) },
		"an old": func() error { return os.WriteFile(w.path(operator.DocumentFile), first, 0o644) },
	} {
		must(t, put())
		op, err := w.open(operator.OpenOptions{Offline: true})
		must(t, err)
		if !bytes.Equal(op.Document(), second) {
			t.Errorf("%s: another document is served", name)
		}
		must(t, op.Close())
	}
	revise()
	op, err = w.open(operator.OpenOptions{Offline: true})
	must(t, err)
	defer op.Close()
	if pinned, err := provider.Reopen(op.Document()); err != nil || pinned.Document.Version != 3 {
		t.Errorf("%+v, %v", pinned, err)
	}
}

// TestRestartKeepsCheckpoint: what is served after a restart at the same size is
// the same, byte for byte.
func TestRestartKeepsCheckpoint(t *testing.T) {
	w := newWorld(t, operator.Options{})
	s := w.serve(operator.OpenOptions{})
	before := s.Checkpoint()
	s.stop()
	if s = w.serve(operator.OpenOptions{}); !bytes.Equal(before, s.Checkpoint()) {
		t.Error("another checkpoint of the same size")
	}
}
