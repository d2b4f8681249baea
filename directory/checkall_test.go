package directory_test

import (
	"bytes"
	"crypto/rand"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// TestCheckFindsAnyFlippedByte changes bytes of the value, and of the key, of every
// record of a small store that has every kind of them: all that the log consists
// of, erased and live values, tokens and where they are listed, the auditor's
// head, and what else is kept beside the log.
func TestCheckFindsAnyFlippedByte(t *testing.T) {
	l := everyKind(t)
	if err := checkStore(l); err != nil {
		t.Fatal(err)
	}
	tries := 2
	if testing.Short() {
		tries = 1
	}
	if os.Getenv("KITH_SOAK") != "" {
		tries = 1 << 20
	}
	whole, err := os.ReadFile(l.path("kith.db"))
	if err != nil {
		t.Fatal(err)
	}
	rng := mathrand.New(mathrand.NewPCG(5, 6))
	records := recordsOf(t, l)
	kinds := map[string]int{}
	for _, r := range records {
		kinds[r.bucket]++
		for _, part := range []string{"value", "key"} {
			n := len(r.value)
			if part == "key" {
				n = len(r.key)
			}
			at := rng.Perm(n)
			at = at[:min(n, tries)]
			if n > 0 && !slices.Contains(at, 0) {
				at = append(at, 0) // often a kind or a format
			}
			for _, i := range at {
				if err := os.WriteFile(l.path("kith.db"), whole, 0o600); err != nil {
					t.Fatal(err)
				}
				flip := byte(1) << rng.IntN(8)
				if rng.IntN(2) == 0 {
					flip = byte(1 + rng.IntN(255))
				}
				change(t, l, r, part, i, flip)
				if err := checkStore(l); err == nil {
					t.Errorf("%s: byte %d of the %s of %q ^ %#x: not found", r.bucket, i, part, r.key, flip)
				}
			}
		}
	}
	for _, bucket := range []string{"pages", "log", "nodes", "values", "labels", "audit", "leaves", "meta"} {
		if kinds[bucket] == 0 {
			t.Errorf("there are no records in %s", bucket)
		}
	}
	if kinds["meta"] < 2+1+2+2+1 {
		t.Errorf("%d records beside the log", kinds["meta"])
	}
}

// A record is one key with its value.
type record struct {
	bucket     string
	key, value []byte
}

func recordsOf(t *testing.T, l *testLog) (all []record) {
	t.Helper()
	db, err := bbolt.Open(l.path("kith.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				all = append(all, record{string(name), bytes.Clone(k), bytes.Clone(v)})
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// change changes one byte of a record.
func change(t *testing.T, l *testLog, r record, part string, at int, flip byte) {
	t.Helper()
	db, err := bbolt.Open(l.path("kith.db"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(r.bucket))
		k, v := bytes.Clone(r.key), bytes.Clone(r.value)
		if err := b.Delete(k); err != nil {
			return err
		}
		if part == "key" {
			k[at] ^= flip
		} else {
			v[at] ^= flip
		}
		return b.Put(k, v)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// everyKind is a closed log, small, with every kind of record.
func everyKind(t *testing.T) *testLog {
	t.Helper()
	kinds, err := suite.Get(wire.KT_128_SHA256_Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	auditor, err := kinds.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(t, func(c *directory.Config) {
		c.Log.Mode, c.Log.MaxAuditorLag, c.Log.AuditorPublicKey = wire.ThirdPartyAuditing, 60_000, auditor.Public()
	})
	s, stop := l.run(t)
	bulk(t, s, users(0, 20), 20, 0)
	submit(t, s, update("alice", 0, "one", "two"))
	submit(t, s, update("alice", 2, "three"))
	if err := s.Erase(ctx, []byte("alice"), 1); err != nil {
		t.Fatal(err)
	}
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	head := snap.Head()
	snap.Release()
	signed, err := suite.SignAuditorTreeHead(auditor, &l.config.Log, head.Timestamp, head.Size, head.Root)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutAuditorHead(ctx, signed); err != nil {
		t.Fatal(err)
	}
	stop()

	store, err := embedded.Open(l.path("kith.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	tokens := directory.NewTokens(store, time.Now, rand.Reader)
	if _, _, err := tokens.Create(ctx, directory.ScopeUpdate, []byte("alice")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := tokens.Create(ctx, directory.ScopeSearch, nil); err != nil {
		t.Fatal(err)
	}
	// As package operator keeps a cosigned checkpoint.
	if err := store.PutMeta(ctx, map[string][]byte{"cosigned-checkpoint": []byte("example.org/log\n4\n...")}); err != nil {
		t.Fatal(err)
	}
	return l
}
