package embedded_test

import (
	"path/filepath"
	"testing"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/store/embedded"
	"github.com/kith-kt/kith/directory/store/storetest"
)

func open(dir string) (directory.Store, error) {
	s, err := embedded.Open(filepath.Join(dir, "kith.db"), embedded.Options{})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func TestConformance(t *testing.T) { storetest.Run(t, open) }
