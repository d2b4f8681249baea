package group

import (
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// Proposals that wait have a record each, numbered in the order in which they came:
// a thousand that arrive one after the other are written once each.

func proposalKey(n int) string { return fmt.Sprintf("%s%08x", recordProposal, n) }

// proposals puts the waiting proposals that are not stored at their place, and
// deletes those of an epoch that is over.
func (c *changes) proposals(s *State) {
	now, then := s.cache.order, c.saved.waiting
	for i, w := range now {
		if i >= len(then) || then[i] != w {
			c.put(proposalKey(i), syntax.Marshal(&waitingRecord{waiting: w}))
		}
	}
	for i := len(now); i < len(then); i++ {
		c.put(proposalKey(i), nil)
	}
	c.saved.waiting = slices.Clone(now)
}

// waitingRecord is a proposal that waits, and of our own Update the private half.
type waitingRecord struct {
	cfg *Config
	*waiting
}

func (p *waitingRecord) Marshal(w *syntax.Writer) {
	p.Sender.Marshal(w)
	message.WriteProposal(w, p.Proposal)
	w.Vector(p.Ref)
	w.Optional(p.own != nil)
	if p.own != nil {
		w.Vector(p.own.key)
		w.Vector(p.own.signer.Public())
	}
}

func (p *waitingRecord) Unmarshal(r *syntax.Reader) {
	p.Sender.Unmarshal(r)
	p.Proposal = readProposal(r)
	p.Ref = slices.Clone(r.Vector())
	if !r.Optional() {
		return
	}
	p.own = &ownUpdate{key: slices.Clone(r.Vector())}
	p.own.signer = readSigner(p.cfg, r)
}

// readProposal reads a proposal that does not keep the record.
func readProposal(r *syntax.Reader) message.Proposal {
	p := message.ReadProposal(r)
	if r.Err() != nil {
		return p
	}
	p, err := detached(p)
	if err != nil {
		r.Fail(err)
	}
	return p
}

// readReInit reads a ReInit that may be absent, and does not keep the record.
func readReInit(r *syntax.Reader) *message.ReInit {
	if !r.Optional() {
		return nil
	}
	var p, q message.ReInit
	p.Unmarshal(r)
	if r.Err() == nil {
		if err := syntax.Copy(&q, &p); err != nil {
			r.Fail(err)
		}
	}
	return &q
}

// readSigner reads a public key, and finds the signer that has the private one.
func readSigner(cfg *Config, r *syntax.Reader) suite.Signer {
	public := r.Vector()
	if r.Err() != nil {
		return nil
	}
	signer, err := cfg.signerFor(public)
	if err != nil {
		r.Fail(err)
	}
	return signer
}

// proposals reads the waiting proposals.
func (l *loader) proposals() error {
	s := l.s
	for i := 0; ; i++ {
		if _, ok := l.records[proposalKey(i)]; !ok {
			s.saved.waiting = slices.Clone(s.cache.order)
			return nil
		}
		w := new(waiting)
		if err := l.read(proposalKey(i), &waitingRecord{&s.cfg, w}); err != nil {
			return err
		}
		if s.cache.find(w.Ref) != nil {
			return fmt.Errorf("%s is there twice", proposalKey(i))
		}
		s.cache.add(w)
	}
}
