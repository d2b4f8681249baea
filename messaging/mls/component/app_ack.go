package component

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// AppAck says which application messages of the current epoch its sender has
// received ("AppAck"). It travels as the data of an AppEphemeral proposal of the
// component AppAckID, and through the Commit that covers it becomes part of the
// transcript: a Delivery Service that drops messages must drop the Commits too.
type AppAck struct {
	Ranges []MessageRange
}

// MessageRange is the messages of a sender whose generations are in
// [First, Last], both ends included.
type MessageRange struct {
	Sender      uint32 // leaf index
	First, Last uint32 // generations
}

// Marshal writes the AppAck.
func (a AppAck) Marshal(w *syntax.Writer) {
	syntax.WriteList(w, a.Ranges, func(w *syntax.Writer, m MessageRange) {
		w.Uint32(m.Sender)
		w.Uint32(m.First)
		w.Uint32(m.Last)
	})
}

// Unmarshal reads an AppAck, in any order of its ranges. The error is ErrRange if
// a range ends before it starts.
func (a *AppAck) Unmarshal(r *syntax.Reader) {
	a.Ranges = syntax.ReadList(r, func(r *syntax.Reader) MessageRange {
		m := MessageRange{r.Uint32(), r.Uint32(), r.Uint32()}
		if m.Last < m.First {
			r.Fail(fmt.Errorf("app_ack: %w", ErrRange))
		}
		return m
	})
}

// Contains reports whether the message is acknowledged.
func (a AppAck) Contains(sender, generation uint32) bool {
	return slices.ContainsFunc(a.Ranges, func(m MessageRange) bool {
		return m.Sender == sender && m.First <= generation && generation <= m.Last
	})
}

// Received collects the messages of one epoch, as few ranges as there are gaps.
// Its zero value is empty.
type Received struct {
	ranges []MessageRange // sorted by sender, then First; neither overlapping nor adjacent
}

// Add notes a message. It reports whether it is new.
func (c *Received) Add(sender, generation uint32) bool {
	// i is the first range that starts after the message.
	i, _ := slices.BinarySearchFunc(c.ranges, MessageRange{Sender: sender, First: generation}, func(have, want MessageRange) int {
		if o := cmp.Compare(have.Sender, want.Sender); o != 0 {
			return o
		}
		if have.First <= want.First {
			return -1
		}
		return 1
	})
	before, after := false, false // whether the neighbours touch the message
	if i > 0 && c.ranges[i-1].Sender == sender {
		if generation <= c.ranges[i-1].Last {
			return false
		}
		before = generation-1 == c.ranges[i-1].Last
	}
	if i < len(c.ranges) && c.ranges[i].Sender == sender {
		after = c.ranges[i].First-1 == generation
	}
	switch {
	case before && after:
		c.ranges[i-1].Last = c.ranges[i].Last
		c.ranges = slices.Delete(c.ranges, i, i+1)
	case before:
		c.ranges[i-1].Last = generation
	case after:
		c.ranges[i].First = generation
	default:
		c.ranges = slices.Insert(c.ranges, i, MessageRange{sender, generation, generation})
	}
	return true
}

// Ack returns what has been received, sorted by sender and generation.
func (c *Received) Ack() AppAck { return AppAck{slices.Clone(c.ranges)} }

// Missing returns what ack has and c has not: messages that somebody received
// and we did not, sorted by sender and generation. Their number is at most that
// of the ranges of both together.
func (c *Received) Missing(ack AppAck) []MessageRange {
	ranges := slices.Clone(ack.Ranges)
	slices.SortFunc(ranges, func(a, b MessageRange) int {
		return cmp.Or(cmp.Compare(a.Sender, b.Sender), cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
	})
	var out []MessageRange
	i := 0
	// next is the first generation of sender that no earlier range has covered,
	// in 64 bits since it may be one past the last one.
	var sender uint32
	var next uint64
	for _, want := range ranges {
		if want.Sender != sender {
			sender, next = want.Sender, 0
		}
		next = max(next, uint64(want.First))
		for next <= uint64(want.Last) {
			for i < len(c.ranges) && (c.ranges[i].Sender < sender || c.ranges[i].Sender == sender && uint64(c.ranges[i].Last) < next) {
				i++
			}
			end := uint64(want.Last) + 1
			if i < len(c.ranges) && c.ranges[i].Sender == sender && uint64(c.ranges[i].First) < end {
				end = uint64(c.ranges[i].First)
			}
			if end > next {
				out = append(out, MessageRange{sender, uint32(next), uint32(end - 1)})
				next = end
			}
			if i < len(c.ranges) && c.ranges[i].Sender == sender && uint64(c.ranges[i].First) <= next {
				next = max(next, uint64(c.ranges[i].Last)+1)
			}
		}
	}
	return out
}
