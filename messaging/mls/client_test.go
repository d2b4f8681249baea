package mls_test

import (
	"errors"
	"testing"
	"time"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

func TestNewClientRefuses(t *testing.T) {
	w := newWorld(t, 31)
	for name, c := range map[string]struct {
		spoil func(*mls.Config)
		want  error
	}{
		"no Authenticator":     {func(c *mls.Config) { c.Authenticator = nil }, mls.ErrNoAuthenticator},
		"no Store":             {func(c *mls.Config) { c.Store = nil }, mls.ErrConfig},
		"no Signer":            {func(c *mls.Config) { c.Signer = nil }, mls.ErrConfig},
		"no Rand":              {func(c *mls.Config) { c.Rand = nil }, mls.ErrConfig},
		"no Now":               {func(c *mls.Config) { c.Now = nil }, mls.ErrConfig},
		"no Credential":        {func(c *mls.Config) { c.Credential = tree.Credential{} }, mls.ErrConfig},
		"no Suite":             {func(c *mls.Config) { c.Suite = 0 }, suite.ErrUnsupported},
		"key of another suite": {func(c *mls.Config) { c.Suite = suite.P256_AES128GCM_SHA256_P256 }, mls.ErrConfig},
	} {
		cfg := w.config("alice", &mls.Memory{})
		c.spoil(&cfg)
		for _, open := range []func(mls.Config) (*mls.Client, error){mls.NewClient, mls.Restore} {
			if _, err := open(cfg); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	}
}

// TestAuthenticatorIsAskedOnEveryWay: by whichever way somebody comes, a refusal keeps
// the group as it is.
func TestAuthenticatorIsAskedOnEveryWay(t *testing.T) {
	w := newWorld(t, 32)
	alice, bob := w.client("alice"), w.client("bob")
	mallory := w.client("mallory")
	packs := ok[[][]byte](t)(mallory.KeyPackages(2))
	real := w.keys["mallory"]
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	b := add(t, a, bob)[0]
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, mls.ErrUnauthenticated) {
			t.Fatalf("%s: %v, want ErrUnauthenticated", what, err)
		}
	}

	w.keys["mallory"] = "another key"
	_, err := a.Invite(packs[0])
	refused("Invite", err)
	if p := ok[*mls.Staged](t)(a.Pending()); p != nil {
		t.Fatal("a refused Commit waits")
	}

	w.keys["mallory"] = real
	staged := ok[*mls.Staged](t)(a.Invite(packs[0]))
	w.keys["mallory"] = "another key"
	_, err = b.Receive(staged.Message)
	refused("Receive of a Commit that adds", err)
	w.keys["mallory"] = real
	ok[mls.Event](t)(b.Receive(staged.Message))
	ok[mls.Event](t)(a.Confirm())

	alices := w.keys["alice"]
	w.keys["alice"] = "another key"
	_, err = mallory.Join(staged.Welcome, nil)
	refused("Join", err)
	info := ok[[]byte](t)(b.GroupInfo())
	carol := w.client("carol")
	_, _, err = carol.JoinExternal(info, mls.ExternalOptions{})
	refused("JoinExternal", err)
	update := ok[*mls.Staged](t)(b.Update(nil))
	w.keys["alice"] = alices
	bobs := w.keys["bob"]
	w.keys["bob"] = "another key"
	_, err = a.Receive(update.Message)
	refused("Receive of a path", err)
	w.keys["bob"] = bobs
	ok[mls.Event](t)(a.Receive(update.Message))
	ok[mls.Event](t)(b.Confirm())

	g, external, err := carol.JoinExternal(ok[[]byte](t)(b.GroupInfo()), mls.ExternalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	carols := w.keys["carol"]
	w.keys["carol"] = "another key"
	_, err = a.Receive(external.Message)
	refused("Receive of an external Commit", err)
	w.keys["carol"] = carols
	ok[mls.Event](t)(a.Receive(external.Message))
	ok[mls.Event](t)(b.Receive(external.Message))
	ok[mls.Event](t)(g.Confirm())
	sameEpoch(t, a, b, g)
}

func TestKeyPackageIsUsedOnce(t *testing.T) {
	w := newWorld(t, 33)
	store := &mls.Memory{}
	alice := must(t)(mls.NewClient(w.config("alice", store)))
	bob := w.client("bob")
	packs := ok[[][]byte](t)(alice.KeyPackages(3))
	if n := len(ok[[]string](t)(store.List("keypackage/"))); n != 3 {
		t.Fatalf("%d KeyPackages are stored, want 3", n)
	}
	welcome := func() []byte {
		b := ok[*mls.Group](t)(bob.Create(nil, nil))
		ok[*mls.Staged](t)(b.Invite(packs[0]))
		return ok[mls.Event](t)(b.Confirm()).(*mls.Changed).Own.Welcome
	}
	ok[*mls.Group](t)(alice.Join(welcome(), nil))
	if n := len(ok[[]string](t)(store.List("keypackage/"))); n != 2 {
		t.Fatalf("%d KeyPackages are left, want 2", n)
	}
	if _, err := alice.Join(welcome(), nil); !errors.Is(err, mls.ErrNoKeyPackage) {
		t.Fatalf("a second group with it: %v, want ErrNoKeyPackage", err)
	}
}

// TestLastResort: it can be used for many groups, but an old Welcome does not lead
// back into a group that was left, where its first keys were used.
func TestLastResort(t *testing.T) {
	w := newWorld(t, 34)
	alice, bob := w.client("alice"), w.client("bob")
	last := ok[[]byte](t)(alice.LastResort())
	join := func(id string) (a, b *mls.Group, welcome []byte) {
		b = ok[*mls.Group](t)(bob.Create([]byte(id), nil))
		ok[*mls.Staged](t)(b.Invite(last))
		welcome = ok[mls.Event](t)(b.Confirm()).(*mls.Changed).Own.Welcome
		return ok[*mls.Group](t)(alice.Join(welcome, nil)), b, welcome
	}
	join("one")
	a, b, welcome := join("two")
	if _, err := alice.Join(welcome, nil); !errors.Is(err, mls.ErrMember) {
		t.Fatalf("the Welcome again: %v, want ErrMember", err)
	}
	wantMessage(t, b, ok[[]byte](t)(a.Send([]byte("first"), nil)), "first")

	removal := ok[*mls.Staged](t)(b.Remove(ok[mls.Member](t)(a.Me())))
	ok[mls.Event](t)(b.Confirm())
	ok[mls.Event](t)(a.Receive(removal.Message))
	if _, err := alice.Join(welcome, nil); !errors.Is(err, mls.ErrReplayed) {
		t.Fatalf("the Welcome after we were removed: %v, want ErrReplayed", err)
	}
	ok[*mls.Staged](t)(b.Invite(last))
	again := ok[mls.Event](t)(b.Confirm()).(*mls.Changed).Own.Welcome
	a = ok[*mls.Group](t)(alice.Join(again, nil))
	wantMessage(t, b, ok[[]byte](t)(a.Send([]byte("back"), nil)), "back")

	if err := alice.Forget(a.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.Join(again, nil); !errors.Is(err, mls.ErrReplayed) {
		t.Fatalf("the Welcome after we forgot the group: %v, want ErrReplayed", err)
	}
	if _, err := a.Send([]byte("x"), nil); !errors.Is(err, mls.ErrNoGroup) {
		t.Fatalf("Send in a forgotten group: %v, want ErrNoGroup", err)
	}
}

func TestExpiredKeyPackagesAreSwept(t *testing.T) {
	w := newWorld(t, 35)
	store := &mls.Memory{}
	cfg := w.config("alice", store)
	cfg.KeyPackageLifetime = 24 * time.Hour
	alice := must(t)(mls.NewClient(cfg))
	ok[[][]byte](t)(alice.KeyPackages(2))
	ok[[]byte](t)(alice.LastResort())

	// A Welcome that was made in time may still come.
	w.now = w.now.Add(48 * time.Hour)
	if n := ok[int](t)(alice.SweepKeyPackages()); n != 0 {
		t.Fatalf("%d were swept a day after they expired", n)
	}
	w.now = w.now.Add(30 * 24 * time.Hour)
	ok[[][]byte](t)(alice.KeyPackages(1))
	if n := len(ok[[]string](t)(store.List("keypackage/"))); n != 1 {
		t.Fatalf("%d are left, want the new one alone", n)
	}
	if n := ok[int](t)(alice.RevokeKeyPackages()); n != 1 {
		t.Fatalf("%d were revoked, want 1", n)
	}
}

// TestOneHandleForEachGroup: within a client there is one handle, whose calls wait for
// each other; a second program with the same store is told that it comes too late.
func TestOneHandleForEachGroup(t *testing.T) {
	w := newWorld(t, 36)
	store, bobs := &mls.Memory{}, &mls.Memory{}
	cfg := w.config("alice", store)
	alice, bob := must(t)(mls.NewClient(cfg)), must(t)(mls.NewClient(w.config("bob", bobs)))
	a := ok[*mls.Group](t)(alice.Create([]byte("group"), nil))
	b := add(t, a, bob)[0]
	if again := ok[*mls.Group](t)(alice.Open(a.ID())); again != a {
		t.Fatal("Open returned a second handle")
	}
	o := newObserver(t)
	o.learn(bobs, a.ID())

	second := ok[*mls.Group](t)(must(t)(mls.NewClient(cfg)).Open(a.ID()))
	o.sent(ok[[]byte](t)(a.Send([]byte("one"), nil)))
	if _, err := second.Send([]byte("two"), nil); !errors.Is(err, mls.ErrConflict) {
		t.Fatalf("Send of a second program: %v, want ErrConflict", err)
	}
	o.sent(ok[[]byte](t)(second.Send([]byte("two"), nil))) // it has read again
	if _, err := a.Update(nil); !errors.Is(err, mls.ErrConflict) {
		t.Fatalf("Update of the first one: %v, want ErrConflict", err)
	}
	o.sent(ok[*mls.Staged](t)(a.Update(nil)).Message)
	if _, err := second.Confirm(); !errors.Is(err, mls.ErrNoPending) {
		t.Fatalf("Confirm of what it has not seen: %v", err)
	}

	// Many goroutines on one handle.
	sent := make(chan []byte)
	for range 8 {
		go func() {
			message, err := a.Send([]byte("at once"), nil)
			if err != nil {
				t.Error(err)
			}
			sent <- message
		}()
	}
	for range 8 {
		if m := <-sent; m != nil {
			o.sent(m)
			wantMessage(t, b, m, "at once")
		}
	}
}

// TestLeaveWithoutSelfRemove: a Remove proposal, where not all members know SelfRemove.
func TestLeaveWithoutSelfRemove(t *testing.T) {
	w := newWorld(t, 37)
	cfg := w.config("bob", &mls.Memory{})
	plain := group.DefaultCapabilities(1)
	plain.Proposals, plain.Extensions = nil, nil
	cfg.Capabilities = &plain
	alice, bob := w.client("alice"), must(t)(mls.NewClient(cfg))
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	b := add(t, a, bob)[0]
	ok[mls.Event](t)(a.Receive(ok[[]byte](t)(b.Leave())))
	staged := ok[*mls.Staged](t)(a.Commit(group.CommitOptions{}))
	ok[mls.Event](t)(a.Confirm())
	if _, out := ok[mls.Event](t)(b.Receive(staged.Message)).(*mls.Removed); !out {
		t.Fatal("bob is still in")
	}
}

// TestRemoveNamesSomebody: a place in the tree may be another member's by now.
func TestRemoveNamesSomebody(t *testing.T) {
	w := newWorld(t, 38)
	alice, bob, carol := w.client("alice"), w.client("bob"), w.client("carol")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	add(t, a, bob)
	old := ok[[]mls.Member](t)(a.Members())[1]
	ok[*mls.Staged](t)(a.Remove(old))
	ok[mls.Event](t)(a.Confirm())
	add(t, a, carol)
	if _, err := a.Remove(old); !errors.Is(err, group.ErrSender) {
		t.Fatalf("removing whoever has bob's place: %v", err)
	}
}

// TestExpiredMemberKeepsOthersOut, unless they allow it: the leaf of a KeyPackage that
// has expired since it was used.
func TestExpiredMemberKeepsOthersOut(t *testing.T) {
	w := newWorld(t, 39)
	alice, bob := w.client("alice"), w.client("bob")
	cfg := w.config("carol", &mls.Memory{})
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	add(t, a, bob)
	w.now = w.now.Add(group.DefaultLifetime + time.Hour)
	carol := must(t)(mls.NewClient(cfg))
	ok[*mls.Staged](t)(a.Invite(ok[[][]byte](t)(carol.KeyPackages(1))...))
	welcome := ok[mls.Event](t)(a.Confirm()).(*mls.Changed).Own.Welcome
	if _, err := carol.Join(welcome, nil); !errors.Is(err, tree.ErrLifetime) {
		t.Fatalf("Join: %v, want ErrLifetime", err)
	}
	info := ok[[]byte](t)(a.GroupInfo())
	if _, _, err := w.client("dave").JoinExternal(info, mls.ExternalOptions{}); !errors.Is(err, tree.ErrLifetime) {
		t.Fatalf("JoinExternal: %v, want ErrLifetime", err)
	}
	cfg.AllowExpired = true
	c := ok[*mls.Group](t)(must(t)(mls.NewClient(cfg)).Join(welcome, nil))
	sameEpoch(t, a, c)
	daves := w.config("dave", &mls.Memory{})
	daves.AllowExpired = true
	dave := must(t)(mls.NewClient(daves))
	d, _, err := dave.JoinExternal(info, mls.ExternalOptions{})
	if err != nil {
		t.Fatal(err)
	}

	// A join that is forgotten while it waits does not keep a later Welcome out.
	if err := dave.Forget(d.ID()); err != nil {
		t.Fatal(err)
	}
	ok[*mls.Staged](t)(a.Invite(ok[[][]byte](t)(dave.KeyPackages(1))...))
	welcome = ok[mls.Event](t)(a.Confirm()).(*mls.Changed).Own.Welcome
	ok[*mls.Group](t)(dave.Join(welcome, nil))
}

// TestDamagedKeyPackages are not used, and are swept: records under each other's name,
// and one with another's private keys.
func TestDamagedKeyPackages(t *testing.T) {
	w := newWorld(t, 40)
	store := &mls.Memory{}
	alice, bob := must(t)(mls.NewClient(w.config("alice", store))), w.client("bob")
	packs := ok[[][]byte](t)(alice.KeyPackages(2))
	keys := ok[[]string](t)(store.List("keypackage/"))
	first, second := ok[[]byte](t)(store.Get(keys[0])), ok[[]byte](t)(store.Get(keys[1]))
	b := ok[*mls.Group](t)(bob.Create(nil, nil))
	ok[*mls.Staged](t)(b.Invite(packs[0]))
	welcome := ok[mls.Event](t)(b.Confirm()).(*mls.Changed).Own.Welcome
	const private = 66 // two private keys of 32 bytes, and their lengths
	with := func(public, other []byte) []byte {
		return append(append([]byte{}, public[:len(public)-private]...), other[len(other)-private:]...)
	}
	for what, values := range map[string][2][]byte{"swapped": {second, first}, "other private keys": {with(first, second), with(second, first)}, "cut off": {first[:9], second[:9]}} {
		if err := store.Apply(mls.Batch{Write: []mls.Record{{Key: keys[0], Value: values[0]}, {Key: keys[1], Value: values[1]}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := alice.Join(welcome, nil); !errors.Is(err, mls.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", what, err)
		}
	}
	if n := ok[int](t)(alice.SweepKeyPackages()); n != 2 {
		t.Errorf("%d were swept, want 2", n)
	}
}

// TestKeyPackageIsUsedOnceByTwoPrograms: one is joining with it while the other does.
func TestKeyPackageIsUsedOnceByTwoPrograms(t *testing.T) {
	w := newWorld(t, 44)
	cfg := w.config("alice", &mls.Memory{})
	one, bob := must(t)(mls.NewClient(cfg)), w.client("bob")
	packs := ok[[][]byte](t)(one.KeyPackages(1))
	welcome := func() []byte {
		b := ok[*mls.Group](t)(bob.Create(nil, nil))
		ok[*mls.Staged](t)(b.Invite(packs[0]))
		return ok[mls.Event](t)(b.Confirm()).(*mls.Changed).Own.Welcome
	}
	first, second := welcome(), welcome()
	other := must(t)(mls.NewClient(cfg))
	cfg.Authenticator = group.AuthenticatorFunc(func(id []byte, c []group.Candidate) error {
		ok[*mls.Group](t)(other.Join(second, nil)) // while the first asks who they are
		return w.Authenticate(id, c)
	})
	if _, err := must(t)(mls.NewClient(cfg)).Join(first, nil); !errors.Is(err, mls.ErrConflict) {
		t.Fatalf("Join: %v, want ErrConflict", err)
	}
	if ids := ok[[][]byte](t)(one.Groups()); len(ids) != 1 {
		t.Fatalf("%d groups by one KeyPackage", len(ids))
	}
}

// TestNothingElseWhileJoining: a member that comes back by an external Commit waits
// for it, or discards it and is where it was.
func TestNothingElseWhileJoining(t *testing.T) {
	w := newWorld(t, 45)
	alice, bob := w.client("alice"), w.client("bob")
	a := ok[*mls.Group](t)(alice.Create(nil, nil))
	b := add(t, a, bob)[0]
	_, staged, err := alice.JoinExternal(ok[[]byte](t)(b.GroupInfo()), mls.ExternalOptions{Resync: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := alice.JoinExternal(ok[[]byte](t)(b.GroupInfo()), mls.ExternalOptions{Resync: true}); !errors.Is(err, mls.ErrPending) {
		t.Fatalf("a second one: %v, want ErrPending", err)
	}
	m := ok[[]byte](t)(b.Send([]byte("before"), nil))
	for what, err := range map[string]error{
		"Send": second(a.Send([]byte("x"), nil)), "Update": second(a.Update(nil)), "Receive": second(a.Receive(m)),
	} {
		if !errors.Is(err, mls.ErrJoining) {
			t.Errorf("%s while joining: %v, want ErrJoining", what, err)
		}
	}
	if waits := ok[[][]byte](t)(a.Resend()); len(waits) != 1 || string(waits[0]) != string(staged.Message) {
		t.Fatalf("%d messages wait", len(waits))
	}
	if err := a.Discard(); err != nil {
		t.Fatal(err)
	}
	wantMessage(t, a, m, "before")
	wantMessage(t, b, ok[[]byte](t)(a.Send([]byte("after"), nil)), "after")
}
