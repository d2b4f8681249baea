package directory

import (
	"context"
	"fmt"

	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// metaAuditorHead is the meta key of the newest AuditorTreeHead.
const metaAuditorHead = "auditor-head"

var _ AuditorHeads = (*Sequencer)(nil)

// AuditorHead implements AuditorHeads.
func (s *Sequencer) AuditorHead() (*wire.AuditorTreeHead, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	return auditorHead(snap, inForce(snap).now())
}

// auditorHead returns the newest head of the auditor in force, or nil: that of the
// one before says nothing of entries from period on.
func auditorHead(snap Snapshot, period *Period) (*wire.AuditorTreeHead, error) {
	head, err := keptAuditorHead(snap, period.Log.Format())
	if err != nil || head == nil || head.TreeSize <= period.From {
		return nil, err
	}
	return head, nil
}

// AuditorHeadOf returns the newest head of the auditor in force and of any, by a
// snapshot that Sequencer.Snapshot returned. Without the first, the error is
// ErrNoAuditorHead.
func AuditorHeadOf(snap Snapshot) (inForceHead, last *wire.AuditorTreeHead, err error) {
	period := inForce(snap).now()
	if last, err = keptAuditorHead(snap, period.Log.Format()); err != nil {
		return nil, nil, err
	}
	if last == nil || last.TreeSize <= period.From {
		return nil, last, noAuditorHead(period)
	}
	return last, last, nil
}

// keptAuditorHead returns the newest head of any auditor, or nil.
func keptAuditorHead(snap Snapshot, f wire.Format) (*wire.AuditorTreeHead, error) {
	b, err := snap.Meta(metaAuditorHead)
	if err != nil || b == nil {
		return nil, err
	}
	head, err := wire.ParseAuditorTreeHead(b, f)
	if err != nil {
		return nil, fmt.Errorf("%w: meta: auditor head: %w", ErrCorrupt, err)
	}
	return head, nil
}

// PutAuditorHead implements AuditorHeads.
func (s *Sequencer) PutAuditorHead(ctx context.Context, head *wire.AuditorTreeHead) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap, err := s.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	period := inForce(snap).now()
	if head.TreeSize == 0 || head.TreeSize > snap.Head().Size {
		return fmt.Errorf("%w: auditor head of size %d", problem.ErrRefused, head.TreeSize)
	}
	entry, err := snap.LogEntry(head.TreeSize - 1)
	if err != nil {
		return err
	}
	if entry.Timestamp != head.Timestamp {
		return fmt.Errorf("%w: auditor head of another timestamp than its rightmost entry", problem.ErrRefused)
	}
	full, err := snap.LogNodes(logtree.FullSubtrees(head.TreeSize))
	if err != nil {
		return err
	}
	root, err := logtree.Root(head.TreeSize, full)
	if err != nil {
		return err
	}
	if err := suite.VerifyAuditorTreeHead(period.Log, head, root); err != nil {
		return fmt.Errorf("%w: %w", problem.ErrRefused, err)
	}
	if head.TreeSize <= period.From {
		return fmt.Errorf("%w: auditor head of size %d, which does not cover log entry %d, the first under its configuration", problem.ErrRefused, head.TreeSize, period.From)
	}
	old, err := auditorHead(snap, period)
	if err != nil || old != nil && old.TreeSize >= head.TreeSize {
		return err
	}
	b, err := head.Append(nil, period.Log.Format())
	if err != nil {
		return err
	}
	if err := s.config.Store.PutMeta(ctx, map[string][]byte{metaAuditorHead: b}); err != nil {
		return err
	}
	return s.show()
}
