package component

import (
	"cmp"
	"fmt"
	"maps"
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

// Received collects the messages of one epoch, as few ranges as there are gaps. It
// must not be copied once it is in use. Its zero value is empty.
type Received struct {
	// by sender: sorted, neither overlapping nor adjacent. A sender's next message
	// is nearly always at the end.
	ranges map[uint32][]span
}

// span is generations [first, last], both ends included.
type span struct{ first, last uint32 }

// after returns the position of the first span that starts after a generation.
func after(spans []span, generation uint32) int {
	if n := len(spans); n == 0 || spans[n-1].first <= generation {
		return n
	}
	i, _ := slices.BinarySearchFunc(spans, generation, func(s span, g uint32) int {
		if s.first <= g {
			return -1
		}
		return 1
	})
	return i
}

// Add notes a message. It reports whether it is new.
func (c *Received) Add(sender, generation uint32) bool {
	spans := c.ranges[sender]
	i := after(spans, generation)
	if i > 0 && generation <= spans[i-1].last {
		return false
	}
	before := i > 0 && spans[i-1].last == generation-1
	behind := i < len(spans) && spans[i].first-1 == generation
	switch {
	case before && behind:
		spans[i-1].last = spans[i].last
		spans = slices.Delete(spans, i, i+1)
	case before:
		spans[i-1].last = generation
	case behind:
		spans[i].first = generation
	default:
		spans = slices.Insert(spans, i, span{generation, generation})
	}
	if c.ranges == nil {
		c.ranges = map[uint32][]span{}
	}
	c.ranges[sender] = spans
	return true
}

// Merge notes all messages of ack, whose ranges may be in any order: it is how
// what Ack once returned is restored.
func (c *Received) Merge(ack AppAck) {
	if c.ranges == nil {
		c.ranges = map[uint32][]span{}
	}
	touched := map[uint32]bool{}
	for _, m := range ack.Ranges {
		c.ranges[m.Sender] = append(c.ranges[m.Sender], span{m.First, m.Last})
		touched[m.Sender] = true
	}
	for sender := range touched {
		c.ranges[sender] = joined(c.ranges[sender])
	}
}

// joined sorts spans and makes one of those that touch, in place.
func joined(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && uint64(s.first) <= uint64(out[n-1].last)+1 {
			out[n-1].last = max(out[n-1].last, s.last)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// Ack returns what has been received, sorted by sender and generation.
func (c *Received) Ack() AppAck {
	var ack AppAck
	for _, sender := range slices.Sorted(maps.Keys(c.ranges)) {
		for _, s := range c.ranges[sender] {
			ack.Ranges = append(ack.Ranges, MessageRange{sender, s.first, s.last})
		}
	}
	return ack
}

// Missing returns what ack has and c has not: messages that somebody received
// and we did not, sorted by sender and generation. Their number is at most that
// of the ranges of both together.
func (c *Received) Missing(ack AppAck) []MessageRange {
	var theirs Received
	theirs.Merge(ack)
	var out []MessageRange
	for _, m := range theirs.Ack().Ranges {
		// next is the first generation not looked at yet, in 64 bits since it may be
		// one past the last one there is.
		next, end := uint64(m.First), uint64(m.Last)+1
		ours := c.ranges[m.Sender]
		for i := max(after(ours, m.First)-1, 0); i < len(ours) && uint64(ours[i].first) < end; i++ {
			if first := uint64(ours[i].first); next < first {
				out = append(out, MessageRange{m.Sender, uint32(next), uint32(first - 1)})
			}
			next = max(next, uint64(ours[i].last)+1)
		}
		if next < end {
			out = append(out, MessageRange{m.Sender, uint32(next), uint32(end - 1)})
		}
	}
	return out
}
