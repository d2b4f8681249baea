package interop

import (
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// TestPSKs: keys of both types in one commit, by both, whose order counts
// ("Pre-Shared Keys", 8.4); with a newcomer, who must have them; and in our external
// commit. (Theirs has none.)
func TestPSKs(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	all := members(fourMembers(t, p, s))
	secrets := func(m member, one, two string) member {
		m.psk("one", one)
		m.psk("two", two)
		return m
	}
	for _, m := range all {
		secrets(m, "1", "2")
	}
	for i, by := range all[:2] {
		for back := range uint64(3) {
			epoch := by.state().agreed.epoch - back
			waits(t, change{psk: "two"}, all[2+i], others(all[2+i], all...)...)
			waits(t, change{psk: "one"}, all[3-i], others(all[3-i], all...)...)
			commits(t, change{psk: "one", epochPSK: &epoch}, by, others(by, all...)...)
		}
		talk(t, all...)
	}

	for _, by := range all[:2] {
		waits(t, change{psk: "two"}, all[2], others(all[2], all...)...)
		newcomers := []member{newOurs(t, s, "c"), newTheirs(t, p, s, "d", nil)}
		made := commits(t, change{psk: "one", add: [][]byte{newcomers[0].keyPackage(), newcomers[1].keyPackage()}}, by, others(by, all...)...)
		for _, m := range newcomers {
			refused(t, m, m.join(made.welcome, made.tree), "a Welcome with keys that it does not have")
			secrets(m, "1", "another")
			refused(t, m, m.join(made.welcome, made.tree), "a Welcome with another key than it has")
			secrets(m, "1", "2")
			must(t, m.join(made.welcome, made.tree))
		}
		all = append(all, newcomers...)
		talk(t, all...)
	}

	external := secrets(newOurs(t, s, "e"), "1", "2").(*ours)
	o := group.ExternalOptions{Leaf: external.leaf()}
	for _, id := range []string{"two", "one"} {
		o.PSKs = append(o.PSKs, schedule.PreSharedKeyID{Type: schedule.ExternalPSK, ID: []byte(id)})
	}
	info, _ := all[1].groupInfo(true)
	commit, err := external.enters(info, o)
	must(t, err)
	tell(t, commit, external, all...)
	talk(t, append(all, external)...)
}

// TestPSKThatDiffers: who has another key under that name does not follow the commit,
// and is where it was.
func TestPSKThatDiffers(t *testing.T) {
	t.Parallel()
	p := start(t, "peer.mjs")
	s, err := suite.Get(suite.X25519_AES128GCM_SHA256_Ed25519)
	must(t, err)
	for by := range 2 {
		all := members(fourMembers(t, p, s))
		for i, m := range all {
			m.psk("key", []string{"a", "b"}[i/2])
		}
		made := all[by].commit(change{psk: "key"})
		for i, m := range all {
			if i == by {
				continue
			}
			before := m.state()
			err := m.process(made.commit)
			if i < 2 {
				must(t, err)
				continue
			}
			refused(t, m, err, "a commit with another key")
			if _, our := m.(*ours); our && !errors.Is(err, group.ErrConfirmation) || m.state() != before {
				t.Errorf("%s: %v, or something has changed", m.name(), err)
			}
		}
	}
}
