//go:build !pkcs11

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kith-kt/kith/client/account"
)

// A tokenKey is a key on a PKCS#11 token, of which this build knows nothing.
type tokenKey struct{}

func (*tokenKey) add(*cobra.Command) {}

func (*tokenKey) given() bool { return false }

func (*tokenKey) open(context.Context, *program) (account.DeviceKey, func(), error) {
	return nil, nil, failed("", "this kith was built without PKCS#11")
}
