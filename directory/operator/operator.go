package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/cosign"
	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/internal/daemon"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

// An Operator is an open provider. It is safe for concurrent use.
type Operator struct {
	dir     string
	options OpenOptions
	config  atomic.Pointer[Config]
	keys    *directory.Keys
	log     atomic.Pointer[wire.Configuration] // in force

	lock      *flock.Flock
	store     *embedded.Store
	mark      *directory.HighWaterFile
	sequencer *directory.Sequencer
	directory *directory.Directory
	tokens    *directory.Tokens
	registry  *prometheus.Registry
	handler   http.Handler

	cosigners *cosign.Collector

	document   atomic.Pointer[document]
	changing   sync.Mutex // held while the configuration changes
	checkpoint checkpoints
	running    atomic.Bool
}

// Open opens the provider in dir, which Init made. It refuses a folder that
// another process has open, keys that others can read, and a store that is not
// the newest one. Unless it is Offline, the log has a fresh head and a
// checkpoint when Open returns.
func Open(dir string, o OpenOptions) (_ *Operator, err error) {
	o.setDefaults()
	op := &Operator{dir: dir, options: o}
	if err := op.loadConfig(); err != nil {
		return nil, err
	}
	if op.lock, err = lock(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, op.Close())
		}
	}()
	if err := op.openStore(); err != nil {
		return nil, err
	}
	if err := op.openKeys(); err != nil {
		return nil, err
	}
	if err := op.openLog(); err != nil {
		return nil, err
	}
	if err := op.openCosigners(); err != nil {
		return nil, err
	}
	if op.handler, err = op.newHandler(); err != nil {
		return nil, err
	}
	if o.Offline {
		return op, nil
	}
	if err := op.warnOfClock(); err != nil {
		return nil, err
	}
	if err := op.sequencer.Heartbeat(context.Background()); err != nil {
		return nil, err
	}
	if _, err := op.SignCheckpoint(); err != nil {
		return nil, err
	}
	return op, nil
}

// warnOfClock tells of a log that is ahead of the clock: one of them is wrong. A
// log whose entries lie in the future is refused by clients until then.
func (op *Operator) warnOfClock() error {
	snap, err := op.sequencer.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	newest, now := time.UnixMilli(int64(snap.Head().Timestamp)), op.options.Now()
	if ahead := newest.Sub(now); ahead > time.Duration(op.log.Load().MaxAhead)*time.Millisecond {
		op.options.Logger.Warn("the newest log entry lies in the future: set the clock right; if it is right, clients refuse the log until then",
			"entry", newest.UTC(), "ahead", ahead)
	}
	return nil
}

func (op *Operator) loadConfig() error {
	config, err := LoadConfig(op.dir)
	if err == nil {
		op.config.Store(config)
	}
	return err
}

// openStore opens the store, and ends a change of the configuration that was
// interrupted: settings and document follow the store.
func (op *Operator) openStore() (err error) {
	if op.store, err = embedded.Open(filepath.Join(op.dir, StoreFile), embedded.Options{MustExist: true}); err != nil {
		return err
	}
	changed, err := op.finishChange()
	if err != nil {
		return err
	}
	if changed {
		if err := op.loadConfig(); err != nil {
			return err
		}
	}
	return op.recallDocument()
}

func (op *Operator) openKeys() error {
	id, err := op.config.Load().Log.suite()
	if err != nil {
		return err
	}
	if op.keys, err = directory.LoadKeys(filepath.Join(op.dir, KeysFolder), id); err != nil {
		return err
	}
	log, err := op.config.Load().Log.Configuration(op.keys)
	if err != nil {
		return err
	}
	op.log.Store(log)
	document, err := loadDocument(op.dir, log, op.keys)
	if err != nil {
		return err
	}
	if err := op.keepDocument(document); err != nil {
		return err
	}
	op.document.Store(document)
	op.warnOfExpiry(document)
	op.checkpoint.signer, err = checkpoint.NewSigner(op.keys.LogSigner)
	return err
}

func (op *Operator) openLog() (err error) {
	o := &op.options
	if op.mark, err = directory.OpenHighWater(filepath.Join(op.dir, HighWaterFile)); err != nil {
		return err
	}
	op.registry = daemon.NewRegistry()
	metered := newMeteredStore(op.store, op.registry)
	op.sequencer, err = directory.Open(context.Background(), directory.Config{
		Log: *op.log.Load(), Keys: op.keys, Store: metered, HighWater: op.mark,
		Interval: o.Interval, Now: o.Now, After: o.After, Rand: o.Rand, Logger: o.Logger,
	})
	if err != nil {
		return err
	}
	op.registerMetrics()
	op.tokens = directory.NewTokens(metered, o.Now, o.Rand)
	op.directory, err = directory.NewDirectory(op.sequencer, directory.ReadConfig{
		Authorizer:   op.authorizer(),
		MaxValue:     op.config.Load().MaxValue,
		CachedProofs: o.CachedProofs,
		MonitorPage:  o.MonitorPage,
		UpdateWait:   o.UpdateWait,
	})
	return err
}

func (op *Operator) newHandler() (http.Handler, error) {
	limits := op.config.Load().Limits
	if op.options.Limits != nil {
		limits = *op.options.Limits
	}
	var service httpapi.Service = op.directory
	if op.options.Wrap != nil {
		service = op.options.Wrap(service)
	}
	return httpapi.New(httpapi.Config{
		Service:       service,
		Log:           op.sequencer,
		Configuration: op.log.Load(), // its mode and suite, which stay
		Auditor:       op.sequencer,
		Checkpoint:    op.Checkpoint,
		Bound:         op.cosigners.Best,
		Document:      op.Document,
		Ready:         op.Ready,
		TokenID:       op.bearer,
		Limits:        limits,
		TrustProxy:    op.options.TrustProxy,
		Registry:      op.registry,
		Now:           op.options.Now,
		Logger:        op.options.Logger,
	})
}

// Run sequences updates, writes heartbeats, signs checkpoints and collects
// cosignatures until ctx ends.
// Updates that were taken before are still committed.
func (op *Operator) Run(ctx context.Context) error {
	if op.running.Swap(true) {
		return errors.New("the provider runs already")
	}
	defer op.running.Store(false)
	// Open may have been long ago.
	if err := op.sequencer.Heartbeat(ctx); err != nil {
		return err
	}
	return daemon.All(ctx, op.sequencer.Run, op.runCheckpoints, op.cosigners.Run)
}

// Close closes everything. Run must have returned.
func (op *Operator) Close() error {
	var errs []error
	if op.sequencer != nil {
		op.sequencer.Close()
	}
	if op.store != nil {
		errs = append(errs, op.store.Close())
	}
	if op.mark != nil {
		errs = append(errs, op.mark.Close())
	}
	if op.lock != nil {
		errs = append(errs, op.lock.Close())
	}
	return errors.Join(errs...)
}

// Ready reports why the provider cannot answer, or nil.
func (op *Operator) Ready() error {
	if !op.running.Load() {
		return errors.New("the sequencer is not running")
	}
	snap, err := op.sequencer.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	now := uint64(max(0, op.options.Now().UnixMilli()))
	age := now - min(now, snap.Head().Timestamp)
	log := op.log.Load()
	if limit := log.MaxBehind; age > limit-limit/4 {
		return fmt.Errorf("the heartbeat is overdue: the newest log entry is %d ms old, of at most %d", age, limit)
	}
	if log.Mode == wire.ThirdPartyAuditing {
		_, err := op.auditorStanding(now)
		return err
	}
	return nil
}

// Publish makes value the next version of label in the provider's own name,
// whatever the version before is. Run must be running.
func (op *Operator) Publish(ctx context.Context, label, value []byte) (*directory.Placement, error) {
	update := &directory.Update{Label: bytes.Clone(label), Values: [][]byte{value}}
	for {
		placement, err := op.sequencer.Submit(ctx, update)
		stale, ok := errors.AsType[*directory.StaleError](err)
		if !ok {
			return placement, err
		}
		update.Greatest = stale.Greatest
	}
}

// PutAuditorHead verifies a head of the auditor and serves it from now on.
func (op *Operator) PutAuditorHead(ctx context.Context, head *wire.AuditorTreeHead) error {
	return op.sequencer.PutAuditorHead(ctx, head)
}

// Handler returns the HTTP interface. It answers before Run is called, but is
// not ready (/readyz), and updates wait in vain.
func (op *Operator) Handler() http.Handler { return op.handler }

// Directory answers user operations in process.
func (op *Operator) Directory() *directory.Directory { return op.directory }

// Sequencer returns the only writer of the log.
func (op *Operator) Sequencer() *directory.Sequencer { return op.sequencer }

// Store returns the store, for check and backup.
func (op *Operator) Store() *embedded.Store { return op.store }

// Keys returns the keys of the log.
func (op *Operator) Keys() *directory.Keys { return op.keys }

// Tokens returns the bearer tokens of the provider.
func (op *Operator) Tokens() *directory.Tokens { return op.tokens }

// Metrics returns what /metrics shows, for programs that add to it.
func (op *Operator) Metrics() *prometheus.Registry { return op.registry }

// Config returns the settings of the folder.
func (op *Operator) Config() *Config { return op.config.Load() }

// Configuration returns the log's configuration in force.
func (op *Operator) Configuration() *wire.Configuration { return op.log.Load() }

// Document returns the exact bytes of the signed provider document.
func (op *Operator) Document() []byte { return op.document.Load().bytes }
