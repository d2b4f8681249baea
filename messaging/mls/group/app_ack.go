package group

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// AppAck (draft-ietf-mls-extensions, "AppAck"): members tell each other, as part
// of the transcript, which application messages of the epoch have reached them.
// Gaps between generations show what was dropped in the middle; an AppAck shows
// what was dropped at the end.

// ackComponent is app_ack in an AppEphemeral. It has no data in the GroupContext.
type ackComponent struct{}

func (ackComponent) Update(*View, []byte, bool, []AppData) ([]byte, error) {
	return nil, fmt.Errorf("%w: app_ack is no data of the group", ErrProposal)
}

func (ackComponent) Remove(*View, message.Sender) error {
	return fmt.Errorf("%w: app_ack is no data of the group", ErrProposal)
}

func (ackComponent) Ephemeral(_ *View, data AppData) error {
	return syntax.Unmarshal(data.Data, new(component.AppAck))
}

// ackLog is which application messages of one epoch were received, and how many
// of our own were sent.
type ackLog struct {
	epoch    uint64
	sent     uint32 // generations [0, sent) of our own ratchet
	received component.Received
}

// AckReport is what an AppAck says that we did not know: what was lost on the way.
// Messages may still be under way in either direction, so that a report is a
// reason to wait, then to ask.
type AckReport struct {
	// Unreceived are our own messages that the sender of the AppAck has not
	// received.
	Unreceived []component.MessageRange
	// Missing are messages of others that it has received, and we have not.
	Missing []component.MessageRange
}

// report compares an AppAck of another member with the log. me is our leaf.
func (l *ackLog) report(me tree.LeafIndex, ack component.AppAck) AckReport {
	var mine, others []component.MessageRange
	for _, r := range ack.Ranges {
		if r.Sender == uint32(me) {
			mine = append(mine, r)
		} else {
			others = append(others, r)
		}
	}
	return AckReport{
		Unreceived: l.unreceived(me, mine),
		Missing:    l.received.Missing(component.AppAck{Ranges: others}),
	}
}

// unreceived returns [0, sent) without the ranges, which are of our own messages.
func (l *ackLog) unreceived(me tree.LeafIndex, ranges []component.MessageRange) []component.MessageRange {
	slices.SortFunc(ranges, func(a, b component.MessageRange) int { return cmp.Compare(a.First, b.First) })
	var out []component.MessageRange
	next, end := uint64(0), uint64(l.sent)
	gap := func(to uint64) {
		if to = min(to, end); next < to {
			out = append(out, component.MessageRange{Sender: uint32(me), First: uint32(next), Last: uint32(to - 1)})
		}
	}
	for _, r := range ranges {
		gap(uint64(r.First))
		next = max(next, uint64(r.Last)+1)
	}
	gap(end)
	return out
}
