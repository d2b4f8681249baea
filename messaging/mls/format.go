package mls

import (
	"errors"
	"fmt"
	"strings"
)

// ErrFormat means that a record is in a format, or of a cipher suite, that only a
// newer version of this package knows. It is not damage: nothing was deleted or
// written, and the newer version opens the store.
var ErrFormat = errors.New("mls: the store was written by a newer version: use that version; nothing was deleted")

// Some records begin with a byte that says what format they and those beside them
// have. The newest ones that this version reads:
const (
	headFormat    = 1
	stagedFormat  = 1
	packageFormat = 1
	stateFormat   = 1
	epochFormat   = 2 // 2 is 1 of a group that we were removed from
)

// newestFormat returns the newest format known of a group's record, by its name
// without the group's prefix; 0: it has none of its own.
func newestFormat(name string) byte {
	switch name {
	case headKey:
		return headFormat
	case joinRecord, acceptedRecord:
		return stagedFormat
	}
	for _, prefix := range []string{stateRecords, joiningRecords} {
		switch rest, ok := strings.CutPrefix(name, prefix); {
		case ok && rest == "state":
			return stateFormat
		case ok && rest == "epoch":
			return epochFormat
		}
	}
	return 0
}

// checkFormat returns ErrFormat if a record is in a format that is newer than newest.
// It comes before all that finds damage: what is new looks damaged to what is old.
func checkFormat(key string, value []byte, newest byte) error {
	if newest != 0 && len(value) > 0 && value[0] > newest {
		return fmt.Errorf("%w: %s has format %d; if there never was a newer version, it is damaged: delete it from the store", ErrFormat, key, value[0])
	}
	return nil
}

var errFormat = errors.New("no format of ours")
