package main

import (
	"context"
	"fmt"
	"time"

	"github.com/kith-kt/kith/client/gossip"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
)

const (
	checkpointWait = 5 * time.Second
	maxCheckpoint  = 64 << 10 // bytes
)

// newestCheckpoint fetches the checkpoint that the provider shows, holds it against
// the one kept from before, and keeps the newer. It returns that, or nil.
func (s *session) newestCheckpoint(ctx context.Context) []byte {
	ctx, cancel := context.WithTimeout(ctx, checkpointWait)
	defer cancel()
	note, err := s.remote.Get(ctx, "/log/checkpoint", "", maxCheckpoint)
	if err == nil {
		err = s.compareCheckpoint(note, "the checkpoint that the provider shows")
	}
	if err != nil {
		s.p.say("no checkpoint is handed in: %s", plain(err))
	}
	kept, err := s.ring.Checkpoint()
	if err != nil {
		s.p.warn("%s", plain(err))
		return nil
	}
	return kept
}

// compareCheckpoint holds a signed checkpoint, if there is one, against the newest
// one kept, and keeps the newer. Two of one size with two roots are evidence.
func (s *session) compareCheckpoint(note []byte, what string) error {
	if len(note) == 0 {
		return nil
	}
	bare, signed, err := gossip.Bare(s.auditLog, note)
	if err != nil {
		return fmt.Errorf("%s is not signed by the audit log: %w", what, err)
	}
	kept, err := s.ring.Checkpoint()
	if err != nil {
		return err
	}
	var before *checkpoint.Signed
	if kept != nil {
		if before, err = s.auditLog.Open(kept); err != nil { // of the log that came before
			before = nil
		}
	}
	switch {
	case before != nil && before.Size == signed.Size && before.Root != signed.Root:
		return s.twoCheckpoints(kept, bare)
	case before != nil && before.Size >= signed.Size:
		return nil
	}
	return s.ring.SetCheckpoint(bare)
}

// twoCheckpoints convicts the log of having signed two checkpoints of one size.
func (s *session) twoCheckpoints(a, b []byte) error {
	e, err := evidence.NewTwoCheckpoints(s.envelope, a, b)
	if err != nil {
		return err
	}
	file, err := e.Append(nil)
	if err != nil {
		return err
	}
	x, err := s.verified(file)
	if err != nil {
		return err
	}
	_, _, err = s.convict(x, "found by yourself")
	return err
}
