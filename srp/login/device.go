package login

import (
	"context"
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/binary"
	"io"
)

// DeviceContext begins what a device signs, so that the signature is of no use for
// anything else.
const DeviceContext = "kith device login 1\x00"

// nonceSize is the length of a nonce, in octets.
const nonceSize = 32

// A Challenge is what a device signs, or what was sealed to a person's keys.
type Challenge struct {
	Handshake string
	// Message is what a device signs: DeviceContext, domain and name each behind
	// their length in two octets, a nonce, and the time in seconds since the Unix
	// epoch in eight octets.
	Message []byte
	// Sealed is what one of the person's keys opens.
	Sealed []byte
}

// BeginDevice asks for a signature by a key of one of the devices in the newest
// record of a name's label.
func (s *Service) BeginDevice(ctx context.Context, from Requester, given string) (*Challenge, error) {
	if s.config.Devices == nil {
		return nil, malformed("device keys are not taken here")
	}
	h, _, err := s.begin(ctx, from, given, stepDevice)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(s.config.Rand, nonce); err != nil {
		return nil, err
	}
	b := []byte(DeviceContext)
	for _, part := range []string{s.config.Domain, h.name} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(part))), part...)
	}
	h.challenge = binary.BigEndian.AppendUint64(append(b, nonce...), uint64(s.config.Now().Unix()))
	id, err := s.pending.add(h, s.config.Now(), s.config.Rand)
	return &Challenge{Handshake: id, Message: h.challenge}, err
}

// FinishDevice takes a signature over the challenge, and grants a session. The key
// must be in the record at this moment: one that was revoked is refused.
func (s *Service) FinishDevice(ctx context.Context, from Requester, handshake string, key, signature []byte) (*Grant, error) {
	h, err := s.pending.take(handshake, stepDevice, from, s.config.Now())
	if err != nil {
		return nil, err
	}
	if len(key) != ed25519.PublicKeySize || len(signature) != ed25519.SignatureSize {
		return nil, malformed("key or signature")
	}
	signed := ed25519.Verify(key, h.challenge, signature)
	keys, err := s.config.Devices.DeviceKeys(ctx, h.name)
	if err != nil {
		return nil, err
	}
	found := 0
	for _, k := range keys {
		found |= subtle.ConstantTimeCompare(k, key)
	}
	if !signed || found != 1 || h.account == 0 {
		return nil, ErrDenied
	}
	s.throttle.forgive(h.charged)
	return s.grant(ctx, h, "device key")
}

// BeginSealed seals a nonce to the published keys of a name. Who opens it shows it
// as the answer.
func (s *Service) BeginSealed(ctx context.Context, from Requester, given string) (*Challenge, error) {
	if s.config.Sealer == nil {
		return nil, malformed("sealed challenges are not made here")
	}
	h, _, err := s.begin(ctx, from, given, stepSealed)
	if err != nil {
		return nil, err
	}
	h.challenge = make([]byte, nonceSize)
	if _, err := io.ReadFull(s.config.Rand, h.challenge); err != nil {
		return nil, err
	}
	var sealed []byte
	if err := s.gate.run(ctx, h.line(lineFirst), func() (err error) {
		sealed, err = s.config.Sealer.Seal(ctx, h.name, h.challenge)
		return err
	}); err != nil {
		s.throttle.refund(h.charged)
		return nil, err
	}
	if sealed == nil {
		return nil, ErrDenied
	}
	id, err := s.pending.add(h, s.config.Now(), s.config.Rand)
	return &Challenge{Handshake: id, Sealed: sealed}, err
}

// FinishSealed takes the nonce, and grants a session.
func (s *Service) FinishSealed(ctx context.Context, from Requester, handshake string, nonce []byte) (*Grant, error) {
	h, err := s.pending.take(handshake, stepSealed, from, s.config.Now())
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(nonce, h.challenge) != 1 || h.account == 0 {
		return nil, ErrDenied
	}
	s.throttle.forgive(h.charged)
	return s.grant(ctx, h, "published key")
}
