package main

import (
	"context"
	"fmt"

	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/record"
)

// The document demands of everybody that Nora has audited what they are shown.
func playSwapForOne(ctx context.Context, s *stage) error {
	fork, err := s.copy()
	if err != nil {
		return err
	}
	nora, err := s.auditor(ctx, "Nora")
	if err != nil {
		return err
	}
	if err := s.appoint(nora); err != nil {
		return err
	}
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	if err := s.forge(ctx, fork, 0, record.Claimed); err != nil {
		return err
	}
	if err := s.carolIsServed(ctx); err != nil {
		return err
	}
	if err := s.lies(); err != nil {
		return err
	}
	if s.bob, err = s.personAt(ctx, "bob", evil.Instead(fork.Handler(), s.log.Handler(), provider.Path)); err != nil {
		return err
	}
	if err := s.refused("Bob", s.look(ctx, s.bob)); err != nil {
		return err
	}
	return s.handedIn(ctx, s.bob, "Bob", nora)
}

// No auditor can know which keys are Alice's. She does.
func playSwapAndRestore(ctx context.Context, s *stage) error {
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	if err := s.lies(); err != nil {
		return err
	}
	if err := s.forge(ctx, s.log, 1, record.Reset); err != nil {
		return err
	}
	if err := s.restore(ctx, 1); err != nil {
		return err
	}
	m, err := s.alice.client.Monitor(ctx)
	if err != nil {
		return err
	}
	for _, o := range m.Owned {
		if len(o.Unexpected) > 0 {
			u := o.Unexpected[0]
			s.notice("Alice", byMonitoring, fmt.Sprintf("version %d of %s was published in log entry %d, and not by her", u.First, o.Label, u.Position))
			file, err := s.disown(ctx, u.Position, 0, u.First)
			if err != nil {
				return err
			}
			s.keep(file)
			return nil
		}
	}
	return fmt.Errorf("%w: Alice was not told of versions that she did not publish", errUnnoticed)
}

// Bob demands nothing: to him, nothing has changed. But his client tells an auditor
// what it sees.
func playHideRevocation(ctx context.Context, s *stage) error {
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
	fork, err := s.copy()
	if err != nil {
		return err
	}
	s.shown[s.bob].Set(fork.Handler())
	if err := s.aliceCloses(ctx); err != nil {
		return err
	}
	size, err := sizeOf(s.log)
	if err != nil {
		return err
	}
	if err := s.grow(ctx, fork, size); err != nil {
		return err
	}
	if err := s.lies(); err != nil {
		return err
	}
	if err := s.look(ctx, s.bob); err != nil {
		return fmt.Errorf("bob was to be fooled: %w", err)
	}
	return s.handedIn(ctx, s.bob, "Bob", nora)
}
