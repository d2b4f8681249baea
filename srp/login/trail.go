package login

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"time"
)

// maxTrail bounds the events of one account; the oldest go first.
const maxTrail = 256

// An Event is something that happened to an account, for its owner to read. It
// says what and how, and not from where: addresses are not stored.
type Event struct {
	When    time.Time `json:"when"`
	What    string    `json:"what"`
	How     string    `json:"how,omitempty"`
	Session string    `json:"session,omitempty"` // id
}

// note writes an event down.
func (s *Service) note(w Writer, name string, e Event) error {
	now := s.config.Now().UTC()
	e.When = now.Truncate(time.Millisecond)
	key := binary.BigEndian.AppendUint64(owned(name), uint64(max(0, now.UnixMicro())))
	key = binary.BigEndian.AppendUint32(key, s.events.Add(1)) // in order, within a microsecond
	if err := put(w, Trail, key, e); err != nil {
		return err
	}
	var keys [][]byte
	if err := w.Each(Trail, owned(name), func(k, _ []byte) error {
		keys = append(keys, bytes.Clone(k))
		return nil
	}); err != nil {
		return err
	}
	for len(keys) > maxTrail {
		if err := w.Delete(Trail, keys[0]); err != nil {
			return err
		}
		keys = keys[1:]
	}
	return nil
}

// Trail returns what happened to the account of a session, oldest first.
func (s *Service) Trail(ctx context.Context, of *Session) (all []Event, err error) {
	err = s.config.Store.View(ctx, func(r Reader) error {
		if _, err := s.of(r, of); err != nil {
			return err
		}
		return r.Each(Trail, owned(of.Name), func(_, v []byte) error {
			var e Event
			if err := json.Unmarshal(v, &e); err != nil {
				return err
			}
			all = append(all, e)
			return nil
		})
	})
	return all, err
}
