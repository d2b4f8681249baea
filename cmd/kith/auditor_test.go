package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/wire"
)

// An auditor answers what a script tells it to, and remembers what was handed in.
type auditor struct {
	server *httptest.Server
	key    ed25519.PrivateKey // of its cosigner

	mu       sync.Mutex
	answer   *gossip.Answer // nil: none
	hangs    bool           // it takes a sighting, and does not answer
	sighting []*gossip.Sighting
}

func (a *auditor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(io.LimitReader(r.Body, gossip.MaxSighting+1))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s, err := gossip.ParseSighting(b)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sighting = append(a.sighting, s)
	if a.hangs {
		a.mu.Unlock()
		<-r.Context().Done()
		a.mu.Lock()
	}
	if a.answer == nil {
		panic(http.ErrAbortHandler)
	}
	answer := *a.answer
	if answer.Distinguished == nil {
		answer.Distinguished = s.Distinguished
	}
	body, err := answer.Append(nil)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", gossip.MediaType)
	w.Write(body)
}

// auditing is the verb auditor: it makes the world's auditor, and says how it answers.
func (w *world) auditing(ts *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	if w.auditor == nil {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		w.auditor = &auditor{key: key}
		w.auditor.server = httptest.NewServer(w.auditor)
		cosigner, err := checkpoint.CosignerOf("auditor.example", plainKey{key})
		if err != nil {
			return err
		}
		ts.Setenv("AUDITOR", w.auditor.server.URL)
		ts.Setenv("AUDITOR_KEY", cosigner.VerifierKey())
	}
	a := w.auditor
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hangs = args[0] == "hangs"
	answer := &gossip.Answer{Size: 7, Verdict: gossip.Agrees}
	var err error
	switch args[0] {
	case "agrees":
	case "not-yet":
		answer.Verdict = gossip.NotYet
	case "away", "hangs":
		answer = nil
	case "apart":
		answer.Distinguished = []wire.HashValue{{1}, {2}, {3}}
	case "lies":
		answer.Verdict, answer.Evidence = gossip.Contradicts, []byte("they did it")
	case "accuses":
		answer.Verdict = gossip.Contradicts
	case "attests-late":
		answer.Evidence, err = w.late(a.key)
	case "attests":
		answer.Verdict = gossip.Contradicts
		answer.Evidence, err = w.attested(a.key)
	case "convicts":
		answer.Verdict = gossip.Contradicts
		answer.Evidence, err = w.twoHeads()
	case "cosigned": // a checkpoint that only it was shown
		if _, err = w.op.SignCheckpoint(); err == nil {
			answer.Cosigned, err = w.other.op.SignCheckpoint()
		}
	case "forget":
		a.sighting = nil
		answer = a.answer
	case "saw": // N: sightings were handed in since forget
		if len(args) != 2 || strconv.Itoa(len(a.sighting)) != args[1] {
			return fmt.Errorf("%d sightings were handed in", len(a.sighting))
		}
		answer = a.answer
	case "saw-heads": // N: so many heads in the last sighting
		if n := len(a.sighting); n == 0 || len(args) != 2 || strconv.Itoa(len(a.sighting[n-1].Heads)) != args[1] {
			return fmt.Errorf("the last sighting: %+v", a.sighting)
		}
		answer = a.answer
	case "saw-roots": // the last sighting holds roots at distinguished entries
		if n := len(a.sighting); n == 0 || len(a.sighting[n-1].Distinguished) == 0 {
			return fmt.Errorf("the last sighting: %+v", a.sighting)
		}
		answer = a.answer
	default:
		return errUsage
	}
	a.answer = answer
	return err
}

// A plainKey signs.
type plainKey struct{ ed25519.PrivateKey }

func (k plainKey) Public() ed25519.PublicKey { return k.PrivateKey.Public().(ed25519.PublicKey) }
func (k plainKey) Sign(msg []byte) ([]byte, error) {
	return ed25519.Sign(k.PrivateKey, msg), nil
}

// head is the newest head of a log.
func (w *world) head(op *operator.Operator) (*evidence.SignedHead, error) {
	log, err := client.NewLog(*op.Configuration())
	if err != nil {
		return nil, err
	}
	c := client.New(client.Config{Service: op.Directory(), State: client.NewState(log), Now: w.now, Policy: client.Policy{Opaque: true}})
	if _, err := c.Walk(context.Background()); err != nil {
		return nil, err
	}
	return signedHead(c.State().Head()), nil
}

// twoHeads is evidence that the provider signed both logs of the world, of which the
// newest heads are of one size.
func (w *world) twoHeads() ([]byte, error) {
	a, err := w.head(w.op)
	if err != nil {
		return nil, err
	}
	b, err := w.head(w.other.op)
	if err != nil {
		return nil, err
	}
	e, err := evidence.NewTwoHeads(w.op.Document(), *a, *b)
	if err != nil {
		return nil, err
	}
	return e.Append(nil)
}

// late is a statement of the auditor that the log's feed stood still for a while.
func (w *world) late(key ed25519.PrivateKey) ([]byte, error) {
	under, err := evidence.CheckpointOf(w.op.Document(), w.op.Checkpoint())
	if err != nil {
		return nil, err
	}
	now := uint64(w.now().UnixMilli())
	st := &evidence.Statement{
		Observer: key.Public().(ed25519.PublicKey), Name: "auditor.example", Time: now, About: evidence.FeedStalled,
		Items: []evidence.Item{evidence.ItemCheckpoint{Checkpoint: under}, evidence.ItemAbsent{Path: "/audit/v1/updates?start=0", Since: now - 60000, Attempts: 5}},
	}
	e, err := evidence.SignStatement(w.op.Document(), st, func(msg []byte) ([]byte, error) { return ed25519.Sign(key, msg), nil })
	if err != nil {
		return nil, err
	}
	return e.Append(nil)
}

// attested is a statement of the auditor that the log served what does not stand in it.
func (w *world) attested(key ed25519.PrivateKey) ([]byte, error) {
	head, err := w.head(w.op)
	if err != nil {
		return nil, err
	}
	st := &evidence.Statement{
		Observer: key.Public().(ed25519.PublicKey), Name: "auditor.example", Time: uint64(w.now().UnixMilli()), About: evidence.BadAnswer,
		Items: []evidence.Item{evidence.ItemHead{Head: *head}, evidence.Served("/log/tile/0/000", []byte("garbage"), 1000)},
	}
	e, err := evidence.SignStatement(w.op.Document(), st, func(msg []byte) ([]byte, error) { return ed25519.Sign(key, msg), nil })
	if err != nil {
		return nil, err
	}
	return e.Append(nil)
}

// successor puts another log behind the address, with other keys, whose document the
// root key of the provider has signed.
func (w *world) successor(ts *testscript.TestScript, args []string) error {
	root, err := operator.LoadRootKey(filepath.Join(w.folder, operator.RootFolder, operator.RootKeyFile))
	if err != nil {
		return err
	}
	before, err := provider.Reopen(w.op.Document())
	if err != nil {
		return err
	}
	if err := w.fresh(ts, operator.Options{}); err != nil {
		return err
	}
	offered, err := provider.Reopen(w.op.Document())
	if err != nil {
		return err
	}
	d := *offered.Document
	d.Version = before.Document.Version + 1
	d.RootKeys, d.RootThreshold = []strictjson.Bytes{strictjson.Bytes(root.Public().(ed25519.PublicKey))}, 1
	payload, err := d.Encode()
	if err != nil {
		return err
	}
	envelope, err := provider.Sign(payload, root)
	if err != nil {
		return err
	}
	honest := w.op.Handler()
	w.front.Set(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != provider.Path {
			honest.ServeHTTP(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.Write(envelope)
	}))
	return nil
}
