// Package logintest is what every login.Store must do.
package logintest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/srp/login"
)

// Run runs the suite. open returns a store of its own for each path, and one with
// what was stored before for a path it has seen; the suite closes it.
func Run(t *testing.T, open func(t testing.TB, path string) login.Store) {
	t.Run("model", func(t *testing.T) { model(t, open) })
	t.Run("rollback", func(t *testing.T) { rollback(t, open) })
	t.Run("concurrent", func(t *testing.T) { concurrent(t, open) })
	t.Run("ended context", func(t *testing.T) { endedContext(t, open) })
}

// tables is a store as a map.
type tables map[string][]byte

func at(t login.Table, key []byte) string { return string(byte(t)) + string(key) }

func (m tables) check(r login.Reader, t login.Table, prefix []byte) error {
	var want []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k[0] == byte(t) && bytes.HasPrefix([]byte(k[1:]), prefix) {
			want = append(want, k[1:]+"="+string(m[k]))
		}
	}
	var got []string
	err := r.Each(t, prefix, func(k, v []byte) error {
		got = append(got, string(k)+"="+string(v))
		return nil
	})
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("table %d, prefix %q: %q, not %q", t, prefix, got, want)
	}
	return err
}

// model holds a store against a map, through transactions that succeed and fail,
// and through its end and beginning.
func model(t *testing.T, open func(testing.TB, string) login.Store) {
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		path := fmt.Sprintf("model%d", round)
		s := open(t, path)
		m := tables{}
		key := rapid.Custom(func(rt *rapid.T) []byte {
			return []byte(rapid.SampledFrom([]string{"a", "a\x00", "a\x00b", "ab", "b", "\xff", "\xff\xff"}).Draw(rt, "key"))
		})
		fail := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		stop := errors.New("stop")
		for range rapid.IntRange(1, 6).Draw(rt, "transactions") {
			next := maps.Clone(m)
			bad := rapid.IntRange(0, 3).Draw(rt, "fails") == 0
			err := s.Update(context.Background(), func(w login.Writer) error {
				for range rapid.IntRange(0, 6).Draw(rt, "writes") {
					table, k := login.Table(rapid.IntRange(0, int(login.Tables)-1).Draw(rt, "table")), key.Draw(rt, "k")
					if rapid.Bool().Draw(rt, "delete") {
						delete(next, at(table, k))
						fail(w.Delete(table, k))
					} else {
						v := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(rt, "value")
						next[at(table, k)] = bytes.Clone(v)
						fail(w.Put(table, k, v))
						clear(v) // the store's copy is its own
					}
					clear(k)
					fail(next.check(w, table, nil)) // it sees its own writes
				}
				if bad {
					return stop
				}
				return nil
			})
			switch {
			case bad && !errors.Is(err, stop), !bad && err != nil:
				rt.Fatal(err)
			case !bad:
				m = next
			}
			if rapid.IntRange(0, 4).Draw(rt, "reopen") == 0 {
				fail(s.Close())
				s = open(t, path)
			}
			fail(s.View(context.Background(), func(r login.Reader) error {
				for table := range login.Tables {
					for _, prefix := range []string{"", "a", "a\x00", "b", "\xff", "zz"} {
						if err := m.check(r, table, []byte(prefix)); err != nil {
							return err
						}
					}
					for _, k := range []string{"a", "a\x00b", "\xff", "none"} {
						got, err := r.Get(table, []byte(k))
						want, ok := m[at(table, []byte(k))]
						if ok && (err != nil || !bytes.Equal(got, want)) || !ok && !errors.Is(err, login.ErrNotFound) {
							return fmt.Errorf("table %d, %q: %q, %v", table, k, got, err)
						}
					}
				}
				return nil
			}))
		}
		fail(s.Close())
	})
}

// rollback: a panic, and an error of f, leave nothing; an error of a walk ends it.
func rollback(t *testing.T, open func(testing.TB, string) login.Store) {
	s := open(t, "rollback")
	defer s.Close()
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(t.Context(), func(w login.Writer) error {
			_ = w.Put(login.Accounts, []byte("a"), []byte("x"))
			panic("in a transaction")
		})
	}()
	stop := errors.New("stop")
	if err := s.Update(t.Context(), func(w login.Writer) error {
		if _, err := w.Get(login.Accounts, []byte("a")); !errors.Is(err, login.ErrNotFound) {
			t.Errorf("after a panic: %v", err)
		}
		return errors.Join(w.Put(login.Accounts, []byte("a"), []byte("1")), w.Put(login.Accounts, []byte("b"), []byte("2")))
	}); err != nil {
		t.Fatal(err)
	}
	seen := 0
	if err := s.View(t.Context(), func(r login.Reader) error {
		return r.Each(login.Accounts, nil, func(_, _ []byte) error { seen++; return stop })
	}); !errors.Is(err, stop) || seen != 1 {
		t.Errorf("a walk that is to end: %v after %d", err, seen)
	}
}

// concurrent: updates run one after another, and views see whole ones.
func concurrent(t *testing.T, open func(testing.TB, string) login.Store) {
	s := open(t, "concurrent")
	defer s.Close()
	const writers, each = 8, 10
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				if err := s.Update(t.Context(), func(w login.Writer) error {
					b, err := w.Get(login.Meta, []byte("n"))
					if err != nil && !errors.Is(err, login.ErrNotFound) {
						return err
					}
					next := append(bytes.Clone(b), 'x')
					return errors.Join(w.Put(login.Meta, []byte("n"), next), w.Put(login.Accounts, []byte("n"), next))
				}); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range each {
				if err := s.View(t.Context(), func(r login.Reader) error {
					a, _ := r.Get(login.Meta, []byte("n"))
					b, _ := r.Get(login.Accounts, []byte("n"))
					if !bytes.Equal(a, b) {
						t.Errorf("half of a transaction: %d and %d", len(a), len(b))
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := s.View(t.Context(), func(r login.Reader) error {
		b, err := r.Get(login.Meta, []byte("n"))
		if len(b) != writers*each {
			t.Errorf("%d of %d updates", len(b), writers*each)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func endedContext(t *testing.T, open func(testing.TB, string) login.Store) {
	s := open(t, "ended")
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Update(ctx, func(login.Writer) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("update: %v", err)
	}
	if err := s.View(ctx, func(login.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("view: %v", err)
	}
}
