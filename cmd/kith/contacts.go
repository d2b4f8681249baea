package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/label"
)

func (p *program) newContacts() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "contacts",
		Short: "List whom you looked up, and accept what happened to them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.offline(cmd.Context(), (*session).contacts)
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "ack LABEL",
		Short: "Accept a contact that was reset, or is a different person now",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.onContact(cmd.Context(), args[0], (*session).acknowledge)
		},
	}, &cobra.Command{
		Use:   "forget LABEL",
		Short: "Forget a contact: the next look is a first contact",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.onContact(cmd.Context(), args[0], (*session).forget)
		},
	})
	return cmd
}

// offline opens the keyring of the provider that is meant and asks nobody.
func (p *program) offline(ctx context.Context, work func(*session) error) error {
	s, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	return work(s)
}

// onContact does offline work on a contact.
func (p *program) onContact(ctx context.Context, typed string, work func(*session, string) error) error {
	name, err := p.canonical(typed)
	if err != nil {
		return err
	}
	return p.offline(ctx, func(s *session) error {
		if s.client.State().Contact(name) == nil {
			return failed("run: kith contacts", "%s is not a contact: you never looked it up", label.Display(name))
		}
		return work(s, name)
	})
}

// A contactView is a contact in JSON.
type contactView struct {
	Label    string  `json:"label"`
	Greatest *uint32 `json:"version,omitempty"`
	Standing string  `json:"standing,omitempty"`
	Blocked  string  `json:"blocked,omitempty"` // the event to be acknowledged
	Watched  int     `json:"still_watched"`
	Compared bool    `json:"compared"`
}

func (s *session) contactViews() ([]contactView, error) {
	noted, err := s.ring.Contacts()
	if err != nil {
		return nil, err
	}
	state := s.client.State()
	views := []contactView{}
	for _, name := range state.Contacts() {
		if state.Owned(name) != nil {
			continue // watched with more care
		}
		c := state.Contact(name)
		v := contactView{Label: name, Standing: standing(c.Pin.Standing), Watched: len(c.Monitor)}
		if greatest, ok := c.Greatest(); ok {
			v.Greatest = &greatest
		}
		if c.Pin.Blocked != 0 {
			v.Blocked = c.Pin.Blocked.String()
		}
		v.Compared = slices.ContainsFunc(noted, func(n keyring.Contact) bool { return n.Label == name && n.Compared != "" })
		views = append(views, v)
	}
	return views, nil
}

func (s *session) contacts() error {
	views, err := s.contactViews()
	if err != nil {
		return err
	}
	for _, v := range views {
		text := label.Display(v.Label) + ": "
		if v.Standing == "" {
			text += "seen"
		} else {
			text += v.Standing
		}
		if v.Compared {
			text += ", compared in person"
		}
		if v.Watched > 0 {
			text += ", watched"
		}
		if v.Blocked != "" {
			text += ", BLOCKED until you accept it (" + v.Blocked + "): kith contacts ack " + v.Label
		}
		s.p.print("%s", text)
	}
	if len(views) == 0 {
		s.p.say("you have looked nobody up yet")
	}
	return s.p.emit(views)
}

func (s *session) acknowledge(name string) error {
	blocked := s.client.State().Contact(name).Pin.Blocked
	if err := s.client.Acknowledge(name); err != nil {
		return err
	}
	if blocked == 0 {
		s.p.print("%s: there was nothing to accept", label.Display(name))
	} else {
		s.p.print("%s: accepted; its keys are given out again", label.Display(name))
	}
	return s.p.emit(map[string]any{"label": name, "accepted": blocked.String()})
}

func (s *session) forget(name string) error {
	err := s.client.Edit(func(state *client.State) (*client.State, error) { return state.WithoutContact(name), nil })
	if err != nil {
		return err
	}
	if err := s.ring.RemoveContact(name); err != nil {
		return err
	}
	s.p.print("%s: forgotten", label.Display(name))
	return s.p.emit(map[string]any{"label": name, "forgotten": true})
}
