package interop

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// TestAuthentication: whom our Authenticator refuses, on each way into a group, the
// authentication service of ts-mls refuses as well; both are asked about the same
// identities with the same keys; and nothing has changed after a refusal. What comes
// in is made by either side.
func TestAuthentication(t *testing.T) {
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	for _, public := range []bool{false, true} {
		for _, byOurs := range []bool{true, false} {
			t.Run(fmt.Sprintf("public=%t/byOurs=%t", public, byOurs), func(t *testing.T) {
				t.Parallel()
				p := start(t, "peer.mjs")
				make := func(name string) member {
					if byOurs {
						return newOurs(t, s, name)
					}
					return newTheirs(t, p, s, name, nil)
				}
				watch := &watchers{t: t, ours: newOurs(t, s, "watcher of ours"), theirs: newTheirs(t, p, s, "watcher of theirs", nil)}
				authentication(t, make, watch, public)
			})
		}
	}
}

// watchers are a member of each kind, who are shown the same.
type watchers struct {
	t      *testing.T
	ours   *ours
	theirs *theirs
}

func (w *watchers) both() []member { return []member{w.ours, w.theirs} }

// refuseAnd shows something to both watchers while they refuse somebody by name, then
// while they refuse the key, and then while they refuse nobody. entry is how our
// Authenticator is told that it comes in.
func (w *watchers) refuseAnd(what string, entry group.Entry, name string, key []byte, show func(m member) error) {
	w.t.Helper()
	for _, m := range w.both() {
		before := w.state(m)
		m.asked()
		for _, by := range []func(){
			func() { m.refuse([]string{name}, nil) },
			func() { m.refuse(nil, [][]byte{key}) },
		} {
			by()
			err := show(m)
			refused(w.t, m, err, "%s of somebody it must refuse", what)
			if m == member(w.ours) {
				if err != nil && !errors.Is(err, group.ErrUnauthenticated) && !errors.Is(err, group.ErrUnknownProposal) {
					w.t.Errorf("%s: %s refuses for another reason: %v", m.name(), what, err)
				}
				if !slices.Contains(w.ours.entries, entry) {
					w.t.Errorf("%s: entries %v, not %v", what, w.ours.entries, entry)
				}
			}
			if after := w.state(m); after != before {
				w.t.Errorf("%s: %s changed something", m.name(), what)
			}
		}
		m.refuse(nil, nil)
		m.asked()
		if err := show(m); err != nil {
			w.t.Fatalf("%s: %s, refusing nobody: %v", m.name(), what, err)
		}
	}
	// Both were asked about the newcomer, and about the same ones in all.
	// (We are asked about our own leaf too, before anybody sees it.)
	ours, theirs := set(w.ours.asked()), set(w.theirs.asked())
	if self := whoIs(w.ours.who, w.ours.signatureKey()); ours[self] {
		theirs[self] = true
	}
	if !ours[whoIs(name, key)] || !maps.Equal(ours, theirs) {
		w.t.Errorf("%s: we were asked about\n%v\nand ts-mls about\n%v", what, ours, theirs)
	}
}

// state is the member's state, if it is in a group.
func (w *watchers) state(m member) state {
	if o, ok := m.(*ours); ok && o.group == nil {
		return state{}
	}
	if o, ok := m.(*theirs); ok && !o.in {
		return state{}
	}
	return m.state()
}

func set(all []who) map[who]bool {
	s := map[who]bool{}
	for _, w := range all {
		s[w] = true
	}
	return s
}

func authentication(t *testing.T, make func(name string) member, w *watchers, public bool) {
	in := change{public: public}
	founder, mallory := make("founder"), make("mallory")
	founder.create([]byte("group"))

	// A leaf of the tree that a Welcome brings.
	s := founder.commit(change{public: public, treeInside: true, add: [][]byte{w.ours.keyPackage(), w.theirs.keyPackage()}})
	w.refuseAnd("a Welcome", group.InWelcome, "founder", founder.signatureKey(), func(m member) error { return m.join(s.welcome, nil) })
	agree(t, founder, w.ours, w.theirs)

	// An Add in a commit.
	s = founder.commit(change{public: public, add: [][]byte{mallory.keyPackage()}})
	w.refuseAnd("an Add", group.InAdd, "mallory", mallory.signatureKey(), func(m member) error { return m.process(s.commit) })
	must(t, mallory.join(s.welcome, s.tree))
	agree(t, founder, mallory, w.ours, w.theirs)

	// The leaf of a commit.
	s = mallory.commit(in)
	must(t, founder.process(s.commit))
	w.refuseAnd("a commit", group.InCommit, "mallory", mallory.signatureKey(), func(m member) error { return m.process(s.commit) })
	agree(t, founder, mallory, w.ours, w.theirs)

	// An Update, and the commit that covers it. ts-mls asks at the commit only.
	proposal := mallory.propose(change{update: true, identity: "eve", public: public})
	must(t, founder.process(proposal))
	s = founder.commit(in)
	must(t, mallory.process(s.commit))
	proposed := map[member]bool{}
	w.refuseAnd("an Update", group.InUpdate, "eve", mallory.signatureKey(), func(m member) error {
		if !proposed[m] {
			if err := m.process(proposal); err != nil {
				refused(t, m, m.process(s.commit), "the commit of an Update that it has refused")
				return err
			}
			proposed[m] = true
		}
		return m.process(s.commit)
	})
	agree(t, founder, mallory, w.ours, w.theirs)

	// Who joins by an external commit; and replaces itself by one.
	stranger := make("stranger")
	for _, resync := range []bool{false, true} {
		info, _ := founder.groupInfo(true)
		commit, err := stranger.external(info, nil, resync)
		must(t, err)
		must(t, founder.process(commit))
		must(t, mallory.process(commit))
		w.refuseAnd("an external commit", group.InExternalCommit, "stranger", stranger.signatureKey(), func(m member) error { return m.process(commit) })
		agree(t, founder, mallory, stranger, w.ours, w.theirs)
	}

	// A leaf of the tree that a GroupInfo brings.
	last := &watchers{t: t, ours: newOurs(t, w.ours.cfg.Suite, "last of ours"), theirs: newTheirs(t, w.theirs.p, w.ours.cfg.Suite, "last of theirs", nil)}
	info, _ := mallory.groupInfo(true)
	last.refuseAnd("a GroupInfo", group.InExternalJoin, "stranger", stranger.signatureKey(), func(m member) error {
		_, err := m.external(info, nil, false)
		return err
	})

	// Whom we are about to add ourselves.
	newcomer := make("newcomer")
	kp := newcomer.keyPackage()
	w.ours.refuse([]string{"newcomer"}, nil)
	if _, err := w.ours.group.Commit(group.CommitOptions{ByValue: w.ours.proposals(change{add: [][]byte{kp}})}); !errors.Is(err, group.ErrUnauthenticated) {
		t.Errorf("we add whom we refuse: %v", err)
	}
	w.theirs.refuse([]string{"newcomer"}, nil)
	if _, err := w.theirs.try("commit", q{"add": [][]byte{kp}}); err == nil {
		t.Error("ts-mls adds whom it refuses")
	}
}
