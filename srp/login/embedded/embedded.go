// Package embedded is a login.Store in one file, on the engine of package kv.
package embedded

import (
	"bytes"
	"context"
	"errors"

	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/srp/login"
)

// A Store is an open file of accounts. It implements login.Store.
type Store struct{ db *kv.DB }

var _ login.Store = (*Store)(nil)

// Open opens or creates the file at path. Its errors are those of package kv.
func Open(path string) (*Store, error) {
	specs := make([]kv.Spec, login.Tables)
	for t, name := range map[login.Table]string{
		login.Accounts: "accounts", login.Sessions: "sessions", login.Owners: "owners", login.Trail: "trail",
		login.Invites: "invites", login.Former: "former", login.Meta: "meta",
		login.Blobs: "blobs", login.Devices: "devices", login.Handles: "handles",
	} {
		specs[t] = kv.Spec{Name: name}
	}
	db, err := kv.Open(path, kv.Options{Buckets: specs})
	if err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Copy writes what is stored now to a new file at path.
func (s *Store) Copy(ctx context.Context, path string) error {
	v, err := s.db.View()
	if err != nil {
		return err
	}
	defer v.Release()
	return s.db.Copy(ctx, v, path)
}

// View implements login.Store.
func (s *Store) View(ctx context.Context, f func(login.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v, err := s.db.View()
	if err != nil {
		return err
	}
	defer v.Release()
	return f(reader{v})
}

// Update implements login.Store.
func (s *Store) Update(ctx context.Context, f func(login.Writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.Update(func(tx *kv.Tx) error { return f(writer{tx}) })
}

// errEnd ends a walk behind the prefix.
var errEnd = errors.New("end of prefix")

// within calls f for keys with a prefix, and ends the walk behind them.
func within(prefix []byte, f func(key, value []byte) error) func(key, value []byte) error {
	return func(key, value []byte) error {
		if !bytes.HasPrefix(key, prefix) {
			return errEnd
		}
		return f(key, value)
	}
}

func ended(err error) error {
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

type reader struct{ v *kv.View }

func (r reader) Get(t login.Table, key []byte) ([]byte, error) {
	b, err := r.v.Get(int(t), key)
	if err == nil && b == nil {
		return nil, login.ErrNotFound
	}
	return b, err
}

func (r reader) Each(t login.Table, prefix []byte, f func(key, value []byte) error) error {
	return ended(r.v.Each(int(t), prefix, within(prefix, f)))
}

type writer struct{ tx *kv.Tx }

func (w writer) Get(t login.Table, key []byte) ([]byte, error) {
	if b := w.tx.Get(int(t), key); b != nil {
		return b, nil
	}
	return nil, login.ErrNotFound
}

func (w writer) Each(t login.Table, prefix []byte, f func(key, value []byte) error) error {
	return ended(w.tx.Each(int(t), prefix, within(prefix, f)))
}

func (w writer) Put(t login.Table, key, value []byte) error {
	w.tx.Put(int(t), bytes.Clone(key), bytes.Clone(value))
	return nil
}

func (w writer) Delete(t login.Table, key []byte) error {
	w.tx.Delete(int(t), bytes.Clone(key))
	return nil
}
