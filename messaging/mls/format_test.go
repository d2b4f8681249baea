package mls_test

import (
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
)

// newer returns the golden store with one record changed to what only a later version
// can have written.
func (g *goldenStore) newer(key string, change func(value []byte)) *goldenStore {
	out := *g
	out.Records = maps.Clone(g.Records)
	out.Records[key] = slices.Clone(g.Records[key])
	change(out.Records[key])
	return &out
}

// TestNewerFormatIsNotDamage: a program that is older than its store says so, whatever
// it is asked to do with the record, and leaves the record as it is: of a group, all of
// the store. A KeyPackage is in the way of nothing else.
func TestNewerFormatIsNotDamage(t *testing.T) {
	golden := readGolden(t)
	tried := 0
	try := func(key string, change func(value []byte)) {
		tried++
		store := golden.newer(key, change)
		type call struct {
			run  func(c *mls.Client) error
			want error
		}
		calls := map[string]call{}
		if id, ok := strings.CutPrefix(key, "group/"); ok {
			name, _, _ := strings.Cut(id, "/")
			id, err := hex.DecodeString(name)
			if err != nil {
				t.Fatal(err)
			}
			calls["Restore"] = call{nil, mls.ErrFormat}
			calls["Open"] = call{func(c *mls.Client) error { return second(c.Open(id)) }, mls.ErrFormat}
			calls["Create"] = call{func(c *mls.Client) error { return second(c.Create(id, nil)) }, mls.ErrFormat}
			calls["Forget"] = call{func(c *mls.Client) error { return c.Forget(id) }, mls.ErrFormat}
		} else {
			calls["Restore"] = call{nil, nil}
			calls["KeyPackages"] = call{func(c *mls.Client) error { return second(c.KeyPackages(1)) }, nil}
			calls["LastResort"] = call{func(c *mls.Client) error { return second(c.LastResort()) }, nil}
			calls["SweepKeyPackages"] = call{func(c *mls.Client) error { return second(c.SweepKeyPackages()) }, nil}
			calls["RevokeKeyPackages"] = call{func(c *mls.Client) error { return second(c.RevokeKeyPackages()) }, mls.ErrFormat}
		}
		for name, call := range calls {
			cfg := store.config(t)
			run := call.run
			if run == nil {
				run = func(*mls.Client) error { return second(mls.Restore(cfg)) }
			}
			c := must(t)(mls.NewClient(cfg))
			err := run(c)
			if !errors.Is(err, call.want) || errors.Is(err, mls.ErrCorrupt) || call.want == nil && err != nil {
				t.Errorf("%s, where %s is newer: %v, want %v", name, key, err, call.want)
			}
			if err != nil && !strings.Contains(err.Error(), key) {
				t.Errorf("%s, where %s is newer: %v does not name it", name, key, err)
			}
			have := map[string]mlstest.Hex{}
			for _, key := range ok[[]string](t)(cfg.Store.List("")) {
				have[key] = ok[[]byte](t)(cfg.Store.Get(key))
			}
			if strings.HasPrefix(key, "group/") && !maps.EqualFunc(have, store.Records, slices.Equal) {
				t.Fatalf("%s, where %s is newer: the store has changed", name, key)
			}
			if !slices.Equal(have[key], store.Records[key]) {
				t.Fatalf("%s, where %s is newer: it has changed", name, key)
			}
			if newer := ok[[]error](t)(c.NewerKeyPackages()); strings.HasPrefix(key, "keypackage/") &&
				(len(newer) != 1 || !errors.Is(newer[0], mls.ErrFormat) || !strings.Contains(newer[0].Error(), key)) {
				t.Errorf("NewerKeyPackages after %s: %v", name, newer)
			}
			if name != "RevokeKeyPackages" {
				continue
			}
			if left := ok[[]string](t)(cfg.Store.List("keypackage/")); len(left) != 1 {
				t.Errorf("after RevokeKeyPackages there are %q", left)
			}
		}
	}
	for key := range golden.Records {
		if !versioned.MatchString(key) {
			continue
		}
		try(key, func(value []byte) {
			value[0]++
			if strings.HasSuffix(key, "/epoch") {
				value[0]++ // 2 is known
			}
		})
		if strings.HasPrefix(key, "keypackage/") {
			try(key, func(value []byte) { value[6] = 0x7f }) // of a suite of the future
		}
	}
	if tried < 17 {
		t.Errorf("only %d records were tried", tried)
	}
}

// TestRestoreBesideANewerKeyPackage: an older program restores a store with KeyPackages
// that it cannot read. The newer one, which opens that store later on, does not take
// them for unused.
func TestRestoreBesideANewerKeyPackage(t *testing.T) {
	golden := readGolden(t)
	older := golden
	for key := range golden.Records {
		if strings.HasPrefix(key, "keypackage/") {
			older = older.newer(key, func(value []byte) { value[0]++ })
		}
	}
	for name, welcome := range map[string][]byte{"once": golden.Welcome, "last resort": golden.LastResort} {
		cfg := older.config(t)
		must(t)(mls.Restore(cfg))
		var back mls.Batch // the newer program can read them
		for key, value := range golden.Records {
			if strings.HasPrefix(key, "keypackage/") {
				back.Write = append(back.Write, mls.Record{Key: key, Value: value})
			}
		}
		if err := cfg.Store.Apply(back); err != nil {
			t.Fatal(err)
		}
		c := must(t)(mls.NewClient(cfg))
		notes := len(ok[[]string](t)(cfg.Store.List("restored/")))
		if notes != len(back.Write) {
			t.Errorf("%s: %d notes for %d KeyPackages", name, notes, len(back.Write))
		}
		g := ok[*mls.Group](t)(c.Join(welcome, nil))
		if _, err := g.Send([]byte("with the first key again"), nil); !errors.Is(err, mls.ErrRestored) {
			t.Errorf("%s: Send: %v, want ErrRestored", name, err)
		}
		if name == "once" {
			notes--
		}
		if left := ok[[]string](t)(cfg.Store.List("restored/")); len(left) != notes {
			t.Errorf("%s: %d notes are left, want %d", name, len(left), notes)
		}
		ok[int](t)(c.RevokeKeyPackages())
		if left := ok[[]string](t)(cfg.Store.List("restored/")); len(left) != 0 {
			t.Errorf("%s: without KeyPackages, the notes %q are left", name, left)
		}
	}
}

// TestNewerFormatUnderAnOpenGroup: a newer program takes the store over while an older
// one has a group open.
func TestNewerFormatUnderAnOpenGroup(t *testing.T) {
	golden := readGolden(t)
	cfg := golden.config(t)
	c := must(t)(mls.NewClient(cfg))
	g := ok[*mls.Group](t)(c.Open([]byte("group")))
	key := "group/" + hex.EncodeToString([]byte("group")) + "/head"
	head := ok[[]byte](t)(cfg.Store.Get(key))
	head[0]++
	if err := cfg.Store.Apply(mls.Batch{Write: []mls.Record{{Key: key, Value: head}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Receive(golden.Skipped); !errors.Is(err, mls.ErrConflict) {
		t.Fatalf("Receive: %v, want ErrConflict", err)
	}
	if _, err := g.Receive(golden.Skipped); !errors.Is(err, mls.ErrFormat) {
		t.Fatalf("Receive: %v, want ErrFormat", err)
	}
}

// TestNewerKeyPackageIsNotJoinedWith: nor is a Welcome for a newer KeyPackage refused
// as if there were none.
func TestNewerKeyPackageIsNotJoinedWith(t *testing.T) {
	golden := readGolden(t)
	for key := range golden.Records {
		if strings.HasPrefix(key, "keypackage/") {
			golden = golden.newer(key, func(value []byte) { value[0]++ })
		}
	}
	for _, welcome := range [][]byte{golden.Welcome, golden.LastResort} {
		if _, err := golden.open(t).Join(welcome, nil); !errors.Is(err, mls.ErrFormat) {
			t.Errorf("Join: %v, want ErrFormat", err)
		}
	}
}
