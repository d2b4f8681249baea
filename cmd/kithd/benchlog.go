package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/wire"
)

// A benchLog is a log in a temporary folder, and a directory that answers from it.
type benchLog struct {
	dir       string
	config    wire.Configuration
	keys      *directory.Keys
	clock     *benchClock
	store     *embedded.Store
	mark      *directory.HighWaterFile
	sequencer *directory.Sequencer
	directory *directory.Directory
	labels    int         // loaded so far
	changes   int         // of a log entry
	between   func(i int) // nil, or called before the i-th label is handed over
}

// openBenchLog begins a log of entries a minute apart, with the given number of
// labels each, and a reasonable monitoring window.
func openBenchLog(dir string, changes int, window time.Duration) (l *benchLog, err error) {
	l = &benchLog{changes: changes, clock: &benchClock{now: time.Now()}}
	if l.dir, err = os.MkdirTemp(dir, "log"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if l.keys, err = directory.GenerateKeys(wire.KT_128_SHA256_Ed25519, "bench.example/log", rand.Reader); err != nil {
		return nil, err
	}
	const day = 24 * 60 * 60 * 1000 // ms
	l.config = wire.Configuration{
		CipherSuite:                wire.KT_128_SHA256_Ed25519,
		Mode:                       wire.ContactMonitoring,
		SignaturePublicKey:         l.keys.Signer.Public(),
		VRFPublicKey:               l.keys.VRF.Public().Bytes(),
		MaxAhead:                   day,
		MaxBehind:                  day,
		ReasonableMonitoringWindow: uint64(window.Milliseconds()),
	}
	mark := filepath.Join(l.dir, "high-water")
	if err := directory.CreateHighWater(mark); err != nil {
		return nil, err
	}
	if l.mark, err = directory.OpenHighWater(mark); err != nil {
		return nil, err
	}
	if l.store, err = embedded.Open(l.file(), embedded.Options{}); err != nil {
		return nil, err
	}
	config := directory.Config{Log: l.config, Keys: l.keys, Store: l.store, HighWater: l.mark, Now: l.clock.Now}
	if changes < 255 {
		config.BulkEntries = 256
	}
	if err := directory.Init(context.Background(), config); err != nil {
		return nil, err
	}
	if l.sequencer, err = directory.Open(context.Background(), config); err != nil {
		return nil, err
	}
	l.directory, err = l.newDirectory()
	return l, err
}

// newDirectory returns a directory with an empty cache of proofs.
func (l *benchLog) newDirectory() (*directory.Directory, error) {
	return directory.NewDirectory(l.sequencer, directory.ReadConfig{Authorizer: openDoors{}})
}

func (l *benchLog) file() string { return filepath.Join(l.dir, "kith.db") }

// size returns the number of log entries.
func (l *benchLog) size() (uint64, error) {
	snap, err := l.sequencer.Snapshot()
	if err != nil {
		return 0, err
	}
	defer snap.Release()
	return snap.Head().Size, nil
}

// close deletes the log.
func (l *benchLog) close() error {
	var errs []error
	if l.sequencer != nil {
		l.sequencer.Close()
	}
	if l.store != nil {
		errs = append(errs, l.store.Close())
	}
	if l.mark != nil {
		errs = append(errs, l.mark.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

// load adds n labels with values of 64 bytes.
func (l *benchLog) load(ctx context.Context, n int, progress func(directory.BulkProgress)) error {
	p, err := l.sequencer.BulkLoad(ctx, l.loads(n), directory.BulkOptions{Changes: l.changes, Progress: progress})
	if err == nil && p.Added != uint64(n) {
		err = fmt.Errorf("%d labels were added of %d", p.Added, n)
	}
	l.labels += n
	return err
}

func (l *benchLog) loads(n int) iter.Seq2[directory.Load, error] {
	from, between := l.labels, l.between
	return func(yield func(directory.Load, error) bool) {
		for i := from; i < from+n; i++ {
			if between != nil {
				between(i)
			}
			value := make([]byte, 64)
			copy(value, fmt.Sprintf("key %d", i))
			if !yield(directory.Load{Label: benchLabel(i), Value: value}, nil) {
				return
			}
		}
	}
}

// benchLabel returns the i-th label to be loaded: in no order, as in life.
func benchLabel(i int) []byte {
	return fmt.Appendf(nil, "%08x.user@bench.example", uint32(i)*2654435761)
}

// search asks the directory for the greatest version of a label.
func (l *benchLog) search(d *directory.Directory, label []byte, last *uint64) ([]byte, error) {
	request := wire.SearchRequest{Last: last, Label: label}
	body, err := request.Append(nil, l.config.Format())
	if err != nil {
		return nil, err
	}
	return d.Do(context.Background(), wire.Call{Operation: wire.OpSearch, Body: body})
}

// openDoors lets everybody do everything.
type openDoors struct{}

func (openDoors) MaySearch(context.Context, []byte, string) error { return nil }
func (openDoors) MayUpdate(context.Context, []byte, string) error { return nil }

// A benchClock moves a minute whenever it is read, until it is told to run.
type benchClock struct {
	mu    sync.Mutex
	now   time.Time
	since time.Time // when it began to run; zero: it does not
}

func (c *benchClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.since.IsZero() {
		return c.now.Add(time.Since(c.since))
	}
	c.now = c.now.Add(time.Minute)
	return c.now
}

// peek returns the time without moving it.
func (c *benchClock) peek() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *benchClock) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = time.Now()
}
