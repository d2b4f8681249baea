package httpapi

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/wire"
)

// bindingFixture is a log whose heads are bound to a checkpoint of any size.
func bindingFixture(t testing.TB) (f *fixture, verifier *checkpoint.Verifier, bindTo func(m uint64)) {
	t.Helper()
	skey, vkey, err := checkpoint.GenerateKey(rand.Reader, "example.org/log")
	must(t, err)
	signer, err := checkpoint.NewSigner(skey)
	must(t, err)
	verifier, err = checkpoint.NewVerifier(vkey)
	must(t, err)
	var note []byte
	var bound checkpoint.Checkpoint
	f = newFixture(t, func(c *Config) {
		c.Bound = func() ([]byte, checkpoint.Checkpoint) { return note, bound }
	})
	return f, verifier, func(m uint64) {
		t.Helper()
		snap, err := f.seq.Snapshot()
		must(t, err)
		defer snap.Release()
		root, err := tlog.TreeHash(int64(m), directory.HashReader{AuditLog: snap})
		must(t, err)
		note, err = signer.Sign(m, root)
		must(t, err)
		bound = checkpoint.Checkpoint{Origin: "example.org/log", Size: m, Root: root}
	}
}

// rootAt returns the root of the KEYTRANS log tree at a size.
func (f *fixture) rootAt(size uint64) wire.HashValue {
	f.t.Helper()
	snap, err := f.seq.Snapshot()
	must(f.t, err)
	defer snap.Release()
	full, err := snap.LogNodes(logtree.FullSubtrees(size))
	must(f.t, err)
	root, err := logtree.Root(size, full)
	must(f.t, err)
	return root
}

// TestBindingsVerify: every head is bound to every checkpoint, before and after it.
func TestBindingsVerify(t *testing.T) {
	f, verifier, bindTo := bindingFixture(t)
	f.grow("label", 30)
	for i := range 40 {
		f.publish(fmt.Sprint("label", i), "value", nil)
	}
	snap, err := f.seq.Snapshot()
	must(t, err)
	top := snap.Head().Size
	snap.Release()
	encoded := f.encode(f.log)
	for m := uint64(1); m <= top; m++ {
		bindTo(m)
		for n := uint64(1); n <= top; n++ {
			b, err := checkpoint.ParseBinding(f.get(fmt.Sprint("/log/binding?size=", n)))
			must(t, err)
			bound, err := b.Verify(verifier, sha256.Sum256(encoded), n, f.rootAt(n))
			if err != nil || bound.Size != m || bound.Covers != (m >= n) || bound.Leaf.Position != min(m, n)-1 {
				t.Fatalf("head %d under checkpoint %d: %+v, %v", n, m, bound, err)
			}
			var contradiction *checkpoint.ContradictionError
			if _, err := b.Verify(verifier, sha256.Sum256(encoded), n, wire.HashValue{1}); err == nil || m >= n && !errors.As(err, &contradiction) {
				t.Fatalf("head %d of another root under checkpoint %d: %v", n, m, err)
			}
		}
	}
}

func TestBindingRefusals(t *testing.T) {
	f, _, bindTo := bindingFixture(t)
	f.grow("label", 10)
	get := func(query string, want int) {
		t.Helper()
		r := f.do(http.MethodGet, "/log/binding"+query, nil)
		if r.StatusCode != want {
			t.Errorf("%q: %d, want %d", query, r.StatusCode, want)
		}
	}
	get("?size=1", 503) // nothing is signed
	bindTo(3)
	get("?size=1", 200)
	get("?size=11", 200)
	get("?size=12", 404)
	get("?size=18446744073709551615", 404)
	for _, query := range []string{"", "?size=", "?size=0", "?size=01", "?size=-1", "?size=1&size=2", "?size=1&x=1", "?size=18446744073709551616", "?start=1"} {
		get(query, 400)
	}
}

func BenchmarkBinding(b *testing.B) {
	f, _, bindTo := bindingFixture(b)
	for i := range 300 {
		f.publish(fmt.Sprint("label", i), "value", nil)
	}
	bindTo(250)
	for b.Loop() {
		f.get("/log/binding?size=299")
	}
}
