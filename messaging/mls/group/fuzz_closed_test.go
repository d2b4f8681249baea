package group

import "errors"

// attackClosed has mallory go on in a group that a ReInit has closed, as if nothing
// had happened. What she makes is sound but for that, or else says nothing.
func (w *fuzzWorld) attackClosed(g *fuzzGroup, which int) {
	i := w.insider(g)
	if i == nil || !i.victim.over() {
		return
	}
	name, msg, _ := i.soundMessage(which)
	if msg == nil {
		return
	}
	open := i.victim.load()
	open.reinit = nil
	if _, err := open.Process(msg); err != nil {
		w.t.Fatalf("%s: %s would refuse it in an open group: %v", name, i.victim, err)
	}
	if _, err := i.victim.Process(msg); !errors.Is(err, ErrReinitialized) {
		w.t.Fatalf("%s: %s in the closed group: %v", name, i.victim, err)
	}
	w.deliver(i.victim, msg, "closed: "+name)
}
