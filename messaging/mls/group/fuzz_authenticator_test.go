package group

import (
	"bytes"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Nobody gets into a member's tree whom its own Authenticator was not asked about.

// enteredBy is whom a Commit brings in, all at once: our own leaf too.
func (w *fuzzWorld) enteredBy(old, next *epoch, e *Committed) []Candidate {
	var all []Candidate
	for i, leaf := range next.tree.Members() {
		before := old.tree.Leaf(i)
		if before != nil && before.Equal(leaf) {
			continue
		}
		c := candidate(InAdd, i, leaf, nil)
		if e.Own {
			c.Entry = InKeyPackage
		}
		committer, _ := e.Committer.Leaf()
		switch {
		case e.External && e.Added[len(e.Added)-1] == i:
			c.Entry = InExternalCommit
			if len(e.RemovedLeaves) == 1 {
				c.Replaces = old.tree.Leaf(e.RemovedLeaves[0])
			}
		case slices.Contains(e.Updated, i):
			c.Entry, c.Replaces = InUpdate, before
			if i == committer && !e.External {
				c.Entry = InCommit
			}
		}
		all = append(all, c)
	}
	return all
}

// brought is whom a proposal brings in.
func (w *fuzzWorld) brought(m *fuzzMember, p *Proposed, own bool) []Candidate {
	switch q := p.Proposal.(type) {
	case *message.Add:
		entry := InAdd
		if own {
			entry = InKeyPackage
		}
		return []Candidate{candidate(entry, 0, q.KeyPackage.LeafNode, nil)}
	case *message.Update:
		i, _ := p.Sender.Leaf()
		return []Candidate{candidate(InUpdate, i, q.LeafNode, m.Member(i))}
	}
	return nil
}

// forgetAsked begins a new time for wereAsked.
func (m *fuzzMember) forgetAsked() {
	m.peer.w.asked[m.peer.name], m.peer.w.batches[m.peer.name] = nil, 0
}

// wereAsked fails unless m's Authenticator was asked, once since forgetAsked, about
// each of a list: nobody gets into a member's tree in another way.
func (w *fuzzWorld) wereAsked(m *fuzzMember, name string, want []Candidate) {
	asked := m.peer.w.asked[m.peer.name]
	for _, c := range want {
		if !slices.ContainsFunc(asked, func(a Candidate) bool {
			return a.Leaf != nil && a.Entry == c.Entry && a.Suite == m.Suite().ID() && a.Leaf.Equal(c.Leaf) && a.Index == c.Index && a.Credential.Equal(&c.Leaf.Credential) &&
				bytes.Equal(a.SignatureKey, c.Leaf.SignatureKey) && (a.Replaces == nil) == (c.Replaces == nil) &&
				(a.Replaces == nil || a.Replaces.Equal(c.Replaces))
		}) {
			w.t.Fatalf("%s: %s did not ask about leaf %d (%s, by %v)", name, m, c.Index, c.Leaf.Credential.Identity, c.Entry)
		}
	}
}

// founderAsked fails unless the founder of a group asked about all that are in it.
func (w *fuzzWorld) founderAsked(m *fuzzMember) {
	for i, leaf := range m.Members() {
		if !slices.ContainsFunc(m.peer.w.asked[m.peer.name], func(a Candidate) bool { return a.Leaf != nil && a.Leaf.Equal(leaf) && a.Index == i }) {
			w.t.Fatalf("%s did not ask about leaf %d", m, i)
		}
	}
}

// joinerAsked fails unless somebody who joined by an external Commit asked about all
// whom it found, and about itself, at once.
func (w *fuzzWorld) joinerAsked(c *peer, by *fuzzMember, state *State, removed []tree.LeafIndex) {
	var all []Candidate
	for i, leaf := range by.Members() {
		all = append(all, candidate(InExternalJoin, i, leaf, nil))
	}
	own := candidate(InExternalCommit, state.Me(), state.current.leaf(), nil)
	if len(removed) > 0 {
		own.Replaces = by.Member(removed[0])
	}
	w.wereAsked(&fuzzMember{State: state, w: w, peer: c, group: by.group}, "external join", append(all, own))
}
