package record

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// check reports what contradicts the rules of the encoding in a record's
// body. Encode and Parse share it, so that what one makes the other takes.
func (r *Record) check() error {
	if err := checkName("domain", r.Domain, 1, 255); err != nil {
		return err
	}
	if err := checkName("label", r.Label, 1, 255); err != nil {
		return err
	}
	if err := checkName("new label", r.MovedTo, 0, 255); err != nil {
		return err
	}
	if r.MovedTo != "" && r.MovedTo == r.Label {
		return errors.New("a label cannot move to itself")
	}
	if r.Version == 0 && r.Previous != nil {
		return errors.New("version 0 has no record before it")
	}
	if r.Kind < Imported || r.Kind > Closed {
		return fmt.Errorf("unknown kind %d", r.Kind)
	}
	if (r.Account == nil) != (r.Kind == Imported) {
		return fmt.Errorf("a record of kind %v and an account key do not go together", r.Kind)
	}
	if r.Kind == Imported && (len(r.Devices) > 0 || r.Recovery != nil) {
		return errors.New("an imported record has no devices and no recovery key: there is nobody to vouch for them")
	}
	if r.Kind == Closed && (len(r.Devices) > 0 || len(r.Keys) > 0 || r.Recovery != nil) {
		return errors.New("a closed record holds no devices, keys or recovery key")
	}
	if err := checkDevices(r.Devices); err != nil {
		return err
	}
	return checkKeys(r.Keys)
}

func checkDevices(devices []Device) error {
	if len(devices) > MaxDevices {
		return fmt.Errorf("%d devices, the most is %d", len(devices), MaxDevices)
	}
	seen := make(map[string]bool, len(devices))
	for _, d := range devices {
		if len(d.ID) == 0 || len(d.ID) > MaxDeviceID {
			return fmt.Errorf("a device id has %d bytes, not 1 to %d", len(d.ID), MaxDeviceID)
		}
		if seen[string(d.ID)] {
			return fmt.Errorf("device %x is listed twice", d.ID)
		}
		seen[string(d.ID)] = true
		if err := checkName("device name", d.Name, 0, MaxName); err != nil {
			return err
		}
		if d.MLS != nil && (len(d.MLS.SignatureKey) == 0 || len(d.MLS.SignatureKey) > 1<<16-1) {
			return fmt.Errorf("the MLS key of device %x has %d bytes", d.ID, len(d.MLS.SignatureKey))
		}
	}
	return nil
}

func checkKeys(keys []PublishedKey) error {
	if len(keys) > MaxKeys {
		return fmt.Errorf("%d published keys, the most is %d", len(keys), MaxKeys)
	}
	type id struct {
		t KeyType
		h Hash
	}
	seen := make(map[id]bool, len(keys))
	for _, k := range keys {
		if len(k.Data) == 0 || len(k.Data) > MaxSize {
			return fmt.Errorf("a published key of type %v has %d bytes", k.Type, len(k.Data))
		}
		i := id{k.Type, HashOf(k.Data)}
		if seen[i] {
			return fmt.Errorf("a key of type %v is listed twice", k.Type)
		}
		seen[i] = true
	}
	return nil
}

// checkName bounds a text and refuses what a terminal could not show honestly.
func checkName(what, s string, min, max int) error {
	if len(s) < min || len(s) > max {
		return fmt.Errorf("the %s has %d bytes, not %d to %d", what, len(s), min, max)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("the %s is not valid UTF-8", what)
	}
	for _, c := range s {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c) {
			return fmt.Errorf("the %s holds the invisible character %U", what, c)
		}
	}
	return nil
}
