package opaque

import (
	"bytes"
	"crypto/rand"
	"testing"
)

// FuzzMessages: no message makes either side panic, and none that was not made with
// the password is taken.
func FuzzMessages(f *testing.F) {
	p := enrol(f, 1, []byte("password"), Options{})
	_, ke1, err := NewLogin([]byte("password"), Options{}, rand.Reader)
	must(f, err)
	_, ke2, err := p.server.Login(ke1, p.record, []byte("id"), Identities{}, rand.Reader)
	must(f, err)
	for _, b := range [][]byte{nil, ke1, ke2, p.record, ke1[:Noe], make([]byte, KE1Size), make([]byte, RecordSize), make([]byte, ResponseSize)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = p.server.Register(b, []byte("id"))
		if CheckRecord(b) == nil {
			if _, _, err := p.server.Login(ke1, b, []byte("id"), Identities{}, rand.Reader); err != nil {
				t.Errorf("a record that was found good: %v", err)
			}
		}
		if h, answer, err := p.server.Login(b, p.record, []byte("id"), Identities{}, rand.Reader); err == nil {
			if len(answer) != KE2Size {
				t.Errorf("%d octets", len(answer))
			}
			if _, err := h.Finish(b); err == nil {
				t.Error("KE1 is taken for KE3")
			}
		}
		l, _, err := NewLogin([]byte("password"), Options{}, rand.Reader)
		must(t, err)
		if _, session, _, err := l.Finish(b); err == nil || session != nil {
			t.Error("a KE2 of nobody is taken")
		}
		r, _, err := Register([]byte("password"), Options{}, rand.Reader)
		must(t, err)
		if record, _, err := r.Finalize(b, rand.Reader); err == nil && (len(record) != RecordSize || bytes.Equal(record, p.record)) {
			t.Error("a record of another length")
		}
	})
}
