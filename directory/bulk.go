package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// A Load is one label and the value it should have.
type Load struct {
	Label []byte
	Value []byte
}

// BulkOptions directs a bulk load. Its zero value is ready.
type BulkOptions struct {
	// Equal reports whether a label whose greatest version has the value old
	// needs no new version to have the value new. Default: the same bytes.
	Equal func(old, new []byte) bool
	// Changes is how many labels share a log entry. Default, and most, 255.
	Changes int
	// Progress is called after every commit.
	Progress func(BulkProgress)
}

// BulkProgress counts the loads that are done: durable and shown.
type BulkProgress struct {
	Added   uint64 // versions created
	Skipped uint64 // labels that had their value already
	Size    uint64 // of the log
}

// Bounds of what a bulk load holds in memory.
const (
	blockLoads  = 128       // loads that a worker takes at a time
	blocksAhead = 384       // blocks ahead of the commit
	batchBytes  = 64 << 20  // of labels and values in one commit
	bytesAhead  = 128 << 20 // of labels and values ahead of the end of the commit
)

// BulkLoad gives every label of loads its value. It evaluates the VRF on all
// cores while it commits, and signs once for many log entries. What is done when
// it fails stays done; running it again skips that. The loads' slices must not
// change. Updates submitted meanwhile are served between commits.
func (s *Sequencer) BulkLoad(ctx context.Context, loads iter.Seq2[Load, error], o BulkOptions) (BulkProgress, error) {
	if o.Equal == nil {
		o.Equal = bytes.Equal
	}
	if o.Changes <= 0 || o.Changes > maxChanges {
		o.Changes = maxChanges
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &bulkLoad{
		s: s, o: o,
		blocks: make(chan *block, blocksAhead),
		work:   make(chan *block),
		room:   semaphore.NewWeighted(bytesAhead),
	}
	if now := s.shown.Load(); now != nil {
		l.progress.Size = now.Head().Size
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { l.read(ctx, loads) })
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for b := range l.work {
				b.err = l.evaluate(b)
				close(b.done)
			}
		})
	}
	err := l.run(ctx)
	return l.progress, err
}

// bulkEntries returns how many log entries a commit gathers. A label may lie on
// any page of the label index, so the more labels there are, the more of them
// must share a commit for a page not to be written for one label alone.
func (s *Sequencer) bulkEntries(size uint64) int {
	if s.config.BulkEntries > 0 {
		return s.config.BulkEntries
	}
	return int(min(max(size/4, 64), 1024))
}

// A bulkLoad is the state of one BulkLoad: a reader hands blocks to workers and,
// in order, to run.
type bulkLoad struct {
	s        *Sequencer
	o        BulkOptions
	blocks   chan *block // in order; its room is how far evaluation runs ahead
	work     chan *block
	room     *semaphore.Weighted
	carry    []*prepared // too few for a full entry: they wait for the next commit
	recent   []committed // what this load did, newest last
	progress BulkProgress
}

// A block is some loads on their way.
type block struct {
	loads   []Load
	values  []*prepared // nil: the label has its value already
	bytes   int
	size    uint64 // of the log when the labels were looked up
	err     error
	done    chan struct{}
	readErr error // of loads: the last block has it
}

// weight is what a block takes of bulkLoad.room.
func (b *block) weight() int64 { return int64(min(b.bytes, batchBytes)) }

func (l *bulkLoad) read(ctx context.Context, loads iter.Seq2[Load, error]) {
	defer close(l.work)
	defer close(l.blocks)
	send := func(b *block) bool {
		if l.room.Acquire(ctx, b.weight()) != nil {
			return false
		}
		select {
		case l.blocks <- b:
		case <-ctx.Done():
			return false
		}
		select {
		case l.work <- b:
			return true
		case <-ctx.Done():
			b.err = ctx.Err()
			close(b.done)
			return false
		}
	}
	next := func() *block { return &block{done: make(chan struct{})} }
	b := next()
	for load, err := range loads {
		if err == nil && len(load.Label) > wire.MaxLabelSize {
			err = fmt.Errorf("%w: label of %d bytes", problem.ErrTooLarge, len(load.Label))
		}
		if err != nil {
			b.readErr = err
			break
		}
		b.loads = append(b.loads, load)
		b.bytes += len(load.Label) + len(load.Value)
		if len(b.loads) == blockLoads || b.bytes >= batchBytes/16 {
			if !send(b) {
				return
			}
			b = next()
		}
	}
	if len(b.loads) > 0 || b.readErr != nil {
		send(b)
	}
}

// evaluate does what can be done before loads are sequenced.
func (l *bulkLoad) evaluate(b *block) error {
	snap, err := l.s.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	b.size = snap.Head().Size
	b.values = make([]*prepared, len(b.loads))
	for i, load := range b.loads {
		version, skip, err := l.plan(snap, load)
		if err != nil {
			return err
		}
		if skip {
			continue
		}
		if b.values[i], err = l.s.preparer.prepare(load.Label, version, load.Value); err != nil {
			return err
		}
	}
	return nil
}

// plan returns the version that a load would create, or that it would not.
func (l *bulkLoad) plan(snap Snapshot, load Load) (version uint32, skip bool, err error) {
	n, err := snap.Versions(load.Label, math.MaxUint64)
	if err != nil || n == 0 {
		return n, false, err
	}
	if n == math.MaxUint32 {
		return 0, false, fmt.Errorf("%w: no versions are left", problem.ErrRefused)
	}
	places, err := snap.Places(load.Label, n-1, n)
	if err != nil || len(places) == 0 {
		return 0, false, err
	}
	now, err := snap.Value(load.Label, n-1, places[0])
	if errors.Is(err, ErrErased) {
		return n, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return n, l.o.Equal(now.Value, load.Value), nil
}
