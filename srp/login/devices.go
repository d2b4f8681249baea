package login

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// maxDevices bounds the devices of one account that are remembered; the one not
	// seen for longest goes first.
	maxDevices = 16
	// deviceLife is how long a device is remembered that is not seen.
	deviceLife = 366 * 24 * time.Hour
)

// A device is one that a person has logged in from, under the hash of the secret
// that its last login brought. It stands apart from the account, so that a login
// takes as long with many as with none.
type device struct {
	Used time.Time `json:"used"`
}

func deviceKey(name, secret string) []byte {
	hash := sha256.Sum256([]byte(secret))
	return append(owned(name), hash[:]...)
}

// knows reports whether a device has logged in to a name before. It reads as much
// for a name without an account.
func (s *Service) knows(r Reader, name, secret string) (bool, error) {
	if secret == "" {
		return false, nil
	}
	b, err := r.Get(Devices, deviceKey(name, secret))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var d device
	if err := json.Unmarshal(b, &d); err != nil {
		return false, fmt.Errorf("login: stored device: %w", err)
	}
	return s.config.Now().Sub(d.Used) < deviceLife, nil
}

// remember keeps that a device was here under a fresh secret; the old one, if it
// was known by one, is good no more.
func (s *Service) remember(w Writer, name, old, fresh string) error {
	if old != "" {
		if err := w.Delete(Devices, deviceKey(name, old)); err != nil {
			return err
		}
	}
	if err := put(w, Devices, deviceKey(name, fresh), device{s.config.Now().UTC().Truncate(time.Second)}); err != nil {
		return err
	}
	type entry struct {
		device
		key []byte
	}
	var all []entry
	if err := w.Each(Devices, owned(name), func(k, v []byte) error {
		e := entry{key: bytes.Clone(k)}
		if err := json.Unmarshal(v, &e.device); err != nil {
			return fmt.Errorf("login: stored device: %w", err)
		}
		all = append(all, e)
		return nil
	}); err != nil {
		return err
	}
	newest := deviceKey(name, fresh)
	slices.SortStableFunc(all, func(a, b entry) int {
		return cmp.Or(a.Used.Compare(b.Used), cmp.Compare(btoi(bytes.Equal(a.key, newest)), btoi(bytes.Equal(b.key, newest))))
	})
	for ; len(all) > maxDevices; all = all[1:] {
		if err := w.Delete(Devices, all[0].key); err != nil {
			return err
		}
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
