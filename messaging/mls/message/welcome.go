package message

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// Welcome invites new members into the epoch that a Commit began: "Joining via
// Welcome Message" (12.4.3.1).
type Welcome struct {
	CipherSuite        suite.ID
	Secrets            []EncryptedGroupSecrets
	EncryptedGroupInfo []byte
}

// EncryptedGroupSecrets is GroupSecrets, encrypted for one new member.
type EncryptedGroupSecrets struct {
	NewMember             []byte // KeyPackageRef
	EncryptedGroupSecrets suite.Ciphertext
}

// Marshal writes the structure.
func (e *EncryptedGroupSecrets) Marshal(w *syntax.Writer) {
	w.Vector(e.NewMember)
	e.EncryptedGroupSecrets.Marshal(w)
}

// Unmarshal reads the structure.
func (e *EncryptedGroupSecrets) Unmarshal(r *syntax.Reader) {
	e.NewMember = r.Vector()
	e.EncryptedGroupSecrets.Unmarshal(r)
}

// WireFormat returns WireFormatWelcome.
func (*Welcome) WireFormat() WireFormat { return WireFormatWelcome }

// Marshal writes the Welcome.
func (m *Welcome) Marshal(w *syntax.Writer) {
	w.Uint16(uint16(m.CipherSuite))
	syntax.WriteList(w, m.Secrets, func(w *syntax.Writer, e EncryptedGroupSecrets) { e.Marshal(w) })
	w.Vector(m.EncryptedGroupInfo)
}

// Unmarshal reads a Welcome, of at most tree.MaxLeaves new members.
func (m *Welcome) Unmarshal(r *syntax.Reader) {
	m.CipherSuite = suite.ID(r.Uint16())
	m.Secrets = syntax.ReadListOf(r, tree.MaxLeaves, func(r *syntax.Reader) (e EncryptedGroupSecrets) {
		e.Unmarshal(r)
		return e
	})
	m.EncryptedGroupInfo = r.Vector()
}

// NewWelcome returns a Welcome for nobody yet, around a signed GroupInfo of the
// new epoch. welcomeSecret is the epoch's welcome_secret; it encrypts this one
// GroupInfo, since its key and nonce are always the same.
func NewWelcome(s *suite.Suite, welcomeSecret []byte, info *GroupInfo) *Welcome {
	key, nonce := schedule.WelcomeKey(s, welcomeSecret)
	defer clear(key)
	return &Welcome{
		CipherSuite:        s.ID(),
		EncryptedGroupInfo: s.Seal(key, nonce, nil, syntax.Marshal(info)),
	}
}

// Sealer returns what SealGroupSecrets encrypts for this Welcome with: the context
// of each encryption is the whole EncryptedGroupInfo, which is hashed once.
func (m *Welcome) Sealer(s *suite.Suite) *suite.Sealer {
	return s.Sealer("Welcome", m.EncryptedGroupInfo)
}

// SealGroupSecrets encrypts secrets for the owner of a KeyPackage. sealer is that of
// the Welcome that the result goes into. It is safe to call from several
// goroutines at once. The KEM's randomness is the system's.
func SealGroupSecrets(s *suite.Suite, kp *KeyPackage, secrets *GroupSecrets, sealer *suite.Sealer) (EncryptedGroupSecrets, error) {
	if kp.CipherSuite != s.ID() {
		return EncryptedGroupSecrets{}, fmt.Errorf("Welcome: %w: %v, not %v", ErrSuite, kp.CipherSuite, s.ID())
	}
	plaintext := syntax.Marshal(secrets)
	defer clear(plaintext)
	c, err := sealer.Seal(kp.InitKey, plaintext)
	if err != nil {
		return EncryptedGroupSecrets{}, fmt.Errorf("Welcome: %w", err)
	}
	return EncryptedGroupSecrets{NewMember: kp.Ref(s), EncryptedGroupSecrets: c}, nil
}

// Add encrypts secrets for the owner of a KeyPackage and adds them to the Welcome.
func (m *Welcome) Add(s *suite.Suite, kp *KeyPackage, secrets *GroupSecrets) error {
	e, err := SealGroupSecrets(s, kp, secrets, m.Sealer(s))
	if err != nil {
		return err
	}
	m.Secrets = append(m.Secrets, e)
	return nil
}

// Find returns the entry for a KeyPackageRef, nil if there is none.
func (m *Welcome) Find(ref []byte) *EncryptedGroupSecrets {
	for i := range m.Secrets {
		if bytes.Equal(m.Secrets[i].NewMember, ref) {
			return &m.Secrets[i]
		}
	}
	return nil
}

// Open decrypts the secrets that the Welcome has for a KeyPackage of ours, with
// the private half of its init_key, and checks their form. s is the suite of the
// KeyPackage. The error is ErrSuite, ErrNotForUs, suite.ErrDecrypt, or one of
// Unmarshal and Check.
func (m *Welcome) Open(s *suite.Suite, kp *KeyPackage, initPrivate []byte) (*GroupSecrets, error) {
	if m.CipherSuite != s.ID() || kp.CipherSuite != s.ID() {
		return nil, fmt.Errorf("Welcome: %w: %v for a KeyPackage of %v", ErrSuite, m.CipherSuite, kp.CipherSuite)
	}
	e := m.Find(kp.Ref(s))
	if e == nil {
		return nil, ErrNotForUs
	}
	plaintext, err := s.DecryptWithLabel(initPrivate, "Welcome", m.EncryptedGroupInfo, e.EncryptedGroupSecrets)
	if err != nil {
		return nil, fmt.Errorf("Welcome: %w", err)
	}
	secrets := new(GroupSecrets)
	err = syntax.Unmarshal(plaintext, secrets)
	if err == nil {
		err = secrets.Check(s)
	}
	if err != nil {
		clear(plaintext)
		return nil, fmt.Errorf("GroupSecrets: %w", err)
	}
	return secrets, nil
}

// GroupInfo decrypts the GroupInfo, and requires that it is of the Welcome's
// suite. welcomeSecret comes from the GroupSecrets and the PSKs that they name.
// The signature is to be checked next, with a key that only the tree has
// (GroupInfo.Verify).
func (m *Welcome) GroupInfo(s *suite.Suite, welcomeSecret []byte) (*GroupInfo, error) {
	key, nonce := schedule.WelcomeKey(s, welcomeSecret)
	defer clear(key)
	plaintext, err := s.Open(key, nonce, nil, m.EncryptedGroupInfo)
	if err != nil {
		return nil, fmt.Errorf("encrypted_group_info: %w", err)
	}
	info := new(GroupInfo)
	if err := syntax.Unmarshal(plaintext, info); err != nil {
		return nil, fmt.Errorf("GroupInfo: %w", err)
	}
	if info.GroupContext.CipherSuite != m.CipherSuite || m.CipherSuite != s.ID() {
		return nil, fmt.Errorf("GroupInfo: %w: %v in a Welcome of %v", ErrSuite, info.GroupContext.CipherSuite, m.CipherSuite)
	}
	return info, nil
}
