package schedule

import (
	"fmt"
	"io"
	"math"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// PSKType tells where a pre-shared key comes from ("Pre-Shared Keys" (8.4)).
type PSKType uint8

const (
	ExternalPSK    PSKType = 1 // given by the application
	ResumptionPSK  PSKType = 2 // the resumption_psk of an epoch
	ApplicationPSK PSKType = 3 // of a component (draft-ietf-mls-extensions, "Pre-Shared Keys (PSKs)")
)

// ResumptionUsage tells what a resumption PSK is used for.
type ResumptionUsage uint8

const (
	UsageApplication ResumptionUsage = 1
	UsageReInit      ResumptionUsage = 2
	UsageBranch      ResumptionUsage = 3
)

// PreSharedKeyID names a pre-shared key and the nonce of one use of it.
type PreSharedKeyID struct {
	Type      PSKType
	Component uint16          // ApplicationPSK: the ComponentID
	ID        []byte          // ExternalPSK and ApplicationPSK: psk_id
	Usage     ResumptionUsage // ResumptionPSK
	GroupID   []byte          // ResumptionPSK: psk_group_id
	Epoch     uint64          // ResumptionPSK: psk_epoch
	Nonce     []byte          // psk_nonce, KDF.Nh bytes of the group's suite
}

// Marshal writes the PreSharedKeyID.
func (id *PreSharedKeyID) Marshal(w *syntax.Writer) {
	w.Uint8(uint8(id.Type))
	switch id.Type {
	case ExternalPSK:
		w.Vector(id.ID)
	case ResumptionPSK:
		w.Uint8(uint8(id.Usage))
		w.Vector(id.GroupID)
		w.Uint64(id.Epoch)
	case ApplicationPSK:
		w.Uint16(id.Component)
		w.Vector(id.ID)
	}
	w.Vector(id.Nonce)
}

// Unmarshal reads a PreSharedKeyID. A type or usage without a meaning is
// malformed, since what follows it cannot be read.
func (id *PreSharedKeyID) Unmarshal(r *syntax.Reader) {
	*id = PreSharedKeyID{Type: PSKType(r.Uint8())}
	switch id.Type {
	case ExternalPSK:
		id.ID = r.Vector()
	case ResumptionPSK:
		id.Usage = ResumptionUsage(r.Uint8())
		if id.Usage < UsageApplication || id.Usage > UsageBranch {
			r.Fail(fmt.Errorf("%w: resumption PSK usage", syntax.ErrValue))
		}
		id.GroupID = r.Vector()
		id.Epoch = r.Uint64()
	case ApplicationPSK:
		id.Component = r.Uint16()
		id.ID = r.Vector()
	default:
		r.Fail(fmt.Errorf("%w: PSK type", syntax.ErrValue))
	}
	id.Nonce = r.Vector()
}

// CheckNonce fails with ErrPSK unless the nonce has KDF.Nh bytes ("PreSharedKey"
// (12.1.4)).
func (id *PreSharedKeyID) CheckNonce(s *suite.Suite) error {
	if len(id.Nonce) != s.HashSize() {
		return fmt.Errorf("%w: nonce of %d bytes", ErrPSK, len(id.Nonce))
	}
	return nil
}

// FreshNonce sets the nonce to random bytes: each use of a pre-shared key takes a
// new one.
func (id *PreSharedKeyID) FreshNonce(s *suite.Suite, rand io.Reader) error {
	nonce := make([]byte, s.HashSize())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return fmt.Errorf("mls: PSK nonce: %w", err)
	}
	id.Nonce = nonce
	return nil
}

// SameKey reports whether both name the same pre-shared key, whatever the nonces
// and the usage.
func (id *PreSharedKeyID) SameKey(other *PreSharedKeyID) bool {
	return id.Type == other.Type && id.Component == other.Component &&
		string(id.ID) == string(other.ID) &&
		string(id.GroupID) == string(other.GroupID) && id.Epoch == other.Epoch
}

// PSK is a pre-shared key and the identity under which it is used.
type PSK struct {
	suite.Redacted
	ID     PreSharedKeyID
	Secret []byte // of any length
}

// PSKSecret returns the psk_secret of psks in their order, NoSecret for none. It
// fails with ErrPSK for a nonce of the wrong length and for more than 65,535.
func PSKSecret(s *suite.Suite, psks []PSK) ([]byte, error) {
	if len(psks) > math.MaxUint16 {
		return nil, fmt.Errorf("%w: %d in a list", ErrPSK, len(psks))
	}
	noSalt := zero(s)
	secret := zero(s)
	for i := range psks {
		id := &psks[i].ID
		if err := id.CheckNonce(s); err != nil {
			return nil, fmt.Errorf("PSK %d: %w", i, err)
		}
		var label syntax.Writer // PSKLabel
		id.Marshal(&label)
		label.Uint16(uint16(i))
		label.Uint16(uint16(len(psks)))

		extracted := s.Extract(noSalt, psks[i].Secret)
		input := s.ExpandWithLabel(extracted, "derived psk", label.Bytes(), s.HashSize())
		next := s.Extract(input, secret)
		clear(extracted)
		clear(input)
		clear(secret)
		secret = next
	}
	return secret, nil
}
