package client

import (
	"fmt"
	"time"

	"github.com/kith-kt/kith/proto/wire"
)

func (l *Lookup) check(name string, ok bool, detail string) {
	l.Checks = append(l.Checks, Check{Name: name, OK: ok, Detail: detail})
}

// proved says in plain words what a verified search rests on.
func (l *Lookup) proved(before, after *State, f *Found, now time.Time) {
	config := &after.log.config
	l.check("signature", true, fmt.Sprintf("the log's pinned key signed its head: %d entries", f.Size))
	age := now.Sub(millis(f.HeadTime)).Round(time.Millisecond)
	l.check("fresh", true, fmt.Sprintf("by your clock the newest entry is %s old; %s behind and %s ahead are allowed", age, duration(config.MaxBehind), duration(config.MaxAhead)))
	switch {
	case before.head == nil:
		l.check("continues", true, "this is your first look at the log; every later one will be held against it")
	case f.Same:
		l.check("continues", true, fmt.Sprintf("it is the head of %d entries that you have seen before", f.Size))
	default:
		l.check("continues", true, fmt.Sprintf("it continues the %d entries you have seen before, none of which changed", before.head.Tree.TreeSize))
	}
	if a := after.head.Auditor; config.Mode == wire.ThirdPartyAuditing && a != nil {
		l.check("auditor", true, fmt.Sprintf("the auditor signed the first %d entries as correctly made", a.TreeSize))
	}
	l.check("index", true, fmt.Sprintf("%d proofs show where in the log this label's versions must stand, and nowhere else", f.Ladder))
	if f.Greatest {
		l.check("newest", true, fmt.Sprintf("version %d is the newest there is", f.Version))
	} else {
		l.check("version", true, fmt.Sprintf("version %d stands where everybody who looks for it finds it", f.Version))
	}
	l.check("value", true, fmt.Sprintf("the value opens the commitment in log entry %d, of %s", f.Terminal, millis(f.TerminalTime).Format(time.RFC3339)))
	if f.Watched {
		l.check("monitoring", true, "it is newer than the owner's last regular look, so it will be watched until the owner had the chance to object")
	} else {
		l.check("monitoring", true, "it stood in the log when its owner was due to look; no watching is needed")
	}
}
