package client_test

import (
	"bytes"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/wire"
)

// FuzzVerify verifies arbitrary responses to every operation: nothing panics,
// and what is refused changes nothing. The first byte chooses the operation.
func FuzzVerify(f *testing.F) {
	names := []string{"search", "search first", "search fixed", "contact monitor", "owner init", "owner monitor", "update", "distinguished"}
	attempts := map[byte]attempt{}
	for _, mode := range []wire.DeploymentMode{wire.ContactMonitoring, wire.ThirdPartyAuditing} {
		all := everyOperation(f, wire.KT_128_SHA256_Ed25519, mode)
		for i, name := range names {
			if a, ok := all[name]; ok {
				f.Add(append([]byte{byte(i) | byte(mode)<<4}, a.response...))
				attempts[byte(i)|byte(mode)<<4] = a
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		a, ok := attempts[b[0]]
		if !ok {
			return
		}
		before := a.state.Append(nil)
		next, err := a.verify(b[1:])
		if err != nil && next != nil {
			t.Fatal("a failed verification returned a state")
		}
		if err == nil && !bytes.Equal(b[1:], a.response) {
			t.Fatal("another response verifies")
		}
		if !bytes.Equal(before, a.state.Append(nil)) {
			t.Fatal("verification changed the state")
		}
	})
}

// FuzzParseState: parse then append is the identity, and whatever parses can be
// used without a panic. The checksum is repaired, or nothing would parse.
func FuzzParseState(f *testing.F) {
	var log *client.Log
	for _, a := range everyOperation(f, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring) {
		log = a.state.Log()
		b := a.state.Append(nil)
		f.Add(b[:len(b)-32])
		next, err := a.verify(a.response)
		if err != nil {
			f.Fatal(err)
		}
		b = next.Append(nil)
		f.Add(b[:len(b)-32])
	}
	f.Add(witnessedState(f, log))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = seal(b)
		s, err := client.ParseState(b, log)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Append(nil), b) {
			t.Fatal("a state has two encodings")
		}
		s.RightmostDistinguished()
		s.DistinguishedHead(3)
		for _, label := range s.Contacts() {
			_, _, _ = s.Search(label, nil)
			_, _, _ = s.ContactMonitor(label)
		}
		for _, label := range s.OwnedLabels() {
			_, _, _ = s.OwnerMonitor(label)
			_, _, _ = s.Update(label, nil)
		}
	})
}

// FuzzParseSaved: parse then append is the identity, and verifying does not panic.
func FuzzParseSaved(f *testing.F) {
	l, s := grown(&testing.T{}, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	c := newClient(f, l, func(config *client.Config) { config.State = s })
	found, err := c.Lookup(f.Context(), "alice", client.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(found.Saved)
	f.Fuzz(func(t *testing.T, b []byte) {
		saved, err := client.ParseSaved(b)
		if err != nil {
			return
		}
		if !bytes.Equal(saved.Append(nil), b) {
			t.Fatal("a saved proof has two encodings")
		}
		_, _ = saved.Verify()
	})
}

// witnessedState is a saved state, without its checksum, in which a part is covered
// and a head waits.
func witnessedState(f *testing.F, log *client.Log) []byte {
	f.Helper()
	a := trailed(f)
	c := witnessed(a, nil)
	for range 2 {
		if _, err := c.Lookup(f.Context(), "alice", client.Options{}); err != nil {
			f.Fatal(err)
		}
		a.l.Advance(100).Publish(nil)
	}
	b := c.State().Append(nil)
	if c.State().Pending() == nil || c.State().Log().Fingerprint() != log.Fingerprint() {
		f.Fatal("nothing waits, or it is another log")
	}
	return b[:len(b)-32]
}
