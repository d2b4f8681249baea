package kv

import (
	"fmt"
	"os"

	"go.etcd.io/bbolt"
)

// A Tx is one write transaction. What it writes must not change until Update
// returns.
type Tx struct {
	buckets []*bbolt.Bucket
	bytes   int64 // written so far
	spread  int64 // writes to buckets whose keys do not only grow
	room    int64 // bytes left in the map
	err     error // first fault
}

// need bounds by how much a transaction makes the file grow. A write between
// other keys may write its whole page again; else pages hold what was written,
// and 16 MiB are far above what the pages around it ever took.
func (tx *Tx) need() int64 {
	return 2*tx.bytes + tx.spread*int64(os.Getpagesize()) + 16<<20
}

// Update runs f in a write transaction and makes what it wrote durable. If f or
// the commit fails, nothing of it is kept, save that a failed sync at the very
// end leaves it open: read before trying again. After such a one every Update
// fails with ErrUnsure, for the engine would use pages again that views still
// read. Panics of f pass through.
func (db *DB) Update(f func(tx *Tx) error) (err error) {
	defer guard(&err)()
	if db.unsure.Load() {
		return ErrUnsure
	}
	id := 0
	err = db.update(func(b *bbolt.Tx) error {
		id = b.ID()
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
		// To grow beyond the map is to wait for every view, some of them our caller's.
		if tx.err == nil && tx.need() > tx.room {
			return ErrMap
		}
		return tx.err
	})
	if err != nil && id > 0 && db.holds(id) {
		db.unsure.Store(true)
	}
	db.drop()
	return explain(err)
}

// holds reports whether the newest state is that of a transaction, or later.
func (db *DB) holds(id int) (yes bool) {
	_ = db.bolt.View(func(tx *bbolt.Tx) error {
		yes = tx.ID() >= id
		return nil
	})
	return yes
}

// Put writes a value.
func (tx *Tx) Put(bucket int, key, value []byte) {
	if tx.err == nil {
		tx.bytes += int64(len(key) + len(value))
		tx.touch(bucket)
		tx.err = tx.buckets[bucket].Put(key, value)
	}
}

// Delete deletes a key, if it is there.
func (tx *Tx) Delete(bucket int, key []byte) {
	if tx.err == nil {
		tx.touch(bucket)
		tx.err = tx.buckets[bucket].Delete(key)
	}
}

func (tx *Tx) touch(bucket int) {
	if tx.buckets[bucket].FillPercent < 0.9 {
		tx.spread++
	}
}

// Get returns a value, or nil. It is valid until the next write.
func (tx *Tx) Get(bucket int, key []byte) []byte { return tx.buckets[bucket].Get(key) }

// Each calls f for every key at or after from, in order, as the transaction has
// left them so far, until f returns an error, and returns that. f must not write.
func (tx *Tx) Each(bucket int, from []byte, f func(key, value []byte) error) error {
	if tx.err != nil {
		return tx.err
	}
	c := tx.buckets[bucket].Cursor()
	for k, v := c.Seek(from); k != nil; k, v = c.Next() {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}
