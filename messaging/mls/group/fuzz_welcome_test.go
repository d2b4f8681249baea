package group

import (
	"bytes"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// welcome has a client join, after the adversary's attempts to make it join
// something else.
func (w *fuzzWorld) welcome(g *fuzzGroup, name string, kp *message.KeyPackage, welcome []byte) {
	c := w.clients[slices.IndexFunc(w.clients, func(c *peer) bool { return c.name == name })]
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
		w.joins(g, c, other, msg, bytes.Equal(msg, welcome) && other == private)
	}
	w.asked[c.name] = nil
	m, err := w.join(c, private, welcome)
	if err != nil {
		w.t.Fatalf("%s joins %s: %v", name, g.id, err)
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
		all = append(all, candidate(0, i, leaf, nil))
	}
	w.wereAsked(joined, "welcome", all)
	if _, err := w.join(c, private, welcome); err == nil {
		w.t.Fatalf("%s joins twice with one KeyPackage", joined)
	}
	g.welcomes = append(g.welcomes, welcome)
}

func (w *fuzzWorld) join(c *peer, kp *KeyPackage, welcome []byte) (*State, error) {
	m, err := message.Parse(bytes.Clone(welcome))
	if err != nil {
		return nil, err
	}
	body, ok := m.Body.(*message.Welcome)
	if !ok {
		return nil, ErrUnexpected
	}
	return Join(c.cfg, kp, body, JoinOptions{})
}

// joins tries to join with a copy of a KeyPackage: if it does, then the true group.
func (w *fuzzWorld) joins(g *fuzzGroup, c *peer, kp *KeyPackage, welcome []byte, genuine bool) {
	w.made["changed Welcome"]++
	copied := new(KeyPackage)
	encoded := syntax.Marshal(kp)
	if err := syntax.Unmarshal(encoded, copied); err != nil {
		w.t.Fatal(err)
	}
	state, err := w.join(c, copied, welcome)
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
