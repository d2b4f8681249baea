package operator_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

func auditorOf(t *testing.T, seed byte) suite.Signer {
	t.Helper()
	s, err := suite.Get(wire.KT_128_SHA256_Ed25519)
	must(t, err)
	signer, err := s.ParseSigner(bytes.Repeat([]byte{seed}, 32))
	must(t, err)
	return signer
}

// vouch lets an auditor sign the newest head.
func vouch(t *testing.T, op *operator.Operator, auditor suite.Signer) {
	t.Helper()
	snap, err := op.Sequencer().Snapshot()
	must(t, err)
	defer snap.Release()
	head := snap.Head()
	signed, err := suite.SignAuditorTreeHead(auditor, op.Configuration(), head.Timestamp, head.Size, head.Root)
	must(t, err)
	must(t, op.PutAuditorHead(t.Context(), signed))
}

// succession prepares the document of another auditor.
func (w *world) succession(next operator.AuditorConfig, change func(*provider.Document)) []byte {
	w.t.Helper()
	root, err := operator.LoadRootKey(w.path("root", "root.key"))
	must(w.t, err)
	envelope, err := operator.PrepareDocument(w.dir, w.clock(), time.Hour, func(d *provider.Document) error {
		config, err := d.Config()
		if err != nil {
			return err
		}
		config.AuditorPublicKey, config.AuditorStartPos = next.PublicKey, next.Start
		config.MaxAuditorLag = uint64(time.Duration(next.MaxLag).Milliseconds())
		d.Former = append(d.Former, d.Configuration)
		if d.Configuration, err = config.Append(nil, config.Format()); err != nil {
			return err
		}
		d.Auditors = []provider.Auditor{{Name: "next", PublicKey: next.PublicKey}}
		if change != nil {
			change(d)
		}
		return nil
	}, root)
	must(w.t, err)
	return envelope
}

func auditedWorld(t *testing.T) (w *world, a, b suite.Signer, next operator.AuditorConfig) {
	a, b = auditorOf(t, 1), auditorOf(t, 2)
	w = newWorld(t, operator.Options{Mode: operator.ModeThirdPartyAuditing, Auditor: &operator.Auditor{PublicKey: a.Public()}})
	return w, a, b, operator.AuditorConfig{PublicKey: b.Public(), MaxLag: operator.Duration(time.Minute)}
}

// TestSetAuditor: log, settings and document change together, and the cause is
// named until the new auditor has signed.
func TestSetAuditor(t *testing.T) {
	w, a, b, next := auditedWorld(t)
	first, err := w.open(operator.OpenOptions{Offline: true})
	must(t, err)
	vouch(t, first, a)
	must(t, first.Close())
	s := w.serve(operator.OpenOptions{}) // which waits for a head
	before := s.Checkpoint()

	late := next
	late.Start = 9
	if err := s.SetAuditor(t.Context(), late, w.succession(late, nil)); !errors.Is(err, directory.ErrStart) {
		t.Errorf("a start beyond the last head: %v", err)
	}
	for name, envelope := range map[string][]byte{
		"of another configuration": w.succession(operator.AuditorConfig{PublicKey: b.Public(), MaxLag: operator.Duration(time.Hour)}, nil),
		"without the former one":   w.succession(next, func(d *provider.Document) { d.Former = nil }),
		"the one before":           s.Document(),
		"garbage":                  []byte("{}"),
	} {
		if err := s.SetAuditor(t.Context(), next, envelope); err == nil {
			t.Errorf("a document %s is taken", name)
		}
	}
	envelope := w.succession(next, nil)
	pinned, err := provider.Reopen(envelope)
	must(t, err)
	must(t, s.SetAuditor(t.Context(), next, envelope))

	if !bytes.Equal(s.Document(), envelope) || !bytes.Equal(s.Configuration().AuditorPublicKey, b.Public()) || !bytes.Equal(s.Config().Log.Auditor.PublicKey, b.Public()) {
		t.Error("what is served is not what was set")
	}
	if all := pinned.Document.Configurations(); len(all) != 2 {
		t.Errorf("%d configurations", len(all))
	}
	if bytes.Equal(s.Checkpoint(), before) {
		t.Error("no checkpoint covers the new configuration")
	}
	for _, said := range []func() string{
		func() string { return s.Ready().Error() },
		func() string { _, err := s.AuditorStanding(); return err.Error() },
	} {
		if text := said(); !strings.Contains(text, "the auditor has not signed a head since it was changed at log entry 1") {
			t.Errorf("said: %s", text)
		}
	}
	request, err := (&wire.SearchRequest{Label: []byte("a")}).Append(nil, s.Configuration().Format())
	must(t, err)
	status, body := post(t, s.URL+"/kt/v1/search", "", request)
	var problem struct{ Title, Detail string }
	if json.Unmarshal(body, &problem) != nil || status != http.StatusServiceUnavailable || !strings.Contains(problem.Detail, "auditor") {
		t.Errorf("clients are told %d %s", status, body)
	}
	vouch(t, s.Operator, b)
	if status, _ := s.search(t, "", "a"); status != http.StatusNotFound {
		t.Errorf("with the new auditor: %d", status)
	}
	s.stop()

	op, err := w.open(operator.OpenOptions{Offline: true})
	must(t, err)
	defer op.Close()
	if !bytes.Equal(op.Document(), envelope) || !bytes.Equal(op.Configuration().AuditorPublicKey, b.Public()) {
		t.Error("a restart forgets the change")
	}
}

// TestSetAuditorCutShort: after a crash at any moment the change was made or not,
// and settings, document and log agree.
func TestSetAuditorCutShort(t *testing.T) {
	w, a, b, next := auditedWorld(t)
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(w.path(name))
		must(t, err)
		return b
	}
	op, err := w.open(operator.OpenOptions{Offline: true})
	must(t, err)
	vouch(t, op, a)
	old := map[string][]byte{operator.ConfigFile: read(operator.ConfigFile), operator.DocumentFile: read(operator.DocumentFile)}
	must(t, op.SetAuditor(t.Context(), next, w.succession(next, nil)))
	must(t, op.Close())
	made := map[string][]byte{operator.ConfigFile: read(operator.ConfigFile), operator.DocumentFile: read(operator.DocumentFile)}
	pending := binary.BigEndian.AppendUint32(nil, uint32(len(made[operator.ConfigFile])))
	pending = append(append(pending, made[operator.ConfigFile]...), made[operator.DocumentFile]...)

	for name, back := range map[string][]string{
		"before the document": {operator.ConfigFile, operator.DocumentFile},
		"before the settings": {operator.ConfigFile},
		"before it was over":  {},
	} {
		for _, file := range back {
			must(t, os.WriteFile(w.path(file), old[file], 0o644))
		}
		store, err := embedded.Open(w.path(operator.StoreFile), embedded.Options{MustExist: true})
		must(t, err)
		must(t, store.PutMeta(t.Context(), map[string][]byte{"change": pending}))
		must(t, store.Close())
		op, err := w.open(operator.OpenOptions{Offline: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(op.Configuration().AuditorPublicKey, b.Public()) {
			t.Errorf("%s: the old auditor is in force", name)
		}
		must(t, op.Close())
		for file, want := range made {
			if !bytes.Equal(read(file), want) {
				t.Errorf("%s: %s is the old one", name, file)
			}
		}
	}
	// Without a change under way, settings that are not those of the log are refused:
	// the document is put back, and they are not those of the document.
	must(t, os.WriteFile(w.path(operator.ConfigFile), old[operator.ConfigFile], 0o644))
	must(t, os.WriteFile(w.path(operator.DocumentFile), old[operator.DocumentFile], 0o644))
	if op, err := w.open(operator.OpenOptions{Offline: true}); !errors.Is(err, operator.ErrDocument) {
		t.Errorf("old settings: %v", err)
		if err == nil {
			op.Close()
		}
	}
}

// TestLateAuditor: answers stand still where the auditor is late, and once they are
// too old for clients the cause is named.
func TestLateAuditor(t *testing.T) {
	a := auditorOf(t, 1)
	w := newWorld(t, operator.Options{
		Mode: operator.ModeThirdPartyAuditing, MaxBehind: time.Hour,
		Auditor: &operator.Auditor{PublicKey: a.Public(), MaxLag: time.Minute},
	})
	op, err := w.open(operator.OpenOptions{})
	must(t, err)
	defer op.Close()
	vouch(t, op, a)
	for _, step := range []struct {
		forth time.Duration
		late  bool
	}{{59 * time.Second, false}, {31 * time.Minute, false}, {31 * time.Minute, true}} {
		w.now.Add(step.forth.Milliseconds())
		must(t, op.Sequencer().Heartbeat(t.Context()))
		standing, err := op.AuditorStanding()
		if (err != nil) != step.late || err != nil && !strings.Contains(err.Error(), "the auditor is late") {
			t.Errorf("%+v: %v", standing, err)
		}
	}
	vouch(t, op, a)
	if _, err := op.AuditorStanding(); err != nil {
		t.Error(err)
	}
}

// TestCosignersOfTheDocument: who cosigns stands in the document; what they cosigned
// outlives a restart, and a spoilt copy of it is left alone.
func TestCosignersOfTheDocument(t *testing.T) {
	skey, vkey, err := checkpoint.GenerateCosigner(rand.Reader, "w.example")
	must(t, err)
	cosigner, err := checkpoint.NewCosigner(skey)
	must(t, err)
	w := newWorld(t, operator.Options{})
	witness := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request, err := checkpoint.ParseAddCheckpoint(body)
		if err != nil {
			http.Error(rw, err.Error(), 400)
			return
		}
		text, _, _ := strings.Cut(string(request.Checkpoint), "\n\n")
		line, _ := cosigner.Cosign(text+"\n", uint64(w.clock().Unix()))
		rw.Write(line)
	}))
	defer witness.Close()
	root, err := operator.LoadRootKey(w.path("root", "root.key"))
	must(t, err)
	revise := func(change func(*provider.Document)) error {
		return operator.ReviseDocument(w.dir, w.clock(), time.Hour, func(d *provider.Document) error { change(d); return nil }, root)
	}
	for name, bad := range map[string]func(*provider.Document){
		"a key that is none": func(d *provider.Document) { d.Witnesses = []provider.Witness{{Key: "w.example+1+A"}} },
		"an open address": func(d *provider.Document) {
			d.Witnesses = []provider.Witness{{Key: vkey, Address: "http://witness.example"}}
		},
	} {
		if revise(bad) == nil {
			t.Errorf("%s is signed", name)
		}
	}
	s := w.serve(operator.OpenOptions{CheckpointInterval: time.Millisecond})
	must(t, revise(func(d *provider.Document) {
		d.Witnesses, d.WitnessThreshold, d.MaxWitnessLagMS = []provider.Witness{{Key: vkey, Address: witness.URL}}, 1, 60_000
	}))
	if s.Cosigned() != nil {
		t.Error("cosigned before there is a witness")
	}
	must(t, s.ReloadDocument())
	for end := time.Now().Add(20 * time.Second); s.Cosigned() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			all, sum := s.Cosigners()
			t.Fatalf("nothing is cosigned: %+v %+v", all, sum)
		}
	}
	cosigned := s.Cosigned()
	if !bytes.Equal(s.Checkpoint(), cosigned) {
		t.Error("the served checkpoint lacks the cosignature")
	}
	s.stop()
	witness.Close()

	op, err := w.open(operator.OpenOptions{Offline: true})
	must(t, err)
	if !bytes.Equal(op.Cosigned(), cosigned) {
		t.Error("a restart forgets what was cosigned")
	}
	spoilt := bytes.Clone(cosigned)
	spoilt[len("example.org/log\n")] ^= 1 // its size
	must(t, directory.PutCosigned(t.Context(), op.Store(), spoilt))
	must(t, op.Close())
	op, err = w.open(operator.OpenOptions{Offline: true})
	must(t, err)
	if op.Cosigned() != nil {
		t.Error("a spoilt checkpoint is served")
	}
	defer func() { must(t, op.Close()) }()
	if files, _ := filepath.Glob(w.path("*.new")); files != nil {
		t.Errorf("left behind: %v", files)
	}
}
