//go:build pkcs11

package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/account"
)

// A tokenKey is an Ed25519 key in a smart card or other token.
type tokenKey struct {
	library, token, key string
	pin                 secretFlag
}

func (k *tokenKey) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&k.library, "pkcs11", "", "a key in a smart card or other token, by its PKCS#11 library `FILE`")
	f.StringVar(&k.token, "pkcs11-token", "", "the token's `LABEL`")
	f.StringVar(&k.key, "pkcs11-key", "kith", "the key's `LABEL`")
	k.pin.add(cmd, "pin-fd", "the token's PIN")
}

func (k *tokenKey) given() bool { return k.library != "" }

func (k *tokenKey) open(ctx context.Context, p *program) (account.DeviceKey, func(), error) {
	if k.token == "" {
		return nil, nil, usage(errors.New("it was not said which token"), "add --pkcs11-token LABEL")
	}
	pin, err := k.pin.read(ctx, p, "PIN of "+k.token)
	if err != nil {
		return nil, nil, err
	}
	defer pin.Wipe()
	key, err := account.OpenToken(k.library, k.token, k.key, pin)
	if err != nil {
		return nil, nil, err
	}
	return key, key.Close, nil
}
