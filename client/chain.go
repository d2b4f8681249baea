package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
)

// What one lookup follows: so many records, in responses of so many bytes, which
// are all kept until it is through. A longer stretch is a gap in the chain, and so
// a reset.
const (
	maxLinks     = 1000
	maxLinkBytes = 64 << 20
)

// ErrRecord is a proved value that is not an account record.
var ErrRecord = errors.New("the value is not an account record for this label")

func (c *Client) place(name string, version uint32) record.Place {
	return record.Place{Domain: c.config.Domain, Label: name, Version: version}
}

// lone reads the record of a single version, of which the chain says nothing.
func (c *Client) lone(l *Lookup, found *Found) error {
	_, event, err := record.Next(record.State{}, c.place(l.Label, found.Version), found.Value)
	if err != nil {
		return fmt.Errorf("client: %w: version %d of %s: %w", ErrRecord, found.Version, l.Label, err)
	}
	l.Record, l.Standing = event.Record, event.After
	l.check("record", true, "it is a single record; whether it continues the ones you know was not asked")
	return nil
}

// follow goes from the pinned record through every later one to the greatest,
// which is proved already, and pins where it arrives.
func (c *Client) follow(ctx context.Context, l *Lookup, found *Found) error {
	pin := c.state.contacts[l.Label].Pin
	if pin.Standing != record.Unknown && pin.Version >= found.Version {
		return c.pinned(l, pin, found)
	}
	first := found.Version // on first contact, the greatest alone
	if pin.Standing != record.Unknown && found.Version-pin.Version <= maxLinks {
		first = pin.Version + 1
	}
	for v, read := first, 0; v < found.Version && read < maxLinkBytes; v++ {
		link, err := c.search(ctx, l.Label, &v)
		if declined(err, problem.ErrNoAnswer) {
			continue // erased; the gap shows in the next link
		}
		if err != nil {
			return err
		}
		read += len(link.Value)
		next, event, err := record.Next(pin, c.place(l.Label, v), link.Value)
		if err != nil {
			continue // no record, so nothing that could link
		}
		pin = next
		l.event(event)
	}
	next, event, err := record.Next(pin, c.place(l.Label, found.Version), found.Value)
	if err != nil {
		return fmt.Errorf("client: %w: version %d of %s: %w", ErrRecord, found.Version, l.Label, err)
	}
	l.event(event)
	l.Record, l.Standing = event.Record, next.Standing
	contact := *c.state.contacts[l.Label]
	contact.Pin = next
	c.state = c.state.withContact(&contact)
	return nil
}

// pinned reads the record that is pinned already.
func (c *Client) pinned(l *Lookup, pin record.State, found *Found) error {
	if pin.Version > found.Version || pin.Hash != record.HashOf(found.Value) {
		return misbehaved(Rewritten, nil, "version %d of %s is not the record that was pinned as version %d", found.Version, l.Label, pin.Version)
	}
	r, err := record.Parse(found.Value)
	if err != nil {
		return fmt.Errorf("client: %w: version %d of %s: %w", ErrRecord, found.Version, l.Label, err)
	}
	l.Record, l.Standing = r, pin.Standing
	l.check("record", true, "it is the record you have seen before")
	return nil
}

func (l *Lookup) event(e *record.Event) {
	l.Events = append(l.Events, e)
	l.check("record", !e.Kind.Blocks(), e.Text())
	if e.Kind.Blocks() {
		l.Warnings = append(l.Warnings, e.Text())
	}
}

// Acknowledge accepts what broke a contact's record chain: from now on its keys
// pass the gate again.
func (c *Client) Acknowledge(name string) error {
	name, err := c.canonical(name)
	if err != nil {
		return err
	}
	return c.Edit(func(s *State) (*State, error) {
		contact := s.contacts[name]
		if contact == nil {
			return nil, argument(fmt.Errorf("%s is not a contact", name))
		}
		if contact.Pin.Blocked == 0 {
			return s, nil
		}
		next := *contact
		next.Pin = next.Pin.Acknowledge()
		return s.withContact(&next), nil
	})
}

// A Link is one version of a label as History found it.
type Link struct {
	Version uint32
	Found   *Found        // nil: there is no provable answer, so it was erased or never was
	Event   *record.Event // nil in opaque-value mode, and if the value is no record
	Err     error         // why the value is no record
}

// History proves every version of a label from the given one to the greatest,
// and reads them as a chain from there on. It pins nothing. A history too large to
// be held is cut off with an ErrArgument that says where to go on.
func (c *Client) History(ctx context.Context, name string, from uint32) (links []Link, err error) {
	if name, err = c.canonical(name); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		if !c.finish(&err) {
			links = nil
		}
	}()
	greatest, err := c.search(ctx, name, nil)
	if err != nil {
		return nil, err
	}
	if greatest.Version > maxLinks && from < greatest.Version-maxLinks {
		from = greatest.Version - maxLinks
	}
	var pin record.State
	for n, read := uint64(from), 0; n <= uint64(greatest.Version); n++ {
		v := uint32(n)
		if read > maxLinkBytes {
			return links, argument(fmt.Errorf("the history of %s is too large to be read at once; go on from version %d", name, v))
		}
		link := Link{Version: v, Found: greatest}
		if v < greatest.Version {
			link.Found, err = c.search(ctx, name, &v)
			if err != nil && !declined(err, problem.ErrNoAnswer) {
				return links, err
			}
		}
		if link.Found != nil {
			read += len(link.Found.Value)
		}
		if link.Found != nil && !c.config.Policy.Opaque {
			var next record.State
			if next, link.Event, link.Err = record.Next(pin, c.place(name, v), link.Found.Value); link.Err == nil {
				pin = next
			}
		}
		links = append(links, link)
	}
	return links, nil
}
