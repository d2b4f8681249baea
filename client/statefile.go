package client

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/bits"
	"slices"

	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/treemath"
	"github.com/kith-kt/kith/proto/wire"
)

// One of these begins a saved state; the last number is the version of the layout.
// Version 2 has more at its end: what is witnessed and what waits to be. A state
// without either is saved as version 1, which older programs read.
const (
	stateMagic  = "kith client state 1\n"
	stateMagic2 = "kith client state 2\n"
)

// Append appends the saved form of the state: a magic line, the log's
// fingerprint, the state, and a SHA-256 of all of that, against
// accidents on the disk.
func (s *State) Append(b []byte) []byte {
	start := len(b)
	second := s.pending != nil || s.covered != nil
	if second {
		b = append(b, stateMagic2...)
	} else {
		b = append(b, stateMagic...)
	}
	fingerprint := s.log.Fingerprint()
	b = append(b, fingerprint[:]...)
	b = appendPresent(b, s.head != nil)
	if s.head != nil {
		b = appendHead(b, s.head)
	}
	b = appendU32(b, uint32(len(s.distinguished)))
	for _, d := range s.distinguished {
		b = appendRetained(append(b, d.Root[:]...), &d.Retained)
	}
	b = appendU32(b, uint32(len(s.contacts)))
	for _, label := range slices.Sorted(maps.Keys(s.contacts)) {
		b = appendContact(b, s.contacts[label])
	}
	b = appendU32(b, uint32(len(s.owned)))
	for _, label := range slices.Sorted(maps.Keys(s.owned)) {
		b = appendOwned(b, s.owned[label])
	}
	if second {
		b = appendWitnessed(b, s)
	}
	sum := sha256.Sum256(b[start:])
	return append(b, sum[:]...)
}

// ParseState reads what Append wrote, for the same log. Its errors are ErrState.
func ParseState(b []byte, log *Log) (*State, error) {
	second := bytes.HasPrefix(b, []byte(stateMagic2))
	if !second && !bytes.HasPrefix(b, []byte(stateMagic)) {
		if i := bytes.IndexByte(b, '\n'); i >= 0 && i < 64 && bytes.HasPrefix(b, []byte("kith client state ")) {
			return nil, fmt.Errorf("client: %w: it was written by another version of this program (%q)", ErrState, b[:i])
		}
		return nil, fmt.Errorf("client: %w: it does not begin as a state does", ErrState)
	}
	if len(b) < len(stateMagic)+2*sha256.Size {
		return nil, fmt.Errorf("client: %w: it is cut short", ErrState)
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) {
		return nil, fmt.Errorf("client: %w: its checksum does not match, so it was damaged or cut short", ErrState)
	}
	r := &reader{b: body[len(stateMagic):]}
	if fingerprint := log.Fingerprint(); !bytes.Equal(r.fixed(len(fingerprint)), fingerprint[:]) {
		return nil, fmt.Errorf("client: %w: it belongs to another log", ErrState)
	}
	s := NewState(log)
	if r.present() {
		s.head = readHead(r)
	}
	r.list(func() {
		d := &Distinguished{Root: r.hash(), Retained: readRetained(r)}
		if r.check(d.Retained.Size > 0); r.bad {
			return
		}
		d.Position = d.Retained.Size - 1
		d.Entry = d.Retained.Frontier[len(d.Retained.Frontier)-1]
		if n := len(s.distinguished); n > 0 {
			r.check(s.distinguished[n-1].Position < d.Position)
		}
		s.distinguished = append(s.distinguished, d)
	})
	s.contacts = readLabels(r, readContact, func(c *Contact) string { return c.Label })
	s.owned = readLabels(r, readOwned, func(o *Owned) string { return o.Label })
	if second {
		readWitnessed(r, s)
	}
	if r.bad || len(r.b) != 0 {
		return nil, fmt.Errorf("client: %w: it is not well formed", ErrState)
	}
	return s, nil
}

func appendWitnessed(b []byte, s *State) []byte {
	b = appendPresent(b, s.pending != nil)
	if p := s.pending; p != nil {
		b = append(appendU64(b, p.Size), p.Root[:]...)
		b = appendU64(appendBytes(b, p.Signature), p.Since)
		b = appendU64(appendU64(b, p.NewestSize), p.NewestSince)
	}
	b = appendPresent(b, s.covered != nil)
	if c := s.covered; c != nil {
		b = appendU64(append(appendU64(b, c.Size), c.Root[:]...), c.When)
	}
	return b
}

// readWitnessed also checks that there is something in it, and that it is of a
// part of the log that the head covers.
func readWitnessed(r *reader, s *State) {
	within := func(size uint64) bool { return size > 0 && s.head != nil && size <= s.head.Tree.TreeSize }
	if r.present() {
		s.pending = &Pending{Size: r.u64(), Root: r.hash(), Signature: r.bytes(), Since: r.u64(), NewestSize: r.u64(), NewestSince: r.u64()}
		r.check(within(s.pending.Size) && within(s.pending.NewestSize))
		r.check(s.pending.Size <= s.pending.NewestSize && s.pending.Since <= s.pending.NewestSince)
	}
	if r.present() {
		s.covered = &Covered{Size: r.u64(), Root: r.hash(), When: r.u64()}
		r.check(within(s.covered.Size) && (s.pending == nil || s.covered.Size < s.pending.Size))
	}
	r.check(s.pending != nil || s.covered != nil)
}

func appendHead(b []byte, h *Head) []byte {
	b = appendBytes(appendU64(b, h.Tree.TreeSize), h.Tree.Signature)
	b = appendPresent(b, h.Auditor != nil)
	if a := h.Auditor; a != nil {
		b = appendBytes(appendU64(appendU64(b, a.Timestamp), a.TreeSize), a.Signature)
	}
	return appendRetained(append(b, h.Root[:]...), &h.Retained)
}

func readHead(r *reader) *Head {
	h := &Head{Tree: wire.TreeHead{TreeSize: r.u64(), Signature: r.bytes()}}
	if r.present() {
		h.Auditor = &wire.AuditorTreeHead{Timestamp: r.u64(), TreeSize: r.u64(), Signature: r.bytes()}
	}
	h.Root = r.hash()
	h.Retained = readRetained(r)
	r.check(h.Retained.Size == h.Tree.TreeSize && h.Retained.Size > 0)
	return h
}

func appendRetained(b []byte, t *combined.Retained) []byte {
	b = appendU64(b, t.Size)
	b = appendU32(b, uint32(len(t.FullSubtrees)))
	for _, h := range t.FullSubtrees {
		b = append(b, h[:]...)
	}
	b = appendU32(b, uint32(len(t.Frontier)))
	for _, e := range t.Frontier {
		b = append(appendU64(b, e.Timestamp), e.PrefixTree[:]...)
	}
	return b
}

// readRetained also checks that the lists are as long as the size demands.
func readRetained(r *reader) combined.Retained {
	t := combined.Retained{Size: r.u64()}
	r.list(func() { t.FullSubtrees = append(t.FullSubtrees, r.hash()) })
	r.list(func() {
		t.Frontier = append(t.Frontier, wire.LogEntry{Timestamp: r.u64(), PrefixTree: r.hash()})
	})
	if r.bad || t.Size == 0 || t.Size > 1<<62 {
		r.bad = true
		return combined.Retained{}
	}
	r.check(len(t.FullSubtrees) == bits.OnesCount64(t.Size) && len(t.Frontier) == len(treemath.Frontier(t.Size)))
	return t
}

// readLabels reads a list of T in strictly ascending order of their labels.
func readLabels[T any](r *reader, read func(*reader) T, label func(T) string) map[string]T {
	var all map[string]T
	previous := ""
	r.list(func() {
		v := read(r)
		l := label(v)
		if r.check(all == nil || l > previous); r.bad {
			return
		}
		if all == nil {
			all = make(map[string]T)
		}
		all[l], previous = v, l
	})
	return all
}

func appendMonitor(b []byte, entries []wire.MonitorMapEntry) []byte {
	b = appendU32(b, uint32(len(entries)))
	for _, e := range entries {
		b = appendU32(appendU64(b, e.Position), e.Version)
	}
	return b
}

func readMonitor(r *reader) (entries []wire.MonitorMapEntry) {
	r.list(func() {
		e := wire.MonitorMapEntry{Position: r.u64(), Version: r.u32()}
		r.check(len(entries) == 0 || entries[len(entries)-1].Position < e.Position)
		entries = append(entries, e)
	})
	return entries
}

func appendSteps(b []byte, steps []Step) []byte {
	b = appendU32(b, uint32(len(steps)))
	for _, s := range steps {
		b = append(appendU32(b, s.Version), s.Output[:]...)
		b = appendPresent(b, s.Commitment != nil)
		if s.Commitment != nil {
			b = append(b, s.Commitment[:]...)
		}
	}
	return b
}

func readSteps(r *reader) (steps []Step) {
	r.list(func() {
		s := Step{Version: r.u32()}
		copy(s.Output[:], r.fixed(len(s.Output)))
		if r.present() {
			h := r.hash()
			s.Commitment = &h
		}
		r.check(len(steps) == 0 || steps[len(steps)-1].Version < s.Version)
		steps = append(steps, s)
	})
	return steps
}

func appendContact(b []byte, c *Contact) []byte {
	b = appendBytes(b, []byte(c.Label))
	b = appendU32(b, uint32(len(c.Seen)))
	for _, p := range c.Seen {
		b = append(append(appendU32(b, p.Version), p.Opening[:]...), p.Commitment[:]...)
	}
	b = appendSteps(appendMonitor(b, c.Monitor), c.Steps)
	return appendPin(b, &c.Pin)
}

func readContact(r *reader) *Contact {
	c := &Contact{Label: string(r.bytes())}
	r.list(func() {
		p := Proved{Version: r.u32()}
		copy(p.Opening[:], r.fixed(len(p.Opening)))
		p.Commitment = r.hash()
		r.check(len(c.Seen) == 0 || c.Seen[len(c.Seen)-1].Version < p.Version)
		c.Seen = append(c.Seen, p)
	})
	c.Monitor = readMonitor(r)
	c.Steps = readSteps(r)
	c.Pin = readPin(r)
	return c
}

func appendPin(b []byte, p *record.State) []byte {
	b = append(b, byte(p.Standing))
	if p.Standing == record.Unknown {
		return b
	}
	b = append(appendU32(b, p.Version), p.Hash[:]...)
	b = append(append(b, byte(p.Blocked)), p.Account[:]...)
	b = appendPresent(b, p.Recovery != nil)
	if p.Recovery != nil {
		b = append(b, p.Recovery[:]...)
	}
	return b
}

func readPin(r *reader) (p record.State) {
	if p.Standing = record.Standing(r.u8()); p.Standing == record.Unknown {
		return p
	}
	r.check(p.Standing <= record.Vacated)
	p.Version = r.u32()
	p.Hash = record.Hash(r.hash())
	p.Blocked = record.EventKind(r.u8())
	r.check(p.Blocked == 0 || p.Blocked.Blocks())
	p.Account = record.Key(r.hash())
	if r.present() {
		k := record.Key(r.hash())
		p.Recovery = &k
	}
	return p
}

func appendOwned(b []byte, o *Owned) []byte {
	b = appendBytes(b, []byte(o.Label))
	b = appendU64(appendU64(b, o.Start), o.Verified)
	b = appendMonitor(b, o.History)
	b = appendSteps(b, o.Steps)
	b = appendMonitor(b, o.Monitor)
	b = appendPresent(b, o.Intent != nil)
	if o.Intent != nil {
		b = appendOptionalU32(b, o.Intent.Greatest)
		b = appendU32(b, uint32(len(o.Intent.Values)))
		for _, v := range o.Intent.Values {
			b = appendBytes(b, v)
		}
	}
	b = appendU32(b, uint32(len(o.Alerts)))
	for _, v := range o.Alerts {
		b = appendU32(b, v)
	}
	return b
}

func readOwned(r *reader) *Owned {
	o := &Owned{Label: string(r.bytes()), Start: r.u64(), Verified: r.u64()}
	o.History = readMonitor(r)
	for i := range o.History {
		r.check(i == 0 || o.History[i-1].Version < o.History[i].Version)
	}
	o.Steps = readSteps(r)
	o.Monitor = readMonitor(r)
	if r.present() {
		o.Intent = &Intent{Greatest: r.optionalU32()}
		r.list(func() { o.Intent.Values = append(o.Intent.Values, r.bytes()) })
	}
	r.list(func() {
		v := r.u32()
		r.check(len(o.Alerts) == 0 || o.Alerts[len(o.Alerts)-1] < v)
		o.Alerts = append(o.Alerts, v)
	})
	return o
}
