package component_test

import (
	"math"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"pgregory.net/rapid"
)

type message struct{ sender, generation uint32 }

// TestReceivedIsASet compares Received and AppAck with a set of messages, at the
// edges of the generations too.
func TestReceivedIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SampledFrom([]uint32{0, 1000, math.MaxUint32 - 11}).Draw(t, "base")
		draw := func() message {
			return message{rapid.Uint32Range(0, 2).Draw(t, "sender"), base + rapid.Uint32Range(0, 11).Draw(t, "generation")}
		}
		ours, theirs := map[message]bool{}, map[message]bool{}
		var us, them component.Received
		for range rapid.IntRange(0, 40).Draw(t, "messages") {
			m := draw()
			if us.Add(m.sender, m.generation) == ours[m] {
				t.Fatalf("%v: had %v", m, ours[m])
			}
			ours[m] = true
			m = draw()
			them.Add(m.sender, m.generation)
			theirs[m] = true
		}
		ack := us.Ack()
		var back component.AppAck
		if err := syntax.Unmarshal(syntax.Marshal(ack), &back); err != nil || !slices.Equal(back.Ranges, ack.Ranges) {
			t.Fatalf("%v, %v", back, err)
		}
		var restored component.Received
		shuffled := component.AppAck{Ranges: rapid.Permutation(ack.Ranges).Draw(t, "order")}
		restored.Merge(shuffled)
		if !slices.Equal(restored.Ack().Ranges, ack.Ranges) {
			t.Fatalf("restored %v, had %v", restored.Ack().Ranges, ack.Ranges)
		}
		for i, r := range ack.Ranges {
			if i > 0 && ack.Ranges[i-1].Sender == r.Sender && ack.Ranges[i-1].Last+1 >= r.First {
				t.Fatalf("ranges that touch: %v", ack.Ranges)
			}
		}
		foreign := them.Ack()
		// A peer may send its ranges in any order, overlapping and twice.
		if len(foreign.Ranges) > 0 && rapid.Bool().Draw(t, "disorder") {
			foreign.Ranges = append(foreign.Ranges, foreign.Ranges[0])
			slices.Reverse(foreign.Ranges)
		}
		missing := component.AppAck{Ranges: us.Missing(foreign)}
		var both component.Received
		both.Merge(ack)
		both.Merge(foreign)
		union := both.Ack()
		for s := range uint32(3) {
			for g := range uint32(12) {
				m := message{s, base + g}
				if ack.Contains(m.sender, m.generation) != ours[m] {
					t.Fatalf("%v: received %v", m, ours[m])
				}
				if union.Contains(m.sender, m.generation) != (ours[m] || theirs[m]) {
					t.Fatalf("%v: merged %v", m, union.Ranges)
				}
				if want := theirs[m] && !ours[m]; missing.Contains(m.sender, m.generation) != want {
					t.Fatalf("%v: missing is %v, want %v", m, missing.Ranges, want)
				}
			}
		}
		for i, r := range missing.Ranges {
			if r.Last < r.First || i > 0 && missing.Ranges[i-1].Sender == r.Sender && missing.Ranges[i-1].Last >= r.First {
				t.Fatalf("missing %v", missing.Ranges)
			}
		}
	})
}

// TestAppAckRangesAreNotEmpty: a range that ends before it starts is refused.
func TestAppAckRangesAreNotEmpty(t *testing.T) {
	var a component.AppAck
	bad := component.AppAck{Ranges: []component.MessageRange{{Sender: 1, First: 3, Last: 2}}}
	isErr(t, "range", syntax.Unmarshal(syntax.Marshal(bad), &a), component.ErrRange)
	bad.Ranges[0].First = 2
	isErr(t, "one message", syntax.Unmarshal(syntax.Marshal(bad), &a), nil)
	isErr(t, "half a range", syntax.Unmarshal([]byte{4, 0, 0, 0, 1}, &a), syntax.ErrTruncated)
}

// TestMissingIsBounded: the widest claim costs one range, not one for each message.
func TestMissingIsBounded(t *testing.T) {
	var c component.Received
	c.Add(1, 5)
	got := c.Missing(component.AppAck{Ranges: []component.MessageRange{{Sender: 1, First: 0, Last: math.MaxUint32}, {Sender: 2, First: 0, Last: math.MaxUint32}}})
	want := []component.MessageRange{{Sender: 1, First: 0, Last: 4}, {Sender: 1, First: 6, Last: math.MaxUint32}, {Sender: 2, First: 0, Last: math.MaxUint32}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
