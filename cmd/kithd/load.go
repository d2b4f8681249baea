package main

import (
	"context"
	"io"
	"iter"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/keyfile"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/record"
)

// load publishes a collection in the provider's own name. The counts hold for
// what is durable, also with an error.
func load(ctx context.Context, op *operator.Operator, c *keyfile.Collection, progressTo io.Writer) (importView, error) {
	l := &loader{op: op, opaque: opaque(op), view: importView{Skipped: c.Reasons()}}
	p := newProgress(progressTo, "publishing", int64(len(c.Items)), false)
	defer p.end()
	done, err := op.Sequencer().BulkLoad(ctx, l.loads(c.Items), directory.BulkOptions{
		Progress: func(done directory.BulkProgress) { p.set(int64(done.Added + done.Skipped)) },
	})
	v := l.view
	v.Size = done.Size
	if done.Size == 0 { // nothing to commit
		if snap, e := op.Sequencer().Snapshot(); e == nil {
			v.Size = snap.Head().Size
			snap.Release()
		}
	}
	if err != nil { // of the labels asked for, these came through
		v.Added, v.Updated = done.Added, 0
		return v, err
	}
	v.Added = done.Added - v.Updated
	return v, nil
}

// A loader makes the values of an import.
type loader struct {
	op     *operator.Operator
	opaque bool
	view   importView // Added is counted by the sequencer
}

// loads yields what is new in items. Nobody else writes meanwhile: the folder is
// locked, so each label's newest version is still that when it is sequenced.
func (l *loader) loads(items []keyfile.Item) iter.Seq2[directory.Load, error] {
	return func(yield func(directory.Load, error) bool) {
		for _, item := range items {
			value, err := l.value(item)
			if err != nil {
				yield(directory.Load{}, err)
				return
			}
			if value != nil && !yield(directory.Load{Label: []byte(item.Label), Value: value}, nil) {
				return
			}
		}
	}
}

// value returns the next value of a label, or nil if there is nothing to do.
func (l *loader) value(item keyfile.Item) ([]byte, error) {
	if l.opaque != (item.Value != nil) {
		l.view.Unfit++
		return nil, nil
	}
	snap, err := l.op.Sequencer().Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	now, err := standingOf(snap, item.Label, l.opaque)
	if err != nil {
		return nil, err
	}
	value := item.Value
	switch {
	case l.opaque && now.greatest != nil && string(now.value) == string(value), now.hasKeys(item.Keys) && !now.held():
		l.view.Unchanged++
		return nil, nil
	case !l.opaque && now.held():
		l.view.Held++
		return nil, nil
	case !l.opaque:
		if value, err = record.NewImported(l.op.Config().Log.Domain, item.Label, now.link(), item.Keys); err != nil {
			return nil, err
		}
	}
	if now.greatest != nil {
		l.view.Updated++
	}
	return value, nil
}
