package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"
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
	blocksAhead = 1024      // blocks ahead of the commit
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
	return int(min(max(size/16, 64), 256))
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

// A committed batch of this load, which blocks evaluated before it know nothing of.
type committed struct {
	from, to uint64 // sizes of the log before and after
	labels   map[string]*prepared
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

func (l *bulkLoad) run(ctx context.Context) error {
	var batch []*block
	var count, size int
	for b := range l.blocks {
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if b.err != nil {
			return b.err
		}
		batch = append(batch, b)
		for _, v := range b.values {
			if v != nil {
				count++
			}
		}
		size += b.bytes
		if count >= l.s.bulkEntries(l.progress.Size)*l.o.Changes || size >= batchBytes || b.readErr != nil {
			if err := l.commit(ctx, batch, b.readErr != nil); err != nil {
				return err
			}
			batch, count, size = nil, len(l.carry), 0
		}
		if b.readErr != nil {
			return b.readErr
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.commit(ctx, batch, true)
}

// commit sequences blocks and makes them durable. Loads beyond the last full
// entry are carried over, unless this is the last commit.
func (l *bulkLoad) commit(ctx context.Context, batch []*block, last bool) error {
	if len(batch)+len(l.carry) == 0 {
		return nil
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	b, done, err := l.s.build()
	if err != nil {
		return err
	}
	defer done()
	e := entryFiller{load: l, b: b, labels: map[string]*prepared{}}
	for _, v := range l.carry {
		if err := e.add(Load{v.Label, v.Value.Value}, v, 0); err != nil {
			return err
		}
	}
	l.carry = nil
	for _, block := range batch {
		for i, v := range block.values {
			if v == nil {
				e.skipped++
				continue
			}
			if err := e.add(block.loads[i], v, block.size); err != nil {
				return err
			}
		}
	}
	if last {
		if err := e.flush(); err != nil {
			return err
		}
	}
	l.carry = e.values
	if len(b.batch.Entries) > 0 {
		if err := l.s.commit(ctx, b); err != nil {
			return err
		}
		l.recent = append(l.recent, committed{b.batch.Prev.Size, b.batch.Head.Size, e.labels})
	}
	for _, block := range batch {
		l.room.Release(block.weight())
	}
	if len(batch) > 0 {
		// Blocks still to come were looked up no earlier than the last of these.
		oldest := batch[len(batch)-1].size
		l.recent = slices.DeleteFunc(l.recent, func(c committed) bool { return c.to <= oldest })
	}
	l.progress.Added += e.added - uint64(len(l.carry))
	l.progress.Skipped += e.skipped
	l.progress.Size = b.batch.Head.Size
	if l.o.Progress != nil {
		l.o.Progress(l.progress)
	}
	return nil
}

// movedOn reports whether a label may have got new versions while the log grew
// from one size to another. It need not look if only this load has made it grow.
func (l *bulkLoad) movedOn(label []byte, from, to uint64) bool {
	for i := len(l.recent) - 1; i >= 0 && to > from; i-- {
		c := &l.recent[i]
		if c.to != to || c.labels[string(label)] != nil {
			return true
		}
		to = c.from
	}
	return to > from
}

// An entryFiller fills log entries with loads.
type entryFiller struct {
	load           *bulkLoad
	b              *builder
	values         []*prepared          // of the entry being filled
	labels         map[string]*prepared // of the batch, with their newest value
	added, skipped uint64
}

// add adds a value that was prepared when the log had a size; 0: long ago.
func (e *entryFiller) add(load Load, v *prepared, size uint64) error {
	// The label may have moved on since it was looked up: by an update, or by
	// the same label earlier in the loads.
	before := e.labels[string(load.Label)]
	if before != nil || e.load.movedOn(load.Label, size, e.b.batch.Prev.Size) {
		version, skip, err := e.load.plan(e.b.base, load)
		if before != nil {
			version, skip = before.Version+1, e.load.o.Equal(before.Value.Value, load.Value)
		}
		if err != nil {
			return err
		}
		if skip {
			e.skipped++
			return nil
		}
		if version != v.Version {
			if v, err = e.load.s.preparer.prepare(load.Label, version, load.Value); err != nil {
				return err
			}
		}
	}
	if before != nil || len(e.values) == e.load.o.Changes {
		if err := e.flush(); err != nil { // one version of a label an entry
			return err
		}
	}
	e.values = append(e.values, v)
	e.labels[string(load.Label)] = v
	e.added++
	return nil
}

func (e *entryFiller) flush() error {
	if len(e.values) == 0 {
		return nil
	}
	err := e.b.entry(e.load.s.now(), e.values)
	e.values = e.values[:0]
	return err
}
