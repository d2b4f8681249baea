package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kith-kt/kith/directory"
)

// TestFormatBeyondTheFile: a damaged length makes the format go on beyond the end of the
// file. That is damage, and neither the end of the program nor a text of its length.
func TestFormatBeyondTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kith.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// An element of a leaf page ends in the lengths of its key and its value.
	var lengths []byte
	lengths = binary.LittleEndian.AppendUint32(lengths, uint32(len(keyFormat)))
	lengths = binary.LittleEndian.AppendUint32(lengths, uint32(len(format)))
	found := 0
	for at := 0; ; at++ {
		next := bytes.Index(whole[at:], lengths)
		if next < 0 {
			break
		}
		at += next
		damaged := bytes.Clone(whole)
		binary.LittleEndian.PutUint32(damaged[at+4:], 1<<24)
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{MustExist: true})
		if err == nil { // of a page that is not in use
			s.Close()
			continue
		}
		found++
		if !errors.Is(err, directory.ErrCorrupt) || len(err.Error()) > 500 {
			t.Errorf("an error of %d bytes: %.300v", len(err.Error()), err)
		}
	}
	if found == 0 {
		t.Error("no length was found")
	}
}
