package group

import (
	"fmt"
	"io"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// GroupInfoOptions says what a GroupInfo has besides the GroupContext.
type GroupInfoOptions struct {
	// ExternalPub lets those who get the GroupInfo join by an external Commit.
	ExternalPub bool
	// WithoutTree leaves the ratchet_tree extension out.
	WithoutTree bool
	// Extensions are further ones.
	Extensions tree.Extensions
}

// GroupInfo returns the group's current state for somebody who is about to join
// ("Adding Members to the Group", 12.4.3), signed by us. It is good for this
// epoch only, and with ExternalPub an invitation to whoever gets to see it.
func (s *State) GroupInfo(o GroupInfoOptions) (*message.GroupInfo, error) {
	if err := s.active(); err != nil {
		return nil, err
	}
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	return s.current.groupInfo(s.cfg.Suite, signer, s.cfg.Rand, o)
}

// groupInfo is GroupInfo, for any epoch.
func (e *epoch) groupInfo(s *suite.Suite, signer suite.Signer, rand io.Reader, o GroupInfoOptions) (*message.GroupInfo, error) {
	extensions := slices.Clone(o.Extensions)
	if !o.WithoutTree {
		extensions = append(extensions, e.tree.Extension())
	}
	if o.ExternalPub {
		private, public, err := e.secrets.ExternalKeyPair()
		if err != nil {
			return nil, err
		}
		clear(private)
		extensions = append(extensions, message.ExternalPubExtension(public))
	}
	extensions, err := greaseExtensions(rand, extensions)
	if err != nil {
		return nil, err
	}
	if err := extensions.Check(); err != nil {
		return nil, fmt.Errorf("%w: group info: %w", ErrConfig, err)
	}
	info := &message.GroupInfo{
		GroupContext:    *e.context,
		Extensions:      extensions,
		ConfirmationTag: e.confirmationTag,
		Signer:          e.me,
	}
	return info, info.Sign(s, signer)
}
