package client

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// A Newest returns the newest signed checkpoint of the audit log, with the
// cosignatures that it has so far. A Binder that is one too lets a refusal name who
// is missing now, and not only on the older checkpoint that has enough of them. Its
// answer is not verified, and bounded by the implementation.
type Newest interface {
	Checkpoint(ctx context.Context) ([]byte, error)
}

// absent says in plain words which witnesses and auditors cosigned neither the
// checkpoint shown nor the newest one since a time, or "".
func (c *Client) absent(ctx context.Context, shown *checkpoint.Signed, since uint64, now time.Time) string {
	seen := []*checkpoint.Signed{shown}
	if newest, ok := c.config.Binder.(Newest); ok {
		if note, err := newest.Checkpoint(ctx); err == nil {
			if signed, err := c.config.AuditLog.Open(note); err == nil {
				seen = append(seen, signed)
			}
		}
	}
	var each []string
	for _, q := range c.quorums() {
		last := make(map[string]checkpoint.Shortfall) // by key
		for _, signed := range seen {
			for _, s := range standing(q.quorum, signed, c.newest(now)) {
				before, ok := last[s.Key]
				if better := s.Why == 0 && before.Why != 0; !ok || better || s.Time > before.Time && (s.Why == 0 || before.Why != 0) {
					last[s.Key] = s
				}
			}
		}
		for _, w := range q.quorum.Of {
			s := last[w.Key()]
			switch {
			case s.Why == checkpoint.Counted || s.Why == 0 && s.Time >= since:
				continue
			case s.Why == 0:
				s.Why = checkpoint.TooOld
			}
			each = append(each, words(s, now))
		}
	}
	return strings.Join(each, ", ")
}

// standing returns for every witness its newest cosignature up to a time, or why
// it has none.
func standing(q *checkpoint.Quorum, signed *checkpoint.Signed, until uint64) []checkpoint.Shortfall {
	all := checkpoint.Quorum{Threshold: math.MaxInt, Of: q.Of}
	have, err := all.Check(signed, 0, until)
	e, _ := errors.AsType[*checkpoint.QuorumError](err)
	standings := e.Short
	for _, h := range have {
		standings = append(standings, checkpoint.Shortfall{Name: h.Name, Key: h.Key, Time: h.Time})
	}
	return standings
}
