package login

import (
	"bytes"
	"errors"
)

// What may be kept of an account beside it, each at its own place, so that a login
// takes as long with it as without it.
const (
	blobBackup   = "backup"
	blobSpare    = "spare" // the backup that the recovery code opens
	blobPasskeys = "passkeys"
)

// blobs are all of them.
var blobs = []string{blobBackup, blobSpare, blobPasskeys}

// blob returns what is kept of a name, or nil. It is sealed once more at rest: a
// backup that only a password opens would let who steals the database guess.
func (s *Service) blob(r Reader, name, what string) ([]byte, error) {
	b, err := r.Get(Blobs, append(owned(name), what...))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.config.Key.Open(place(what, name, For{}), bytes.Clone(b))
}

// putBlob keeps something of a name; nil: nothing.
func (s *Service) putBlob(w Writer, name, what string, b []byte) error {
	key := append(owned(name), what...)
	if b == nil {
		return w.Delete(Blobs, key)
	}
	sealed, err := s.config.Key.Seal(place(what, name, For{}), b, s.config.Rand)
	if err != nil {
		return err
	}
	return w.Put(Blobs, key, sealed)
}
