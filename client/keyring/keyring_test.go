package keyring_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/proto/wire"
)

var _ client.Store = (*keyring.Ring)(nil)

const domain = "example.org"

func open(t *testing.T, dir string) *keyring.Ring {
	t.Helper()
	home, err := keyring.OpenHome(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // do not wait
	ring, err := home.Open(ctx, domain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	return ring
}

func newHome(t *testing.T) string { return filepath.Join(t.TempDir(), "kith") }

// states are three states that follow one another, of 1, 2 and 3 entries.
func states(t *testing.T) (*client.Log, []*client.State) {
	t.Helper()
	l := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	log, err := client.NewLog(l.Config)
	if err != nil {
		t.Fatal(err)
	}
	return log, follow(t, l, client.NewState(log), 3)
}

func follow(t *testing.T, l *testlog.Log, s *client.State, n int) (all []*client.State) {
	t.Helper()
	for range n {
		call, verify, err := s.Walk(nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := l.Do(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		if _, s, err = verify(response, time.UnixMilli(int64(l.Time))); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
		l.Advance(10).Publish(nil)
	}
	return all
}

func TestDefaultDir(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"KITH_HOME": "/k", "XDG_DATA_HOME": "/x", "HOME": "/h"}, "/k"},
		{map[string]string{"XDG_DATA_HOME": "/x", "HOME": "/h"}, "/x/kith"},
		{map[string]string{"XDG_DATA_HOME": "relative", "HOME": "/h"}, "/h/.local/share/kith"},
		{map[string]string{}, ""},
	} {
		got, err := keyring.DefaultDir(func(k string) string { return c.env[k] })
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v: %q, %v", c.env, got, err)
		}
	}
}

func TestState(t *testing.T) {
	dir := newHome(t)
	log, s := states(t)
	ring := open(t, dir)
	got, err := ring.State(log)
	if err != nil || got.Head() != nil {
		t.Fatalf("a new keyring: %v", err)
	}
	for _, state := range s {
		if err := ring.Save(state); err != nil {
			t.Fatal(err)
		}
		if err := ring.Save(state); err != nil {
			t.Fatalf("the same again: %v", err)
		}
		got, err := ring.State(log)
		if err != nil || !bytes.Equal(got.Append(nil), state.Append(nil)) {
			t.Fatalf("read back: %v", err)
		}
	}
	// Nothing is left lying about, and nobody else can read it.
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 || strings.HasPrefix(e.Name(), ".new-") {
			t.Errorf("%s has mode %o", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNeverBack: a state is never replaced by an older one, nor by a fork of it,
// and an older file put back is noticed.
func TestNeverBack(t *testing.T) {
	dir := newHome(t)
	log, s := states(t)
	ring := open(t, dir)
	if err := ring.Save(s[1]); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(ring.Dir(), "state")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Save(s[2]); err != nil {
		t.Fatal(err)
	}
	if err := ring.Save(s[1]); !errors.Is(err, keyring.ErrRollback) {
		t.Errorf("an older state: %v", err)
	}
	if err := ring.Save(client.NewState(log)); !errors.Is(err, keyring.ErrRollback) {
		t.Errorf("an empty state: %v", err)
	}
	fork := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	fork.Value("alice", "the attacker's key")
	fork.Publish(nil)
	if err := ring.Save(follow(t, fork, client.NewState(log), 1)[0]); !errors.Is(err, keyring.ErrRollback) {
		t.Errorf("a fork: %v", err)
	}
	if got, err := ring.State(log); err != nil || got.Head().Tree.TreeSize != 3 {
		t.Fatalf("the newest state is gone: %v", err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.State(log); !errors.Is(err, keyring.ErrRollback) {
		t.Errorf("an older file put back: %v", err)
	}
}

// TestNeverForgotten: damage is an error, and stays one.
func TestNeverForgotten(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"changed": func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 1
			return os.WriteFile(path, b, 0o600)
		},
		"cut short": func(path string) error { return os.Truncate(path, 100) },
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"missing":   os.Remove,
	} {
		for _, file := range []string{"state", "high-water"} {
			if name == "missing" && file == "high-water" {
				continue // a crash before the first mark leaves this
			}
			t.Run(name+" "+file, func(t *testing.T) {
				log, s := states(t)
				ring := open(t, newHome(t))
				if err := ring.Save(s[0]); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(ring.Dir(), file)
				if err := damage(path); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					_, err := ring.State(log)
					if !errors.Is(err, keyring.ErrDamaged) && !errors.Is(err, keyring.ErrRollback) {
						t.Fatalf("got %v", err)
					}
				}
			})
		}
	}
}

func TestExposed(t *testing.T) {
	dir := newHome(t)
	log, s := states(t)
	ring := open(t, dir)
	a, err := keyring.NewAccount("alice@example.org", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ring.Save(s[0]), ring.SetProvider([]byte("{}")), ring.SaveAccount(a)); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || filepath.Base(path) == "lock" || filepath.Base(path) == "high-water" {
			return err
		}
		info, _ := e.Info()
		for _, bit := range []os.FileMode{0o040, 0o004, 0o020, 0o002} {
			if err := os.Chmod(path, info.Mode().Perm()|bit); err != nil {
				return err
			}
			errs := []error{}
			if h, err := keyring.OpenHome(dir); err != nil {
				errs = append(errs, err)
			} else {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_, err := h.Open(ctx, domain)
				errs = append(errs, err)
			}
			_, err := ring.State(log)
			errs = append(errs, err)
			_, err = ring.Provider()
			errs = append(errs, err)
			_, err = ring.Account(a.Label)
			errs = append(errs, err)
			errs = append(errs, ring.SaveAccount(a))
			err = errors.Join(errs...)
			if hinted, ok := errors.AsType[*keyring.Hinted](err); !errors.Is(err, keyring.ErrExposed) || !ok || !strings.HasPrefix(hinted.Hint, "chmod ") {
				t.Errorf("%s with mode %o: %v", path, info.Mode().Perm()|bit, err)
			}
			if err := os.Chmod(path, info.Mode().Perm()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLocked(t *testing.T) {
	dir := newHome(t)
	ring := open(t, dir)
	home, err := keyring.OpenHome(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := home.Open(ctx, domain); !errors.Is(err, keyring.ErrLocked) {
		t.Fatalf("a second opening: %v", err)
	}
	other, err := home.Open(ctx, "example.net")
	if err != nil {
		t.Fatalf("another provider: %v", err)
	}
	other.Close()
	ring.Close()
	open(t, dir)
}

func TestAccountsAndContacts(t *testing.T) {
	ring := open(t, newHome(t))
	if _, err := ring.Account("alice@example.org"); !errors.Is(err, keyring.ErrUnknown) {
		t.Error(err)
	}
	for _, label := range []string{"bob@example.org", "../../etc/passwd", "alice@example.org"} {
		a, err := keyring.NewAccount(label, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		a.Token = "token of " + label
		if err := ring.SaveAccount(a); err != nil {
			t.Fatal(err)
		}
		got, err := ring.Account(label)
		if err != nil || !got.Key().Equal(a.Key()) || got.Token != a.Token || got.NextKey() != nil {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	labels, err := ring.Accounts()
	if err != nil || strings.Join(labels, " ") != "../../etc/passwd alice@example.org bob@example.org" {
		t.Errorf("%q, %v", labels, err)
	}
	for _, c := range []keyring.Contact{{Label: "carol"}, {Label: "bob"}, {Label: "carol", Name: "Carol", Compared: "12345"}, {Label: "dave"}} {
		if err := ring.SaveContact(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := ring.RemoveContact("dave"); err != nil {
		t.Fatal(err)
	}
	contacts, err := ring.Contacts()
	if err != nil || len(contacts) != 2 || contacts[1] != (keyring.Contact{Label: "carol", Name: "Carol", Compared: "12345"}) {
		t.Errorf("%+v, %v", contacts, err)
	}
	for _, bad := range []string{"", "{}", `[{"label":"a"}] []`, `[{"label":"a","x":1}]`, `[{"label":"b"},{"label":"a"}]`} {
		if err := os.WriteFile(filepath.Join(ring.Dir(), "contacts.json"), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Contacts(); !errors.Is(err, keyring.ErrDamaged) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestDomains(t *testing.T) {
	dir := newHome(t)
	ring := open(t, dir)
	home, _ := keyring.OpenHome(dir)
	if _, err := home.Default(); !errors.Is(err, keyring.ErrUnknown) {
		t.Error(err)
	}
	if domains, err := home.Domains(); err != nil || len(domains) != 0 {
		t.Errorf("%v, %v", domains, err)
	}
	if err := ring.SetProvider([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := home.SetDefault(domain); err != nil {
		t.Fatal(err)
	}
	if got, err := home.Default(); err != nil || got != domain {
		t.Errorf("%q, %v", got, err)
	}
	if domains, err := home.Domains(); err != nil || len(domains) != 1 {
		t.Errorf("%v, %v", domains, err)
	}
	for _, bad := range []string{"", ".", "..", "a..b", "a/b", "../x", "A.org", "default", "-a", "a\x00", strings.Repeat("a", 254)} {
		if keyring.ValidDomain(bad) {
			t.Errorf("%q is called a domain", bad)
		}
	}
	for _, good := range []string{"localhost", "127.0.0.1", "xn--bcher-kva.example", "a-b.example.org"} {
		if !keyring.ValidDomain(good) {
			t.Errorf("%q is not called a domain", good)
		}
	}
}

func TestEvidence(t *testing.T) {
	ring := open(t, newHome(t))
	path, err := ring.SaveEvidence("bad proof", []byte("evidence"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ring.SaveEvidence("bad proof", []byte("evidence")); err != nil || again != path {
		t.Errorf("%s, %v", again, err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "evidence" || !strings.Contains(path, "bad-proof-") {
		t.Errorf("%s: %v", path, err)
	}
}
