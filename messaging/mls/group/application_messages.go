package group

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/message"
)

// Protect encrypts application data for the members of the current epoch (an
// MLSMessage; "Application Messages", 15). data is secret, aad only authenticated.
// ErrUnapplied: proposals wait, which must be committed first (12.4).
//
// Whoever sends the result has stored the State before: its key is used up.
func (s *State) Protect(data, aad []byte) ([]byte, error) {
	if err := s.active(); err != nil {
		return nil, err
	}
	if n := len(s.cache.order); n > 0 {
		return nil, fmt.Errorf("%w: %d", ErrUnapplied, n)
	}
	if err := s.current.checkAAD(aad); err != nil {
		return nil, err
	}
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	signed, err := s.sign(signer, message.WireFormatPrivateMessage, message.FramedContent{
		AuthenticatedData: aad, ContentType: message.ContentApplication, ApplicationData: data,
	})
	if err != nil {
		return nil, err
	}
	return s.current.protect(&s.cfg, signed)
}

// application processes an application message, of the current epoch or of one
// of those before it that are still kept ("Delayed and Reordered Application
// Messages", 15.3).
func (s *State) application(m *message.PrivateMessage) (Event, error) {
	r, err := s.readingOf(m.Epoch)
	if err != nil {
		return nil, err
	}
	opened, err := open(&s.cfg, m, r)
	if err != nil {
		return nil, err
	}
	defer opened.key.Discard()
	if err := r.aad.check(r.context, m.AuthenticatedData); err != nil {
		return nil, err
	}
	if err := opened.key.Commit(); err != nil {
		return nil, err
	}
	return &Application{
		Sender:     opened.data.LeafIndex,
		Leaf:       r.tree.Leaf(opened.data.LeafIndex),
		Epoch:      m.Epoch,
		Generation: opened.data.Generation,
		AAD:        bytes.Clone(m.AuthenticatedData),
		Data:       opened.content.Content.ApplicationData,
	}, nil
}

// readingOf returns what messages of an epoch are read with.
func (s *State) readingOf(epoch uint64) (*reading, error) {
	if epoch == s.Epoch() {
		// Nobody sends in the epoch that a ReInit led to (12.4.2).
		if !s.removed && s.reinit != nil {
			return nil, ErrReinitialized
		}
		return s.current.reading(), nil
	}
	for _, p := range s.past {
		if p.context.Epoch == epoch {
			return p.reading(), nil
		}
	}
	return nil, s.checkEpoch(epoch)
}
