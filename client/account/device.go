package account

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"net/http"
	"time"

	"github.com/kith-kt/kith/srp/auth"
)

const (
	// deviceContext begins what a device signs (package srp/login, DeviceContext).
	deviceContext = "kith device login 1\x00"
	// sealedContext begins what is sealed for a login.
	sealedContext = "kith sealed login 1\x00"
	nonceSize     = 32              // octets
	maxSkew       = 5 * time.Minute // between the clocks of a service and a device
)

// A DeviceKey is the Ed25519 key of a device, wherever it is kept.
type DeviceKey interface {
	// Public returns the key that stands in the record.
	Public() ed25519.PublicKey
	// Sign signs a message (Ed25519, not a hash of it).
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// A SoftKey is a DeviceKey in a file.
type SoftKey ed25519.PrivateKey

// Public implements DeviceKey.
func (k SoftKey) Public() ed25519.PublicKey {
	return ed25519.PrivateKey(k).Public().(ed25519.PublicKey)
}

// Sign implements DeviceKey.
func (k SoftKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(k), message), nil
}

// LoginDevice logs in by a signature of a device whose key is in the record. There
// is no password, so that no backup can be opened. What the server wants signed must
// be for a login of this person, at this domain, now: else it is an ErrChallenge.
func (c *Client) LoginDevice(ctx context.Context, p *Person, key DeviceKey, factor Factor) (*Grant, error) {
	var challenge auth.DeviceChallenge
	if err := c.call(ctx, http.MethodPost, "/login/device", "", auth.NameStart{Name: p.Name, Device: p.Device}, &challenge); err != nil {
		return nil, err
	}
	if err := checkHandshake(challenge.Handshake); err != nil {
		return nil, err
	}
	if err := c.checkChallenge(p, challenge.Message); err != nil {
		return nil, err
	}
	signature, err := key.Sign(ctx, challenge.Message)
	if err != nil {
		return nil, fmt.Errorf("account: the device key: %w", err)
	}
	if !ed25519.Verify(key.Public(), challenge.Message, signature) {
		return nil, fmt.Errorf("account: the device key: its signature does not hold")
	}
	var answer auth.Grant
	finish := auth.DeviceFinish{Key: auth.Bytes(key.Public()), Signature: signature, Device: p.Device}
	if err := c.call(ctx, http.MethodPost, "/login/device/"+challenge.Handshake, "", finish, &answer); err != nil {
		return nil, err
	}
	return c.granted(ctx, p, &answer, factor)
}

// checkChallenge checks that a message is for a login of p, now.
func (c *Client) checkChallenge(p *Person, message []byte) error {
	rest, ok := strip(p, deviceContext, message)
	if !ok || len(rest) != nonceSize+8 {
		return fmt.Errorf("account: %w", ErrChallenge)
	}
	seconds := binary.BigEndian.Uint64(rest[nonceSize:])
	if off := c.options.Now().Sub(time.Unix(int64(min(seconds, 1<<40)), 0)).Abs(); off > maxSkew {
		return fmt.Errorf("account: %w: its time is %s off this device's clock", ErrChallenge, off.Round(time.Second))
	}
	return nil
}

// strip takes context, domain and name off the beginning of a message.
func strip(p *Person, context string, message []byte) ([]byte, bool) {
	for _, name := range []string{p.Name, p.Label()} {
		if rest, ok := bytes.CutPrefix(message, prefix(context, p.Domain, name)); ok {
			return rest, true
		}
	}
	return nil, false
}

// prefix is a context, and domain and name each behind their length in two octets.
func prefix(context, domain, name string) []byte {
	b := []byte(context)
	for _, part := range []string{domain, name} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(part))), part...)
	}
	return b
}

// SealedMessage is what a service seals to a person's keys for a login by nonce.
// A bare nonce would make a person's client open anything for anybody.
func SealedMessage(domain, name string, nonce []byte) []byte {
	return append(prefix(sealedContext, domain, name), nonce...)
}

// LoginSealed logs in by opening what was sealed to one of the published keys.
func (c *Client) LoginSealed(ctx context.Context, p *Person, open func(sealed []byte) ([]byte, error), factor Factor) (*Grant, error) {
	var challenge auth.SealedChallenge
	if err := c.call(ctx, http.MethodPost, "/login/sealed", "", auth.NameStart{Name: p.Name, Device: p.Device}, &challenge); err != nil {
		return nil, err
	}
	if err := checkHandshake(challenge.Handshake); err != nil {
		return nil, err
	}
	message, err := open(challenge.Sealed)
	if err != nil {
		return nil, fmt.Errorf("account: the challenge does not open: %w", err)
	}
	defer clear(message)
	nonce, ok := strip(p, sealedContext, message)
	if !ok || len(nonce) != nonceSize {
		return nil, fmt.Errorf("account: %w", ErrChallenge)
	}
	var answer auth.Grant
	if err := c.call(ctx, http.MethodPost, "/login/sealed/"+challenge.Handshake, "", auth.SealedFinish{Nonce: nonce, Device: p.Device}, &answer); err != nil {
		return nil, err
	}
	return c.granted(ctx, p, &answer, factor)
}
