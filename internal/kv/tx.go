package kv

import (
	"fmt"

	"go.etcd.io/bbolt"
)

// A Tx is one write transaction. What it writes must not change until Update
// returns.
type Tx struct {
	buckets []*bbolt.Bucket
	bytes   int64 // written so far
	room    int64 // bytes left in the map
	err     error // first fault
}

// Update runs f in a write transaction and makes what it wrote durable. If f or
// the commit fails, nothing of it is kept, save that a failed sync at the very
// end leaves it open: read before trying again. Panics of f pass through.
func (db *DB) Update(f func(tx *Tx) error) (err error) {
	defer guard(&err)()
	err = db.bolt.Update(func(b *bbolt.Tx) error {
		tx := &Tx{buckets: make([]*bbolt.Bucket, len(db.buckets)), room: db.mapped - b.Size()}
		for i, s := range db.buckets {
			if tx.buckets[i] = b.Bucket([]byte(s.Name)); tx.buckets[i] == nil {
				return fmt.Errorf("%w: bucket %s is missing", ErrCorrupt, s.Name)
			}
			if s.Fill != 0 {
				tx.buckets[i].FillPercent = s.Fill
			}
		}
		if err := call(func() error { return f(tx) }); err != nil {
			return err
		}
		// Pages around what was written are written too; twice and 16 MiB
		// are far above what any batch of ours ever took.
		if tx.err == nil && db.mapped > 0 && 2*tx.bytes+16<<20 > tx.room {
			return ErrMap
		}
		return tx.err
	})
	db.drop()
	return explain(err)
}

// Put writes a value.
func (tx *Tx) Put(bucket int, key, value []byte) {
	if tx.err == nil {
		tx.bytes += int64(len(key) + len(value))
		tx.err = tx.buckets[bucket].Put(key, value)
	}
}

// Delete deletes a key, if it is there.
func (tx *Tx) Delete(bucket int, key []byte) {
	if tx.err == nil {
		tx.err = tx.buckets[bucket].Delete(key)
	}
}

// Get returns a value, or nil. It is valid until the next write.
func (tx *Tx) Get(bucket int, key []byte) []byte { return tx.buckets[bucket].Get(key) }
