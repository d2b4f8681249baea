package directory

import (
	"context"
	"slices"
)

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
	e := entryFiller{load: l, b: b, labels: newLabelSet()}
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
		e.labels.values = nil // what is left tells that a label is there, not what it has
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
		if c.to != to || c.labels.mayHave(label) {
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
	values         []*prepared // of the entry being filled
	labels         *labelSet   // of the batch
	added, skipped uint64
}

// add adds a value that was prepared when the log had a size; 0: long ago.
func (e *entryFiller) add(load Load, v *prepared, size uint64) error {
	// The label may have moved on since it was looked up: by an update, or by
	// the same label earlier in the loads.
	before := e.labels.get(load.Label)
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
	e.labels.put(v)
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
