package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/proto/record"
)

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
