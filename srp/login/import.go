package login

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"
)

// ImportOptions say how hashes of an older provider are read.
type ImportOptions struct {
	// Unpepper brings a stored hash to the form that package legacy reads, such as
	// one that was encrypted under a key; nil: it has that form. Where the old
	// provider mixed a secret with the password itself, nobody can follow it
	// without telling the clients that secret.
	Unpepper func(stored string) (string, error)
	// Failed is told of an account that cannot be taken over; nil: it ends the
	// import. The error never shows the hash.
	Failed func(name string, err error)
}

// importBatch is how many accounts one transaction takes over.
const importBatch = 256

// An imported account, ready to be stored.
type imported struct {
	given   string
	account *account
	err     error
}

// Import makes an account of a name and the hash that an older provider stored.
// Nobody is logged in. It is ErrTaken if there is an account.
func (s *Service) Import(ctx context.Context, given, hashed string) error {
	_, err := s.ImportAll(ctx, func(yield func(string, string) bool) { yield(given, hashed) }, ImportOptions{})
	return err
}

// ImportAll makes accounts of names and the hashes that an older provider stored,
// many to a transaction, with all processors at work. It returns how many it has
// made, and may be run again after an interruption: names that have an account are
// ErrTaken.
func (s *Service) ImportAll(ctx context.Context, accounts iter.Seq2[string, string], o ImportOptions) (made int, err error) {
	type old struct{ name, hashed string }
	var batch []old
	flush := func() error {
		ready := make([]imported, len(batch))
		var all errgroup.Group
		all.SetLimit(s.config.Concurrent)
		for i, one := range batch {
			all.Go(func() error {
				a, err := s.fromOld(one.name, one.hashed, o.Unpepper)
				ready[i] = imported{one.name, a, err}
				return nil
			})
		}
		if err := all.Wait(); err != nil {
			return err
		}
		batch = batch[:0]
		n, err := s.takeOver(ctx, ready, o.Failed)
		made += n
		return err
	}
	for name, hashed := range accounts {
		if batch = append(batch, old{name, hashed}); len(batch) == importBatch {
			if err := flush(); err != nil {
				return made, err
			}
		}
	}
	if len(batch) == 0 {
		return made, nil
	}
	return made, flush()
}

// fromOld makes the account of a hash.
func (s *Service) fromOld(given, hashed string, unpepper func(string) (string, error)) (*account, error) {
	name, err := s.name(given)
	if err != nil {
		return nil, err
	}
	if unpepper != nil {
		if hashed, err = unpepper(hashed); err != nil {
			return nil, fmt.Errorf("%w: unpepper: %w", ErrMalformed, err)
		}
	}
	salt := make([]byte, 16)
	if _, err := io.ReadFull(s.config.Rand, salt); err != nil {
		return nil, err
	}
	c, err := s.fromHash(name, hashed, salt)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	generation, err := s.newGeneration()
	now := s.config.Now().UTC()
	return &account{
		Name: name, Created: now, Changed: now.Truncate(time.Second), Generation: generation,
		Passwords: map[string]*credential{stepSRP: c},
	}, err
}

// takeOver stores accounts in one transaction. Those that cannot be are left out,
// if failed takes them.
func (s *Service) takeOver(ctx context.Context, ready []imported, failed func(string, error)) (made int, err error) {
	err = s.config.Store.Update(ctx, func(w Writer) error {
		var stored []*account
		for i := range ready {
			one := &ready[i]
			if one.err == nil {
				one.err = s.vacant(w, one.account.Name, true, one.account.Created)
			}
			if one.err != nil {
				if failed == nil {
					return one.err
				}
				continue
			}
			if err := putAccount(w, one.account); err != nil {
				return err
			}
			if err := s.note(w, one.account.Name, Event{What: "moved over from an older provider"}); err != nil {
				return err
			}
			stored = append(stored, one.account)
		}
		made = len(stored)
		return s.recount(w, nil, stored)
	})
	if err != nil {
		return 0, err
	}
	for _, one := range ready {
		if one.err != nil {
			failed(one.given, one.err)
		}
	}
	return made, s.reshape(ctx)
}
