package group

import (
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// commitAll makes a Commit of as many of the waiting proposals as go together, and
// after them own, which come by value ("Commit", 12.4: "SHOULD include all
// proposals that it has received").
func (s *State) commitAll(d *draft, own []Covered) (*Pending, error) {
	waiting := s.choose(own)
	d.proposals = append(waiting, own...)
	p, err := d.make()
	if err != nil && len(waiting) > 0 {
		// One that cannot be committed must not keep everybody from committing for
		// the rest of the epoch.
		fitting := d.fitting(own, waiting)
		if len(fitting) == len(waiting) {
			return nil, err // it is for none of them
		}
		d.proposals = append(fitting, own...)
		p, err = d.make()
	}
	if err != nil {
		return nil, err
	}
	s.pending = p
	return p, nil
}

// choose returns the waiting proposals that do not exclude each other. Where two do
// it follows the preferences of 12.2: own before others', a Remove before an
// Update, the last Update before earlier ones, everything before a ReInit. Of Adds
// that would give two members one signature key (7.3), the first is kept.
func (s *State) choose(own []Covered) []Covered {
	e := s.current
	me := message.Member(e.me)
	all := s.cache.covered()
	gone := make(map[tree.LeafIndex]bool)    // somebody's SelfRemove or Remove is kept
	updated := make(map[tree.LeafIndex]bool) // an Update is kept
	context := false                         // a GroupContextExtensions is kept
	reinit := false
	added := make(map[string]bool) // an Add of this signature key is kept
	for _, p := range own {
		switch q := p.Proposal.(type) {
		case *message.Add:
			added[string(q.KeyPackage.LeafNode.SignatureKey)] = true
		case *message.Remove:
			gone[q.Removed] = true
		case *message.GroupContextExtensions:
			context = true
		case *message.ReInit:
			reinit = true
		}
	}
	if reinit { // alone, by our own wish
		return nil
	}
	keep := make([]bool, len(all))
	for i, p := range all { // SelfRemove before Remove
		if _, ok := p.Proposal.(*message.SelfRemove); ok && p.Sender != me {
			if leaf, ok := p.Sender.Leaf(); ok && !gone[leaf] {
				keep[i], gone[leaf] = true, true
			}
		}
	}
	for i, p := range all {
		if q, ok := p.Proposal.(*message.Remove); ok && q.Removed != e.me && !gone[q.Removed] {
			keep[i], gone[q.Removed] = true, true
		}
	}
	for i, p := range all {
		if q, ok := p.Proposal.(*message.Add); ok && !added[string(q.KeyPackage.LeafNode.SignatureKey)] {
			keep[i], added[string(q.KeyPackage.LeafNode.SignatureKey)] = true, true
		}
	}
	for i, p := range slices.Backward(all) {
		switch p.Proposal.(type) {
		case *message.Update:
			leaf, ok := p.Sender.Leaf()
			if ok && p.Sender != me && !gone[leaf] && !updated[leaf] {
				keep[i], updated[leaf] = true, true
			}
		case *message.GroupContextExtensions:
			if !context {
				keep[i], context = true, true
			}
		case *message.SelfRemove, *message.Remove, *message.Add, *message.ReInit:
		default:
			keep[i] = true
		}
	}
	var chosen []Covered
	var last *Covered // ReInit
	for i, p := range all {
		if keep[i] {
			chosen = append(chosen, p)
		} else if _, ok := p.Proposal.(*message.ReInit); ok {
			last = &all[i]
		}
	}
	if len(chosen) == 0 && len(own) == 0 && last != nil {
		return []Covered{*last}
	}
	return chosen[:min(len(chosen), max(s.cfg.Limits.CommitProposals-len(own), 0))]
}

// maxMisfits bounds the attempts that one sender's proposals cost.
const maxMisfits = 4

// fitting returns those of proposals that can be committed together with own. It
// looks for the others by halving. An attempt takes as long as a Commit: once
// maxMisfits of a sender are found not to fit, its others are left out too.
func (d *draft) fitting(own, proposals []Covered) []Covered {
	var kept []Covered
	fits := func(more []Covered) bool {
		list := append(append(slices.Clone(kept), more...), own...)
		t, err := apply(d.cfg, d.from, d.sender, list, d.purpose, true)
		if err != nil || t.check() != nil || t.ask(nil) != nil {
			return false
		}
		secret, err := t.pskSecret(d.psk)
		clear(secret)
		return err == nil
	}
	if !fits(nil) {
		return nil // it is not for them that the Commit fails
	}
	misfits := make(map[message.Sender]int)
	var add func(more []Covered)
	add = func(more []Covered) {
		more = slices.DeleteFunc(slices.Clone(more), func(p Covered) bool { return misfits[sharer(p.Sender)] >= maxMisfits })
		switch {
		case len(more) == 0:
		case fits(more):
			kept = append(kept, more...)
		case len(more) == 1:
			misfits[sharer(more[0].Sender)]++
		default:
			add(more[:len(more)/2])
			add(more[len(more)/2:])
		}
	}
	add(proposals)
	return kept
}
