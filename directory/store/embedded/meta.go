package embedded

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/internal/kv"
)

// What PutMeta writes is vouched for by no hash of the log, so each value carries
// its own: the first 8 bytes of SHA-256 over its key, a zero byte and itself. A key
// with another bit is found by it too. In format 1 there was none, and another
// prefix.
const (
	metaPrefix = "n/"
	metaPlain  = "m/" // in format 1
	metaSum    = 8
)

// sealMeta appends the checksum of a value to it.
func sealMeta(key string, value []byte) []byte {
	b := make([]byte, 0, len(value)+metaSum)
	b = append(b, value...)
	return append(b, sumMeta(key, value)...)
}

func sumMeta(key string, value []byte) []byte {
	h := sha256.New()
	h.Write([]byte(key))
	h.Write([]byte{0})
	h.Write(value)
	return h.Sum(nil)[:metaSum]
}

// openMeta returns the value that was sealed. It shares the memory of b.
func openMeta(key string, b []byte) ([]byte, error) {
	n := len(b) - metaSum
	if n < 0 || subtle.ConstantTimeCompare(b[n:], sumMeta(key, b[:n])) != 1 {
		return nil, fmt.Errorf("%w: meta: %.100q: checksum", directory.ErrCorrupt, key)
	}
	return b[:n:n], nil
}

func putMeta(tx *kv.Tx, values map[string][]byte) {
	for key, value := range values {
		if value == nil {
			tx.Delete(bucketMeta, []byte(metaPrefix+key))
		} else {
			tx.Put(bucketMeta, []byte(metaPrefix+key), sealMeta(key, value))
		}
	}
}

// meta returns a value in a view, nil if there is none.
func meta(v *kv.View, key string) ([]byte, error) {
	b, err := v.Get(bucketMeta, []byte(metaPrefix+key))
	if err != nil {
		return nil, explain(err)
	}
	if b != nil {
		return openMeta(key, b)
	}
	// A store of format 1 that could not be written yet.
	b, err = v.Get(bucketMeta, []byte(metaPlain+key))
	return b, explain(err)
}

// upgradeMeta gives every value of a store of format 1 its checksum.
func upgradeMeta(tx *kv.Tx) error {
	plain := map[string][]byte{}
	err := tx.Each(bucketMeta, []byte(metaPlain), func(key, value []byte) error {
		if name, ok := bytes.CutPrefix(key, []byte(metaPlain)); ok {
			plain[string(name)] = bytes.Clone(value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for name := range plain {
		tx.Delete(bucketMeta, []byte(metaPlain+name))
	}
	putMeta(tx, plain)
	tx.Put(bucketMeta, keyFormat, []byte(format))
	return nil
}

// checkMeta checks that there is nothing in the bucket but what the store wrote.
func checkMeta(v *kv.View) error {
	found, err := v.Get(bucketMeta, keyFormat)
	if err != nil {
		return err
	}
	return v.Each(bucketMeta, nil, func(key, value []byte) error {
		name, sealed := bytes.CutPrefix(key, []byte(metaPrefix))
		switch {
		case sealed && string(found) == format:
			_, err := openMeta(string(name), value)
			return err
		case bytes.Equal(key, keyFormat), bytes.Equal(key, keyHead):
			return nil
		case bytes.HasPrefix(key, []byte(metaPlain)) && string(found) == formatPlain:
			return nil
		}
		return fmt.Errorf("%w: meta: %.100q is nothing that a store has", directory.ErrCorrupt, key)
	})
}
