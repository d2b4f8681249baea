package group

import (
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// choose returns what a Commit of ours covers by default: of all proposals that
// wait as many as go together, and after them own, which come by value
// ("Commit", 12.4: "SHOULD include all proposals that it has received"). Where two
// exclude each other it follows the preferences of 12.2: own before others', a
// Remove before an Update, the last Update before earlier ones, everything before a
// ReInit.
func (s *State) choose(own []Covered, why purpose) []Covered {
	e := s.current
	me := message.Member(e.me)
	all := s.cache.covered()
	gone := make(map[tree.LeafIndex]bool)    // somebody's SelfRemove or Remove is kept
	updated := make(map[tree.LeafIndex]bool) // an Update is kept
	context := false                         // a GroupContextExtensions is kept
	reinit := false
	for _, p := range own {
		switch q := p.Proposal.(type) {
		case *message.Remove:
			gone[q.Removed] = true
		case *message.GroupContextExtensions:
			context = true
		case *message.ReInit:
			reinit = true
		}
	}
	if reinit { // alone, by our own wish
		return own
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
		case *message.SelfRemove, *message.Remove, *message.ReInit:
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
	return append(s.fitting(own, chosen, why), own...)
}

// fitting returns those of proposals that can be committed together with own. One
// that cannot must not keep everybody from committing for the rest of the epoch, so
// it is looked for by halving.
func (s *State) fitting(own, proposals []Covered, why purpose) []Covered {
	var kept []Covered
	fits := func(more []Covered) bool {
		list := append(append(slices.Clone(kept), more...), own...)
		t, err := apply(&s.cfg, s.current, message.Member(s.current.me), list, why, true)
		if err != nil || t.check() != nil {
			return false
		}
		return t.ask(nil) == nil
	}
	var add func(more []Covered)
	add = func(more []Covered) {
		if len(more) == 0 {
			return
		}
		if fits(more) {
			kept = append(kept, more...)
		} else if len(more) > 1 {
			add(more[:len(more)/2])
			add(more[len(more)/2:])
		}
	}
	add(proposals)
	return kept
}
