package systemtest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/messaging/authentication"
	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
	mlssuite "github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/wire"
)

// Groups whose members the directory proves: every device has a client with its own
// memory, which reaches the provider over HTTP.

const talkSuite = mlssuite.X25519_AES128GCM_SHA256_Ed25519

// A talk is a site whose labels hold account records with devices for messages.
type talk struct {
	*site
	people map[string]*holderOf
}

// holderOf is what a person keeps to write records with.
type holderOf struct {
	label    string
	account  ed25519.PrivateKey
	versions uint32
	last     []byte
}

func newTalk(t *testing.T, names ...string) *talk {
	tk := &talk{newSite(t, settings{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, time.Hour, 0}), map[string]*holderOf{}}
	for i, name := range names {
		tk.people[name] = &holderOf{label: name + "@" + siteDomain, account: accountKey(1000 + i)}
	}
	return tk
}

// A phone is one device: a signature key, a client of the directory, one of MLS.
type phone struct {
	label  string
	signer mlssuite.Signer
	gate   *client.Client
	auth   *authentication.Service
	*mls.Client
}

// lax lets everybody in.
var lax = group.AuthenticatorFunc(func([]byte, []group.Candidate) error { return nil })

// phone makes a device that says it is name's. It is in no record yet. With nil as
// authenticator it has the directory's.
func (tk *talk) phone(name string, auth group.Authenticator) *phone {
	tk.t.Helper()
	s, err := mlssuite.Get(talkSuite)
	must(tk.t, err)
	p := &phone{label: name + "@" + siteDomain}
	_, p.signer, err = s.GenerateSigner(rand.Reader)
	must(tk.t, err)
	p.gate = tk.person(func(c *client.Config) { c.Policy = client.Policy{} })
	p.auth, err = authentication.New(authentication.Config{Directory: p.gate, Suite: talkSuite, Now: tk.clock.Now})
	must(tk.t, err)
	if auth == nil {
		auth = p.auth
	}
	p.Client, err = mls.NewClient(mls.Config{
		Suite: talkSuite, Credential: tree.BasicCredential([]byte(p.label)), Signer: p.signer,
		Authenticator: auth, Store: new(mls.Memory), Rand: rand.Reader, Now: tk.clock.Now,
	})
	must(tk.t, err)
	return p
}

func (p *phone) device(id mlssuite.ID) record.Device {
	key := p.signer.Public()
	return record.Device{ID: key[:8], Name: "phone", MLS: &record.MLSKey{CipherSuite: uint16(id), SignatureKey: key}}
}

func devices(phones ...*phone) record.Content {
	var c record.Content
	for _, p := range phones {
		c.Devices = append(c.Devices, p.device(talkSuite))
	}
	return c
}

// next signs the next record of a label.
func (h *holderOf) next(t testing.TB, c record.Content) []byte {
	t.Helper()
	var encoded []byte
	var err error
	if h.versions == 0 {
		encoded, err = record.NewClaim(siteDomain, h.label, nil, c, h.account)
	} else {
		encoded, err = record.NewOwner(siteDomain, h.label, record.LinkOf(h.versions-1, h.last), c, h.account, h.account)
	}
	must(t, err)
	return encoded
}

// publish puts a record with these devices into the log.
func (tk *talk) publish(name string, c record.Content) {
	tk.t.Helper()
	h := tk.people[name]
	h.last = h.next(tk.t, c)
	h.versions++
	tk.grow(h.label, string(h.last))
}

// proved makes a device and publishes it as the only one of its person.
func (tk *talk) proved(name string) *phone {
	tk.t.Helper()
	p := tk.phone(name, nil)
	tk.publish(name, devices(p))
	return p
}

func (p *phone) keyPackage(t testing.TB) []byte {
	t.Helper()
	packages, err := p.KeyPackages(1)
	must(t, err)
	return packages[0]
}

// invite adds somebody to a group, and hands the Commit to the others in it.
func invite(t testing.TB, by *mls.Group, who *phone, others ...*mls.Group) *mls.Group {
	t.Helper()
	staged, err := by.Invite(who.keyPackage(t))
	must(t, err)
	_, err = by.Confirm()
	must(t, err)
	for _, g := range others {
		_, err = g.Receive(staged.Message)
		must(t, err)
	}
	joined, err := who.Join(staged.Welcome, nil)
	must(t, err)
	return joined
}

// says has one member say something to others.
func says(t testing.TB, from *mls.Group, what string, to ...*mls.Group) {
	t.Helper()
	sent, err := from.Send([]byte(what), nil)
	must(t, err)
	me, err := from.Me()
	must(t, err)
	for _, g := range to {
		e, err := g.Receive(sent)
		must(t, err)
		if m, ok := e.(*mls.Message); !ok || string(m.Plaintext) != what || !m.Sender.Credential.Equal(&me.Credential) {
			t.Fatalf("got %+v", e)
		}
	}
}

// still runs try, which must fail with want, and leave the group as it is.
func still(t testing.TB, g *mls.Group, want error, try func() error) error {
	t.Helper()
	before, err := g.EpochAuthenticator()
	must(t, err)
	refused := try()
	if !errors.Is(refused, mls.ErrUnauthenticated) || !errors.Is(refused, want) {
		t.Fatalf("got %v, want %v", refused, want)
	}
	after, err := g.EpochAuthenticator()
	must(t, err)
	pending, err := g.Pending()
	must(t, err)
	if !bytes.Equal(before, after) || pending != nil {
		t.Fatal("the group has changed")
	}
	return refused
}

func inviting(g *mls.Group, keyPackage []byte) func() error {
	return func() error { _, err := g.Invite(keyPackage); return err }
}

// TestMessages: people whom the directory proves found a group, invite each other and
// talk; a device that no record lists, or for another cipher suite, cannot come along.
func TestMessages(t *testing.T) {
	t.Parallel()
	tk := newTalk(t, "alice", "bob", "carol")
	alice, bob, carol := tk.proved("alice"), tk.proved("bob"), tk.proved("carol")
	a, err := alice.Create(nil, nil)
	must(t, err)
	b := invite(t, a, bob)
	c := invite(t, b, carol, a)
	says(t, a, "hello", b, c)
	says(t, b, "hello alice", a, c)
	says(t, c, "hello both", a, b)

	// Bob's tablet is not published yet. Nor can it found a group as it is.
	tablet := tk.phone("bob", nil)
	still(t, a, authentication.ErrNotListed, inviting(a, tablet.keyPackage(t)))
	if _, err := tablet.Create(nil, nil); !errors.Is(err, authentication.ErrNotListed) {
		t.Fatal(err)
	}
	// Published for another suite with the same kind of keys, it is as if it were not.
	other := tablet.device(mlssuite.X25519_CHACHA20POLY1305_SHA256_Ed25519)
	tk.publish("bob", record.Content{Devices: []record.Device{bob.device(talkSuite), other}})
	still(t, a, authentication.ErrNotListed, inviting(a, tablet.keyPackage(t)))
	tk.publish("bob", devices(bob, tablet))
	says(t, invite(t, a, tablet, b, c), "from my tablet", a, b, c)

	// Without the directory nobody enters, and talking goes on.
	eve := tk.phone("bob", nil)
	tk.front.Set(nil)
	still(t, a, authentication.ErrUnproved, inviting(a, eve.keyPackage(t)))
	says(t, a, "are you there?", b, c)
}

// TestMessagesUnderAnEvilProvider: a provider that wants to listen makes a device of its
// own that says it is Bob's. However it shows it to Alice, she does not invite it.
func TestMessagesUnderAnEvilProvider(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (tk *talk, alice *phone, a, b *mls.Group, theirs *phone, forged []byte) {
		tk = newTalk(t, "alice", "bob")
		alice = tk.proved("alice")
		bob := tk.proved("bob")
		a, err := alice.Create(nil, nil)
		must(t, err)
		b = invite(t, a, bob)
		theirs = tk.phone("bob", lax)
		// A record as it should be, but for whose key signs it.
		h := tk.people["bob"]
		reset, err := record.NewReset(siteDomain, h.label, ref(record.LinkOf(h.versions-1, h.last)), devices(bob, theirs), accountKey(666), nil)
		must(t, err)
		return tk, alice, a, b, theirs, reset
	}
	evidence := func(t *testing.T, err error, kinds ...client.Kind) {
		t.Helper()
		m, ok := errors.AsType[*client.Misbehaviour](err)
		if !ok || len(m.Evidence) == 0 {
			t.Fatalf("no evidence in %v", err)
		}
		if m.Kind == client.BadProof { // which can be shown to others
			_, _, again := client.VerifySaved(m.Evidence)
			if n, ok := errors.AsType[*client.Misbehaviour](again); !ok || n.Kind != m.Kind {
				t.Errorf("the evidence shows something else: %v", again)
			}
		}
		for _, k := range kinds {
			if m.Kind == k {
				return
			}
		}
		t.Fatalf("%s, not %v: %v", m.Kind, kinds, err)
	}

	t.Run("another record to Alice alone", func(t *testing.T) {
		t.Parallel()
		tk, alice, a, b, theirs, forged := begin(t)
		staged, err := b.Update(nil) // while he can prove his own leaf
		must(t, err)
		tk.front.Set(evil.SwapValue(tk.op.Handler(), tk.log.Format(), forged))
		err = still(t, a, authentication.ErrUnproved, inviting(a, theirs.keyPackage(t)))
		evidence(t, err, client.BadProof)
		// Nor is Bob's own device proved by such answers.
		evidence(t, still(t, a, authentication.ErrUnproved, func() error { _, err := a.Receive(staged.Message); return err }), client.BadProof)
		must(t, b.Discard())
		// Checking the members again finds it out too, and accuses no member, also by
		// somebody who has no memory.
		view, err := a.View()
		must(t, err)
		for _, who := range []*phone{alice, tk.phone("alice", nil)} {
			all := who.auth.Recheck(t.Context(), view.Members())
			if len(all) != 2 {
				t.Fatal(all)
			}
			for _, u := range all {
				evidence(t, u.Err, client.BadProof, client.BadSignature)
				if errors.Is(u.Err, authentication.ErrNotListed) {
					t.Error(u.Err)
				}
			}
		}
		tk.front.Set(tk.op.Handler())
		still(t, a, authentication.ErrNotListed, inviting(a, theirs.keyPackage(t)))
		says(t, a, "what was that?", b)
	})

	t.Run("another record to everybody", func(t *testing.T) {
		t.Parallel()
		tk, alice, a, _, theirs, forged := begin(t)
		tk.grow(tk.people["bob"].label, string(forged))
		still(t, a, client.ErrUnacknowledged, inviting(a, theirs.keyPackage(t)))
		still(t, a, client.ErrUnacknowledged, inviting(a, theirs.keyPackage(t))) // it does not wear off
		// Only Alice herself could let it in, against what she is told.
		must(t, alice.gate.Acknowledge(theirs.label))
		_, err := a.Invite(theirs.keyPackage(t))
		must(t, err)
	})

	t.Run("another log to Alice", func(t *testing.T) {
		t.Parallel()
		tk, _, a, _, theirs, forged := begin(t)
		tk.shut()
		fork := filepath.Join(t.TempDir(), "fork")
		must(t, os.CopyFS(fork, os.DirFS(tk.dir)))
		private(t, fork)
		tk.run(tk.dir)
		still(t, a, authentication.ErrNotListed, inviting(a, theirs.keyPackage(t)))
		tk.grow("somebody@"+siteDomain, "something")
		still(t, a, authentication.ErrNotListed, inviting(a, theirs.keyPackage(t)))
		tk.shut()
		tk.run(fork)
		for i := range 5 {
			_, err := tk.op.Publish(context.Background(), fmt.Appendf(nil, "somebody%d@%s", i, siteDomain), []byte("something"))
			must(t, err)
		}
		_, err := tk.op.Publish(context.Background(), []byte(theirs.label), forged)
		must(t, err)
		evidence(t, still(t, a, authentication.ErrUnproved, inviting(a, theirs.keyPackage(t))), client.Forked)
	})
}

func ref[T any](v T) *T { return &v }

// TestWelcomeWithSomebodyUnproved: an invitation into a group that has a member whom the
// directory does not prove is not followed, whoever invites.
func TestWelcomeWithSomebodyUnproved(t *testing.T) {
	t.Parallel()
	tk := newTalk(t, "bob", "carol")
	bob := tk.proved("bob")
	carol := tk.phone("carol", lax) // careless, or worse; proved herself
	tk.publish("carol", devices(carol))
	listener := tk.phone("bob", lax)
	c, err := carol.Create(nil, nil)
	must(t, err)
	invite(t, c, listener)
	staged, err := c.Invite(bob.keyPackage(t))
	must(t, err)
	_, err = c.Confirm()
	must(t, err)
	_, err = bob.Join(staged.Welcome, nil)
	if !errors.Is(err, mls.ErrUnauthenticated) || !errors.Is(err, authentication.ErrNotListed) {
		t.Fatal(err)
	}
	if groups, err := bob.Groups(); err != nil || len(groups) != 0 {
		t.Fatal(groups, err)
	}
	// Nor by himself, on the word of a GroupInfo.
	info, err := c.GroupInfo()
	must(t, err)
	if _, _, err = bob.JoinExternal(info, mls.ExternalOptions{Resync: true}); !errors.Is(err, mls.ErrUnauthenticated) || !errors.Is(err, authentication.ErrNotListed) {
		t.Fatal(err)
	}
	// Without the listener he comes.
	listed, err := c.Members()
	must(t, err)
	for _, m := range listed {
		if bytes.Equal(m.SignatureKey, listener.signer.Public()) || bytes.Equal(m.SignatureKey, bob.signer.Public()) {
			_, err = c.Remove(m)
			must(t, err)
			_, err = c.Confirm()
			must(t, err)
		}
	}
	says(t, c, "now?", invite(t, c, bob))
}

// TestExternalCommitBySomebodyUnproved: with a GroupInfo anybody can try to join by
// itself, also in somebody's place. The members ask the directory first.
func TestExternalCommitBySomebodyUnproved(t *testing.T) {
	t.Parallel()
	tk := newTalk(t, "alice", "bob", "carol")
	alice, bob, carol := tk.proved("alice"), tk.proved("bob"), tk.proved("carol")
	a, err := alice.Create(nil, nil)
	must(t, err)
	b := invite(t, a, bob)
	info, err := a.GroupInfo()
	must(t, err)
	for _, who := range []*phone{tk.phone("carol", lax), tk.phone("bob", lax), tk.phone("nobody", lax)} {
		_, staged, err := who.JoinExternal(info, mls.ExternalOptions{})
		must(t, err)
		for _, g := range []*mls.Group{a, b} {
			want := authentication.ErrNotListed
			if who.label == "nobody@"+siteDomain {
				want = authentication.ErrUnproved
			}
			still(t, g, want, func() error { _, err := g.Receive(staged.Message); return err })
		}
	}
	c, staged, err := carol.JoinExternal(info, mls.ExternalOptions{})
	must(t, err)
	for _, g := range []*mls.Group{a, b} {
		_, err = g.Receive(staged.Message)
		must(t, err)
	}
	_, err = c.Confirm()
	must(t, err)
	says(t, c, "here I am", a, b)
}

// TestRemovedDeviceLeavesGroups: a phone that was lost is taken out of its person's
// record. From then on it changes nothing in a group any more, and whoever checks the
// members again finds it, and removes it.
func TestRemovedDeviceLeavesGroups(t *testing.T) {
	t.Parallel()
	tk := newTalk(t, "alice", "bob")
	alice, lost := tk.proved("alice"), tk.phone("bob", lax)
	tk.publish("bob", devices(lost))
	a, err := alice.Create(nil, nil)
	must(t, err)
	b := invite(t, a, lost)
	recheck := func() []authentication.Unproved {
		view, err := a.View()
		must(t, err)
		return alice.auth.Recheck(t.Context(), view.Members())
	}
	if all := recheck(); len(all) != 0 {
		t.Fatal(all)
	}
	found := tk.phone("bob", nil)
	tk.publish("bob", devices(found))

	all := recheck()
	if len(all) != 1 || !errors.Is(all[0].Err, authentication.ErrNotListed) || !bytes.Equal(all[0].Member.SignatureKey, lost.signer.Public()) {
		t.Fatalf("checked again: %v", all)
	}
	staged, err := b.Update(nil) // whoever has the phone asks nobody about it
	must(t, err)
	still(t, a, authentication.ErrNotListed, func() error { _, err := a.Receive(staged.Message); return err })

	staged, err = a.Remove(all[0].Member)
	must(t, err)
	_, err = a.Confirm()
	must(t, err)
	e, err := b.Receive(staged.Message)
	must(t, err)
	if _, out := e.(*mls.Removed); !out {
		t.Fatalf("got %T", e)
	}
	if all := recheck(); len(all) != 0 {
		t.Fatal(all)
	}
	says(t, a, "welcome back", invite(t, a, found))
}
