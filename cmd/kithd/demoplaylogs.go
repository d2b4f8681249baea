package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/proto/record"
)

// Two logs under one set of keys, one for each auditor. They are of different sizes,
// so that it takes more than their checkpoints to see it.
func playFork(ctx context.Context, s *stage) error {
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	nora, otto, err := s.auditors(ctx)
	if err != nil {
		return err
	}
	fork, err := s.copy()
	if err != nil {
		return err
	}
	if err := s.forge(ctx, fork, 1, record.Reset); err != nil {
		return err
	}
	size, err := sizeOf(fork)
	if err != nil {
		return err
	}
	if err := s.grow(ctx, fork, size+1); err != nil {
		return err
	}
	if err := s.lies(); err != nil {
		return err
	}
	otto.shown.Set(fork.Handler())
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	return s.caught(ctx, nora, otto)
}

func playRollback(ctx context.Context, s *stage) error {
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	nora, err := s.auditor(ctx, "Nora")
	if err != nil {
		return err
	}
	older, err := s.copy()
	if err != nil {
		return err
	}
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	if err := s.meetBob(ctx); err != nil {
		return err
	}
	if err := nora.reaches(ctx, s.log); err != nil {
		return err
	}
	if err := s.lies(); err != nil {
		return err
	}
	s.views.Show(older.Handler())
	if err := s.refused("Bob", s.look(ctx, s.bob)); err != nil {
		return err
	}
	return s.caught(ctx, nora)
}

func playStaleHead(ctx context.Context, s *stage) error {
	if err := s.imported(ctx, s.log, alice); err != nil {
		return err
	}
	if err := s.lies(); err != nil {
		return err
	}
	var err error
	if s.bob, err = s.person(ctx, "bob"); err != nil {
		return err
	}
	if err := s.refused("Bob", s.look(ctx, s.bob)); err != nil {
		return err
	}
	nora, err := s.start(ctx, "Nora")
	if err != nil {
		return err
	}
	return s.caught(ctx, nora)
}

func playTwoRoots(ctx context.Context, s *stage) error {
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	other, err := s.copy()
	if err != nil {
		return err
	}
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	nora, err := s.auditor(ctx, "Nora")
	if err != nil {
		return err
	}
	if err := s.meetBob(ctx); err != nil {
		return err
	}
	size, err := sizeOf(s.log)
	if err != nil {
		return err
	}
	if err := s.grow(ctx, other, size); err != nil {
		return err
	}
	if err := s.lies(); err != nil {
		return err
	}
	s.views.Show(other.Handler())
	if err := s.refused("Bob", s.look(ctx, s.bob)); err != nil {
		return err
	}
	return s.caught(ctx, nora)
}

func playOtherConfig(ctx context.Context, s *stage) error {
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	nora, err := s.auditor(ctx, "Nora")
	if err != nil {
		return err
	}
	to := filepath.Join(s.dir, "other")
	if err := s.pause(func() error { return evil.Reconfigure(s.data, to, s.now) }); err != nil {
		return err
	}
	other, err := s.run(to)
	if err != nil {
		return err
	}
	if err := s.forge(ctx, other, 0, record.Claimed); err != nil {
		return err
	}
	if err := s.lies(); err != nil {
		return err
	}
	if s.bob, err = s.personAt(ctx, "bob", other.Handler()); err != nil {
		return err
	}
	if err := s.look(ctx, s.bob); err != nil {
		return fmt.Errorf("bob was to be fooled: %w", err)
	}
	return s.handedIn(ctx, s.bob, "Bob", nora)
}
