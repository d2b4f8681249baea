package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// ErrNotInitialised is a store without entry 0. A log is begun by Init alone.
var ErrNotInitialised = errors.New("log is not initialised")

// A Sequencer is the only writer of a log. It is safe for concurrent use.
type Sequencer struct {
	config   Config
	preparer preparer
	cores    chan struct{} // one place for each VRF evaluation at a time

	mu      sync.Mutex // held by whoever builds and commits
	force   *force     // as it was last read; under mu
	shown   atomic.Pointer[shown]
	changed atomic.Pointer[chan struct{}]
	queue   queue
}

func (c *Config) setDefaults() error {
	if c.Keys == nil || c.Store == nil || c.HighWater == nil {
		return errors.New("sequencer: keys, store and high-water mark are needed")
	}
	if c.Log.Mode == wire.ThirdPartyManagement {
		return errors.New("sequencer: third-party management is not supported")
	}
	if err := c.Keys.Check(&c.Log); err != nil {
		return err
	}
	if c.Interval == 0 {
		c.Interval = 20 * time.Millisecond
	}
	if c.MaxEntries == 0 {
		c.MaxEntries = 64
	}
	if c.MaxQueue == 0 {
		c.MaxQueue = 16384
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.After == nil {
		c.After = time.After
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	} else {
		c.Rand = &lockedReader{r: c.Rand}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

func newSequencer(config Config) (*Sequencer, error) {
	if err := config.setDefaults(); err != nil {
		return nil, err
	}
	s := &Sequencer{config: config, cores: make(chan struct{}, runtime.GOMAXPROCS(0))}
	s.preparer = preparer{&s.config.Log, config.Keys, config.Rand}
	s.queue.init(config.MaxQueue)
	return s, nil
}

// Open continues the log in config.Store. It refuses a store that is not
// initialised, is not this log, contradicts itself at its right edge, or lies
// below or beside the high-water mark.
func Open(ctx context.Context, config Config) (*Sequencer, error) {
	s, err := newSequencer(config)
	if err != nil {
		return nil, err
	}
	snap, err := s.config.Store.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	head := snap.Head()
	if head.Size == 0 {
		return nil, ErrNotInitialised
	}
	if _, err := Periods(snap, &s.config.Log); err != nil {
		return nil, err
	}
	if _, err := newBuilder(&s.config.Log, snap); err != nil {
		return nil, err
	}
	treeHead := head.TreeHead()
	if err := suite.VerifyTreeHead(&s.config.Log, &treeHead, head.Root); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrongKeys, err)
	}
	if err := CheckHighWater(snap, s.config.HighWater); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.show(); err != nil {
		return nil, err
	}
	return s, nil
}

// CheckHighWater refuses a store that does not contain what the mark has seen.
func CheckHighWater(snap Snapshot, mark HighWater) error {
	size, root, err := mark.Read()
	if err != nil {
		return err
	}
	head := snap.Head()
	switch {
	case size > head.Size:
		return fmt.Errorf("%w: it has %d log entries, but a head of %d entries may have been served; "+
			"going on would fork the log: put the newest store back, or move to a successor log", ErrHighWater, head.Size, size)
	case size == 0 && head.Size > 1:
		return fmt.Errorf("%w: it has %d log entries, but the high-water mark is that of a new log", ErrHighWater, head.Size)
	case size == 0:
		return nil
	}
	full, err := snap.LogNodes(logtree.FullSubtrees(size))
	if err != nil {
		return err
	}
	if then, err := logtree.Root(size, full); err != nil || then != root {
		return fmt.Errorf("%w: its first %d log entries are not those of the head that may have been served; "+
			"going on would fork the log: put the right store back, or move to a successor log", ErrHighWater, size)
	}
	return nil
}

// Init writes entry 0, which changes nothing, to an empty store.
func Init(ctx context.Context, config Config) error {
	s, err := newSequencer(config)
	if err != nil {
		return err
	}
	snap, err := s.config.Store.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	if snap.Head().Size != 0 {
		return errors.New("log is initialised already")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.Close()
	b, err := newBuilder(&s.config.Log, snap)
	if err != nil {
		return err
	}
	if err := b.entry(s.now(), nil); err != nil {
		return err
	}
	return s.commit(ctx, b)
}

// Close takes the newest snapshot away from readers. The store stays open.
func (s *Sequencer) Close() {
	if old := s.shown.Swap(nil); old != nil {
		old.unref()
	}
}

// now returns the clock's time in ms since the Unix epoch.
func (s *Sequencer) now() uint64 { return uint64(max(0, s.config.Now().UnixMilli())) }

// build starts a batch on the newest head. The caller holds s.mu and calls done.
func (s *Sequencer) build() (b *builder, done func(), err error) {
	snap, err := s.config.Store.Snapshot()
	if err != nil {
		return nil, nil, err
	}
	// A commit that seemed to fail may have succeeded, or the mark may not have
	// been raised after it: what others build on is to be shown first.
	if now := s.shown.Load(); now == nil || now.Head().Size != snap.Head().Size {
		if err := s.show(); err != nil {
			snap.Release()
			return nil, nil, err
		}
	}
	f, err := s.forceOf(snap)
	if err == nil {
		b, err = newBuilder(f.now().Log, snap)
	}
	if err != nil {
		snap.Release()
		return nil, nil, err
	}
	return b, snap.Release, nil
}

// commit signs what was built, makes it durable, raises the high-water mark, and
// only then lets anybody see it. The caller holds s.mu.
func (s *Sequencer) commit(ctx context.Context, b *builder) error {
	batch, err := b.finish(s.config.Keys.Signer)
	if err != nil {
		return err
	}
	if err := s.config.Store.Commit(ctx, batch); err != nil {
		return err
	}
	return s.show()
}

// Erase deletes the value and the opening of a version that is not the greatest
// one of its label: a replacing or closing version comes first.
func (s *Sequencer) Erase(ctx context.Context, label []byte, version uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, err := s.Snapshot()
	if err != nil {
		return err
	}
	n, err := snap.Versions(label, snap.Head().Size)
	snap.Release()
	if err != nil {
		return err
	}
	if version >= n {
		return fmt.Errorf("%w: version %d", ErrNotFound, version)
	}
	if version == n-1 {
		return errors.New("the greatest version of a label cannot be erased: publish one that replaces or closes it first")
	}
	if err := s.config.Store.Erase(ctx, label, version); err != nil {
		return err
	}
	return s.show()
}
