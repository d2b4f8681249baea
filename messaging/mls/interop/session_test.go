package interop

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/suite"
)

// TestSession plays one life of a group with members of both kinds, for all suites
// of RFC 9420, for commits and proposals sent in public and encrypted, and founded by
// either side: for suite 1 in all combinations, for the others in one, unless
// KITH_SOAK is set.
func TestSession(t *testing.T) {
	for _, id := range []suite.ID{1, 2, 3, 4, 5, 6, 7} {
		s, err := suite.Get(id)
		must(t, err)
		for _, public := range []bool{false, true} {
			for _, oursFirst := range []bool{true, false} {
				if (public != (id%2 == 1) || oursFirst == public) && id != 1 && os.Getenv("KITH_SOAK") == "" {
					continue
				}
				t.Run(fmt.Sprintf("%v/public=%t/oursFirst=%t", s, public, oursFirst), func(t *testing.T) {
					t.Parallel()
					p := start(t, "peer.mjs")
					our := func(name string) member { return newOurs(t, s, name) }
					their := func(name string) member { return newTheirs(t, p, s, name, nil) }
					if !oursFirst {
						our, their = their, our
					}
					session(t, our, their, public)
				})
			}
		}
	}
}

// session plays with members of one kind, a, and of the other, b. The first of kind a
// founds the group.
func session(t *testing.T, a, b func(name string) member, public bool) {
	in := change{public: public}
	inside := change{public: public, treeInside: true}

	a1, b1 := a("a1"), b("b1")
	a1.create([]byte(groupID))
	adds(t, inside, b1, a1)

	// Who joined adds, with the tree beside the Welcome.
	a2, b2 := a("a2"), b("b2")
	adds(t, in, a2, b1, a1)
	adds(t, in, b2, a1, a2, b1)

	// Updates of the committers, by both, also in a tree with parents.
	for range 2 {
		commits(t, in, a1, a2, b1, b2)
		commits(t, in, b2, a1, a2, b1)
		commits(t, change{public: public, aad: "authenticated"}, b1, a1, a2, b2)
		commits(t, in, a2, a1, b1, b2)
	}

	// Messages in one epoch, a hundred each way, some of them late; and after that one
	// of which those before were lost.
	exchange(t, a1, 100, b1)
	exchange(t, b2, 100, a2)
	exchange(t, b1, 10, a1, a2, b2)
	for _, by := range [][2]member{{a2, b1}, {b1, a2}} {
		messages := by[0].send("", "lost", "lost", "lost", "lost", "read")
		if text, _, err := by[1].receive(messages[4]); err != nil || text != "read" {
			t.Errorf("%s reads %q, %v after lost ones of %s", by[1].name(), text, err, by[0].name())
		}
	}

	// Updates, committed by others of either kind.
	for _, by := range [][2]member{{a1, b1}, {b2, a2}, {a2, a1}, {b1, b2}} {
		waits(t, change{update: true, public: public}, by[0], others(by[0], a1, a2, b1, b2)...)
		commits(t, in, by[1], others(by[1], a1, a2, b1, b2)...)
	}

	// Adds and removals, proposed and committed by others; also both in one commit.
	a3, b3 := a("a3"), b("b3")
	waits(t, change{add: [][]byte{a3.keyPackage()}, public: public}, b1, a1, a2, b2)
	waits(t, change{add: [][]byte{b3.keyPackage()}, public: public}, a1, a2, b1, b2)
	s := commits(t, in, b2, a1, a2, b1)
	must(t, a3.join(s.welcome, s.tree))
	must(t, b3.join(s.welcome, s.tree))
	agree(t, a1, b2, a3, b3)
	waits(t, change{remove: []uint32{leafOf(a2)}, public: public}, a1, a2, b1, b2, a3, b3)
	waits(t, change{remove: []uint32{leafOf(b2)}, public: public}, b3, a1, a2, b1, b2, a3)
	a4 := a("a4")
	s = a3.commit(change{public: public, treeInside: true, add: [][]byte{a4.keyPackage()}})
	tell(t, s.commit, a3, a1, b1, b3)
	must(t, a4.join(s.welcome, nil))
	agree(t, a1, b1, a3, b3, a4)
	goes(t, s.commit, a2, true)
	goes(t, s.commit, b2, true)

	// External commits by both, to what either tells; then both replace themselves.
	a5, b5 := a("a5"), b("b5")
	enters(t, a5, b1, false, true, a1, a3, a4, b3)
	enters(t, b5, a1, false, false, a3, a4, a5, b1, b3)
	enters(t, a5, b5, true, true, a1, a3, a4, b1, b3)
	enters(t, b3, a5, true, false, a1, a3, a4, b1, b5)
	exchange(t, a5, 5, a1, a3, a4, b1, b3, b5)
	exchange(t, b3, 5, a1, a3, a4, a5, b1, b5)

	// Pre-shared keys: of the application, and of an epoch before.
	all := []member{a1, a3, a4, a5, b1, b3, b5}
	for _, m := range all {
		m.psk("key", "a secret of all members")
	}
	commits(t, change{public: public, psk: "key"}, a4, others(a4, all...)...)
	commits(t, change{public: public, psk: "key"}, b3, others(b3, all...)...)
	epoch := a1.state().agreed.epoch - 1
	commits(t, change{public: public, epochPSK: &epoch}, b5, others(b5, all...)...)
	epoch++
	commits(t, change{public: public, epochPSK: &epoch}, a1, others(a1, all...)...)
	waits(t, change{public: public, psk: "key"}, a1, others(a1, all...)...)
	newcomer := b("b6")
	newcomer.psk("key", "a secret of all members")
	adds(t, in, newcomer, a3, others(a3, all...)...)

	// Removals by both, and who was removed knows.
	s = a1.commit(change{public: public, remove: []uint32{leafOf(b5), leafOf(a3)}})
	tell(t, s.commit, a1, a4, a5, b1, b3, newcomer)
	agree(t, a1, a4, a5, b1, b3, newcomer)
	goes(t, s.commit, b5, false)
	goes(t, s.commit, a3, false)
	s = b1.commit(change{public: public, remove: []uint32{leafOf(a1), leafOf(newcomer)}})
	tell(t, s.commit, b1, a4, a5, b3)
	agree(t, a4, a5, b1, b3)
	goes(t, s.commit, a1, false)
	goes(t, s.commit, newcomer, false)
	for _, m := range []member{a4, b3} {
		if text, _, err := a5.receive(m.send("", "still here")[0]); err != nil || text != "still here" {
			t.Errorf("%s reads %q, %v", a5.name(), text, err)
		}
	}
	if err := a1.process(b1.send("", "not for those who left")[0]); err == nil {
		t.Errorf("%s reads on after it was removed", a1.name())
	}
}

// exchange has a member send n messages, which the others read in different orders.
func exchange(t *testing.T, from member, n int, to ...member) {
	t.Helper()
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("%d from %s", i, from.name())
	}
	messages := from.send("in the clear", texts...)
	for _, m := range to {
		for _, i := range late(n) {
			text, aad, err := m.receive(messages[i])
			if err != nil || text != texts[i] || aad != "in the clear" {
				t.Fatalf("%s reads %q, %q, %v, not %q", m.name(), text, aad, err, texts[i])
			}
		}
		if _, _, err := m.receive(messages[n/2]); err == nil {
			t.Errorf("%s reads a message twice", m.name())
		}
	}
}

// late is 0 to n-1, each a few places from its own.
func late(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := 0; i < n; i += 8 {
		part := order[i:min(i+8, n)]
		rand.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	return order
}

// waits has a member propose something, and the others take it.
func waits(t *testing.T, c change, from member, to ...member) {
	t.Helper()
	tell(t, from.propose(c), from, to...)
}

// goes has a member take the commit that removes it. ts-mls only looks whether its
// leaf is blank afterwards: if a new member was put there, it sees an error instead.
func goes(t *testing.T, commit []byte, m member, replaced bool) {
	t.Helper()
	err := m.process(commit)
	if _, ok := m.(*theirs); ok && replaced {
		if err == nil && m.state().active {
			t.Errorf("%s stays in the group", m.name())
		}
		return
	}
	if err != nil || m.state().active {
		t.Errorf("%s does not see that it was removed: %v", m.name(), err)
	}
}

// others is all but one.
func others(one member, all ...member) (rest []member) {
	for _, m := range all {
		if m != one {
			rest = append(rest, m)
		}
	}
	return rest
}
