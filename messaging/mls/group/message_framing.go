package group

import (
	"github.com/kith-kt/kith/messaging/mls/message"
)

// protect turns signed content into an MLSMessage of the wire format that it was
// signed for ("Message Framing", 6).
func (e *epoch) protect(cfg *Config, signed *message.AuthenticatedContent) ([]byte, error) {
	s := cfg.Suite
	if signed.WireFormat == message.WireFormatPublicMessage {
		var membership []byte
		if signed.Content.Sender.Type == message.SenderMember {
			membership = e.secrets.Membership
		}
		m, err := signed.ProtectPublic(s, membership, e.context)
		if err != nil {
			return nil, err
		}
		return message.Wrap(m).Bytes(), nil
	}
	generation, key, err := e.keys.NextKey(e.me, signed.Content.ContentType.Kind())
	if err != nil {
		return nil, err
	}
	defer key.Erase()
	m, err := signed.ProtectPrivate(s, e.secrets.SenderData, generation, key, cfg.Rand, cfg.Padding, e.context)
	if err != nil {
		return nil, err
	}
	return message.Wrap(m).Bytes(), nil
}
