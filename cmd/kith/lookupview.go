package main

import (
	"encoding/base64"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/record"
)

// A lookupView is a lookup in JSON.
type lookupView struct {
	Label         string             `json:"label"`
	Version       *uint32            `json:"version,omitempty"`
	Newest        bool               `json:"newest"`
	Standing      string             `json:"standing,omitempty"`
	Safety        string             `json:"safety_number,omitempty"`
	Compared      bool               `json:"compared_before"`
	ComparedHolds bool               `json:"compared_still_holds"`
	Record        *record.View       `json:"record,omitempty"`
	Value         string             `json:"value,omitempty"` // base64
	Events        []record.EventView `json:"events,omitempty"`
	Matches       *bool              `json:"matches_own,omitempty"`
	Size          uint64             `json:"log_size,omitempty"`
	Head          string             `json:"log_head_time,omitempty"`
	Entry         uint64             `json:"log_entry"`
	Published     string             `json:"log_entry_time,omitempty"`
	Checks        []client.Check     `json:"checks"`
	Warnings      []string           `json:"warnings,omitempty"`
	Fault         *faultView         `json:"fault,omitempty"`
}

func viewLookup(l *client.Lookup) *lookupView {
	v := &lookupView{Label: l.Label, Matches: l.Match, Checks: l.Checks, Warnings: l.Warnings}
	if f := l.Found; f != nil {
		version := l.Version
		v.Version, v.Newest, v.Standing = &version, f.Greatest, standing(l.Standing)
		v.Size, v.Head = f.Size, moment(f.HeadTime).Format(time.RFC3339Nano)
		v.Entry, v.Published = f.Terminal, moment(f.TerminalTime).Format(time.RFC3339Nano)
	}
	if l.Value != nil {
		v.Value = base64.StdEncoding.EncodeToString(l.Value)
	}
	if l.Record != nil {
		r := l.Record.View(l.Value)
		v.Record = &r
		if id, err := l.Record.Identity(); err == nil {
			v.Safety = string(record.Safety(id))
		}
	}
	for _, e := range l.Events {
		v.Events = append(v.Events, e.View())
	}
	return v
}

// standing says who holds a label.
func standing(s record.Standing) string {
	switch s {
	case record.Asserted:
		return "asserted by the provider"
	case record.Held:
		return "held by an account key"
	case record.Vacated:
		return "given up"
	}
	return ""
}
