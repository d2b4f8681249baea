package group

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
)

// fuzzSession plays a script.
func fuzzSession(t *testing.T, data []byte) *fuzzWorld {
	w := newFuzzWorld(t, data)
	most := 60
	if fuzzSlow(w.groups[0].realm.suite.ID()) {
		most = 12
	}
	for steps := 0; !w.s.done() && steps < most; steps++ {
		w.step()
	}
	w.end()
	return w
}

// step does one thing, honest or not.
func (w *fuzzWorld) step() {
	s := w.s
	g := fuzzPick(s, w.groups)
	if g.closed != nil && s.chance(3) {
		w.reinitialize(g)
		return
	}
	m := fuzzPick(s, g.active())
	switch s.n(34) {
	case 0, 1, 2:
		w.say(m)
	case 3, 4:
		if w.propose(m); s.chance(4) {
			w.proposeOutside(g)
		}
	case 5:
		w.commit(m, CommitOptions{Public: s.chance(2), OmitPath: s.chance(2), AAD: []byte("aad 1")})
	case 6:
		if p := w.proposal(m); p != nil {
			w.commit(m, CommitOptions{ByValue: []message.Proposal{p}, Public: s.chance(2)})
		}
	case 7:
		w.joinExternal(m, fuzzPick(s, g.realm.clients))
	case 8, 9:
		w.catchUp(m)
	case 10:
		if len(m.inbox) > 0 {
			w.deliver(m, fuzzPick(s, m.inbox).bytes, "replayed or reordered")
		}
	case 11:
		if m = fuzzPick(s, g.members); !m.lost {
			m.restart()
		}
	case 12:
		w.late(m, fuzzPick(s, g.active()), gaps[s.n(len(gaps)*2)%len(gaps)*s.n(2)])
	case 32:
		w.branch(m)
	case 33:
		if s.chance(2) {
			w.commit(m, CommitOptions{ByValue: []message.Proposal{w.reInit(g)}, Public: s.chance(2)})
		}
	case 13:
		switch s.n(12) {
		case 0:
			w.old(g)
		case 1:
			w.removed(g)
		default:
			w.attackGroupInfo()
		}
	case 14, 15, 16, 17, 18, 19, 20, 21:
		w.attackOnTheWay()
	default:
		w.attackFromInside()
	}
}

func FuzzSession(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(mlstest.Bytes(seed, 200))
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzSession(t, data) })
}

// TestSessionMutations plays scripts that are the same in every run.
func TestSessionMutations(t *testing.T) {
	seeds := uint64(20)
	if os.Getenv("KITH_SOAK") != "" {
		seeds = 1200
	}
	deliveries := 0
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			for _, n := range fuzzSession(t, mlstest.Bytes(seed, 400)).made {
				deliveries += n
			}
		})
	}
	t.Logf("%d sessions, %d things done to their members", seeds, deliveries)
}

// TestEveryAttack has the insider try everything once in each of some groups, as far
// as it has a place there, and all of it somewhere.
func TestEveryAttack(t *testing.T) {
	made := map[string]int{}
	for seed, suite := range []byte{0, 0, 0, 36, 52} { // of fuzzSuite
		seed := uint64(seed)
		script := mlstest.Bytes(seed, 60)
		script[0] = 4*suite + byte(seed%2)
		w := newFuzzWorld(t, script)
		for range 12 {
			w.step()
		}
		w.end() // somebody commits, and everybody speaks
		w.end()
		w.s.rest = mlstest.Bytes(100+seed, 1<<14)
		for _, g := range w.groups[:2] {
			for n := range sounds {
				if i := w.insider(g); i != nil {
					i.sound(n)
				}
			}
			for _, a := range slices.Concat(commitAttacks, messageAttacks) {
				for range 2 {
					if i := w.insider(g); i != nil {
						i.attack(a)
					}
				}
			}
			for _, a := range inviteAttacks {
				for range 2 {
					if i := w.insider(g); i != nil {
						i.invite(a)
					}
				}
			}
			for _, a := range successorAttacks {
				for range 2 {
					if i := w.insider(g); i != nil && g.closed == nil {
						i.found(a)
					}
				}
			}
		}
		for _, g := range slices.Clone(w.groups) {
			w.old(g)
			w.removed(g)
			for _, gap := range gaps {
				w.late(fuzzPick(w.s, g.active()), fuzzPick(w.s, g.active()), gap)
			}
			w.branch(fuzzPick(w.s, g.active()))
		}
		for _, g := range slices.Clone(w.groups) {
			for _, m := range g.active() {
				w.catchUp(m)
			}
			w.commit(fuzzPick(w.s, g.current()), CommitOptions{ByValue: []message.Proposal{w.reInit(g)}})
			if g.closed != nil && w.s.chance(3) { // most have not heard of it
				w.reinitialize(g)
			}
			for n := range 2 * sounds {
				if g.closed != nil {
					w.attackClosed(g, n/2)
				}
			}
		}
		w.end()
		for range 40 {
			w.attackOnTheWay()
		}
		for name, n := range w.made {
			made[name] += n
		}
	}
	for _, name := range []string{"late", "late by epochs", "to one who was removed", "branch", "reinitialization", "reinitialization in another suite",
		"successor before the reinit", "welcome of what continues another group", "welcome of what continues a group, as a plain one",
		"welcome with another group's state", "sound branch: ", "sound reinit: "} {
		if made[name] == 0 {
			t.Errorf("never done: %s", name)
		}
	}
	for n := range sounds {
		if made[fmt.Sprintf("sound commit %d", n)]+made[fmt.Sprintf("sound message %d", n)] == 0 {
			t.Errorf("sound message %d was never made", n)
		}
	}
	for n := range sounds {
		if made[fmt.Sprintf("closed: sound commit %d", n)]+made[fmt.Sprintf("closed: sound message %d", n)] == 0 {
			t.Errorf("sound message %d was never made for a closed group", n)
		}
	}
	for _, a := range successorAttacks {
		if a.reinit && made["reinit: "+a.name] == 0 || a.branch && made["branch: "+a.name] == 0 {
			t.Errorf("never made: group with %s", a.name)
		}
	}
	for _, a := range slices.Concat(commitAttacks, messageAttacks) {
		if made["insider: "+a.name] == 0 {
			t.Errorf("never made: %s", a.name)
		}
	}
	for _, a := range inviteAttacks {
		if made["invitation: "+a.name] == 0 || !a.welcome && made["invitation: "+a.name+" (external)"] == 0 {
			t.Errorf("never made: %s", a.name)
		}
	}
}
