package srp

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// backupMagic begins a sealed backup, and names its format.
const backupMagic = "kith backup 1\n"

// MaxBackup bounds a sealed backup, in octets.
const MaxBackup = 64 << 10

// ErrBackup is a backup that does not open: another password, another name, or
// changed.
var ErrBackup = errors.New("srp: backup does not open")

// Seal encrypts what a person wants to have again on a new device, the account
// key above all, so that only the password opens it. name, the account's, is
// bound to it. rand gives 24 octets.
func (s *Secrets) Seal(name string, plain []byte, rand io.Reader) ([]byte, error) {
	if len(plain) > MaxBackup-len(backupMagic)-chacha20poly1305.NonceSizeX-chacha20poly1305.Overhead {
		return nil, fmt.Errorf("%w: too large", ErrBackup)
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, err
	}
	b := append([]byte(backupMagic), nonce...)
	return s.aead().Seal(b, nonce, plain, []byte(backupMagic+name)), nil
}

// Open decrypts what Seal made of the same password and name.
func (s *Secrets) Open(name string, sealed []byte) ([]byte, error) {
	head := len(backupMagic) + chacha20poly1305.NonceSizeX
	if len(sealed) > MaxBackup || len(sealed) < head || string(sealed[:len(backupMagic)]) != backupMagic {
		return nil, fmt.Errorf("%w: not a backup", ErrBackup)
	}
	plain, err := s.aead().Open(nil, sealed[len(backupMagic):head], sealed[head:], []byte(backupMagic+name))
	if err != nil {
		return nil, ErrBackup
	}
	return plain, nil
}

func (s *Secrets) aead() cipher.AEAD {
	a, err := chacha20poly1305.NewX(s.Unlock[:])
	if err != nil {
		panic("srp: " + err.Error())
	}
	return a
}
