package schedule

import (
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// Secrets are the secrets of one epoch, KDF.Nh bytes each ("Key Schedule" (8)).
// The epoch_secret they come from is gone.
type Secrets struct {
	suite.Redacted
	suite *suite.Suite

	// For the Welcomes of the Commit that began the epoch. ForgetJoiner erases
	// them; they are never stored.
	Joiner  []byte // joiner_secret
	Welcome []byte // welcome_secret

	// The root of the secret tree, until SecretTree takes it. Never stored.
	Encryption []byte // encryption_secret

	SenderData         []byte // sender_data_secret
	Exporter           []byte // exporter_secret
	External           []byte // external_secret
	Confirmation       []byte // confirmation_key
	Membership         []byte // membership_key
	ResumptionPSK      []byte // resumption_psk
	EpochAuthenticator []byte // epoch_authenticator
	Init               []byte // init_secret, for the epoch after this one
}

// Next returns the secrets of the epoch that context describes. init is the
// init_secret of the epoch before it (or of an external initialization), commit
// the commit_secret and psk the psk_secret, NoSecret if there is none. The three
// stay the caller's, who overwrites them once the epoch is entered.
func Next(s *suite.Suite, init, commit, psk []byte, context *GroupContext) *Secrets {
	encoded := context.Bytes()
	extracted := s.Extract(init, commit)
	joiner := s.ExpandWithLabel(extracted, "joiner", encoded, s.HashSize())
	clear(extracted)
	return fromJoiner(s, joiner, psk, encoded)
}

// FromJoiner returns the secrets of the epoch that a Welcome leads into: joiner
// is its joiner_secret, psk the psk_secret of the pre-shared keys it names.
func FromJoiner(s *suite.Suite, joiner, psk []byte, context *GroupContext) *Secrets {
	return fromJoiner(s, append([]byte(nil), joiner...), psk, context.Bytes())
}

// fromJoiner keeps joiner.
func fromJoiner(s *suite.Suite, joiner, psk, context []byte) *Secrets {
	member := s.Extract(joiner, psk)
	epoch := s.ExpandWithLabel(member, "epoch", context, s.HashSize())
	secrets := &Secrets{
		suite:              s,
		Joiner:             joiner,
		Welcome:            s.DeriveSecret(member, "welcome"),
		SenderData:         s.DeriveSecret(epoch, "sender data"),
		Encryption:         s.DeriveSecret(epoch, "encryption"),
		Exporter:           s.DeriveSecret(epoch, "exporter"),
		External:           s.DeriveSecret(epoch, "external"),
		Confirmation:       s.DeriveSecret(epoch, "confirm"),
		Membership:         s.DeriveSecret(epoch, "membership"),
		ResumptionPSK:      s.DeriveSecret(epoch, "resumption"),
		EpochAuthenticator: s.DeriveSecret(epoch, "authentication"),
		Init:               s.DeriveSecret(epoch, "init"),
	}
	clear(member)
	clear(epoch)
	return secrets
}

// WelcomeSecret returns the welcome_secret alone: a new member has to read the
// GroupInfo before there is a GroupContext to derive the rest with.
func WelcomeSecret(s *suite.Suite, joiner, psk []byte) []byte {
	member := s.Extract(joiner, psk)
	defer clear(member)
	return s.DeriveSecret(member, "welcome")
}

// WelcomeKey returns the key and nonce of encrypted_group_info ("Joining via
// Welcome Message" (12.4.3.1)), AEAD.Nk and AEAD.Nn bytes.
func WelcomeKey(s *suite.Suite, welcome []byte) (key, nonce []byte) {
	return s.ExpandWithLabel(welcome, "key", nil, s.KeySize()),
		s.ExpandWithLabel(welcome, "nonce", nil, s.NonceSize())
}

// SenderDataKey returns the key and nonce of a PrivateMessage's sender data
// ("Sender Data Encryption" (6.3.2)): senderData is the sender_data_secret, and
// ciphertext the whole encrypted content, of which the first KDF.Nh bytes, or
// all if it is shorter, are the sample.
func SenderDataKey(s *suite.Suite, senderData, ciphertext []byte) (key, nonce []byte) {
	sample := ciphertext[:min(len(ciphertext), s.HashSize())]
	return s.ExpandWithLabel(senderData, "key", sample, s.KeySize()),
		s.ExpandWithLabel(senderData, "nonce", sample, s.NonceSize())
}

// ExternalKeyPair returns the HPKE key pair that the whole group holds, for
// external Commits.
func (e *Secrets) ExternalKeyPair() (priv, pub []byte, err error) {
	return e.suite.DeriveKeyPair(e.External)
}

// ConfirmationTag returns the confirmation_tag over a confirmed_transcript_hash.
func (e *Secrets) ConfirmationTag(confirmed []byte) []byte {
	return e.suite.MAC(e.Confirmation, confirmed)
}

// CheckConfirmationTag fails with ErrConfirmation unless tag is the
// ConfirmationTag of confirmed, in constant time.
func (e *Secrets) CheckConfirmationTag(confirmed, tag []byte) error {
	if !e.suite.VerifyMAC(e.Confirmation, confirmed, tag) {
		return ErrConfirmation
	}
	return nil
}

// SecretTree returns the epoch's secret tree for a ratchet tree of leafCount
// leaves. The encryption_secret moves into it, so this works once; it panics the
// second time, since two trees would use each key twice.
func (e *Secrets) SecretTree(leafCount uint32) *SecretTree {
	if e.Encryption == nil {
		panic("schedule: the encryption secret was taken before")
	}
	root := e.Encryption
	e.Encryption = nil
	return NewSecretTree(e.suite, root, leafCount)
}

// ForgetJoiner overwrites joiner_secret and welcome_secret: the Welcomes are
// made, or there are none to make.
func (e *Secrets) ForgetJoiner() {
	clear(e.Joiner)
	clear(e.Welcome)
	e.Joiner, e.Welcome = nil, nil
}

// Erase overwrites all secrets. Take a copy of ResumptionPSK first if it is to
// outlive its epoch.
func (e *Secrets) Erase() {
	e.ForgetJoiner()
	clear(e.Encryption)
	e.Encryption = nil
	for _, secret := range e.stored() {
		clear(*secret)
		*secret = nil
	}
}

// stored lists what Marshal writes, in its order.
func (e *Secrets) stored() []*[]byte {
	return []*[]byte{&e.SenderData, &e.Exporter, &e.External, &e.Confirmation,
		&e.Membership, &e.ResumptionPSK, &e.EpochAuthenticator, &e.Init}
}

// Marshal writes the secrets for the member's own storage: those that the epoch
// needs throughout, without joiner_secret, welcome_secret and encryption_secret.
func (e *Secrets) Marshal(w *syntax.Writer) {
	for _, secret := range e.stored() {
		w.Vector(*secret)
	}
}

// ReadSecrets reads what Marshal wrote. It fails through r unless every secret
// has KDF.Nh bytes. The secrets are copied out of r's buffer.
func ReadSecrets(s *suite.Suite, r *syntax.Reader) *Secrets {
	e := &Secrets{suite: s}
	for i, secret := range e.stored() {
		b := r.Vector()
		if r.Err() == nil && len(b) != s.HashSize() {
			r.Fail(fmt.Errorf("%w: secret %d has %d bytes", ErrRecord, i, len(b)))
		}
		*secret = append([]byte(nil), b...)
	}
	return e
}
