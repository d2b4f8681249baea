package evil

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/treemath"
)

// views opens n views.
func views(t testing.TB, n int) (*Views, []*View) {
	t.Helper()
	v := &Views{}
	t.Cleanup(func() { must(t, v.Close()) })
	var all []*View
	for range n {
		view, err := v.Open()
		must(t, err)
		all = append(all, view)
	}
	return v, all
}

// one serves a folder at one address.
func one(t testing.TB, dir string) (*Running, *View) {
	t.Helper()
	r := serve(t, dir)
	_, v := views(t, 1)
	v[0].Set(r.Handler())
	return r, v[0]
}

// grown waits until the checkpoint has every entry.
func grown(t testing.TB, r *Running) {
	t.Helper()
	_, err := r.SignCheckpoint()
	must(t, err)
}

// TestFork: two readers each see a log in which everything holds, under one key,
// and the logs are different.
func TestFork(t *testing.T) {
	dir := newFolder(t, 3, operator.Options{})
	other := copied(t, dir)
	a, b := serve(t, dir), serve(t, other)
	_, v := views(t, 2)
	v[0].Set(a.Handler())
	v[1].Set(b.Handler())
	for range 2 { // for ever
		publish(t, a, "alice", "alice's")
		publish(t, b, "alice", "the provider's")
		grown(t, a)
		grown(t, b)
		left, right := accept(t, v[0].Address), accept(t, v[1].Address)
		if !bytes.Equal(left.document.Configuration, right.document.Configuration) || left.document.AuditLog != right.document.AuditLog {
			t.Error("these are two logs, and not one")
		}
		if left.checkpoint.Size != right.checkpoint.Size || left.checkpoint.Root == right.checkpoint.Root || left.leaves[3] != right.leaves[3] || left.leaves[4] == right.leaves[4] {
			t.Error("the log is not forked")
		}
	}
}

// TestRollback: one reader sees a log, and then the same log as it was before.
func TestRollback(t *testing.T) {
	dir := newFolder(t, 3, operator.Options{})
	older := copied(t, dir)
	during(t, dir, func(r *Running) { publish(t, r, "alice", "new") })
	_, v := views(t, 1)
	v[0].Set(serve(t, dir).Handler())
	before := accept(t, v[0].Address)
	v[0].Set(serve(t, older).Handler())
	after := accept(t, v[0].Address)
	if after.checkpoint.Size >= before.checkpoint.Size || !slices.Equal(after.leaves, before.leaves[:len(after.leaves)]) {
		t.Error("the log was not rolled back")
	}
}

// TestRemoveEarly: a version is there and gone again, with an entry in between,
// and no distinguished entry shows it; everything else holds.
func TestRemoveEarly(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 6, 11} {
		dir := newFolder(t, n, operator.Options{})
		added, removed, err := LieRemovingEarly(dir, "user0", []byte("the provider's"), time.Now())
		must(t, err)
		_, v := one(t, dir)
		s := accept(t, v.Address)
		if removed != added+2 || len(s.leaves) <= int(removed) {
			t.Fatalf("added in %d, removed in %d of %d", added, removed, len(s.leaves))
		}
		in, between, out := s.updates[added], s.updates[added+1], s.updates[removed]
		if len(in.Added) != 1 || len(between.Added)+len(between.Removed) != 0 || len(out.Removed) != 1 || in.Added[0] != out.Removed[0] {
			t.Fatalf("after %d entries: nothing was removed early", n)
		}
		for pos := added; pos < removed; pos++ {
			if distinguished(s, pos, removed+1) {
				t.Errorf("after %d entries: entry %d is distinguished at size %d: the removal may be legal", n, pos, removed+1)
			}
		}
	}
}

// distinguished is the rule of "Reasonable Monitoring Window", read out of the
// timestamps, for a window of 1 s and a log of the given size.
func distinguished(s *seen, pos, size uint64) bool {
	lo, hi, x := uint64(0), s.leaves[size-1].Timestamp, treemath.Root(size)
	for hi-lo >= 1000 {
		switch {
		case x == pos:
			return true
		case pos < x:
			hi = s.leaves[x].Timestamp
			x, _ = treemath.Left(x)
		default:
			lo = s.leaves[x].Timestamp
			x, _ = treemath.Right(x, size)
		}
	}
	return false
}

// TestTimestampsGoBack: an entry is older than the one before it; everything else
// holds, and the log goes on.
func TestTimestampsGoBack(t *testing.T) {
	dir := newFolder(t, 3, operator.Options{})
	pos, err := LieGoingBack(dir, 3_600_000)
	must(t, err)
	r, v := one(t, dir)
	publish(t, r, "alice", "key")
	grown(t, r)
	s := accept(t, v.Address)
	if s.leaves[pos].Timestamp+3_600_000 != s.leaves[pos-1].Timestamp || s.leaves[pos+1].Timestamp < s.leaves[pos].Timestamp {
		t.Errorf("timestamps %d, %d, %d", s.leaves[pos-1].Timestamp, s.leaves[pos].Timestamp, s.leaves[pos+1].Timestamp)
	}
}

// TestFutureDate: an entry is of a time that has not come, and so are all after it.
func TestFutureDate(t *testing.T) {
	dir := newFolder(t, 3, operator.Options{})
	then := time.Now().Add(2 * time.Hour)
	pos, err := LieAhead(dir, then)
	must(t, err)
	r, v := one(t, dir)
	publish(t, r, "alice", "key")
	grown(t, r)
	s := accept(t, v.Address)
	if s.leaves[pos].Timestamp != uint64(then.UnixMilli()) || s.leaves[pos+1].Timestamp < s.leaves[pos].Timestamp {
		t.Errorf("timestamps %d, %d", s.leaves[pos].Timestamp, s.leaves[pos+1].Timestamp)
	}
}

// TestDropFeed: people are served, auditors are not; and the checkpoint grows.
func TestDropFeed(t *testing.T) {
	r, v := one(t, newFolder(t, 1, operator.Options{}))
	v.Set(WithoutFeed(r.Handler()))
	_, before := checkpointAt(t, v.Address)
	publish(t, r, "alice", "key")
	grown(t, r)
	if _, after := checkpointAt(t, v.Address); after.Size != before.Size+1 {
		t.Errorf("checkpoint of size %d after %d", after.Size, before.Size)
	}
	for _, path := range []string{"/log/tile/entries/000.p/2", "/log/updates/000.p/1", "/log/tile/0/000.p/1", updatesPath + "?start=0"} {
		if _, status := get(t, v.Address+path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	if !served(t, v.Address) {
		t.Error("people are not served")
	}
}

// served reports whether people who look labels up get an answer.
func served(t testing.TB, address string) bool {
	resp, err := http.Post(address+"/kt/v1/distinguished", "application/vnd.kith.keytrans-526cc8a", strings.NewReader("\x00\x00"))
	must(t, err)
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// TestStallFeed: checkpoints grow, and updates end where they did. Or: the
// checkpoint does not grow.
func TestStallFeed(t *testing.T) {
	r, v := one(t, newFolder(t, 3, operator.Options{}))
	const known = 4
	v.Set(WithStalledFeed(r.Handler(), known))
	if s := accept(t, v.Address); len(s.updates) != known {
		t.Fatalf("%d updates", len(s.updates))
	}
	_, stopped := views(t, 1)
	frozen, err := Frozen(r.Handler())
	must(t, err)
	stopped[0].Set(frozen)
	publish(t, r, "alice", "key")
	grown(t, r)
	if _, c := checkpointAt(t, v.Address); c.Size != known+1 {
		t.Errorf("checkpoint of size %d", c.Size)
	}
	for start, want := range map[int]bool{0: true, known - 1: true, known: false} {
		if page := wantGet(t, fmt.Sprintf("%s%s?start=%d", v.Address, updatesPath, start)); len(page) > 0 != want {
			t.Errorf("from %d: %d bytes", start, len(page))
		}
	}
	if s := accept(t, stopped[0].Address); s.checkpoint.Size != known {
		t.Errorf("frozen at %d", s.checkpoint.Size)
	}
	if !served(t, v.Address) || !served(t, stopped[0].Address) {
		t.Error("people are not served")
	}
}

// TestStaleHead: everything holds, and is a day and an hour old.
func TestStaleHead(t *testing.T) {
	yesterday := func() time.Time { return time.Now().Add(-25 * time.Hour) }
	dir := newFolder(t, 0, operator.Options{Now: yesterday})
	r, err := Run(dir, operator.OpenOptions{Now: yesterday})
	must(t, err)
	t.Cleanup(func() { must(t, r.Stop()) })
	publish(t, r, "alice", "key")
	grown(t, r)
	_, v := views(t, 1)
	v[0].Set(r.Handler())
	s := accept(t, v[0].Address)
	config, err := s.document.Config()
	must(t, err)
	if age := uint64(time.Now().UnixMilli()) - s.leaves[len(s.leaves)-1].Timestamp; age <= config.MaxBehind {
		t.Errorf("the newest entry is %d ms old, and may be %d", age, config.MaxBehind)
	}
}

// TestTwoRoots: one reader sees two signed checkpoints of one size at one address.
func TestTwoRoots(t *testing.T) {
	dir := newFolder(t, 3, operator.Options{})
	other := copied(t, dir)
	a, v := one(t, dir)
	b := serve(t, other)
	publish(t, a, "alice", "alice's")
	publish(t, b, "alice", "the provider's")
	grown(t, a)
	grown(t, b)
	_, first := checkpointAt(t, v.Address)
	v.Set(b.Handler())
	_, second := checkpointAt(t, v.Address)
	if first.Size != second.Size || first.Root == second.Root {
		t.Error("one root")
	}
}

// TestAnotherConfiguration: some see another VRF key, in a document that the root
// keys signed, of the same version.
func TestAnotherConfiguration(t *testing.T) {
	dir := newFolder(t, 3, operator.Options{})
	other := filepath.Join(t.TempDir(), "other")
	must(t, Reconfigure(dir, other, time.Now))
	_, a := one(t, dir)
	r, b := one(t, other)
	publish(t, r, "alice", "key")
	grown(t, r)
	left, right := accept(t, a.Address), accept(t, b.Address)
	x, err := left.document.Config()
	must(t, err)
	y, err := right.document.Config()
	must(t, err)
	if bytes.Equal(x.VRFPublicKey, y.VRFPublicKey) || !bytes.Equal(x.SignaturePublicKey, y.SignaturePublicKey) {
		t.Error("not another VRF key alone")
	}
	if left.document.Version != right.document.Version || left.document.AuditLog != right.document.AuditLog ||
		!bytes.Equal(left.document.RootKeys[0], right.document.RootKeys[0]) {
		t.Error("this is no second document of one version")
	}
	if right.leaves[0].Configuration != sha256.Sum256(right.document.Configuration) {
		t.Error("the leaves are of the old configuration")
	}
}

// TestEveryone: a view is one reader's, and Show is for all.
func TestEveryone(t *testing.T) {
	all, v := views(t, 2)
	word := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(s)) })
	}
	all.Show(word("all"))
	v[1].Set(word("one"))
	if a, b := string(wantGet(t, v[0].Address)), string(wantGet(t, v[1].Address)); a != "all" || b != "one" {
		t.Error(a, b)
	}
	v[1].Set(nil)
	if _, status := get(t, v[1].Address); status != http.StatusServiceUnavailable {
		t.Error(status)
	}
}

// TestInstead: some paths are another's, and the rest is not.
func TestInstead(t *testing.T) {
	word := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(s)) })
	}
	_, v := views(t, 1)
	v[0].Set(Instead(word("a"), word("b"), provider.Path, "/log/"))
	for path, want := range map[string]string{provider.Path: "b", checkpointPath: "b", updatesPath: "a", "/": "a"} {
		if got := string(wantGet(t, v[0].Address+path)); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// TestStop: what was taken is committed, and stopping twice is no error.
func TestStop(t *testing.T) {
	dir := newFolder(t, 1, operator.Options{})
	r := serve(t, dir)
	_, err := r.Publish(context.Background(), []byte("alice"), []byte("key"))
	must(t, err)
	must(t, r.Stop())
	must(t, r.Stop())
	if size, _, n, err := head(dir, "alice"); err != nil || size != 3 || n != 1 {
		t.Error(size, n, err)
	}
}
