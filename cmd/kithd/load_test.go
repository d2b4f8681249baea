package main

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/keyfile"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/record"
)

// withLog runs f on a new log, with its sequencer running.
func withLog(t *testing.T, f func(op *operator.Operator)) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	if _, err := operator.Init(dir, operator.Options{Domain: "example.org"}); err != nil {
		t.Fatal(err)
	}
	err := withOperator(t.Context(), dir, true, func(op *operator.Operator) error {
		f(op)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func items(n int) *keyfile.Collection {
	c := new(keyfile.Collection)
	for i := range n {
		key := make([]byte, 32)
		binary.BigEndian.PutUint64(key, uint64(i))
		c.Items = append(c.Items, keyfile.Item{
			Label: fmt.Sprintf("user%06d@example.org", i),
			Keys:  []record.PublishedKey{{Type: record.WireGuard, Data: key}},
		})
	}
	return c
}

// TestImportGoesOnWhereItWasInterrupted ends an import after its first commit.
func TestImportGoesOnWhereItWasInterrupted(t *testing.T) {
	const all = 64*255 + 1000 // more than one commit
	withLog(t, func(op *operator.Operator) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l := &loader{op: op}
		first, err := op.Sequencer().BulkLoad(ctx, l.loads(items(all).Items), directory.BulkOptions{
			Progress: func(directory.BulkProgress) { cancel() },
		})
		if !errors.Is(err, context.Canceled) || first.Added == 0 || first.Added == all {
			t.Fatalf("interrupted import: %d added, error %v", first.Added, err)
		}
		v, err := load(t.Context(), op, items(all), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if v.Added != all-first.Added || v.Unchanged != first.Added || v.Updated+v.Held+v.Unfit != 0 {
			t.Fatalf("%d were there; the second run added %d and left %d", first.Added, v.Added, v.Unchanged)
		}
		size := v.Size
		if v, err = load(t.Context(), op, items(all), io.Discard); err != nil || v.Added != 0 || v.Unchanged != all || v.Size != size {
			t.Fatalf("third run: %+v, %v", v, err)
		}
	})
}

// TestImportUpdatesAndLeavesOwnersAlone mixes labels of every standing.
func TestImportUpdatesAndLeavesOwnersAlone(t *testing.T) {
	withLog(t, func(op *operator.Operator) {
		ctx := t.Context()
		c := items(4)
		if _, err := load(ctx, op, c, io.Discard); err != nil {
			t.Fatal(err)
		}
		account := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		for i, value := range map[int][]byte{1: nil, 2: []byte("nothing we can read")} {
			if value == nil {
				link := newest(t, op, c.Items[i].Label).link()
				var err error
				if value, err = record.NewClaim("example.org", c.Items[i].Label, link, record.Content{}, account); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := op.Publish(ctx, []byte(c.Items[i].Label), value); err != nil {
				t.Fatal(err)
			}
		}
		for i := range c.Items[:3] {
			c.Items[i].Keys[0].Data[31]++
		}
		v, err := load(ctx, op, c, io.Discard)
		if err != nil || v.Added != 0 || v.Updated != 1 || v.Held != 2 || v.Unchanged != 1 {
			t.Fatalf("%+v, %v", v, err)
		}
		// The chain of the updated label holds.
		s := newest(t, op, c.Items[0].Label)
		if *s.greatest != 1 || s.record.Version != 1 || s.record.Previous == nil || s.record.Kind != record.Imported {
			t.Errorf("record %+v", s.record)
		}
	})
}

func newest(t *testing.T, op *operator.Operator, label string) *standing {
	t.Helper()
	snap, err := op.Sequencer().Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	s, err := standingOf(snap, label, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPublishAtOnceLosesNothing publishes keys of many types at once: each
// publication builds on the one before it.
func TestPublishAtOnceLosesNothing(t *testing.T) {
	const many = 12
	withLog(t, func(op *operator.Operator) {
		var wg sync.WaitGroup
		for i := range many {
			wg.Go(func() {
				kind := record.KeyType(0x8000 + i)
				r, err := publish(t.Context(), op, publishRequest{
					Label: "ann@example.org", Type: kind, Keys: []record.PublishedKey{{Type: kind, Data: []byte{byte(i)}}},
				})
				if err != nil || !r.Changed {
					t.Errorf("type %d: %+v, %v", i, r, err)
				}
			})
		}
		wg.Wait()
		s := newest(t, op, "ann@example.org")
		if *s.greatest != many-1 || len(s.record.Keys) != many {
			t.Errorf("version %d with %d keys, want %d and %d", *s.greatest, len(s.record.Keys), many-1, many)
		}
	})
}

// TestAdminRefusesWhatItDoesNotKnow sends the admin socket what no command sends.
func TestAdminRefusesWhatItDoesNotKnow(t *testing.T) {
	withLog(t, func(op *operator.Operator) {
		h := adminHandler(op, new(accounts))
		for _, c := range []struct {
			method, path, body string
			want               int
		}{
			{"POST", "/status", "{}", http.StatusOK},
			{"POST", "/status", "{", http.StatusUnprocessableEntity},
			{"POST", "/status", `{"surprise": 1}`, http.StatusUnprocessableEntity},
			{"POST", "/publish", `{}`, http.StatusUnprocessableEntity},
			{"POST", "/publish", `{"label": "Ann@example.org", "type": 3, "keys": [{"Type": 3, "Data": "eA=="}]}`, http.StatusUnprocessableEntity},
			{"POST", "/erase", `{"label": "ann@example.org", "version": 7}`, http.StatusUnprocessableEntity},
			{"POST", "/token", `{}`, http.StatusUnprocessableEntity},
			{"POST", "/backup", `{"path": "relative"}`, http.StatusUnprocessableEntity},
			{"GET", "/status", "", http.StatusMethodNotAllowed},
			{"POST", "/nonsense", "{}", http.StatusNotFound},
		} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
			if w.Code != c.want {
				t.Errorf("%s %s %s: status %d, want %d: %s", c.method, c.path, c.body, w.Code, c.want, w.Body)
			}
		}
	})
}
