package keyring_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/provider"
)

// TestConvicted: a log that was caught is refused for ever, also after its user has
// moved to another log and back, until the very evidence is forgiven.
func TestConvicted(t *testing.T) {
	dir := newHome(t)
	ring := open(t, dir)
	log, other := provider.Fingerprint{1}, provider.Fingerprint{2}
	want := func(log provider.Fingerprint, refused bool) {
		t.Helper()
		c, err := ring.Convicted(log)
		if err != nil || (c != nil) != refused {
			t.Fatalf("refused: %v, %v; want %v", c, err, refused)
		}
	}
	want(log, false)
	now := time.Unix(1e9, 0)
	path, refused, err := ring.Convict(log, "two heads", []byte("evidence"), "it signed two heads", "https://auditor.example", now)
	if err != nil || !refused {
		t.Fatal(refused, err)
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, []byte("evidence")) || filepath.Ext(path) != ".evidence" {
		t.Fatalf("%s: %q, %v", path, b, err)
	}
	want(log, true)
	want(other, false)
	if c, _ := ring.Convicted(log); ring.EvidencePath(c.Evidence) != path || c.Text != "it signed two heads" || !c.Noted.Equal(now) {
		t.Errorf("%+v", c)
	}
	// Another log is accepted, and the old one comes back.
	if err := ring.Retire(log.String()); err != nil {
		t.Fatal(err)
	}
	want(log, true)
	// The same evidence again is no second conviction, and what was forgiven is not held against it again.
	if _, _, err := ring.Convict(log, "two heads", []byte("evidence"), "", "", now); err != nil {
		t.Fatal(err)
	}
	if all, err := ring.Convictions(); err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if _, err := ring.Forgive("nothing"); !errors.Is(err, keyring.ErrUnknown) {
		t.Errorf("forgiving what there is not: %v", err)
	}
	if _, err := ring.Forgive(filepath.Base(path)); err != nil {
		t.Fatal(err)
	}
	want(log, false)
	if _, refused, err := ring.Convict(log, "two heads", []byte("evidence"), "", "", now); err != nil || refused {
		t.Errorf("forgiven evidence: %v, %v", refused, err)
	}
	want(log, false)
	if _, _, err := ring.Convict(log, "two heads", []byte("more"), "again", "", now); err != nil {
		t.Fatal(err)
	}
	want(log, true)
	// A mark that cannot be read is not a clean record.
	if err := os.WriteFile(filepath.Join(dir, domain, "convicted"), []byte("[]]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Convicted(log); !errors.Is(err, keyring.ErrDamaged) {
		t.Errorf("a damaged mark: %v", err)
	}
}

func TestHanded(t *testing.T) {
	ring := open(t, newHome(t))
	if at, err := ring.Handed(); !at.IsZero() || err != nil {
		t.Fatal(at, err)
	}
	now := time.Unix(1_700_000_000, 0)
	if err := ring.SetHanded(now); err != nil {
		t.Fatal(err)
	}
	if at, err := ring.Handed(); !at.Equal(now) || err != nil {
		t.Fatal(at, err)
	}
}
