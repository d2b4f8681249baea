package kv

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
)

// A View is a consistent state of the file. It is safe for concurrent use. What
// it returns is read-only and valid until Release.
type View struct {
	*anchor
	released atomic.Bool
}

// An anchor is the read transaction that all views of one state share.
type anchor struct {
	db      *DB
	refs    atomic.Int64 // views, and one while it is the newest
	mu      sync.Mutex   // guards tx
	tx      *bbolt.Tx
	buckets []*bbolt.Bucket
	cursors []*bbolt.Cursor // of buckets, for Get; guarded by mu: making one costs as much as using it
	caches  []cache         // by bucket
}

// A cache is direct-mapped: key n lives in slot n mod len.
type cache []atomic.Pointer[cached]

type cached struct {
	n     uint64
	value []byte
}

// View returns the newest state.
func (db *DB) View() (*View, error) {
	if a := db.current.Load(); a != nil && a.acquire() {
		return &View{anchor: a}, nil
	}
	return db.openView()
}

func (db *DB) openView() (v *View, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	defer guard(&err)()
	if db.closed {
		return nil, ErrClosed
	}
	if a := db.current.Load(); a != nil && a.acquire() {
		return &View{anchor: a}, nil
	}
	tx, err := db.bolt.Begin(false)
	if err != nil {
		return nil, explain(err)
	}
	db.anchors.Add(1)
	n := len(db.buckets)
	a := &anchor{db: db, tx: tx, buckets: make([]*bbolt.Bucket, n), cursors: make([]*bbolt.Cursor, n), caches: make([]cache, n)}
	for i, s := range db.buckets {
		a.buckets[i] = tx.Bucket([]byte(s.Name))
		a.cursors[i] = a.buckets[i].Cursor()
		if s.Cache > 0 {
			a.caches[i] = newCache(a.buckets[i], s.Cache)
		}
	}
	a.refs.Store(2)
	db.current.Store(a)
	return &View{anchor: a}, nil
}

// newCache sizes a cache by the greatest key there is.
func newCache(b *bbolt.Bucket, limit int) cache {
	last, _ := b.Cursor().Last()
	if len(last) != 8 {
		return nil
	}
	n := binary.BigEndian.Uint64(last)
	size := 1 << min(bits.Len64(n), bits.Len(uint(limit-1)))
	return make(cache, size)
}

// drop lets go of the newest anchor, after which View opens another. It waits
// for one that is being opened, which may be older than what was just written.
func (db *DB) drop() {
	db.mu.Lock()
	defer db.mu.Unlock()
	if a := db.current.Swap(nil); a != nil {
		a.unref()
	}
}

func (a *anchor) acquire() bool {
	for {
		n := a.refs.Load()
		if n == 0 {
			return false
		}
		if a.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (a *anchor) unref() {
	if a.refs.Add(-1) == 0 {
		a.mu.Lock()
		defer a.mu.Unlock()
		_ = a.tx.Rollback()
		a.db.anchors.Done()
	}
}

// Release gives the view up. Calling it again does nothing.
func (v *View) Release() {
	if !v.released.Swap(true) {
		v.unref()
	}
}

// Get returns a value, or nil.
func (a *anchor) Get(bucket int, key []byte) (value []byte, err error) {
	defer guard(&err)()
	a.mu.Lock()
	defer a.mu.Unlock()
	if k, v := a.cursors[bucket].Seek(key); bytes.Equal(k, key) {
		return v, nil
	}
	return nil, nil
}

// Uint returns the value at Key(n), or nil, and remembers where it is.
func (a *anchor) Uint(bucket int, n uint64) ([]byte, error) {
	c := a.caches[bucket]
	if len(c) != 0 {
		if s := c[n&uint64(len(c)-1)].Load(); s != nil && s.n == n {
			return s.value, nil
		}
	}
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], n)
	value, err := a.Get(bucket, key[:])
	if err == nil && value != nil && len(c) != 0 {
		c[n&uint64(len(c)-1)].Store(&cached{n, value})
	}
	return value, err
}

// run is how many values Each reads at a time, so that others get their turn.
const run = 256

// Each calls f for every key at or after from, in order, until f returns an
// error, and returns that.
func (a *anchor) Each(bucket int, from []byte, f func(key, value []byte) error) error {
	var keys, values [run][]byte
	for {
		n, err := a.read(bucket, from, &keys, &values)
		if err != nil {
			return err
		}
		for i := range n {
			if err := f(keys[i], values[i]); err != nil {
				return err
			}
		}
		if n < run {
			return nil
		}
		from = append(keys[n-1][:len(keys[n-1]):len(keys[n-1])], 0) // the next key there can be
	}
}

func (a *anchor) read(bucket int, from []byte, keys, values *[run][]byte) (n int, err error) {
	defer guard(&err)()
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.buckets[bucket].Cursor()
	for k, v := c.Seek(from); k != nil && n < run; k, v = c.Next() {
		keys[n], values[n] = k, v
		n++
	}
	return n, nil
}
