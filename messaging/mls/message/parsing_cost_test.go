package message_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
)

// TestListsOfStrangersAreBounded: what anybody can send is refused before its lists
// of tiny elements take many times its size in memory. Lists as long as is allowed
// are read.
func TestListsOfStrangersAreBounded(t *testing.T) {
	t.Parallel()
	list := func(element []byte, n int) func(*syntax.Writer) {
		return func(w *syntax.Writer) { w.Vector(bytes.Repeat(element, n)) }
	}
	extensions := func(n int) func(*syntax.Writer) {
		return func(w *syntax.Writer) {
			w.Nested(func(w *syntax.Writer) {
				for i := range n {
					w.Uint16(uint16(i))
					w.Uint8(0)
				}
			})
		}
	}
	// The rest of each message is missing: how far it was read shows in the error.
	commit := func(w *syntax.Writer) {
		w.Uint16(1)
		w.Uint16(1) // mls_public_message
		w.Vector([]byte("group"))
		w.Uint64(1)
		w.Uint8(4) // new_member_commit
		w.Vector(nil)
		w.Uint8(3) // commit
	}
	for _, test := range []struct {
		what   string
		before func(*syntax.Writer)
		list   func(n int) func(*syntax.Writer)
		most   int
	}{
		{"references", commit, func(n int) func(*syntax.Writer) { return list([]byte{2, 0}, n) }, message.MaxProposals},
		{"new members", func(w *syntax.Writer) {
			w.Uint16(1)
			w.Uint16(3) // mls_welcome
			w.Uint16(1)
		}, func(n int) func(*syntax.Writer) { return list([]byte{0, 0, 0}, n) }, 1 << 17},
		{"certificates", func(w *syntax.Writer) {
			w.Uint16(1)
			w.Uint16(5) // mls_key_package
			w.Uint16(1)
			w.Uint16(1)
			w.Vector(nil)
			w.Vector(nil)
			w.Vector(nil)
			w.Uint16(2) // x509
		}, func(n int) func(*syntax.Writer) { return list([]byte{0}, n) }, tree.MaxCertificates},
		{"extensions", func(w *syntax.Writer) {
			w.Uint16(1)
			w.Uint16(4) // mls_group_info
			w.Uint16(1)
			w.Uint16(1)
			w.Vector([]byte("group"))
			w.Uint64(1)
			w.Vector(nil)
			w.Vector(nil)
		}, extensions, 1 << 16},
	} {
		for n, want := range map[int]error{test.most: syntax.ErrTruncated, test.most + 1: syntax.ErrTooLong} {
			var w syntax.Writer
			test.before(&w)
			test.list(n)(&w)
			if _, err := message.Parse(w.Bytes()); !errors.Is(err, want) {
				t.Errorf("%d %s: %v, want %v", n, test.what, err, want)
			}
		}
	}
}

// TestPSKsOfGroupSecretsAreBounded: who has a KeyPackage of ours can encrypt
// GroupSecrets to us. There are no more PSKs than PSKLabel can count (8.4).
func TestPSKsOfGroupSecretsAreBounded(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]error{65535: nil, 65536: syntax.ErrTooLong} {
		var w syntax.Writer
		w.Vector(nil)
		w.Optional(false)
		w.Vector(bytes.Repeat([]byte{1, 0, 0}, n))
		if err := syntax.Unmarshal(w.Bytes(), new(message.GroupSecrets)); !errors.Is(err, want) {
			t.Errorf("%d PSKs: %v, want %v", n, err, want)
		}
	}
}
