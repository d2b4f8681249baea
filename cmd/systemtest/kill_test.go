package systemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/problem"
)

// A writer publishes versions of its own label as fast as it can, and knows what
// was acknowledged.
type writer struct {
	label, token string
	c            *client.Client
	disk         *disk
	serial       int
	tried        []string // every value sent, in order
	acknowledged map[uint32]string
	last         uint32 // the greatest acknowledged version
	found        int    // how many of tried lie before what check will look for
	checked      uint32 // versions before it were checked
}

// A disk holds the state that a client saved.
type disk struct{ saved []byte }

func (d *disk) Save(s *client.State) error {
	d.saved = s.Append(nil)
	return nil
}

func newWriter(service client.Service, log *client.Log, label, token string) *writer {
	w := &writer{label: label, token: token, disk: new(disk), acknowledged: map[uint32]string{}}
	w.begin(service, client.NewState(log))
	return w
}

func (w *writer) begin(service client.Service, state *client.State) {
	w.c = client.New(client.Config{
		Service: service, State: state, Store: w.disk, Policy: client.Policy{Opaque: true},
		Token: func(string) string { return w.token },
	})
}

// crash forgets all that was not saved.
func (w *writer) crash(service client.Service, log *client.Log) error {
	state, err := client.ParseState(w.disk.saved, log)
	if err == nil {
		w.begin(service, state)
	}
	return err
}

// A crash is one that comes while there are writers.
type crash struct {
	count   atomic.Int64 // updates that were acknowledged
	coming  atomic.Bool  // from now on, nobody need answer
	stopped atomic.Int64 // writers
}

// write publishes until somebody stops answering. Its errors are those that no
// crash explains.
func (w *writer) write(ctx context.Context, c *crash) error {
	defer c.stopped.Add(1)
	for ctx.Err() == nil {
		if w.c.State().Owned(w.label) == nil {
			if _, err := w.c.Own(ctx, w.label); errors.Is(err, problem.ErrUnavailable) && c.coming.Load() {
				return nil
			} else if err != nil {
				return err
			}
		}
		published, err := w.c.Publish(ctx, w.label, func(*client.Found) ([]byte, error) {
			w.serial++
			value := fmt.Sprintf("%s/%d/%s", w.label, w.serial, strings.Repeat("x", w.serial%300))
			w.tried = append(w.tried, value)
			return []byte(value), nil
		})
		if published != nil {
			for _, other := range published.Others {
				if !other.Own {
					return fmt.Errorf("%s: version %d is taken for somebody else's", w.label, other.First)
				}
			}
		}
		if errors.Is(err, problem.ErrUnavailable) && c.coming.Load() {
			return nil // nobody knows
		}
		if err != nil {
			return err
		}
		w.acknowledged[published.Version], w.last = string(published.Value), published.Version
		c.count.Add(1)
	}
	return nil
}

// check holds the log against what was acknowledged: nothing is missing, nothing
// came twice, and nothing was never sent.
func (w *writer) check(ctx context.Context, observer *client.Client) error {
	if len(w.acknowledged) == 0 || w.checked > w.last {
		return nil
	}
	links, err := observer.History(ctx, w.label, w.checked)
	if err != nil {
		return fmt.Errorf("%s: %w", w.label, err)
	}
	if links[0].Version != w.checked {
		return fmt.Errorf("%s: the history begins at version %d", w.label, links[0].Version)
	}
	if n := w.checked + uint32(len(links)); n <= w.last {
		return fmt.Errorf("%s: version %d was acknowledged, and there are %d", w.label, w.last, n)
	}
	for _, l := range links {
		if l.Found == nil {
			return fmt.Errorf("%s: version %d is lost", w.label, l.Version)
		}
		value := string(l.Found.Value)
		if acknowledged, ok := w.acknowledged[l.Version]; ok && acknowledged != value {
			return fmt.Errorf("%s: version %d was acknowledged with another value", w.label, l.Version)
		}
		i := slices.Index(w.tried[w.found:], value)
		if i < 0 {
			return fmt.Errorf("%s: version %d was never sent, or came twice", w.label, l.Version)
		}
		w.found += i + 1
		w.checked = l.Version + 1
	}
	return nil
}

// TestKillUnderLoad kills the server at random moments while owners publish, and
// starts it again. Nothing that was acknowledged is lost, and everybody goes on
// from what they knew: owners, somebody who looks them up, and an auditor.
func TestKillUnderLoad(t *testing.T) {
	t.Parallel()
	kills := 5
	if soak() {
		kills = 100
	}
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "data")
	initData(t, dir, "--opaque-values")
	d := start(t, dir, "")
	log, _ := d.log()
	r := d.remote()
	var writers []*writer
	for i := range 8 {
		label := fmt.Sprintf("writer%d@example.org", i)
		token := strings.TrimSpace(fine(t, "kithd", "token", "--data", dir, label))
		writers = append(writers, newWriter(r, log, label, token))
	}
	observer := client.New(client.Config{Service: r, State: client.NewState(log), Policy: client.Policy{Opaque: true}})
	watching := auditor.New(log.Configuration().ReasonableMonitoringWindow)
	audit := &watcher{config: log.Configuration(), state: watching}

	for kill := range kills {
		var c crash
		var wait sync.WaitGroup
		errs := make([]error, len(writers))
		for i, w := range writers {
			wait.Go(func() { errs[i] = w.write(ctx, &c) })
		}
		enough := rand.Int64N(200)
		eventually(t, fmt.Sprintf("%d updates are acknowledged", enough), func() bool { return c.count.Load() >= enough || c.stopped.Load() > 0 },
			func() any { return fmt.Sprint(c.count.Load(), " are") }, func() any { return &d.stderr })
		<-time.After(time.Duration(rand.Int64N(int64(20 * time.Millisecond)))) // any moment will do
		c.coming.Store(true)
		d.kill()
		wait.Wait()
		must(t, errors.Join(errs...))

		d = start(t, dir, d.address)
		for _, w := range writers {
			if rand.IntN(3) == 0 && w.disk.saved != nil {
				must(t, w.crash(r, log))
			}
		}
		some := writers[kill%len(writers):][:1]
		if kill == kills-1 {
			some = writers
		}
		for _, w := range some {
			must(t, w.check(ctx, observer))
		}
		report, err := observer.Monitor(ctx)
		must(t, err)
		must(t, report.Err())
		audit.everything(t, d)
		head := observer.State().Head()
		if head.Tree.TreeSize != audit.state.Size() || head.Root != audit.state.Root() {
			t.Fatalf("a user knows a log of %d entries, and the auditor another of %d", head.Tree.TreeSize, audit.state.Size())
		}
	}
	for _, w := range writers {
		report, err := w.c.Monitor(ctx)
		must(t, err)
		must(t, report.Err())
		if alerts := w.c.State().Owned(w.label).Alerts; len(alerts) > 0 {
			t.Errorf("%s is warned of its own versions %d", w.label, alerts)
		}
	}
	total := 0
	for _, w := range writers {
		total += len(w.acknowledged)
	}
	t.Logf("%d kills, %d updates acknowledged, %d log entries", kills, total, audit.state.Size())
	d.stop()
	fine(t, "kithd", "check", "--data", dir)
}

// everything audits the log to its end.
func (w *watcher) everything(t testing.TB, d *daemon) {
	t.Helper()
	for {
		page := d.updates(w.state.Size())
		if len(page) == 0 {
			return
		}
		must(t, w.take(page))
	}
}

// TestOneServerPerFolder: a second server on the same data is refused, and the
// first goes on.
func TestOneServerPerFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	initData(t, dir, "--opaque-values")
	d := start(t, dir, "")
	for range 2 {
		refuses(t, []string{"in use by another process"}, "kithd", "serve", "--data", dir, "--listen", "127.0.0.1:0")
	}
	log, _ := d.log()
	r := d.remote()
	w := newWriter(r, log, "a@example.org", strings.TrimSpace(fine(t, "kithd", "token", "--data", dir, "a@example.org")))
	publish(t, w)
	// A lock does not outlive its process, however that ends.
	d.kill()
	d = start(t, dir, d.address)
	publish(t, w)
	d.stop()
}

// publish has a writer publish one version.
func publish(t testing.TB, w *writer) {
	t.Helper()
	must(t, w.once())
}

func (w *writer) once() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if w.c.State().Owned(w.label) == nil {
		if _, err := w.c.Own(ctx, w.label); err != nil {
			return err
		}
	}
	published, err := w.c.Publish(ctx, w.label, func(*client.Found) ([]byte, error) {
		w.serial++
		value := fmt.Sprintf("%s/%d/%s", w.label, w.serial, bytes.Repeat([]byte{'y'}, 20_000))
		w.tried = append(w.tried, value)
		return []byte(value), nil
	})
	if err != nil {
		return err
	}
	w.acknowledged[published.Version], w.last = string(published.Value), published.Version
	return nil
}
