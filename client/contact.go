package client

import (
	"fmt"
	"time"

	"github.com/kith-kt/kith/proto/wire"
)

// A Watched is the proved result of a ContactMonitor.
type Watched struct {
	Label   string
	Entries []wire.MonitorMapEntry // still to be monitored
}

// ContactMonitor asks for proof that versions of a label which were looked up
// are still there ("Contact Monitor"). It is an ErrArgument if the label's
// monitoring map is empty.
func (s *State) ContactMonitor(label string) (wire.Call, Verify[*Watched], error) {
	c := s.contacts[label]
	if c == nil || len(c.Monitor) == 0 {
		return wire.Call{}, nil, argument(fmt.Errorf("nothing of %s needs monitoring", label))
	}
	request := wire.ContactMonitorRequest{Last: s.last(), Label: []byte(label), Entries: c.Monitor}
	body, err := request.Append(nil, s.log.format)
	if err != nil {
		return wire.Call{}, nil, argument(err)
	}
	call := wire.Call{Operation: wire.OpContactMonitor, Body: body}
	// Having seen the greatest monitored version shows the right to monitor.
	greatest := c.Monitor[len(c.Monitor)-1].Version
	for i := range c.Seen {
		if c.Seen[i].Version == greatest {
			call.Opening = &c.Seen[i].Opening
		}
	}
	return call, func(response []byte, now time.Time) (*Watched, *State, error) {
		return s.verifyContact(c, response, now)
	}, nil
}

func (s *State) verifyContact(c *Contact, response []byte, now time.Time) (*Watched, *State, error) {
	resp, err := wire.ParseContactMonitorResponse(response, s.log.format)
	if err != nil {
		return nil, nil, unproved(err)
	}
	known := asKnown(c.Steps)
	a, err := s.open(&resp.FullTreeHead, &resp.Monitor, known)
	if err != nil {
		return nil, nil, err
	}
	rest, err := a.view.Contact(c.Monitor, nil) // step 1
	if err != nil {
		return nil, nil, unproved(err)
	}
	next, err := a.settle(now) // steps 2 and 3
	if err != nil {
		return nil, nil, err
	}
	contact := *c
	contact.Monitor = rest
	contact.prune()
	return &Watched{Label: c.Label, Entries: rest}, next.withContact(&contact), nil
}
