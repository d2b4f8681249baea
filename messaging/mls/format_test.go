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
// it is asked to do with the record, and leaves all of the store as it is.
func TestNewerFormatIsNotDamage(t *testing.T) {
	golden := readGolden(t)
	tried := 0
	try := func(key string, change func(value []byte)) {
		tried++
		store := golden.newer(key, change)
		cfg := store.config(t)
		c := must(t)(mls.NewClient(cfg))
		calls := map[string]func() error{
			"Restore": func() error { _, err := mls.Restore(cfg); return err },
		}
		if id, ok := strings.CutPrefix(key, "group/"); ok {
			name, _, _ := strings.Cut(id, "/")
			id, err := hex.DecodeString(name)
			if err != nil {
				t.Fatal(err)
			}
			calls["Open"] = func() error { _, err := c.Open(id); return err }
			calls["Create"] = func() error { _, err := c.Create(id, nil); return err }
			calls["Forget"] = func() error { return c.Forget(id) }
		} else {
			calls["KeyPackages"] = func() error { _, err := c.KeyPackages(1); return err }
			calls["LastResort"] = func() error { _, err := c.LastResort(); return err }
			calls["SweepKeyPackages"] = func() error { _, err := c.SweepKeyPackages(); return err }
			calls["RevokeKeyPackages"] = func() error { _, err := c.RevokeKeyPackages(); return err }
		}
		for name, call := range calls {
			if err := call(); !errors.Is(err, mls.ErrFormat) || errors.Is(err, mls.ErrCorrupt) {
				t.Errorf("%s, of which %s is newer: %v, want ErrFormat", name, key, err)
			}
			have := map[string]mlstest.Hex{}
			for _, key := range ok[[]string](t)(cfg.Store.List("")) {
				have[key] = ok[[]byte](t)(cfg.Store.Get(key))
			}
			if !maps.EqualFunc(have, store.Records, slices.Equal) {
				t.Fatalf("%s, of which %s is newer: the store has changed", name, key)
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
