package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

func (p *program) newHistory() *cobra.Command {
	var from uint32
	cmd := &cobra.Command{
		Use:   "history LABEL",
		Short: "Show every version of a label, and who signed it",
		Long: `History proves every version of a label and shows who signed it.

The times say by when a version stood in the log. A search proves that for one of
the log entries that have the version, and as the log grows it is another one: the
version may be older than its time, never younger, and the time may differ from
one call to the next.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.online(cmd.Context(), func(s *session) error { return s.history(cmd.Context(), args[0], from) })
		},
	}
	cmd.Flags().Uint32Var(&from, "from", 0, "begin at version `N`")
	return cmd
}

// A linkView is one version of a label in JSON.
type linkView struct {
	Version   uint32            `json:"version"`
	Provable  bool              `json:"provable"`
	Published string            `json:"log_entry_time,omitempty"`
	Entry     uint64            `json:"log_entry,omitempty"`
	Event     *record.EventView `json:"event,omitempty"`
	Record    *record.View      `json:"record,omitempty"`
	Yours     bool              `json:"yours"`
	Problem   string            `json:"problem,omitempty"`
}

func (s *session) history(ctx context.Context, typed string, from uint32) error {
	name, err := s.p.canonical(typed)
	if err != nil {
		return err
	}
	links, err := s.client.History(ctx, name, from)
	if err != nil {
		return s.elsewhere(err, name)
	}
	if len(links) == 0 {
		return failed("begin earlier with --from", "%s has no version %d yet", label.Display(name), from)
	}
	var mine *record.Key
	if a, err := s.ring.Account(name); err == nil {
		key := record.KeyOf(a.Key())
		mine = &key
	}
	views := make([]linkView, len(links))
	for i, l := range links {
		views[i] = viewLink(l, mine)
		s.p.print("%s", strings.TrimRight(describeLink(l, views[i].Yours), " "))
	}
	if links[0].Version > from {
		s.p.say("only the last %s are shown", count(len(links), "version"))
	}
	return s.p.emit(struct {
		Label    string     `json:"label"`
		Versions []linkView `json:"versions"`
	}{name, views})
}

func viewLink(l client.Link, mine *record.Key) linkView {
	v := linkView{Version: l.Version, Provable: l.Found != nil}
	if l.Found != nil {
		v.Entry, v.Published = l.Found.Terminal, moment(l.Found.TerminalTime).Format(time.RFC3339Nano)
	}
	if l.Err != nil {
		v.Problem = plain(l.Err)
	}
	if l.Event != nil {
		event, r := l.Event.View(), l.Event.Record.View(l.Found.Value)
		v.Event, v.Record = &event, &r
		v.Yours = mine != nil && l.Event.Record.Account != nil && *l.Event.Record.Account == *mine
	}
	return v
}

// describeLink is one version in one line.
func describeLink(l client.Link, yours bool) string {
	var b strings.Builder
	write := func(parts ...string) { b.WriteString(strings.Join(parts, "")) }
	fmt.Fprintf(&b, "version %-3d  ", l.Version)
	switch {
	case l.Found == nil:
		write("no provable answer: erased, or not yours to see")
		return b.String()
	case l.Event == nil && l.Err == nil:
		write("by ", clock(moment(l.Found.TerminalTime)), "  ", count(len(l.Found.Value), "byte"))
		return b.String()
	case l.Event == nil:
		write("by ", clock(moment(l.Found.TerminalTime)), "  not an account record: ", plain(l.Err))
		return b.String()
	}
	write("by ", clock(moment(l.Found.TerminalTime)), "  ", word(l.Event), ": ", names(l.Event.Record.Keys))
	if yours {
		write(" (yours)")
	}
	return b.String()
}

// word is an event in a few words.
func word(e *record.Event) string {
	switch e.Kind {
	case record.FirstContact:
		return map[record.Standing]string{
			record.Asserted: "imported by the provider", record.Held: "claimed", record.Vacated: "given up",
		}[e.After]
	case record.Update:
		return "changed by its holder"
	case record.KeyChange:
		return "new account key, signed by the one before"
	case record.Claim:
		return "claimed"
	case record.Reassertion:
		return "imported again by the provider"
	case record.Closing:
		return "given up by its holder"
	case record.NewPerson:
		return "taken by a different person"
	case record.StartedOver:
		if e.Reason == record.ReasonGap {
			return "not traceable, the version before is missing"
		}
		return "RESET (" + e.Reason.String() + ")"
	}
	return e.Kind.String()
}
