package mls_test

import (
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/storetest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t,
		func(*testing.T) mls.Store { return &mls.Memory{} },
		func(_ *testing.T, old mls.Store) mls.Store { return old.(*mls.Memory).Clone() })
}
