package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
)

// maxCosignatureAhead is by how much a cosignature may be ahead of the user's clock.
const maxCosignatureAhead = time.Minute

// A report takes note of one thing that was checked.
type report func(name string, ok bool, detail string)

// bind holds the newest head against the policy on cosignatures. It asks how the
// head is tied to a checkpoint that enough witnesses saw, and keeps in the state
// what is covered and what waits to be. It returns nil, an ErrPolicy that says who
// is missing or what is late, or a *Misbehaviour: the checkpoint contradicts the
// head. The caller holds c.mu.
func (c *Client) bind(ctx context.Context, check report) error {
	p := &c.config.Policy
	if p.Witnesses.Threshold <= 0 && p.Auditors.Threshold <= 0 {
		return nil
	}
	now, size := c.config.Now(), c.state.head.Tree.TreeSize
	bound, have, err := c.boundTo(ctx, now)
	if err == nil {
		c.state = c.state.witnessed(min(bound.Size, size), bound.Leaf.Root, now)
		c.reportBound(bound, have, now, check)
	} else if _, found := errors.AsType[*Misbehaviour](err); found {
		check("witnesses", false, err.Error())
		return err
	} else {
		c.state = c.state.waiting(now)
		check("witnesses", false, err.Error())
	}
	if late := c.overdue(ctx, now); late != nil {
		check("covered", false, late.Error())
		if err == nil {
			err = late
		} else if _, found := errors.AsType[*Misbehaviour](late); found {
			err = late
		}
	}
	if _, found := errors.AsType[*Misbehaviour](err); err == nil || found {
		return err
	}
	return fmt.Errorf("%w: %w", ErrPolicy, err)
}

// boundTo returns a checkpoint with enough recent cosignatures to which the newest
// head is bound, and which is not too far behind it; and the cosignatures.
func (c *Client) boundTo(ctx context.Context, now time.Time) (*checkpoint.Bound, []cosigned, error) {
	head := c.state.head
	// What covered this head before still does, while the cosignatures are recent.
	if b := c.bound; b != nil && b.Leaf.Position == head.Tree.TreeSize-1 && b.Leaf.Root == head.Root {
		if have, err := c.enough(b, now); err == nil {
			return b, have, nil
		}
	}
	b, err := c.binding(ctx, head.signed())
	if err != nil {
		return nil, nil, err
	}
	lag := c.config.Policy.lag()
	since := c.oldest(now)
	have, err := c.enough(b, now)
	if newest := head.Time(); err == nil && !b.Covers && newest > b.Timestamp && duration(newest-b.Timestamp) > lag {
		since = uint64(max(0, now.Add(-lag).Unix()))
		err = fmt.Errorf("the newest entry that enough witnesses saw is %s older than that of the head; your policy allows %s", round(duration(newest-b.Timestamp)), lag)
	}
	if err != nil {
		if absent := c.absent(ctx, b.Signed, since, now); absent != "" {
			err = fmt.Errorf("%w (%s)", err, absent)
		}
		return nil, nil, err
	}
	c.bound = b
	return b, have, nil
}

// binding asks for the binding of a head that was verified, and verifies it. Its
// cosignatures are not.
func (c *Client) binding(ctx context.Context, head evidence.SignedHead) (*checkpoint.Bound, error) {
	if c.config.Binder == nil || c.config.AuditLog == nil {
		return nil, errors.New("your policy demands cosignatures, and there is nobody to ask for them")
	}
	encoded, err := c.config.Binder.Binding(ctx, head.Size)
	if err != nil {
		return nil, fmt.Errorf("no checkpoint is shown to which the head is bound: %w", err)
	}
	binding, err := checkpoint.ParseBinding(encoded)
	if err != nil {
		return nil, err
	}
	config := checkpoint.DigestOf(c.state.log.encoded)
	b, err := binding.Verify(c.config.AuditLog, config, head.Size, head.Root)
	// The newest entry under the checkpoint may be older than the Configuration.
	if other, ok := errors.AsType[*checkpoint.ConfigurationError](err); ok && slices.Contains(c.config.Former, other.Have) {
		b, err = binding.Verify(c.config.AuditLog, other.Have, head.Size, head.Root)
	}
	if contradiction, ok := errors.AsType[*checkpoint.ContradictionError](err); ok {
		return nil, c.contradicted(contradiction, head)
	}
	return b, err
}

// contradicted is the finding that the log signed a head, and its audit log a
// checkpoint over something else.
func (c *Client) contradicted(err *checkpoint.ContradictionError, head evidence.SignedHead) error {
	leaf := evidence.Included{Leaf: err.Binding.Leaf.Append(nil), Proof: err.Binding.Proof}
	return &Misbehaviour{Kind: Forked, Err: err,
		Detail: fmt.Sprintf("it signed one log of %d entries for you, and shows its witnesses another", head.Size),
		File:   evidenceFile(evidence.NewHeadAndLeaf(c.config.Provider, head, err.Binding.Checkpoint, leaf)),
	}
}

// evidenceFile is the encoding of evidence, or nil: there is none without a
// provider document.
func evidenceFile(e *evidence.Evidence, err error) []byte {
	if err != nil {
		return nil
	}
	file, _ := e.Append(nil)
	return file
}

func (h *Head) signed() evidence.SignedHead {
	return evidence.SignedHead{Size: h.Tree.TreeSize, Root: h.Root, Signature: h.Tree.Signature}
}

// A cosigned is one of the policy's quorums that is met, with the word for its
// members and those who met it.
type cosigned struct {
	what   string
	quorum *checkpoint.Quorum
	have   []checkpoint.Cosignature
}

// enough checks that a checkpoint has the cosignatures that the policy demands.
func (c *Client) enough(b *checkpoint.Bound, now time.Time) (met []cosigned, err error) {
	var lacking []string
	for _, q := range c.quorums() {
		q.have, err = q.quorum.Check(b.Signed, c.oldest(now), c.newest(now))
		if short, ok := errors.AsType[*checkpoint.QuorumError](err); ok {
			lacking = append(lacking, lacks(q.what, short))
		} else if err != nil {
			return nil, err
		}
		met = append(met, q)
	}
	if lacking != nil {
		return nil, errors.New(strings.Join(lacking, "; and "))
	}
	return met, nil
}

// quorums are those that the policy demands.
func (c *Client) quorums() (all []cosigned) {
	p := &c.config.Policy
	for _, q := range []cosigned{{what: "witnesses", quorum: &p.Witnesses}, {what: "auditors", quorum: &p.Auditors}} {
		if q.quorum.Threshold > 0 {
			all = append(all, q)
		}
	}
	return all
}

func (c *Client) oldest(now time.Time) uint64 {
	age := c.config.Policy.MaxCosignatureAge
	if age <= 0 {
		age = DefaultMaxCosignatureAge
	}
	return uint64(max(0, now.Add(-age).Unix()))
}

func (c *Client) newest(now time.Time) uint64 {
	return uint64(max(0, now.Add(maxCosignatureAhead).Unix()))
}

func (p *Policy) lag() time.Duration {
	if p.MaxWitnessLag <= 0 {
		return DefaultMaxWitnessLag
	}
	return p.MaxWitnessLag
}

// overdue judges a head that has waited too long to be covered. Asked for that
// head itself, the directory may show a checkpoint that covers it, or one that
// contradicts it.
func (c *Client) overdue(ctx context.Context, now time.Time) error {
	p := c.state.pending
	if p == nil || clock(now) < p.Since || duration(clock(now)-p.Since) <= c.config.Policy.lag() {
		return nil
	}
	b, err := c.binding(ctx, evidence.SignedHead{Size: p.Size, Root: p.Root, Signature: p.Signature})
	if _, found := errors.AsType[*Misbehaviour](err); found {
		return err
	}
	if err == nil && b.Covers {
		if _, err := c.enough(b, now); err == nil {
			c.state = c.state.witnessed(p.Size, b.Leaf.Root, now)
			return nil
		}
	}
	return fmt.Errorf("a head of %d entries that you saw %s ago is still under no checkpoint that enough witnesses saw",
		p.Size, round(duration(clock(now)-p.Since)))
}
