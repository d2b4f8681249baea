package login

import "context"

// A Table is one of the kinds of things that are stored.
type Table uint8

// The tables of a Store.
const (
	Accounts Table = iota // by name
	Sessions              // by the SHA-256 of the token
	Owners                // name, a zero octet, session id → key in Sessions
	Trail                 // name, a zero octet, time, a count
	Invites               // by the SHA-256 of the code
	Former                // names whose accounts were deleted
	Meta
	Blobs   // name, a zero octet, what it is → sealed
	Devices // name, a zero octet, the SHA-256 of Grant.Device
	Handles // user handle of passkeys → name
	Tables  // how many there are
)

// A Store keeps accounts durably. It is safe for concurrent use.
type Store interface {
	// View calls f with a consistent state, which is valid until f returns.
	View(ctx context.Context, f func(Reader) error) error
	// Update calls f in a transaction: all that f wrote is durable when Update
	// returns nil, or else nothing is. Updates run one after another.
	Update(ctx context.Context, f func(Writer) error) error
	Close() error
}

// A Reader is a state of a Store. What it returns must not be changed, and is
// valid as long as the Reader is.
type Reader interface {
	// Get returns a value, or ErrNotFound.
	Get(t Table, key []byte) ([]byte, error)
	// Each calls f for the keys with a prefix, in ascending order, until f returns
	// an error, and returns that.
	Each(t Table, prefix []byte, f func(key, value []byte) error) error
}

// A Writer is a Reader that sees its own writes.
type Writer interface {
	Reader
	Put(t Table, key, value []byte) error
	// Delete deletes a key, if it is there.
	Delete(t Table, key []byte) error
}
