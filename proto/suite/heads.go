package suite

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/proto/wire"
)

// A signable is one of the structures that signatures are made of.
type signable interface {
	Append(b []byte, f wire.Format) ([]byte, error)
}

// sign signs tbs with s, which must hold the private half of public.
func sign(s Signer, public []byte, c *wire.Configuration, tbs signable) ([]byte, error) {
	if !bytes.Equal(s.Public(), public) {
		return nil, ErrWrongKey
	}
	msg, err := tbs.Append(nil, c.Format())
	if err != nil {
		return nil, fmt.Errorf("suite: signing: %w", err)
	}
	return s.Sign(msg)
}

// verify verifies a signature of tbs with a public key of the configuration.
func verify(public []byte, c *wire.Configuration, tbs signable, sig []byte) error {
	s, err := Get(c.CipherSuite)
	if err != nil {
		return err
	}
	v, err := s.ParseVerifier(public)
	if err != nil {
		return err
	}
	msg, err := tbs.Append(nil, c.Format())
	if err != nil {
		return fmt.Errorf("suite: verifying: %w", err)
	}
	return v.Verify(msg, sig)
}

// SignTreeHead signs the head of a log of the given size and root for its
// configuration. The signer's key must be the configuration's.
func SignTreeHead(s Signer, c *wire.Configuration, size uint64, root wire.HashValue) (*wire.TreeHead, error) {
	sig, err := sign(s, c.SignaturePublicKey, c, &wire.TreeHeadTBS{Config: *c, TreeSize: size, Root: root})
	if err != nil {
		return nil, fmt.Errorf("tree head: %w", err)
	}
	return &wire.TreeHead{TreeSize: size, Signature: sig}, nil
}

// VerifyTreeHead verifies h.Signature with the configuration's key: that a log
// with exactly this configuration had this root at h.TreeSize.
func VerifyTreeHead(c *wire.Configuration, h *wire.TreeHead, root wire.HashValue) error {
	tbs := &wire.TreeHeadTBS{Config: *c, TreeSize: h.TreeSize, Root: root}
	if err := verify(c.SignaturePublicKey, c, tbs, h.Signature); err != nil {
		return fmt.Errorf("tree head: %w", err)
	}
	return nil
}

// SignAuditorTreeHead signs an auditor's view of the log: the root of the log
// when it had the given size, and the timestamp of its rightmost entry, in ms
// since the Unix epoch.
func SignAuditorTreeHead(s Signer, c *wire.Configuration, timestamp, size uint64, root wire.HashValue) (*wire.AuditorTreeHead, error) {
	if c.Mode != wire.ThirdPartyAuditing {
		return nil, fmt.Errorf("auditor tree head: %w: the mode has no auditor", ErrWrongKey)
	}
	tbs := &wire.AuditorTreeHeadTBS{Config: *c, Timestamp: timestamp, TreeSize: size, Root: root}
	sig, err := sign(s, c.AuditorPublicKey, c, tbs)
	if err != nil {
		return nil, fmt.Errorf("auditor tree head: %w", err)
	}
	return &wire.AuditorTreeHead{Timestamp: timestamp, TreeSize: size, Signature: sig}, nil
}

// VerifyAuditorTreeHead verifies h.Signature with the auditor's key in the
// configuration; root is the root of the log at h.TreeSize. It is only step 4
// of the verification of an AuditorTreeHead.
func VerifyAuditorTreeHead(c *wire.Configuration, h *wire.AuditorTreeHead, root wire.HashValue) error {
	if c.Mode != wire.ThirdPartyAuditing {
		return fmt.Errorf("auditor tree head: %w: the mode has no auditor", ErrWrongKey)
	}
	tbs := &wire.AuditorTreeHeadTBS{Config: *c, Timestamp: h.Timestamp, TreeSize: h.TreeSize, Root: root}
	if err := verify(c.AuditorPublicKey, c, tbs, h.Signature); err != nil {
		return fmt.Errorf("auditor tree head: %w", err)
	}
	return nil
}

// SignUpdate makes the suffix of a value: empty unless the deployment mode is
// ThirdPartyManagement, and then the signature of the service operator, whose
// key is the configuration's leaf_public_key. Outside that mode s may be nil.
func SignUpdate(s Signer, c *wire.Configuration, label []byte, version uint32, value []byte) (wire.UpdateSuffix, error) {
	if c.Mode != wire.ThirdPartyManagement {
		return wire.UpdateSuffix{}, nil
	}
	tbs := &wire.UpdateTBS{Config: *c, Label: label, Version: version, Value: value}
	sig, err := sign(s, c.LeafPublicKey, c, tbs)
	if err != nil {
		return wire.UpdateSuffix{}, fmt.Errorf("update: %w", err)
	}
	return wire.UpdateSuffix{Signature: sig}, nil
}

// VerifyUpdate verifies the suffix of a value ("Update Format"): users MUST call
// it before they consume update.Value. Outside ThirdPartyManagement a suffix
// must be empty.
func VerifyUpdate(c *wire.Configuration, label []byte, version uint32, update *wire.UpdateValue) error {
	if c.Mode != wire.ThirdPartyManagement {
		if len(update.Suffix.Signature) != 0 {
			return fmt.Errorf("update: %w: the mode has none", ErrBadSignature)
		}
		return nil
	}
	tbs := &wire.UpdateTBS{Config: *c, Label: label, Version: version, Value: update.Value}
	if err := verify(c.LeafPublicKey, c, tbs, update.Suffix.Signature); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return nil
}
