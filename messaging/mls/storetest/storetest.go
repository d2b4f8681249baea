// Package storetest checks an [mls.Store] against its contract.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
)

// Run checks the stores that open returns; each call of open returns an empty one.
// Give reopen to have durability checked too: it returns a store of what another
// has kept, as after a crash; nil: not checked.
func Run(t *testing.T, open func(t *testing.T) mls.Store, reopen func(t *testing.T, old mls.Store) mls.Store) {
	for name, check := range map[string]func(t *testing.T, s mls.Store){
		"ReadsWhatWasApplied":       readsWhatWasApplied,
		"ListsByPrefixInOrder":      listsByPrefixInOrder,
		"WritesNothingOnConflict":   writesNothingOnConflict,
		"KeepsItsOwnCopies":         keepsItsOwnCopies,
		"OneOfManyAtOnceGoesBefore": oneOfManyAtOnceGoesBefore,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
	if reopen != nil {
		t.Run("IsDurable", func(t *testing.T) {
			s := open(t)
			apply(t, s, mls.Batch{Write: []mls.Record{{Key: "a/1", Value: []byte("x")}, {Key: "a/2", Value: []byte("y")}}})
			apply(t, s, mls.Batch{Write: []mls.Record{{Key: "a/1"}}})
			s = reopen(t, s)
			wantValue(t, s, "a/1", nil)
			wantValue(t, s, "a/2", []byte("y"))
		})
	}
}

func apply(t *testing.T, s mls.Store, b mls.Batch) {
	t.Helper()
	if err := s.Apply(b); err != nil {
		t.Fatalf("Apply: %v", err)
	}
}

func wantValue(t *testing.T, s mls.Store, key string, want []byte) {
	t.Helper()
	got, err := s.Get(key)
	if err != nil || (got == nil) != (want == nil) || !bytes.Equal(got, want) {
		t.Fatalf("Get(%q) = %q, %v; want %q", key, got, err, want)
	}
}

func readsWhatWasApplied(t *testing.T, s mls.Store) {
	wantValue(t, s, "k", nil)
	long := bytes.Repeat([]byte{0, 0xff, '\n'}, 200_000)
	apply(t, s, mls.Batch{
		Expect: []mls.Record{{Key: "k"}},
		Write:  []mls.Record{{Key: "k", Value: []byte("1")}, {Key: "long", Value: long}},
	})
	wantValue(t, s, "k", []byte("1"))
	wantValue(t, s, "long", long)
	apply(t, s, mls.Batch{
		Expect: []mls.Record{{Key: "k", Value: []byte("1")}},
		Write:  []mls.Record{{Key: "k", Value: []byte("2")}, {Key: "long"}, {Key: "never there"}},
	})
	wantValue(t, s, "k", []byte("2"))
	wantValue(t, s, "long", nil)
}

func listsByPrefixInOrder(t *testing.T, s mls.Store) {
	for _, k := range []string{"a/b", "a/a", "a", "b/a", "a/ab", "a0"} {
		apply(t, s, mls.Batch{Write: []mls.Record{{Key: k, Value: []byte(k)}}})
	}
	for prefix, want := range map[string][]string{
		"a/": {"a/a", "a/ab", "a/b"}, "": {"a", "a/a", "a/ab", "a/b", "a0", "b/a"}, "c": nil,
	} {
		got, err := s.List(prefix)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("List(%q) = %q, %v; want %q", prefix, got, err, want)
		}
	}
}

func writesNothingOnConflict(t *testing.T, s mls.Store) {
	apply(t, s, mls.Batch{Write: []mls.Record{{Key: "k", Value: []byte("1")}}})
	for _, e := range []mls.Record{{Key: "k"}, {Key: "k", Value: []byte("2")}, {Key: "k", Value: []byte("11")}, {Key: "absent", Value: []byte("1")}} {
		err := s.Apply(mls.Batch{
			Expect: []mls.Record{{Key: "never"}, e},
			Write:  []mls.Record{{Key: "other", Value: []byte("x")}, {Key: "k", Value: []byte("9")}},
		})
		if !errors.Is(err, mls.ErrConflict) {
			t.Errorf("expecting %q = %q: %v, want ErrConflict", e.Key, e.Value, err)
		}
	}
	wantValue(t, s, "k", []byte("1"))
	wantValue(t, s, "other", nil)
}

func keepsItsOwnCopies(t *testing.T, s mls.Store) {
	given := []byte("1")
	apply(t, s, mls.Batch{Write: []mls.Record{{Key: "k", Value: given}}})
	clear(given)
	got, err := s.Get("k")
	if err != nil || string(got) != "1" {
		t.Fatalf("Get = %q, %v", got, err)
	}
	clear(got)
	wantValue(t, s, "k", []byte("1"))
}

func oneOfManyAtOnceGoesBefore(t *testing.T, s mls.Store) {
	apply(t, s, mls.Batch{Write: []mls.Record{{Key: "head", Value: []byte("0")}}})
	const writers = 8
	errs := make([]error, writers)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			errs[i] = s.Apply(mls.Batch{
				Expect: []mls.Record{{Key: "head", Value: []byte("0")}},
				Write:  []mls.Record{{Key: "head", Value: fmt.Append(nil, "by ", i)}},
			})
		})
	}
	all.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			t.Fatalf("%d and %d both replaced the same value", won, i)
		case err == nil:
			won = i
		case !errors.Is(err, mls.ErrConflict):
			t.Fatalf("%d: %v, want ErrConflict", i, err)
		}
	}
	if won < 0 {
		t.Fatal("nobody's batch was applied")
	}
	wantValue(t, s, "head", fmt.Append(nil, "by ", won))
}
