package main

import (
	"time"

	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/wire"
)

// addWatchers adds how auditor, witnesses and cosigning auditors stand.
func (s *statusReply) addWatchers(op *operator.Operator) {
	if log := op.Configuration(); log.Mode == wire.ThirdPartyAuditing {
		standing, fault := op.AuditorStanding()
		s.Auditor = &auditorReply{
			Size: standing.Size, Age: standing.Age.Milliseconds(), Behind: standing.Behind.Milliseconds(),
			MaxLag: log.MaxAuditorLag, Start: log.AuditorStartPos, LastSize: standing.Last,
		}
		if fault != nil {
			s.Auditor.Fault = oneLine(fault.Error())
		}
	}
	all, summary := op.Cosigners()
	s.Checkpoint, s.Cosigned = summary.Newest, summary.Met
	for _, c := range all {
		r := cosignerReply{Role: c.Role, Name: c.Name, Address: c.Address, Size: c.Size, Failures: c.Failures}
		if !c.Time.IsZero() {
			age := time.Since(c.Time).Milliseconds()
			r.Age = &age
		}
		if c.Err != nil {
			r.Error = oneLine(c.Err.Error())
		}
		s.Cosigners = append(s.Cosigners, r)
	}
}

// showWatchers writes what addWatchers found.
func (s *statusReply) showWatchers(row func(name, format string, args ...any)) {
	ago := func(ms int64) time.Duration { return (time.Duration(ms) * time.Millisecond).Round(time.Second) }
	switch a := s.Auditor; {
	case a == nil:
	case a.Size == 0:
		row("auditor", "%s", a.Fault)
	case a.Fault != "":
		row("auditor", "signed entry %d, %v ago: %s", a.Size-1, ago(a.Age), a.Fault)
	default:
		row("auditor", "signed entry %d, %v ago, %v behind the log, of at most %v", a.Size-1, ago(a.Age), ago(a.Behind), time.Duration(a.MaxLag)*time.Millisecond)
	}
	if s.Checkpoint > 0 {
		row("checkpoint", "of %d entries", s.Checkpoint)
	}
	if len(s.Cosigners) > 0 {
		if s.Cosigned > 0 {
			row("cosigned", "%d entries, by as many as clients demand", s.Cosigned)
		} else {
			row("cosigned", "by too few for those who demand cosignatures, or nobody demands any")
		}
	}
	for _, c := range s.Cosigners {
		switch {
		case c.Address == "":
			row("  "+c.Role, "%s: not asked, it has no address", c.Name)
		case c.Error != "" && c.Age == nil:
			row("  "+c.Role, "%s: nothing yet, %d failures: %s", c.Name, c.Failures, c.Error)
		case c.Error != "":
			row("  "+c.Role, "%s: %d entries, %v ago, then %d failures: %s", c.Name, c.Size, ago(*c.Age), c.Failures, c.Error)
		case c.Age == nil:
			row("  "+c.Role, "%s: nothing yet", c.Name)
		default:
			row("  "+c.Role, "%s: %d entries, %v ago", c.Name, c.Size, ago(*c.Age))
		}
	}
}
