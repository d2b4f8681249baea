package directory

import (
	"errors"
	"fmt"
)

// An Update asks for new versions of one label, as its owner authorised them.
type Update struct {
	Label []byte
	// Greatest is the greatest version of the label that the owner knows of;
	// nil: none. It is compared when the update is sequenced.
	Greatest *uint32
	// Values are the new versions, 1 to 255.
	Values [][]byte
}

// A Placement is where an Update went. It is handed out when the entry is
// durable and the high-water mark stands above it.
type Placement struct {
	Position uint64 // log entry that created the new versions
	First    uint32 // the first new version
	Count    int    // number of new versions
}

// ErrStale is an update that does not follow the newest version of its label.
// It is found in a StaleError.
var ErrStale = errors.New("update does not follow the newest version")

// A StaleError says what the greatest version of the label was when the update
// was sequenced.
type StaleError struct {
	Greatest *uint32 // nil: the label has no version
}

func (e *StaleError) Error() string {
	if e.Greatest == nil {
		return ErrStale.Error() + ": there is none"
	}
	return fmt.Sprintf("%v, which is %d", ErrStale, *e.Greatest)
}

// Unwrap makes errors.Is(err, ErrStale) true.
func (e *StaleError) Unwrap() error { return ErrStale }
