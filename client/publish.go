package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// An Ownership is what Own found.
type Ownership struct {
	Label    string
	Start    uint64  // log entry from which on the user answers for the label
	Greatest *uint32 // nil: the label does not exist
	// Since are the versions created after Start and before the ownership; the
	// user should look through them.
	Since []*Updated
}

// Own makes the user the owner of a label from the rightmost distinguished log
// entry on ("Owner Algorithm"), also if it owned it before: monitoring then
// starts again there. It needs no key; publishing does.
func (c *Client) Own(ctx context.Context, label string) (o *Ownership, err error) {
	if label, err = c.canonical(label); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.finish(&err)
	if _, err := c.walk(ctx); err != nil {
		return nil, err
	}
	start, ok := c.state.RightmostDistinguished()
	if !ok {
		return nil, fmt.Errorf("client: %w: the log has no distinguished entry yet; try again later", problem.ErrUnavailable)
	}
	before := c.state.owned[label]
	init, err := ask(ctx, c, label, func(s *State) (wire.Call, Verify[*Initialised], error) { return s.OwnerInit(label, start) })
	if err != nil {
		return nil, err
	}
	alerts := c.state.owned[label].Alerts
	_, since, err := c.catchUp(ctx, label)
	if err != nil {
		// Half an ownership would warn of versions that the user published before.
		if before == nil {
			c.state = c.state.WithoutOwned(label)
		} else {
			c.state = c.state.withOwned(before)
		}
		return nil, err
	}
	owned := *c.state.owned[label]
	owned.Alerts = alerts // those of Since are told now
	c.state = c.state.withOwned(&owned)
	o = &Ownership{Label: label, Start: init.Start, Greatest: owned.greatest(), Since: since}
	return o, nil
}

func (c *Client) walk(ctx context.Context) (*Walked, error) {
	return ask(ctx, c, "", func(s *State) (wire.Call, Verify[*Walked], error) { return s.Walk(nil) })
}

// Walk refreshes the user's view of the recent distinguished log entries.
func (c *Client) Walk(ctx context.Context) (w *Walked, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.finish(&err)
	return c.walk(ctx)
}

// catchUp proves the greatest version of an owned label and takes in every
// version the owner did not know of. It returns the greatest (nil: none), and
// the updates.
func (c *Client) catchUp(ctx context.Context, label string) (*Found, []*Updated, error) {
	var updates []*Updated
	for {
		if err := c.thin(ctx, label); err != nil {
			return nil, updates, err
		}
		found, err := c.search(ctx, label, nil)
		known, exists := c.state.owned[label].Greatest()
		switch {
		case declined(err, problem.ErrNoAnswer) && !exists:
			return nil, updates, nil // nothing was published, says the directory; OwnerMonitor holds it to that
		case declined(err, problem.ErrNoAnswer):
			return nil, updates, c.withheld(label, err, "version %d of your label %s exists, and there is no answer", known.Version, label)
		case err != nil:
			return nil, updates, err
		}
		for !exists || known.Version < found.Version {
			u, err := ask(ctx, c, label, func(s *State) (wire.Call, Verify[*Updated], error) { return s.Update(label, nil) })
			if declined(err, problem.ErrRefused, problem.ErrNoAnswer, problem.ErrConflict) {
				err = c.withheld(label, err, "version %d of your label %s exists, and the directory will not tell how it came about", found.Version, label)
			}
			if err != nil {
				return nil, updates, err
			}
			updates = append(updates, u)
			if err := c.thin(ctx, label); err != nil {
				return nil, updates, err
			}
			known, exists = c.state.owned[label].Greatest()
		}
		if known.Version == found.Version {
			return found, updates, nil
		}
	}
}

// maxWatched is how long a monitoring map may grow before it is worked off. The
// answer for a longer one might not fit: a proof has room for 255 prefix proofs,
// and each entry of the map can take one for each level of the tree.
const maxWatched = 24

// thin monitors an owned label whose map has grown long. Owners who publish many
// versions within a Reasonable Monitoring Window would otherwise come to a map
// that no request has room for.
func (c *Client) thin(ctx context.Context, label string) error {
	if len(c.state.owned[label].Monitor) <= maxWatched {
		return nil
	}
	_, err := ask(ctx, c, label, func(s *State) (wire.Call, Verify[*OwnerWatched], error) { return s.OwnerMonitor(label) })
	return err
}

// A Published is the outcome of Publish.
type Published struct {
	Label string
	// Version and Value are what is the greatest version now.
	Version uint32
	Value   []byte
	// Position is the log entry that created it; 0 if nothing was published.
	Position uint64
	New      bool // this call created it
	// Others are versions met on the way, in order: those of an earlier call
	// whose reply was lost (Own), and those the owner did not publish.
	Others []*Updated
}

// maxAttempts bounds how often Publish signs again.
const maxAttempts = 5

// Publish creates the next version of an owned label. build makes the value that
// follows the last one (nil: there is none), and is asked again when another
// version came first; a nil value means that nothing is to be published after
// all. Its error ends Publish.
//
// The value is saved before it is sent. When the reply is lost, Publish returns
// the error of the service, and the next call finds out whether the value
// arrived: it is then among Others, and the last that build is given.
func (c *Client) Publish(ctx context.Context, label string, build func(last *Found) ([]byte, error)) (p *Published, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.finish(&err)
	if label, err = c.canonical(label); err != nil {
		return nil, err
	}
	if c.state.owned[label] == nil {
		return nil, fmt.Errorf("client: %s: %w", label, ErrNotOwned)
	}
	p = &Published{Label: label}
	for range maxAttempts {
		last, updates, err := c.catchUp(ctx, label)
		p.Others = append(p.Others, updates...)
		if err != nil {
			return p, err
		}
		value, err := build(last)
		if err != nil {
			return p, err
		}
		if value == nil {
			if last != nil {
				p.Version, p.Value = last.Version, last.Value
			}
			c.state = c.state.WithoutIntent(label)
			return p, nil
		}
		u, err := c.send(ctx, label, [][]byte{value})
		switch {
		case errors.Is(err, problem.ErrConflict):
			continue
		case err != nil:
			return p, err
		case u.Own:
			p.Version, p.Value, p.Position, p.New = u.greatest(), value, u.Position, true
			return p, nil
		}
		p.Others = append(p.Others, u)
	}
	return p, fmt.Errorf("client: %s: %w", label, ErrOvertaken)
}

// send saves the intent and makes the request.
func (c *Client) send(ctx context.Context, label string, values [][]byte) (*Updated, error) {
	next, err := c.state.WithIntent(label, values)
	if err != nil {
		return nil, err
	}
	c.state = next
	if err := c.save(); err != nil {
		return nil, err
	}
	u, err := ask(ctx, c, label, func(s *State) (wire.Call, Verify[*Updated], error) { return s.Update(label, values) })
	for _, declined := range []error{problem.ErrMalformed, problem.ErrTooLarge, problem.ErrUnauthorized, problem.ErrForbidden, problem.ErrConflict} {
		if errors.Is(err, declined) {
			c.state = c.state.WithoutIntent(label) // certainly not taken
		}
	}
	return u, err
}
