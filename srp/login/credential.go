package login

import (
	"bytes"
	"fmt"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/legacy"
	"github.com/kith-kt/kith/srp/opaque"
)

// A Credential is what a client made of a password, or of a recovery code: an SRP
// verifier or an OPAQUE record. The password cannot be read from it, and not even
// be guessed at once it is sealed.
type Credential struct {
	Protocol string // "srp" or "opaque"

	Profile  string // of SRP; "" is the default
	KDF      string // of SRP: how the password was stretched (srp.Argon2id)
	Salt     []byte // of SRP
	Verifier []byte // of SRP

	Record []byte // of OPAQUE: a RegistrationRecord
}

// store checks a credential and seals it.
func (s *Service) store(name string, c *Credential, purpose For) (*credential, error) {
	switch c.Protocol {
	case stepSRP:
		return s.storeSRP(name, c, purpose)
	case stepOPAQUE:
		if purpose.Recovery || c.Profile != "" || c.KDF != "" || c.Salt != nil || c.Verifier != nil {
			return nil, malformed("credential")
		}
		if err := opaque.CheckRecord(c.Record); err != nil {
			return nil, malformed("RegistrationRecord")
		}
		sealed, err := s.config.Key.Seal(place("record", name, purpose), c.Record, s.config.Rand)
		return &credential{Sealed: sealed}, err
	}
	return nil, malformed("protocol")
}

func (s *Service) storeSRP(name string, c *Credential, purpose For) (*credential, error) {
	profile := c.Profile
	if profile == "" {
		profile = DefaultProfile
	}
	p, ok := s.profiles[profile]
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: profile", ErrWeak)
	case c.Record != nil || len(c.Salt) > maxSalt || len(c.KDF) > maxKDF:
		return nil, malformed("credential")
	case p.CheckPublic(c.Verifier) != nil || len(bytes.TrimLeft(c.Verifier, "\x00")) <= 1:
		return nil, malformed("verifier") // zero and one are what no password makes
	}
	if profile == DefaultProfile {
		k, err := srp.ParseArgon2id(c.KDF)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrWeak, err)
		}
		if err := k.Check(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrWeak, err)
		}
		if len(c.Salt) < srp.MinSalt {
			return nil, malformed("salt")
		}
	} else if c.KDF != "" || purpose.Recovery {
		return nil, malformed("credential")
	}
	sealed, err := s.config.Key.Seal(place("verifier", name, purpose), c.Verifier, s.config.Rand)
	return &credential{Profile: profile, KDF: c.KDF, Salt: bytes.Clone(c.Salt), Sealed: sealed}, err
}

// fromHash makes the credential of a hash that an older provider stored.
func (s *Service) fromHash(name, hashed string, salt []byte) (*credential, error) {
	recipe, hash, err := legacy.Split(hashed)
	if err != nil {
		return nil, err
	}
	defer clear(hash)
	p := s.profiles[DefaultProfile]
	verifier := p.Verifier([]byte(name), salt, hash)
	sealed, err := s.config.Key.Seal(place("verifier", name, For{}), verifier, s.config.Rand)
	return &credential{Profile: p.Name, KDF: recipe.String(), Salt: salt, Sealed: sealed, Legacy: true}, err
}
