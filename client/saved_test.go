package client_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/wire"
)

// TestSavedProof verifies lookups again, offline and later: one by a newcomer,
// one by a returning user who followed a chain.
func TestSavedProof(t *testing.T) {
	l := contactLog()
	p := &person{t: t, l: l}
	p.claim("zero", key("alice"))
	c := recordClient(t, l, nil)
	first := lookup(t, c, "alice")
	p.owner("one", key("alice"), key("alice"))
	p.owner("two", key("alice"), key("alice"))
	second := wantEvents(t, c, record.Update, record.Update)
	l.Advance(1 << 40) // long after
	for i, saved := range [][]byte{first.Saved, second.Saved} {
		s, v, err := client.VerifySaved(saved)
		if err != nil {
			t.Fatal(err)
		}
		if s.FirstSeen() != (i == 0) || len(v.Found) != 1+i {
			t.Errorf("%d: %d found", i, len(v.Found))
		}
		if want := uint32(2 * i); v.Found[0].Version != want {
			t.Errorf("%d: version %d", i, v.Found[0].Version)
		}
		if s.Log.Fingerprint() != c.State().Log().Fingerprint() {
			t.Error("another log")
		}
		if !bytes.Equal(s.Append(nil), saved) {
			t.Error("a saved proof has two encodings")
		}
	}
	for i := range first.Saved {
		bad := bytes.Clone(first.Saved)
		bad[i] ^= 1 << (i % 8)
		if _, _, err := client.VerifySaved(bad); err == nil {
			// The time of receipt is the user's word, and may move within the bounds.
			if i < len(bad)-8 {
				t.Fatalf("byte %d of %d can be changed", i, len(bad))
			}
		}
	}
}

// TestSavedProofOfOtherRequest puts a request into a saved proof that does not
// follow from its state.
func TestSavedProofOfOtherRequest(t *testing.T) {
	l, s := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	c := newClient(t, l, func(config *client.Config) { config.State = s })
	saved, err := client.ParseSaved(lookup(t, c, "alice").Saved)
	if err != nil {
		t.Fatal(err)
	}
	saved.Exchanges[0].Request = []byte{0, 5, 'a', 'l', 'i', 'c', 'e', 0} // without last
	if _, err := saved.Verify(); !errors.Is(err, client.ErrSaved) {
		t.Errorf("got %v", err)
	}
}

// TestSavedEveryOperation verifies each operation again.
func TestSavedEveryOperation(t *testing.T) {
	l, s := owner(t)
	saved := &client.Saved{Log: s.Log(), Prior: s}
	add := func(call wire.Call, next *client.State, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		response, err := l.Do(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		saved.Exchanges = append(saved.Exchanges, client.Exchange{Operation: call.Operation, Request: call.Body, Response: response, Received: l.Time})
		v, err := saved.Verify()
		if err != nil {
			t.Fatal(err)
		}
		s = v.State
	}
	call, _, err := s.Walk(nil)
	add(call, nil, err)
	call, _, err = s.Update("alice", nil)
	add(call, nil, err)
	call, _, err = s.Update("alice", [][]byte{[]byte("a3")})
	add(call, nil, err)
	call, _, err = s.OwnerMonitor("alice")
	add(call, nil, err)
	call, _, err = s.Search("alice", nil)
	add(call, nil, err)
	call, _, err = s.Search("alice", ptr(uint32(1)))
	add(call, nil, err)
	start, _ := s.RightmostDistinguished()
	call, _, err = s.OwnerInit("alice", start)
	add(call, nil, err)
	if c := s.Contact("alice"); len(c.Monitor) > 0 {
		call, _, err = s.ContactMonitor("alice")
		add(call, nil, err)
	} else {
		t.Error("nothing to monitor")
	}
	again, v, err := client.VerifySaved(saved.Append(nil))
	if err != nil || len(again.Exchanges) != 8 || !bytes.Equal(v.State.Append(nil), s.Append(nil)) {
		t.Errorf("%v", err)
	}
}
