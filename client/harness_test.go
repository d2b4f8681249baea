package client_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/wire"
)

// kinds are the logs every operation is tried on.
var kinds = []struct {
	name  string
	suite wire.CipherSuite
	mode  wire.DeploymentMode
}{
	{"Ed25519/contact", wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring},
	{"P256/contact", wire.KT_128_SHA256_P256, wire.ContactMonitoring},
	{"Ed25519/auditing", wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing},
	{"P256/auditing", wire.KT_128_SHA256_P256, wire.ThirdPartyAuditing},
	{"Ed25519/management", wire.KT_128_SHA256_Ed25519, wire.ThirdPartyManagement},
}

func eachKind(t *testing.T, test func(t *testing.T, l *testlog.Log)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			test(t, testlog.New(k.suite, k.mode, nil))
		})
	}
}

func contactLog() *testlog.Log {
	return testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
}

func newState(t testing.TB, l *testlog.Log) *client.State {
	t.Helper()
	log, err := client.NewLog(l.Config)
	if err != nil {
		t.Fatal(err)
	}
	return client.NewState(log)
}

// now is the log's time.
func now(l *testlog.Log) time.Time { return time.UnixMilli(int64(l.Time)) }

// exchange makes a request and verifies its response. It checks on the way that
// the state did not change, and that what follows survives being saved.
func exchange[T any](t testing.TB, l *testlog.Log, s *client.State, call wire.Call, verify client.Verify[T], err error) (T, *client.State, error) {
	t.Helper()
	var none T
	if err != nil {
		return none, nil, err
	}
	before := s.Append(nil)
	response, err := l.Do(context.Background(), call)
	if err != nil {
		return none, nil, err
	}
	result, next, err := verify(response, now(l))
	if !bytes.Equal(before, s.Append(nil)) {
		t.Fatal("verification changed the state it started from")
	}
	if err != nil {
		if next != nil {
			t.Fatal("a failed verification returned a state")
		}
		return none, nil, err
	}
	return result, reread(t, next), nil
}

// reread saves a state and reads it again.
func reread(t testing.TB, s *client.State) *client.State {
	t.Helper()
	b := s.Append(nil)
	again, err := client.ParseState(b, s.Log())
	if err != nil {
		t.Fatalf("reading a saved state: %v", err)
	}
	if !bytes.Equal(again.Append(nil), b) {
		t.Fatal("a state changed while it was saved")
	}
	return again
}

func search(t testing.TB, l *testlog.Log, s *client.State, label string, version *uint32) (*client.Found, *client.State, error) {
	t.Helper()
	call, verify, err := s.Search(label, version)
	return exchange(t, l, s, call, verify, err)
}

func mustSearch(t testing.TB, l *testlog.Log, s *client.State, label string, version *uint32) (*client.Found, *client.State) {
	t.Helper()
	f, next, err := search(t, l, s, label, version)
	if err != nil {
		t.Fatalf("searching %s: %v", label, err)
	}
	return f, next
}

func ownerInit(t testing.TB, l *testlog.Log, s *client.State, label string, start uint64) (*client.Initialised, *client.State, error) {
	t.Helper()
	call, verify, err := s.OwnerInit(label, start)
	return exchange(t, l, s, call, verify, err)
}

func ownerMonitor(t testing.TB, l *testlog.Log, s *client.State, label string) (*client.OwnerWatched, *client.State, error) {
	t.Helper()
	call, verify, err := s.OwnerMonitor(label)
	return exchange(t, l, s, call, verify, err)
}

func contactMonitor(t testing.TB, l *testlog.Log, s *client.State, label string) (*client.Watched, *client.State, error) {
	t.Helper()
	call, verify, err := s.ContactMonitor(label)
	return exchange(t, l, s, call, verify, err)
}

func update(t testing.TB, l *testlog.Log, s *client.State, label string, values ...string) (*client.Updated, *client.State, error) {
	t.Helper()
	var vs [][]byte
	for _, v := range values {
		vs = append(vs, []byte(v))
	}
	call, verify, err := s.Update(label, vs)
	return exchange(t, l, s, call, verify, err)
}

func walk(t testing.TB, l *testlog.Log, s *client.State, stop *uint64) (*client.Walked, *client.State, error) {
	t.Helper()
	call, verify, err := s.Walk(stop)
	return exchange(t, l, s, call, verify, err)
}

func ptr[T any](v T) *T { return &v }

// memory is a Store that keeps bytes.
type memory struct {
	saved [][]byte
	err   error
}

func (m *memory) Save(s *client.State) error {
	if m.err != nil {
		return m.err
	}
	m.saved = append(m.saved, s.Append(nil))
	return nil
}

// newClient is a client in opaque-value mode, unless config says otherwise.
func newClient(t testing.TB, l *testlog.Log, edit func(*client.Config)) *client.Client {
	t.Helper()
	config := client.Config{
		Service: l, State: newState(t, l), Store: &memory{}, Now: func() time.Time { return now(l) },
		Policy: client.Policy{Opaque: true},
	}
	if edit != nil {
		edit(&config)
	}
	return client.New(config)
}

func value(label string, version uint32) string { return fmt.Sprintf("%s's key %d", label, version) }
