package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/record"
)

// A standing is what the newest version of a label is.
type standing struct {
	greatest *uint32 // nil: the label is unknown
	value    []byte  // nil where it was erased
	record   *record.Record
}

// standingOf reads the newest version of a label. Values are parsed as account
// records unless they are opaque.
func standingOf(snap directory.Snapshot, label string, opaque bool) (*standing, error) {
	n, err := snap.Versions([]byte(label), math.MaxUint64)
	if err != nil || n == 0 {
		return &standing{}, err
	}
	greatest := n - 1
	s := &standing{greatest: &greatest}
	places, err := snap.Places([]byte(label), greatest, n)
	if err != nil {
		return nil, err
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("%w: version %d of a label has no place", directory.ErrCorrupt, greatest)
	}
	value, err := snap.Value([]byte(label), greatest, places[0])
	if errors.Is(err, directory.ErrErased) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	s.value = bytes.Clone(value.Value)
	if !opaque {
		s.record, _ = record.Parse(s.value) // what does not parse is not ours to replace
	}
	return s, nil
}

// held reports whether somebody but the provider wrote the newest version. Such
// a label is its owner's, also when it was given up.
func (s *standing) held() bool {
	return s.greatest != nil && (s.record == nil || s.record.Kind != record.Imported)
}

// link returns what the next record says about this one.
func (s *standing) link() *record.Link {
	switch {
	case s.greatest == nil:
		return nil
	case s.value == nil:
		return &record.Link{Version: *s.greatest}
	}
	link := record.LinkOf(*s.greatest, s.value)
	return &link
}

// hasKeys reports whether the newest version publishes exactly these keys.
func (s *standing) hasKeys(keys []record.PublishedKey) bool {
	if s.record == nil || len(s.record.Keys) != len(keys) {
		return false
	}
	for i, k := range s.record.Keys {
		if k.Type != keys[i].Type || !bytes.Equal(k.Data, keys[i].Data) {
			return false
		}
	}
	return true
}

// opaque reports whether the values of a log are not account records.
func opaque(op *operator.Operator) bool { return op.Config().Values == operator.ValuesOpaque }

// canonical brings a label from the command line to its one form.
func canonical(s string) (string, error) {
	c, err := label.Canonical(s)
	if err != nil {
		return "", usage(err, "labels are e-mail addresses or user names")
	}
	return c, nil
}
