package group

import (
	"bytes"
	"errors"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// welcome has a client join, after the adversary's attempts to make it join
// something else.
func (w *fuzzWorld) welcome(g *fuzzGroup, c *peer, kp *message.KeyPackage, welcome []byte, o JoinOptions) {
	private := w.kps[string(kp.LeafNode.EncryptionKey)]
	for range w.s.n(4) {
		other := private
		msg := w.mutate(welcome)
		if w.s.chance(4) {
			w.keyPackage(c)
			other, msg = c.kp, welcome
		} else if len(g.welcomes) > 0 && w.s.chance(3) {
			msg = fuzzPick(w.s, g.welcomes)
		}
		w.joins(g, c, other, msg, o, bytes.Equal(msg, welcome) && other == private)
	}
	w.misled(g, c, private, welcome, o)
	c.w.asked[c.name], c.w.batches[c.name] = nil, 0
	m, err := w.join(c, private, welcome, o)
	if err != nil {
		w.t.Fatalf("%s joins %s: %v", c.name, g.id, err)
	}
	if old := g.of(c); old != nil {
		old.lost = true
	}
	joined := w.enter(g, c, m)
	if joined.Epoch() != g.epoch || joined.summarize() != g.summary[g.epoch] {
		w.t.Fatalf("%s joins another group than %s", joined, g.id)
	}
	w.consistent(joined)
	var all []Candidate
	for i, leaf := range joined.Members() {
		all = append(all, candidate(InWelcome, i, leaf, nil))
	}
	if w.wereAsked(joined, "welcome", all); c.w.batches[c.name] != 1 {
		w.t.Fatalf("%s asks %d times who somebody is", joined, c.w.batches[c.name])
	}
	if _, err := w.join(c, private, welcome, o); err == nil {
		w.t.Fatalf("%s joins twice with one KeyPackage", joined)
	}
	g.welcomes = append(g.welcomes, welcome)
}

func (w *fuzzWorld) join(c *peer, kp *KeyPackage, welcome []byte, o JoinOptions) (*State, error) {
	m, err := message.Parse(bytes.Clone(welcome))
	if err != nil {
		return nil, err
	}
	body, ok := m.Body.(*message.Welcome)
	if !ok {
		return nil, ErrUnexpected
	}
	return Join(c.cfg, kp, body, o)
}

// joins tries to join with a copy of a KeyPackage: if it does, then the true group.
func (w *fuzzWorld) joins(g *fuzzGroup, c *peer, kp *KeyPackage, welcome []byte, o JoinOptions, genuine bool) {
	w.made["changed Welcome"]++
	encoded := syntax.Marshal(kp)
	copied := w.copied(kp)
	state, err := w.join(c, copied, welcome, o)
	if err != nil {
		if genuine {
			w.t.Fatalf("%s joins: %v", c.name, err)
		}
		if !bytes.Equal(syntax.Marshal(copied), encoded) {
			w.t.Fatalf("a changed Welcome (%v) has used up the KeyPackage of %s", err, c.name)
		}
		return
	}
	// What is for others in a Welcome is not looked at.
	m := &fuzzMember{State: state, w: w, peer: c, group: g}
	if m.Epoch() != g.epoch || m.summarize() != g.summary[g.epoch] {
		w.t.Fatalf("%s joins by a changed Welcome what is not the group", m)
	}
}

func (w *fuzzWorld) copied(kp *KeyPackage) *KeyPackage {
	copied := new(KeyPackage)
	if err := syntax.Unmarshal(syntax.Marshal(kp), copied); err != nil {
		w.t.Fatal(err)
	}
	return copied
}

// refusesWelcome has a client refuse a Welcome, with an error of the class why (nil:
// any), and keep its KeyPackage.
func (w *fuzzWorld) refusesWelcome(c *peer, kp *KeyPackage, welcome []byte, o JoinOptions, why error, how string) {
	w.made[how]++
	copied := w.copied(kp)
	switch _, err := w.join(c, copied, welcome, o); {
	case err == nil:
		w.t.Fatalf("%s: %s joins", how, c.name)
	case why != nil && !errors.Is(err, why):
		w.t.Fatalf("%s: %s refuses it with %q, not %q", how, c.name, err, why)
	}
	if !bytes.Equal(syntax.Marshal(copied), syntax.Marshal(kp)) {
		w.t.Fatalf("%s: the KeyPackage of %s is used up", how, c.name)
	}
}

// options are what a client joins with that is asked for nothing in particular: it
// knows its own groups.
func (w *fuzzWorld) options(c *peer) JoinOptions {
	return JoinOptions{Origin: func(groupID []byte) *State {
		for _, g := range w.all {
			if m := g.of(c); m != nil && bytes.Equal(g.id, groupID) {
				return m.State
			}
		}
		return nil
	}}
}

// misled tells a client another story about a Welcome than the true one: that it
// continues a group which it does not continue, or none, or that the client was never
// in the one it continues.
func (w *fuzzWorld) misled(g *fuzzGroup, c *peer, kp *KeyPackage, welcome []byte, o JoinOptions) {
	if h := fuzzPick(w.s, w.all); h != g.from {
		other := o
		other.Continues = h.id
		w.refusesWelcome(c, kp, welcome, other, ErrOrigin, "welcome of what continues another group")
	}
	if g.from == nil || len(g.members) == 0 || g.epoch != 1 {
		return
	}
	w.refusesWelcome(c, kp, welcome, JoinOptions{}, ErrOrigin, "welcome of what continues a group, as a plain one")
	wrong := o
	wrong.Origin = func([]byte) *State {
		for _, h := range w.all {
			if m := h.of(c); m != nil && h != g.from && h != g {
				return m.State
			}
		}
		return nil
	}
	w.refusesWelcome(c, kp, welcome, wrong, ErrOrigin, "welcome with another group's state")
}
