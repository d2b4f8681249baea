package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/record"
)

// plays are all attacks, in the order of package evil.
func plays() []play {
	return []play{
		{attack: evil.Fork, title: "A forked log", act: playFork,
			told: "It keeps two logs under the same keys. In one Alice has her key, in the other the provider's. Nora is shown one and Otto the other, for ever."},
		{attack: evil.Rollback, title: "A log rolled back", act: playRollback,
			told: "It puts back an older copy of its log, in which Alice has her old key."},
		{attack: evil.SwapForOne, title: "A key swapped for one reader", act: playSwapForOne,
			told: "It shows Bob, and him alone, a log in which Alice has the provider's key. All proofs in it are perfect."},
		{attack: evil.SwapAndRestore, title: "A key swapped, and restored", act: playSwapAndRestore,
			told: "It publishes its own key for Alice, in the log that everybody sees, and hers again a moment later."},
		{attack: evil.HideRevocation, title: "A revocation hidden", act: playHideRevocation,
			told: "Alice withdraws her key. It goes on to show Bob a log in which she has not."},
		{attack: evil.RemoveEarly, title: "A version removed before its time", act: playRemoveEarly,
			told: "It publishes its own key for Alice, takes it out of the tree two entries later, and signs all of it."},
		{attack: evil.GoBack, title: "Timestamps that go back", act: playGoBack,
			told: "It signs a log entry that is an hour older than the one before it."},
		{attack: evil.FutureDate, title: "Timestamps ahead", act: playFutureDate,
			told: "It signs a log entry of a time two hours from now."},
		{attack: evil.DropFeed, title: "The auditors are shut out", act: playDropFeed,
			told: "It answers lookups and signs checkpoints that grow, and denies the auditors all that stands under them."},
		{attack: evil.StallFeed, title: "The auditors are kept waiting", act: playStallFeed,
			told: "It signs checkpoints that grow, and does not say what the new entries changed."},
		{attack: evil.StaleHead, title: "Yesterday's log", act: playStaleHead, ago: 25 * time.Hour,
			told: "It serves the log of yesterday, as if nothing had happened since."},
		{attack: evil.TwoRoots, title: "Two roots for one size", act: playTwoRoots,
			told: "It signs two logs of one size, and shows one after the other."},
		{attack: evil.OtherConfig, title: "Another configuration for some", act: playOtherConfig,
			told: "It gives Bob a provider document with another VRF key, signed by its root key like the one that all others have."},
	}
}

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

func playRemoveEarly(ctx context.Context, s *stage) error {
	return s.playLie(ctx, func(dir string) error {
		theirs, err := s.forgery(1, record.Reset)
		if err != nil {
			return err
		}
		_, _, err = evil.LieRemovingEarly(dir, alice, theirs, s.now())
		return err
	})
}

func playGoBack(ctx context.Context, s *stage) error {
	return s.playLie(ctx, func(dir string) error {
		_, err := evil.LieGoingBack(dir, 3_600_000)
		return err
	})
}

func playFutureDate(ctx context.Context, s *stage) error {
	err := s.playLie(ctx, func(dir string) error {
		_, err := evil.LieAhead(dir, s.now().Add(2*time.Hour))
		return err
	})
	if err != nil {
		return err
	}
	if s.bob, err = s.person(ctx, "bob"); err != nil {
		return err
	}
	return s.refused("Bob", s.look(ctx, s.bob))
}

// playLie has an auditor follow a log that signs a lie.
func (s *stage) playLie(ctx context.Context, lie func(dir string) error) error {
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	nora, err := s.auditor(ctx, "Nora")
	if err != nil {
		return err
	}
	err = s.pause(func() error {
		if err := lie(s.data); err != nil {
			return err
		}
		return s.lies()
	})
	if err != nil {
		return err
	}
	return s.caught(ctx, nora)
}

func playDropFeed(ctx context.Context, s *stage) error {
	return s.playFeed(ctx, func() (http.Handler, error) { return evil.WithoutFeed(s.log.Handler()), nil })
}

func playStallFeed(ctx context.Context, s *stage) error {
	return s.playFeed(ctx, func() (http.Handler, error) {
		size, err := sizeOf(s.log)
		return evil.WithStalledFeed(s.log.Handler(), size), err
	})
}

// playFeed has an auditor follow a log that others are served as ever.
func (s *stage) playFeed(ctx context.Context, liar func() (http.Handler, error)) error {
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	nora, err := s.auditor(ctx, "Nora")
	if err != nil {
		return err
	}
	h, err := liar()
	if err != nil {
		return err
	}
	if err := s.lies(); err != nil {
		return err
	}
	nora.shown.Set(h)
	if err := s.aliceKey(ctx); err != nil {
		return err
	}
	if err := s.meetBob(ctx); err != nil {
		return fmt.Errorf("people are to be served: %w", err)
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
