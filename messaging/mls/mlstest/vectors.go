// Package mlstest is what the tests of the MLS packages share: the working
// group's official vectors, and randomness that is the same in every run.
package mlstest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Vectors reads the JSON file of the official vectors ("key-schedule.json") into
// into, a pointer. The folder is named by MLS_VECTORS; without it the test is
// skipped, or fails if CI is set.
func Vectors(t testing.TB, file string, into any) {
	t.Helper()
	dir := os.Getenv("MLS_VECTORS")
	if dir == "" {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s: MLS_VECTORS is not set, and CI requires it", file)
		}
		t.Skipf("%s: not run, MLS_VECTORS does not name the folder of the official MLS vectors", file)
	}
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// Report logs how many of a file's cases ran, in one line, and fails if that is
// not all of them or if there are none.
func Report(t testing.TB, file string, ran, total int) {
	t.Helper()
	t.Logf("vectors %s: %d of %d cases", file, ran, total)
	if ran != total || total == 0 {
		t.Errorf("%s: %d of %d cases ran", file, ran, total)
	}
}

// Hex is bytes that the vectors write in hexadecimal; null is nil.
type Hex []byte

// UnmarshalJSON implements json.Unmarshaler.
func (h *Hex) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s == nil {
		*h = nil
		return nil
	}
	raw, err := hex.DecodeString(*s)
	if err != nil {
		return fmt.Errorf("hex: %w", err)
	}
	*h = raw
	return nil
}

// MarshalJSON implements json.Marshaler.
func (h Hex) MarshalJSON() ([]byte, error) {
	return json.Marshal(hex.EncodeToString(h))
}
