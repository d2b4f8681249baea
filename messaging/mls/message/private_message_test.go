package message_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"testing"
	"testing/iotest"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/schedule"
	"github.com/kith-kt/kith/messaging/mls/suite"
	"github.com/kith-kt/kith/messaging/mls/syntax"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"pgregory.net/rapid"
)

// TestPaddingMustBeZero: any other byte, anywhere in it, refuses the message
// (6.3.1).
func TestPaddingMustBeZero(t *testing.T) {
	w := newWorld(t, 1)
	for kind := message.ContentApplication; kind <= message.ContentCommit; kind++ {
		f := w.forge(message.WireFormatPrivateMessage, w.content(t, message.Member(1), kind))
		for _, n := range []int{0, 1, 2, 100} {
			f.padding = make([]byte, n)
			_, err := w.unprotect(f.bytes())
			isErr(t, fmt.Sprintf("%d zero bytes", n), err, nil)
			for i := range f.padding {
				f.padding[i] = 0x40
				_, err := w.unprotect(f.bytes())
				isErr(t, fmt.Sprintf("byte %d of %d", i, n), err, message.ErrPadding)
				f.padding[i] = 0
			}
		}
	}
}

// TestPrivateContentMustParse: content that ends within its authentication is
// malformed, whatever the signature.
func TestPrivateContentMustParse(t *testing.T) {
	w := newWorld(t, 1)
	for kind := message.ContentApplication; kind <= message.ContentCommit; kind++ {
		f := w.forge(message.WireFormatPrivateMessage, w.content(t, message.Member(1), kind))
		for f.cut = 1; f.cut <= len(f.selected())+64; f.cut++ {
			_, err := w.unprotect(f.bytes())
			isErr(t, fmt.Sprintf("%d bytes short", f.cut), err, syntax.ErrSyntax)
		}
	}
}

// TestPaddingHidesTheLength: ciphertexts of all contents in a class are of one
// length, which is at least that of the content.
func TestPaddingHidesTheLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 1<<20).Draw(t, "n")
		block := rapid.IntRange(-1, 1<<12).Draw(t, "block")
		pad := message.PadToBlock(block)(n)
		if block < 2 {
			if pad != 0 {
				t.Fatalf("%d bytes to blocks of %d", pad, block)
			}
		} else if pad < 0 || pad >= block || (n+pad)%block != 0 {
			t.Fatalf("%d bytes and %d of padding to blocks of %d", n, pad, block)
		}
		least := rapid.IntRange(-1, 1<<12).Draw(t, "least")
		pad = message.PadToPowerOfTwo(least)(n)
		if total := n + pad; pad < 0 || bits.OnesCount(uint(total)) != 1 || total < least || total > 1 && total/2 >= max(n, least) {
			t.Fatalf("%d bytes and %d of padding, least %d", n, pad, least)
		}
	})
	w := newWorld(t, 1)
	lengths := map[int]bool{}
	for n := range 100 {
		c := w.content(t, message.Member(1), message.ContentApplication)
		c.ApplicationData = make([]byte, n)
		lengths[len(protectWith(t, w, c, message.PadToBlock(256)).Ciphertext)] = true
	}
	if len(lengths) != 1 {
		t.Errorf("ciphertexts of %v bytes", lengths)
	}
}

func protectWith(t *testing.T, w *world, c message.FramedContent, pad message.Padding) *message.PrivateMessage {
	t.Helper()
	a, err := message.Sign(w.s, w.signer, message.WireFormatPrivateMessage, c, w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	m, err := a.ProtectPrivate(w.s, w.senderData, 0, schedule.Key{Key: make([]byte, w.s.KeySize()), Nonce: make([]byte, 12)}, mlstest.Rand(1), pad, w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPaddingIsBounded: a policy that goes astray is an error of the sender.
func TestPaddingIsBounded(t *testing.T) {
	w := newWorld(t, 1)
	a, err := message.Sign(w.s, w.signer, message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentApplication), w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{-1, message.MaxContent, 1 << 62} {
		pad := func(int) int { return n }
		_, err := a.ProtectPrivate(w.s, w.senderData, 0, schedule.Key{Key: make([]byte, 16), Nonce: make([]byte, 12)}, mlstest.Rand(1), pad, w.ctx)
		isErr(t, fmt.Sprintf("%d bytes", n), err, message.ErrTooLong)
	}
}

// TestReuseGuard: the nonce of the key schedule is never used as it is, so that
// even a generation used twice after a loss of state gives different ciphertexts;
// and without randomness nothing is sent (6.3.1).
func TestReuseGuard(t *testing.T) {
	w := newWorld(t, 1)
	a, err := message.Sign(w.s, w.signer, message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentApplication), w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	random := mlstest.Rand(22)
	seen := map[string]bool{}
	for range 20 {
		_, key, err := w.secretTree().NextKey(1, schedule.Application)
		if err != nil {
			t.Fatal(err)
		}
		nonce := bytes.Clone(key.Nonce)
		m, err := a.ProtectPrivate(w.s, w.senderData, 0, key, random, nil, w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(nonce, key.Nonce) {
			t.Error("the caller's nonce was changed")
		}
		seen[string(m.Ciphertext)] = true
		data, err := m.SenderData(w.s, w.senderData)
		if err != nil || data.LeafIndex != 1 || data.Generation != 0 || data.ReuseGuard == [4]byte{} {
			t.Errorf("sender data %+v, %v", data, err)
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d different ciphertexts of 20", len(seen))
	}
	_, err = a.ProtectPrivate(w.s, w.senderData, 0, schedule.Key{Key: make([]byte, 16), Nonce: make([]byte, 12)}, iotest.ErrReader(errors.ErrUnsupported), nil, w.ctx)
	isErr(t, "no randomness", err, errors.ErrUnsupported)
}

// TestSenderDataIsBoundToTheMessage: sender data of one message does not decrypt
// with another's ciphertext, group, epoch or content type (6.3.2).
func TestSenderDataIsBoundToTheMessage(t *testing.T) {
	w := newWorld(t, 1)
	good := parse[*message.PrivateMessage](t, w.protect(t, message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentApplication)))
	if _, err := good.SenderData(w.s, w.senderData); err != nil {
		t.Fatal(err)
	}
	for what, bend := range map[string]func(*message.PrivateMessage){
		"group":            func(m *message.PrivateMessage) { m.GroupID = []byte("grouq") },
		"epoch":            func(m *message.PrivateMessage) { m.Epoch++ },
		"content type":     func(m *message.PrivateMessage) { m.ContentType = message.ContentCommit },
		"ciphertext":       func(m *message.PrivateMessage) { m.Ciphertext[0] ^= 1 },
		"last of sample":   func(m *message.PrivateMessage) { m.Ciphertext[w.s.HashSize()-1] ^= 1 },
		"short ciphertext": func(m *message.PrivateMessage) { m.Ciphertext = m.Ciphertext[:w.s.HashSize()-1] },
		"no ciphertext":    func(m *message.PrivateMessage) { m.Ciphertext = nil },
		"empty":            func(m *message.PrivateMessage) { m.EncryptedSenderData = nil },
	} {
		m := *good
		m.Ciphertext = bytes.Clone(good.Ciphertext)
		bend(&m)
		_, err := m.SenderData(w.s, w.senderData)
		isErr(t, what, err, suite.ErrDecrypt)
	}
	m := *good
	m.Ciphertext = bytes.Clone(m.Ciphertext)
	m.Ciphertext[w.s.HashSize()] ^= 1 // after the sample
	if _, err := m.SenderData(w.s, w.senderData); err != nil {
		t.Errorf("a byte after the sample: %v", err)
	}
	_, err := good.SenderData(w.s, mlstest.Bytes(23, 32))
	isErr(t, "another secret", err, suite.ErrDecrypt)
}

// TestSenderDataHasOneForm: twelve bytes.
func TestSenderDataHasOneForm(t *testing.T) {
	w := newWorld(t, 1)
	m := parse[*message.PrivateMessage](t, w.protect(t, message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentApplication)))
	key, nonce := schedule.SenderDataKey(w.s, w.senderData, m.Ciphertext)
	aad := cat(v(m.GroupID), be(8, m.Epoch), []byte{byte(m.ContentType)})
	for n, want := range map[int]error{11: syntax.ErrTruncated, 12: nil, 13: syntax.ErrTrailing} {
		m.EncryptedSenderData = w.s.Seal(key, nonce, aad, make([]byte, n))
		_, err := m.SenderData(w.s, w.senderData)
		isErr(t, fmt.Sprintf("%d bytes", n), err, want)
	}
}

// TestSenderDataCannotLie: who names another leaf or generation, as any member
// can, has not the key of it.
func TestSenderDataCannotLie(t *testing.T) {
	w := newWorld(t, 1)
	f := w.forge(message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentApplication))
	for what, reveal := range map[string]func(*message.SenderData){
		"leaf":        func(d *message.SenderData) { d.LeafIndex = 2 },
		"generation":  func(d *message.SenderData) { d.Generation = 1 },
		"reuse guard": func(d *message.SenderData) { d.ReuseGuard[3] ^= 1 },
	} {
		f.reveal = reveal
		_, err := w.unprotect(f.bytes())
		isErr(t, what, err, suite.ErrDecrypt)
	}
	// A member may encrypt under another's ratchet. The signature says who it is.
	f = w.forge(message.WireFormatPrivateMessage, w.content(t, message.Member(2), message.ContentApplication))
	key := func(c *message.FramedContent) ([]byte, error) {
		if leaf, _ := c.Sender.Leaf(); leaf == tree.LeafIndex(2) {
			return w.leafKey(t, 2), nil
		}
		return w.signer.Public(), nil
	}
	m := parse[*message.PrivateMessage](t, f.bytes())
	data, err := m.SenderData(w.s, w.senderData)
	if err != nil {
		t.Fatal(err)
	}
	opening, err := w.secretTree().Peek(data.LeafIndex, schedule.Application, data.Generation)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Unprotect(w.s, data, opening.Key(), w.ctx, key)
	isErr(t, "member 1 as member 2", err, suite.ErrSignature)
}

// leafKey returns a signature key that nobody here has the private half of.
func (w *world) leafKey(t *testing.T, seed uint64) []byte {
	t.Helper()
	_, signer, err := w.s.GenerateSigner(mlstest.Rand(1000 + seed))
	if err != nil {
		t.Fatal(err)
	}
	return signer.Public()
}

// TestRefusedMessagesLeaveTheKey: look, verify, then use up. A forgery of a
// generation does not cost the genuine message its key.
func TestRefusedMessagesLeaveTheKey(t *testing.T) {
	w := newWorld(t, 1)
	keys := w.secretTree()
	good := w.protect(t, message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentApplication))
	read := func(b []byte) error {
		m := parse[*message.PrivateMessage](t, b)
		data, err := m.SenderData(w.s, w.senderData)
		if err != nil {
			return err
		}
		opening, err := keys.Peek(data.LeafIndex, m.ContentType.Kind(), data.Generation)
		if err != nil {
			return err
		}
		if _, err = m.Unprotect(w.s, data, opening.Key(), w.ctx, w.key); err != nil {
			opening.Discard()
			return err
		}
		return opening.Commit()
	}
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	isErr(t, "forgery", read(bad), suite.ErrDecrypt)
	isErr(t, "message", read(good), nil)
	isErr(t, "replay", read(good), schedule.ErrConsumed)
}

// TestContentIsItsOwnMemory: what was decrypted does not change with the buffer
// that it came in.
func TestContentIsItsOwnMemory(t *testing.T) {
	w := newWorld(t, 1)
	b := w.protect(t, message.WireFormatPrivateMessage, w.content(t, message.Member(1), message.ContentApplication))
	a, err := w.unprotect(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if string(a.Content.ApplicationData) != "hello" {
		t.Errorf("%q", a.Content.ApplicationData)
	}
}
