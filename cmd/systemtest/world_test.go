package systemtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/prefixtree"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// everybody may do everything: who may is tested elsewhere.
type everybody struct{}

func (everybody) MaySearch(context.Context, []byte, string) error { return nil }
func (everybody) MayUpdate(context.Context, []byte, string) error { return nil }

// A fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

// A clock is moved by the test alone.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A world is one provider, its auditor if it has one, and the time.
type world struct {
	tb      fataler
	dir     string
	clock   clock
	keys    *directory.Keys
	auditor *watcher // nil outside ThirdPartyAuditing
	config  wire.Configuration
	log     *client.Log
	random  io.Reader // nil: the usual

	store     *embedded.Store
	mark      *directory.HighWaterFile
	seq       *directory.Sequencer
	directory *directory.Directory
	stop      func()
}

type settings struct {
	suite    wire.CipherSuite
	mode     wire.DeploymentMode
	window   time.Duration // Reasonable Monitoring Window
	lifetime time.Duration // 0: none
}

func (s settings) String() string {
	return fmt.Sprintf("suite%d-mode%d-rmw%v-lifetime%v", s.suite, s.mode, s.window, s.lifetime)
}

func newWorld(tb fataler, s settings) *world {
	tb.Helper()
	return newWorldFrom(tb, s, nil)
}

// newWorldFrom returns a world whose secrets come from random, if it is not nil, so
// that it is always the same. Its auditor comes by only when audit is called.
func newWorldFrom(tb fataler, s settings, random io.Reader) *world {
	tb.Helper()
	w := &world{tb: tb, random: random}
	if random == nil {
		random = rand.Reader
	}
	var err error
	if w.dir, err = os.MkdirTemp("", "kith-world"); err != nil {
		tb.Fatal(err)
	}
	w.clock.now = time.UnixMilli(1_790_000_000_000)
	if w.keys, err = directory.GenerateKeys(s.suite, "example.org/log", random); err != nil {
		tb.Fatal(err)
	}
	w.config = wire.Configuration{
		CipherSuite:                s.suite,
		Mode:                       s.mode,
		SignaturePublicKey:         w.keys.Signer.Public(),
		VRFPublicKey:               w.keys.VRF.Public().Bytes(),
		MaxAhead:                   uint64(time.Minute.Milliseconds()),
		MaxBehind:                  uint64((24 * time.Hour).Milliseconds()),
		ReasonableMonitoringWindow: uint64(s.window.Milliseconds()),
	}
	if s.lifetime > 0 {
		ms := uint64(s.lifetime.Milliseconds())
		w.config.MaximumLifetime = &ms
	}
	if s.mode == wire.ThirdPartyAuditing {
		signer, err := w.keys.Suite.GenerateSigner(random)
		if err != nil {
			tb.Fatal(err)
		}
		w.config.AuditorPublicKey = signer.Public()
		w.config.MaxAuditorLag = uint64(time.Hour.Milliseconds())
		w.auditor = newWatcher(&w.config, signer)
	}
	if w.log, err = client.NewLog(w.config); err != nil {
		tb.Fatal(err)
	}
	w.open(directory.Init)
	return w
}

// close ends the world for good.
func (w *world) close() {
	w.shut()
	os.RemoveAll(w.dir)
}

// after fires at once for the pauses between commits, and never for heartbeats:
// the test writes those when it moves the clock.
func after(d time.Duration) <-chan time.Time {
	if d > time.Second {
		return nil
	}
	fired := make(chan time.Time)
	close(fired)
	return fired
}

// open starts the provider, after init if it is not nil.
func (w *world) open(init func(context.Context, directory.Config) error) {
	w.tb.Helper()
	ctx := context.Background()
	var err error
	if w.store, err = embedded.Open(filepath.Join(w.dir, "kith.db"), embedded.Options{}); err != nil {
		w.tb.Fatal(err)
	}
	if init != nil {
		if err := directory.CreateHighWater(filepath.Join(w.dir, "high-water")); err != nil {
			w.tb.Fatal(err)
		}
	}
	if w.mark, err = directory.OpenHighWater(filepath.Join(w.dir, "high-water")); err != nil {
		w.tb.Fatal(err)
	}
	config := directory.Config{
		Log: w.config, Keys: w.keys, Store: w.store, HighWater: w.mark,
		Now: w.clock.Now, After: after, Interval: time.Millisecond,
		Rand: w.random,
	}
	if init != nil {
		if err := init(ctx, config); err != nil {
			w.tb.Fatal(err)
		}
	}
	if w.seq, err = directory.Open(ctx, config); err != nil {
		w.tb.Fatal(err)
	}
	w.directory, err = directory.NewDirectory(w.seq, directory.ReadConfig{Authorizer: everybody{}, MonitorPage: 3})
	if err != nil {
		w.tb.Fatal(err)
	}
	if err := w.seq.Heartbeat(ctx); err != nil {
		w.tb.Fatal(err)
	}
	running, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		if err := w.seq.Run(running); err != nil {
			w.tb.Errorf("sequencer: %v", err)
		}
	})
	if w.auditor != nil {
		w.audit()
		group.Go(func() {
			for w.random == nil {
				changed := w.seq.Changed()
				w.audit()
				select {
				case <-changed:
				case <-running.Done():
					return
				}
			}
		})
	}
	w.stop = func() {
		cancel()
		group.Wait()
	}
}

func (w *world) shut() {
	w.stop()
	w.seq.Close()
	if err := errors.Join(w.store.Close(), w.mark.Close()); err != nil {
		w.tb.Errorf("close: %v", err)
	}
}

// restart stops the provider and starts it again on the same folder.
func (w *world) restart() {
	w.shut()
	w.open(nil)
}

// audit takes the auditor to the end of the log, and has it sign.
func (w *world) audit() {
	if err := w.followLog(); err != nil {
		w.tb.Errorf("audit: %v", err)
	}
}

func (w *world) followLog() error {
	snap, err := w.seq.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	if w.auditor.state.Size() == snap.Head().Size {
		return nil
	}
	for pos := w.auditor.state.Size(); pos < snap.Head().Size; pos++ {
		entry, err := snap.LogEntry(pos)
		if err != nil {
			return err
		}
		update, err := prefixtree.Update(snap, pos, entry.Timestamp)
		if err != nil {
			return err
		}
		if err := w.auditor.step(update); err != nil {
			return err
		}
	}
	head, err := w.auditor.sign()
	if err != nil {
		return err
	}
	return w.seq.PutAuditorHead(context.Background(), head)
}

// audited waits until the auditor has signed for all of the log.
func (w *world) audited() error {
	if w.auditor == nil {
		return nil
	}
	if w.random != nil {
		return w.followLog()
	}
	for {
		changed := w.seq.Changed()
		head, err := w.seq.AuditorHead()
		if err != nil {
			return err
		}
		snap, err := w.seq.Snapshot()
		if err != nil {
			return err
		}
		size := snap.Head().Size
		snap.Release()
		if head != nil && head.TreeSize == size {
			return nil
		}
		<-changed
	}
}

// tick moves the clock and lets the provider write the heartbeat that is due, and
// its auditor sign for it.
func (w *world) tick(d time.Duration) {
	w.clock.advance(d)
	if err := errors.Join(w.seq.Heartbeat(context.Background()), w.audited()); err != nil {
		w.tb.Errorf("heartbeat: %v", err)
	}
}

// stored is what the store holds of a label: the values of its versions, nil where
// they were erased.
func (w *world) stored(label string) (values [][]byte, err error) {
	snap, err := w.seq.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	n, err := snap.Versions([]byte(label), snap.Head().Size)
	if err != nil {
		return nil, err
	}
	places, err := snap.Places([]byte(label), 0, n)
	if err != nil {
		return nil, err
	}
	for v, place := range places {
		value, err := snap.Value([]byte(label), uint32(v), place)
		if errors.Is(err, directory.ErrErased) {
			values = append(values, nil)
			continue
		}
		if err != nil {
			return nil, err
		}
		values = append(values, bytes.Clone(value.Value)) // which lies in the store
	}
	return values, nil
}

// Do lets clients outlive a restart of the provider.
func (w *world) Do(ctx context.Context, call wire.Call) ([]byte, error) {
	return w.directory.Do(ctx, call)
}

// A person is a client with its saved state.
type person struct {
	world *world
	c     *client.Client
	lose  loss // of the next update
}

// A loss is what the network does to an update.
type loss int

const (
	nothing     loss = iota
	lostRequest      // it never arrives
	lostReply        // it arrives, and nobody is told
)

func (w *world) person() *person {
	p := &person{world: w}
	p.begin(client.NewState(w.log))
	return p
}

func (p *person) begin(state *client.State) {
	p.c = client.New(client.Config{
		Service: p, State: state, Now: p.world.clock.Now, Policy: client.Policy{Opaque: true},
	})
}

// Do is the network between a person and the provider.
func (p *person) Do(ctx context.Context, call wire.Call) ([]byte, error) {
	lost := nothing
	if call.Operation == wire.OpUpdate {
		if r, err := wire.ParseUpdateRequest(call.Body, p.world.config.Format()); err == nil && len(r.Values) > 0 {
			lost, p.lose = p.lose, nothing
		}
	}
	if lost == lostRequest {
		return nil, fmt.Errorf("%w: the request was lost", problem.ErrUnavailable)
	}
	response, err := p.world.Do(ctx, call)
	if lost == lostReply {
		return nil, fmt.Errorf("%w: the reply was lost", problem.ErrUnavailable)
	}
	return response, err
}

// restart writes the state down and reads it again.
func (p *person) restart() error {
	saved := p.c.State().Append(nil)
	state, err := client.ParseState(saved, p.world.log)
	if err != nil {
		return err
	}
	if !bytes.Equal(state.Append(nil), saved) {
		return errors.New("a saved state is not read back as it was")
	}
	p.begin(state)
	return nil
}

// checkHead holds what a person retained against the provider's own log.
func (p *person) checkHead() error {
	head := p.c.State().Head()
	if head == nil {
		return nil
	}
	snap, err := p.world.seq.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	full, err := snap.LogNodes(logtree.FullSubtrees(head.Tree.TreeSize))
	if err != nil {
		return err
	}
	root, err := logtree.Root(head.Tree.TreeSize, full)
	if err != nil || root != head.Root {
		return fmt.Errorf("head of size %d has another root than the log (%v)", head.Tree.TreeSize, err)
	}
	return nil
}
