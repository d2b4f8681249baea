package provider

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/kith-kt/kith/proto/strictjson"
	"github.com/kith-kt/kith/proto/wire"
)

// checkFormer reports former Configurations that cannot have been those of the log
// with a Configuration.
func (d *Document) checkFormer(now *wire.Configuration) error {
	if len(d.Former) > MaxEntries {
		return fmt.Errorf("%w: more than %d former configurations", ErrMalformed, MaxEntries)
	}
	all := append(slices.Clone(d.Former), d.Configuration)
	for i, b := range d.Former {
		c, err := wire.ParseConfiguration(b, wire.Format{})
		switch {
		case err != nil:
			return fmt.Errorf("%w: former configuration %d: %w", ErrMalformed, i, err)
		case FingerprintOf(c) != FingerprintOf(now):
			return fmt.Errorf("%w: former configuration %d is of another log", ErrMalformed, i)
		case bytes.Equal(b, all[i+1]):
			return fmt.Errorf("%w: former configuration %d is that of its successor", ErrMalformed, i)
		}
	}
	return nil
}

// Configurations returns the digests of all Configurations of the log, oldest
// first: SHA-256 of each, as the leaves of the audit log have it. The last one is
// that of heads and new log entries. The leaves of a log name them in this order,
// and none of them is left out.
func (d *Document) Configurations() [][sha256.Size]byte {
	digests := make([][sha256.Size]byte, 0, len(d.Former)+1)
	for _, b := range d.Former {
		digests = append(digests, sha256.Sum256(b))
	}
	return append(digests, sha256.Sum256(d.Configuration))
}

// former: the past of a log only grows.
func (c *changes) former(a, b *Document, sameLog bool) {
	same := func(x, y strictjson.Bytes) bool { return bytes.Equal(x, y) }
	if n := len(a.Former); sameLog && (len(b.Former) < n || !slices.EqualFunc(a.Former, b.Former[:n], same)) {
		c.loosens("former_configurations", "the document tells another past of the log than before")
	}
}
