package gossip

import (
	"slices"
	"time"
)

// Bounds of a pool.
const (
	maxSeen      = 1024 // of all
	maxPerSource = 32
)

// A seen is a head or a checkpoint that the provider signed, of a size that is not
// audited yet.
type seen struct {
	kind     seenKind
	size     uint64
	root     [32]byte
	signed   []byte // the head's signature, or the note with the log's signature alone
	document []byte // envelope with the keys that signed it
	source   string
	since    time.Time // by our clock
	late     bool      // it should have been reached
}

type seenKind uint8

const (
	headSeen seenKind = iota
	checkpointSeen
)

func (s *seen) same(t *seen) bool { return s.kind == t.kind && s.size == t.size && s.root == t.root }

// A pool keeps what cannot be compared yet. No source can crowd out what the others
// brought: when it is full, the source that brought most gives way.
type pool struct {
	list    []*seen // oldest first
	dropped uint64
}

// add keeps s, unless it is known. It returns one of the same kind and size with
// another root, if there is one: then both are signed, and one is a lie.
func (p *pool) add(s *seen) (other *seen) {
	mine := 0
	for _, t := range p.list {
		if t.kind == s.kind && t.size == s.size && t.root != s.root {
			return t
		}
		if t.source == s.source {
			mine++
		}
	}
	switch {
	case slices.ContainsFunc(p.list, s.same):
		return nil
	case mine >= maxPerSource:
		p.dropped++
		return nil
	case len(p.list) >= maxSeen:
		p.dropped++
		if !p.makeRoom(mine) {
			return nil
		}
	}
	p.list = append(p.list, s)
	return nil
}

// makeRoom drops the newest of what is late, which the auditor has told of; else the
// newest of the source that brought most, if that is more than somebody with so many of
// his own brought.
func (p *pool) makeRoom(mine int) bool {
	for i, t := range slices.Backward(p.list) {
		if t.late {
			p.list = slices.Delete(p.list, i, i+1)
			return true
		}
	}
	count := map[string]int{}
	most := ""
	for _, t := range p.list {
		if count[t.source]++; count[t.source] > count[most] {
			most = t.source
		}
	}
	if count[most] <= mine+1 {
		return false
	}
	for i, t := range slices.Backward(p.list) {
		if t.source == most {
			p.list = slices.Delete(p.list, i, i+1)
			break
		}
	}
	return true
}

// take removes and returns everything of a size that is reached.
func (p *pool) take(reached uint64) (out []*seen) {
	p.list = slices.DeleteFunc(p.list, func(s *seen) bool {
		if s.size <= reached {
			out = append(out, s)
		}
		return s.size <= reached
	})
	return out
}
