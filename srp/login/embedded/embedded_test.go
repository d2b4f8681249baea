package embedded_test

import (
	"path/filepath"
	"testing"

	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/embedded"
	"github.com/kith-kt/kith/srp/login/logintest"
)

func TestStore(t *testing.T) {
	dir := t.TempDir()
	logintest.Run(t, func(t testing.TB, path string) login.Store {
		s, err := embedded.Open(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
