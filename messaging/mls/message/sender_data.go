package message

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// SenderData says which key a PrivateMessage is encrypted under: "Sender Data
// Encryption" (6.3.2). It is itself encrypted, under a key that depends on the
// message's ciphertext.
type SenderData struct {
	LeafIndex  tree.LeafIndex
	Generation uint32
	ReuseGuard [4]byte
}

// Marshal writes the sender data.
func (d *SenderData) Marshal(w *syntax.Writer) {
	w.Uint32(uint32(d.LeafIndex))
	w.Uint32(d.Generation)
	w.Raw(d.ReuseGuard[:])
}

// Unmarshal reads sender data.
func (d *SenderData) Unmarshal(r *syntax.Reader) {
	*d = SenderData{LeafIndex: tree.LeafIndex(r.Uint32()), Generation: r.Uint32()}
	copy(d.ReuseGuard[:], r.Raw(len(d.ReuseGuard)))
}

// sealSenderData sets EncryptedSenderData. The ciphertext must be there: a sample
// of it goes into the key.
func (m *PrivateMessage) sealSenderData(s *suite.Suite, senderDataSecret []byte, d SenderData) {
	key, nonce := schedule.SenderDataKey(s, senderDataSecret, m.Ciphertext)
	defer clear(key)
	var aad syntax.Writer
	m.senderDataAAD(&aad)
	m.EncryptedSenderData = s.Seal(key, nonce, aad.Bytes(), syntax.Marshal(&d))
}

// SenderData decrypts the sender data. The caller has to find a non-blank leaf at
// LeafIndex before anything else is done with it: the encryption shows only that
// somebody knew the epoch's sender_data_secret, as every member does.
func (m *PrivateMessage) SenderData(s *suite.Suite, senderDataSecret []byte) (SenderData, error) {
	key, nonce := schedule.SenderDataKey(s, senderDataSecret, m.Ciphertext)
	defer clear(key)
	var aad syntax.Writer
	m.senderDataAAD(&aad)
	plaintext, err := s.Open(key, nonce, aad.Bytes(), m.EncryptedSenderData)
	if err != nil {
		return SenderData{}, fmt.Errorf("sender data: %w", err)
	}
	var d SenderData
	if err := syntax.Unmarshal(plaintext, &d); err != nil {
		return SenderData{}, fmt.Errorf("sender data: %w", err)
	}
	return d, nil
}
