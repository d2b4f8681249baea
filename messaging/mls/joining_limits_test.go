package mls_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls"
	"github.com/kith-kt/kith/messaging/mls/group"
)

// TestInvitationsKeepToTheLimit: what strangers send to be joined by is measured, with
// the tree that comes beside it, before any of it is parsed.
func TestInvitationsKeepToTheLimit(t *testing.T) {
	w := newWorld(t, 77)
	cfg := w.config("bob", &mls.Memory{})
	cfg.Limits.MessageSize = 100
	bob := must(t)(mls.NewClient(cfg))
	// Both are no messages at all, so that whoever parses them says something else.
	for name, n := range map[string]int{"message": 101, "with the tree": 60} {
		junk, beside := bytes.Repeat([]byte{0xff}, n), bytes.Repeat([]byte{0xff}, 101-n)
		if _, err := bob.Join(junk, beside); !errors.Is(err, group.ErrLimit) {
			t.Errorf("%s: Join: %v", name, err)
		}
		if _, _, err := bob.JoinExternal(junk, mls.ExternalOptions{RatchetTree: beside}); !errors.Is(err, group.ErrLimit) {
			t.Errorf("%s: JoinExternal: %v", name, err)
		}
		if _, err := bob.Join(junk[:n-1], beside); errors.Is(err, group.ErrLimit) {
			t.Errorf("%s: Join of what is allowed: %v", name, err)
		}
	}
}
