package client

import (
	"fmt"
	"strings"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// lacks says in plain words what is missing.
func lacks(what string, e *checkpoint.QuorumError) string {
	if len(e.Short) == 0 {
		return fmt.Sprintf("your policy demands %d %s, and knows %d", e.Threshold, what, len(e.Have))
	}
	return fmt.Sprintf("%d of the %d %s needed cosigned", len(e.Have), e.Threshold, what)
}

// words says why one witness does not count.
func words(s checkpoint.Shortfall, now time.Time) string {
	at := time.Unix(int64(s.Time), 0)
	switch {
	case s.Why == checkpoint.TooOld && s.Time > 0:
		return fmt.Sprintf("%s: last cosignature %s old", s.Name, round(now.Sub(at)))
	case s.Why == checkpoint.InFuture:
		return fmt.Sprintf("%s: cosignature from %s in the future", s.Name, round(at.Sub(now)))
	}
	return s.Name + ": " + s.Why.String()
}

// round is a duration to the second, or exactly below two seconds, in few words.
func round(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return d.Round(time.Millisecond).String()
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

// reportBound says in plain words what a binding rests on.
func (c *Client) reportBound(b *checkpoint.Bound, have []cosigned, now time.Time, check report) {
	for _, q := range have {
		var names []string
		for _, h := range q.have {
			names = append(names, fmt.Sprintf("%s (%s ago)", h.Name, round(max(0, now.Sub(time.Unix(int64(h.Time), 0)).Truncate(time.Second)))))
		}
		check(q.what, true, fmt.Sprintf("%s cosigned a checkpoint of %d entries; your policy demands %d of %d",
			strings.Join(names, ", "), b.Size, q.quorum.Threshold, len(q.quorum.Of)))
	}
	if b.Covers {
		check("covered", true, "the head is under that checkpoint")
		return
	}
	check("covered", true, fmt.Sprintf("the last %d entries of the head, %s newer, are not witnessed yet; the next lookup will look again",
		c.state.head.Tree.TreeSize-b.Size, round(duration(c.state.head.Time()-min(b.Timestamp, c.state.head.Time())))))
}
