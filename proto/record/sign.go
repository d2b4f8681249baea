package record

import (
	"crypto/ed25519"
	"fmt"

	"filippo.io/edwards25519"
)

// The roles a signature can have. The string precedes the encoded Body, ends
// in a zero byte, and keeps a signature in one role from serving in another.
const (
	roleAccount  = "kith account record 1: signature by the account key\x00"
	rolePrevious = "kith account record 1: signature by the previous account key\x00"
)

// Sign signs the record with its account key, and with the previous account
// key when that is given and differs. It sets Account and both signatures.
func (r *Record) Sign(account, previous ed25519.PrivateKey) error {
	if r.Kind == Imported {
		return fmt.Errorf("%w: an imported record carries no signature", ErrInvalid)
	}
	key := KeyOf(account)
	r.Account = &key
	r.AccountSignature, r.PreviousSignature = nil, nil
	body, err := r.body()
	if err != nil {
		return err
	}
	r.AccountSignature = sign(account, roleAccount, body)
	if previous != nil && KeyOf(previous) != key {
		r.PreviousSignature = sign(previous, rolePrevious, body)
	}
	return nil
}

func sign(priv ed25519.PrivateKey, role string, body []byte) *Signature {
	s := Signature(ed25519.Sign(priv, append([]byte(role), body...)))
	return &s
}

// VerifyAccount reports whether the record's own account key signed it. It is
// true of nothing more: anybody can make a key. An imported record has no
// account key, so nobody signed it, and VerifyAccount is false.
func (r *Record) VerifyAccount() bool {
	return r.Account != nil && r.verify(*r.Account, roleAccount, r.AccountSignature)
}

// VerifyPrevious reports whether key signed the record as the previous account
// key: with its only signature if the record keeps the key, else with the second.
func (r *Record) VerifyPrevious(key Key) bool {
	if r.Account != nil && *r.Account == key {
		return r.PreviousSignature == nil && r.VerifyAccount()
	}
	return r.verify(key, rolePrevious, r.PreviousSignature)
}

func (r *Record) verify(key Key, role string, s *Signature) bool {
	if s == nil || !key.Valid() {
		return false
	}
	body, err := r.body()
	if err != nil {
		return false
	}
	return ed25519.Verify(key[:], append([]byte(role), body...), s[:])
}

// Valid reports whether the key is the canonical encoding of a point that is
// not of small order. Under a key of small order a signature proves nothing,
// and a second encoding of one key would have a second fingerprint.
func (k Key) Valid() bool {
	p, err := new(edwards25519.Point).SetBytes(k[:])
	if err != nil || Key(p.Bytes()) != k {
		return false
	}
	return new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 0
}
