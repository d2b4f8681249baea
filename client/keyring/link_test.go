package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestLinesOfAProvider(t *testing.T) {
	home, err := OpenHome(filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := home.Open(t.Context(), "example.org")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, line := range []struct {
		get func() (string, error)
		set func(string) error
	}{{r.Address, r.SetAddress}, {r.Token, r.SetToken}} {
		if got, err := line.get(); got != "" || err != nil {
			t.Fatalf("before anything was kept: %q, %v", got, err)
		}
		for _, bad := range []string{"", "a\nb", "a\r"} {
			if line.set(bad) == nil {
				t.Errorf("%q was kept", bad)
			}
		}
		if err := line.set("kept"); err != nil {
			t.Fatal(err)
		}
		if got, err := line.get(); got != "kept" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := os.WriteFile(filepath.Join(r.Dir(), addressFile), []byte("two\nlines\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Address(); !errors.Is(err, ErrDamaged) {
		t.Errorf("two lines: %v", err)
	}
}

func TestRetiredStateIsKeptAside(t *testing.T) {
	home, err := OpenHome(filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := home.Open(t.Context(), "example.org")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, f := range []string{stateFile, markFile} {
		if err := os.WriteFile(filepath.Join(r.Dir(), f), []byte(f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r.Retire("../out") == nil {
		t.Error("a path was taken for a name")
	}
	if err := r.Retire("abcd-efgh"); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{stateFile, markFile} {
		if b, err := os.ReadFile(filepath.Join(r.Dir(), "old", "abcd-efgh", f)); string(b) != f || err != nil {
			t.Errorf("%s: %q, %v", f, b, err)
		}
		if _, err := os.Stat(filepath.Join(r.Dir(), f)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still in use: %v", f, err)
		}
	}
}
