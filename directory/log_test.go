package directory_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/proto/wire"
)

// A testLog is a log in a folder of its own, with what is needed to open it.
type testLog struct {
	dir    string
	keys   *directory.Keys
	config directory.Config
}

// newLog begins a log; change may change its configuration before.
func newLog(t testing.TB, change func(*directory.Config)) *testLog {
	t.Helper()
	l := &testLog{dir: t.TempDir()}
	l.config.Log = wire.Configuration{
		CipherSuite:                wire.KT_128_SHA256_Ed25519,
		Mode:                       wire.ContactMonitoring,
		MaxAhead:                   60_000,
		MaxBehind:                  60_000,
		ReasonableMonitoringWindow: 1000,
	}
	if change != nil {
		change(&l.config)
	}
	var err error
	l.keys, err = directory.GenerateKeys(l.config.Log.CipherSuite, "example.org/log", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l.config.Keys = l.keys
	l.config.Log.SignaturePublicKey = l.keys.Signer.Public()
	l.config.Log.VRFPublicKey = l.keys.VRF.Public().Bytes()
	if err := directory.CreateHighWater(l.path("high-water")); err != nil {
		t.Fatal(err)
	}
	config, closeAll := l.parts(t)
	defer closeAll()
	if err := directory.Init(context.Background(), config); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *testLog) path(name string) string { return filepath.Join(l.dir, name) }

// parts opens the store and the high-water mark.
func (l *testLog) parts(t testing.TB) (directory.Config, func()) {
	t.Helper()
	store, err := embedded.Open(l.path("kith.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mark, err := directory.OpenHighWater(l.path("high-water"))
	if err != nil {
		t.Fatal(err)
	}
	config := l.config
	config.Store, config.HighWater = store, mark
	return config, func() {
		store.Close()
		mark.Close()
	}
}

// open opens the log until the test ends.
func (l *testLog) open(t testing.TB) *directory.Sequencer {
	t.Helper()
	s, closeAll, err := l.tryOpen(t)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeAll)
	return s
}

func (l *testLog) tryOpen(t testing.TB) (*directory.Sequencer, func(), error) {
	t.Helper()
	config, closeParts := l.parts(t)
	s, err := directory.Open(context.Background(), config)
	if err != nil {
		closeParts()
		return nil, nil, err
	}
	return s, func() {
		s.Close()
		closeParts()
	}, nil
}

// run opens the log and runs its sequencer until the test ends or stop is called.
func (l *testLog) run(t testing.TB) (s *directory.Sequencer, stop func()) {
	t.Helper()
	s, closeAll, err := l.tryOpen(t)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		closeAll()
	}
	t.Cleanup(stop)
	return s, stop
}

// A fakeClock stands until it is moved.
type fakeClock struct{ now time.Time }

func (c *fakeClock) Now() time.Time { return c.now }

// saveKeys writes keys and configuration, for another process to reopen.
func (l *testLog) saveKeys(t testing.TB) {
	t.Helper()
	if err := l.keys.Save(l.path("keys")); err != nil {
		t.Fatal(err)
	}
	b, err := l.config.Log.Append(nil, l.config.Log.Format())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.path("configuration"), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// reopen opens a log whose keys were saved.
func (l *testLog) reopen() (*embedded.Store, *directory.HighWaterFile, directory.Config, error) {
	var config directory.Config
	b, err := os.ReadFile(l.path("configuration"))
	if err != nil {
		return nil, nil, config, err
	}
	c, err := wire.ParseConfiguration(b, wire.Format{})
	if err != nil {
		return nil, nil, config, err
	}
	config.Log, config.BulkEntries = *c, 1
	if config.Keys, err = directory.LoadKeys(l.path("keys"), c.CipherSuite); err != nil {
		return nil, nil, config, err
	}
	store, err := embedded.Open(l.path("kith.db"), embedded.Options{MustExist: true})
	if err != nil {
		return nil, nil, config, err
	}
	mark, err := directory.OpenHighWater(l.path("high-water"))
	if err != nil {
		store.Close()
		return nil, nil, config, err
	}
	config.Store, config.HighWater = store, mark
	return store, mark, config, nil
}
