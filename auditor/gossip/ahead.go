package gossip

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"
)

// lateAfter is how far clocks may be apart before a head that was not reached is
// said to be late, besides the log's own max_ahead.
const lateAfter = 5 * time.Minute

// Advance compares what was ahead of the audit and is reached by now.
func (d *Desk) Advance() error {
	l, err := d.logOf()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.advance(l); !errors.Is(err, ErrNothing) {
		return err
	}
	return nil
}

func (d *Desk) advance(l *log) error {
	now, err := d.auditedOf(l)
	if err != nil || now.signed.Size == d.reached {
		return err
	}
	taken := d.pool.take(now.signed.Size)
	for i, s := range taken {
		_, found, err := d.compare(l, now, s)
		if err != nil { // of the archive: another time
			d.pool.list = append(taken[i:], d.pool.list...)
			return err
		}
		if found != nil {
			d.convict(l, found)
		}
	}
	d.late(l, now)
	d.reached = now.signed.Size
	return nil
}

// late finds what should have been reached. An entry that is made after a head was
// seen stands after all the entries of that head, and has a timestamp of at most
// max_ahead more than the time. So once the audited log has an entry that is newer
// than the sighting by more than that, and is still smaller, it is not the log that
// the head is of.
func (d *Desk) late(l *log, now *audited) {
	grace := l.config().MaxAhead + uint64(d.o.Skew.Milliseconds())
	for _, s := range d.pool.list {
		if seen := uint64(s.since.UnixMilli()); !s.late && now.last.Timestamp > seen && now.last.Timestamp-seen > grace {
			s.late = true
			d.suspect(fmt.Sprintf("The provider signed a log of %d entries, and later showed a log of only %d.", s.size, now.signed.Size))
		}
	}
}

// keep returns the envelope of a document that the log's root keys signed, one copy of
// each. There is always room for the pinned one. Other documents are few, and forgotten
// with what waits under them; nil: there are too many.
func (d *Desk) keep(l *log, envelope []byte) []byte {
	if bytes.Equal(envelope, l.envelope) {
		return l.envelope
	}
	for _, e := range d.envelopes {
		if bytes.Equal(e, envelope) {
			return e
		}
	}
	if len(d.envelopes) == maxEnvelopes {
		d.envelopes = slices.DeleteFunc(d.envelopes, func(e []byte) bool {
			return !slices.ContainsFunc(d.pool.list, func(s *seen) bool { return &s.document[0] == &e[0] })
		})
	}
	if len(d.envelopes) == maxEnvelopes {
		return nil
	}
	e := bytes.Clone(envelope)
	d.envelopes = append(d.envelopes, e)
	return e
}
