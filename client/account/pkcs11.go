//go:build pkcs11

package account

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// Numbers of PKCS #11 3.0 that the binding has no names for.
const (
	ckkECEdwards = 0x40
	ckmEdDSA     = 0x1057
)

// ErrToken is a smart card or other token that cannot help.
var ErrToken = errors.New("PKCS#11 token")

// A TokenKey is a DeviceKey in a smart card or other token (PKCS #11, CKM_EDDSA).
// It is used by one goroutine at a time.
type TokenKey struct {
	module  *pkcs11.Ctx
	session pkcs11.SessionHandle
	private pkcs11.ObjectHandle
	public  ed25519.PublicKey
}

// OpenToken opens the Ed25519 key with a label in the token with a label, by the
// library of its maker. Close it.
func OpenToken(library, token, key string, pin Password) (k *TokenKey, err error) {
	k = &TokenKey{module: pkcs11.New(library)}
	if k.module == nil {
		return nil, fmt.Errorf("account: %w: %s cannot be loaded", ErrToken, library)
	}
	defer func() {
		if err != nil {
			k.Close()
			err = fmt.Errorf("account: %w: %w", ErrToken, err)
		}
	}()
	if err := k.module.Initialize(); err != nil {
		return k, err
	}
	slot, err := k.slot(token)
	if err != nil {
		return k, err
	}
	if k.session, err = k.module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION); err != nil {
		return k, err
	}
	if err := k.module.Login(k.session, pkcs11.CKU_USER, pin.text()); err != nil {
		return k, err
	}
	if k.private, err = k.find(pkcs11.CKO_PRIVATE_KEY, key); err != nil {
		return k, err
	}
	public, err := k.find(pkcs11.CKO_PUBLIC_KEY, key)
	if err != nil {
		return k, err
	}
	attributes, err := k.module.GetAttributeValue(k.session, public, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)})
	if err != nil {
		return k, err
	}
	// An OCTET STRING around the key, or, as some have it, the key alone.
	point := bytes.TrimPrefix(attributes[0].Value, []byte{4, ed25519.PublicKeySize})
	if len(attributes[0].Value) == ed25519.PublicKeySize {
		point = attributes[0].Value
	}
	if len(point) != ed25519.PublicKeySize {
		return k, errors.New("the key is not an Ed25519 one")
	}
	k.public = bytes.Clone(point)
	return k, nil
}

func (k *TokenKey) slot(token string) (uint, error) {
	slots, err := k.module.GetSlotList(true)
	if err != nil {
		return 0, err
	}
	for _, slot := range slots {
		if info, err := k.module.GetTokenInfo(slot); err == nil && info.Label == token {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("there is no token %q", token)
}

// find returns the one Ed25519 key object of a class with a label.
func (k *TokenKey) find(class uint, label string) (pkcs11.ObjectHandle, error) {
	template := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkECEdwards), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
	}
	if err := k.module.FindObjectsInit(k.session, template); err != nil {
		return 0, err
	}
	found, _, err := k.module.FindObjects(k.session, 2)
	if err = errors.Join(err, k.module.FindObjectsFinal(k.session)); err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("it has %d Ed25519 keys %q, not one", len(found), label)
	}
	return found[0], nil
}

// Public implements DeviceKey.
func (k *TokenKey) Public() ed25519.PublicKey { return bytes.Clone(k.public) }

// Sign implements DeviceKey.
func (k *TokenKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	if err := k.module.SignInit(k.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(ckmEdDSA, nil)}, k.private); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	signature, err := k.module.Sign(k.session, message)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	return signature, nil
}

// Close ends the session, and unloads the library.
func (k *TokenKey) Close() {
	if k.session != 0 {
		_ = k.module.Logout(k.session)
		_ = k.module.CloseSession(k.session)
	}
	_ = k.module.Finalize()
	k.module.Destroy()
}
