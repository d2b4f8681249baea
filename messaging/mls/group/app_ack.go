package group

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/component"
	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/schedule"
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

// AppAck returns a proposal that acknowledges all application messages that we have
// received in the current epoch, for Propose or CommitOptions.ByValue. What was
// received is what was decrypted: it is kept with the keys, and survives with them.
func (s *State) AppAck() (*message.AppEphemeral, error) {
	var ack component.AppAck
	for leaf := range s.current.tree.Members() {
		if leaf == s.current.me {
			continue
		}
		used, err := s.current.keys.Used(leaf, schedule.Application)
		if err != nil {
			return nil, err
		}
		for _, u := range used {
			ack.Ranges = append(ack.Ranges, component.MessageRange{Sender: uint32(leaf), First: u.First, Last: u.Last})
		}
	}
	return &message.AppEphemeral{Component: component.AppAckID, Data: syntax.Marshal(ack)}, nil
}

// AckReport is what an AppAck says that we did not know: what was lost on the way.
// Messages may still be under way in either direction, so that a report is a
// reason to wait, then to ask.
type AckReport struct {
	By message.Sender // whose AppAck it is
	// Unreceived are our own messages that By has not received.
	Unreceived []component.MessageRange
	// Missing are messages of others that By has received, and we have not.
	Missing []component.MessageRange
}

// CheckAppAck compares an AppAck with what we have sent and received in its epoch:
// the current one for a [*Proposed], the one before [Committed].Epoch for what a
// Commit covers. It returns nil for a proposal that is no AppAck. ErrPast: the
// epoch is not kept any more, see Limits.PastEpochs.
func (s *State) CheckAppAck(epoch uint64, p Covered) (*AckReport, error) {
	q, ok := p.Proposal.(*message.AppEphemeral)
	if !ok || q.Component != component.AppAckID {
		return nil, nil
	}
	var ack component.AppAck
	if err := syntax.Unmarshal(q.Data, &ack); err != nil {
		return nil, fmt.Errorf("app_ack: %w", err)
	}
	in := acked{keys: s.current.keys, tree: s.current.tree, me: s.current.me}
	if epoch != s.Epoch() {
		i := slices.IndexFunc(s.past, func(p *pastEpoch) bool { return p.context.Epoch == epoch })
		if i < 0 {
			return nil, fmt.Errorf("app_ack of epoch %d: %w", epoch, ErrPast)
		}
		in = acked{keys: s.past[i].keys, tree: s.past[i].tree, me: s.past[i].me}
	}
	report, err := in.report(ack)
	if err != nil {
		return nil, err
	}
	report.By = p.Sender
	return report, nil
}

// acked is what an AppAck is compared with: one epoch.
type acked struct {
	keys *schedule.SecretTree
	tree *tree.Tree
	me   tree.LeafIndex
}

func (e *acked) report(ack component.AppAck) (*AckReport, error) {
	by := make(map[tree.LeafIndex][]schedule.Span) // what is acknowledged, by sender
	for _, r := range ack.Ranges {
		leaf := tree.LeafIndex(r.Sender)
		by[leaf] = append(by[leaf], schedule.Span{First: r.First, Last: r.Last})
	}
	out := &AckReport{}
	sent, err := e.keys.Used(e.me, schedule.Application)
	if err != nil {
		return nil, err
	}
	out.Unreceived = ranges(nil, e.me, without(sent, by[e.me]))
	for leaf := range e.tree.Members() {
		if leaf == e.me || by[leaf] == nil {
			continue // and what is said about nobody is not worth a word
		}
		received, err := e.keys.Used(leaf, schedule.Application)
		if err != nil {
			return nil, err
		}
		out.Missing = ranges(out.Missing, leaf, without(by[leaf], received))
	}
	return out, nil
}

func ranges(to []component.MessageRange, leaf tree.LeafIndex, spans []schedule.Span) []component.MessageRange {
	for _, s := range spans {
		to = append(to, component.MessageRange{Sender: uint32(leaf), First: s.First, Last: s.Last})
	}
	return to
}

// without returns the generations of a that are not in b, ascending. Both may be in
// any order and overlap: a peer wrote one of them.
func without(a, b []schedule.Span) []schedule.Span {
	byFirst := func(x, y schedule.Span) int { return cmp.Compare(x.First, y.First) }
	a, b = slices.SortedFunc(slices.Values(a), byFirst), slices.SortedFunc(slices.Values(b), byFirst)
	var out []schedule.Span
	next := uint64(0) // generations below were decided
	for _, s := range a {
		for next = max(next, uint64(s.First)); next <= uint64(s.Last); {
			for len(b) > 0 && uint64(b[0].Last) < next {
				b = b[1:]
			}
			end := uint64(s.Last) + 1
			if len(b) > 0 {
				end = min(end, max(uint64(b[0].First), next))
			}
			if end > next {
				out = append(out, schedule.Span{First: uint32(next), Last: uint32(end - 1)})
			}
			next = end
			if len(b) > 0 && uint64(b[0].First) <= next {
				next = max(next, uint64(b[0].Last)+1)
			}
		}
	}
	return out
}
