// Package kv is the embedded storage engine: one bbolt file, opened the way
// this project needs it. It adds to bbolt a read view that many requests share
// and that finds hot values without a search, errors that say what is wrong
// with the disk, and a copy that leaves deleted data behind.
//
// Values are read where the file is mapped into memory; nothing is copied.
package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Faults of the engine. Each comes wrapped with its cause.
var (
	ErrLocked   = errors.New("file is in use by another process")
	ErrReadOnly = errors.New("file or folder cannot be written")
	ErrFull     = errors.New("no space left")
	ErrCorrupt  = errors.New("file is corrupt")
	ErrClosed   = errors.New("file is closed")
	// ErrMap is a file that has outgrown the address space reserved for it
	// when it was opened. Opening it again reserves more.
	ErrMap = errors.New("file has outgrown its map")
	// ErrUnsure is a write after one of which nobody knows whether it reached the
	// disk. The file can be read; to be written it must be opened again.
	ErrUnsure = errors.New("an earlier write may not have reached the disk; open the file again")
	// ErrHeld is a Close that somebody's view kept from closing the file.
	ErrHeld = errors.New("file is still being read")
)

// A Spec describes one bucket. Buckets are named by their index in Options.Buckets.
type Spec struct {
	Name string
	// Fill is how full pages become when they are split: 1 if keys only ever
	// grow, else 0 for the engine's default of a half.
	Fill float64
	// Cache is the greatest number of values that View.Uint remembers.
	Cache int
}

// Options says how to open a file.
type Options struct {
	Buckets []Spec
	// MustExist refuses to create the file.
	MustExist bool
	// ReadOnly opens the file beside other readers, never to write.
	ReadOnly bool
	// MaxBytes limits the size of the file; 0: the disk does.
	MaxBytes int64
}

// A DB is an open file. It is safe for concurrent use.
type DB struct {
	bolt    *bbolt.DB
	buckets []Spec
	mapped  int64 // bytes of address space reserved
	current atomic.Pointer[anchor]
	mu      sync.Mutex // guards opening of current, and closed
	closed  bool
	anchors sync.WaitGroup // not yet released
	unsure  atomic.Bool    // see Update
	update  func(func(*bbolt.Tx) error) error
}

// mapSizes are tried in turn: growing beyond the mapped size would have to wait
// for every reader, so enough is reserved once. It costs nothing but addresses.
func mapSizes(file int64) []int64 {
	if runtime.GOOS == "windows" || ^uint(0)>>32 == 0 {
		return []int64{max(2*file, 256<<20), 0}
	}
	return []int64{max(1<<40, 4*file), max(1<<36, 2*file), file + 8<<30, file + 1<<30, 0}
}

// Open opens or creates the file.
func Open(path string, o Options) (db *DB, err error) {
	defer guard(&err)()
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() > 0:
	case err == nil || errors.Is(err, fs.ErrNotExist):
		if o.MustExist || o.ReadOnly {
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
	default:
		return nil, explain(err)
	}
	var size int64
	if info != nil {
		size = info.Size()
	}
	if size > 0 {
		clean, err := inspect(path, size)
		if err == nil && !clean {
			err = walk(path)
		}
		if err != nil {
			return nil, explain(err)
		}
	}
	options := &bbolt.Options{
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
		Timeout:        1, // one try: whoever holds the lock keeps it
		ReadOnly:       o.ReadOnly,
		NoStatistics:   true,
		MaxSize:        int(o.MaxBytes),
	}
	var b *bbolt.DB
	var mapped int64
	for _, mapped = range mapSizes(size) {
		options.InitialMmapSize = int(mapped)
		if b, err = bbolt.Open(path, 0o600, options); !errors.Is(err, syscall.ENOMEM) {
			break
		}
	}
	if err != nil {
		return nil, explain(err)
	}
	if mapped == 0 {
		mapped = size // no room was reserved: to be read, not to grow
	}
	db = &DB{bolt: b, buckets: o.Buckets, mapped: mapped, update: b.Update}
	if err := db.prepare(); err != nil {
		b.Close()
		return nil, err
	}
	return db, nil
}

// prepare makes missing buckets.
func (db *DB) prepare() (err error) {
	defer guard(&err)()
	complete := true
	err = db.bolt.View(func(tx *bbolt.Tx) error {
		for _, s := range db.buckets {
			complete = complete && tx.Bucket([]byte(s.Name)) != nil
		}
		return nil
	})
	if err != nil || complete {
		return explain(err)
	}
	if db.bolt.IsReadOnly() {
		return fmt.Errorf("%w: buckets are missing", ErrCorrupt)
	}
	return explain(db.bolt.Update(func(tx *bbolt.Tx) error {
		for _, s := range db.buckets {
			if _, err := tx.CreateBucketIfNotExists([]byte(s.Name)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Path returns the path of the file.
func (db *DB) Path() string { return db.bolt.Path() }

// closeTimeout is how long Close waits for views: far above any request.
const closeTimeout = 10 * time.Second

// Close refuses new views, waits until those held are released, and closes the
// file. If a view is held for long, it gives up with ErrHeld, and the file stays
// open until the process ends: nothing is lost by that.
func (db *DB) Close() (err error) {
	defer guard(&err)()
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return nil
	}
	db.closed = true
	db.mu.Unlock()
	db.drop()
	released := make(chan struct{})
	go func() {
		db.anchors.Wait()
		close(released)
	}()
	select {
	case <-released:
	case <-time.After(closeTimeout):
		return ErrHeld
	}
	if !db.bolt.IsReadOnly() && !db.unsure.Load() {
		// The list of free pages is only kept in a file at rest, where it
		// spares the next opening a walk over everything. Without it nothing
		// is lost, so a failure is no failure.
		db.bolt.NoFreelistSync = false
		_ = db.bolt.Update(func(*bbolt.Tx) error { return nil })
	}
	return explain(db.bolt.Close())
}

// Key returns n as a key that sorts by value.
func Key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// explain turns an error of the engine or the system into one of this package.
func explain(err error) error {
	if err == nil {
		return nil
	}
	class := error(nil)
	switch {
	case errors.Is(err, ErrCorrupt), errors.Is(err, ErrFull), errors.Is(err, ErrMap):
		return err
	case errors.Is(err, berrors.ErrTimeout):
		class = ErrLocked
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum),
		errors.Is(err, berrors.ErrVersionMismatch):
		class = ErrCorrupt
	case errors.Is(err, berrors.ErrMaxSizeReached), errors.Is(err, syscall.ENOSPC),
		errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		class = ErrFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS),
		errors.Is(err, berrors.ErrDatabaseReadOnly), errors.Is(err, berrors.ErrTxNotWritable):
		class = ErrReadOnly
	case errors.Is(err, berrors.ErrDatabaseNotOpen), errors.Is(err, berrors.ErrTxClosed):
		class = ErrClosed
	default:
		return err
	}
	return fmt.Errorf("%w: %w", class, err)
}

// guard makes errors of the ways the engine meets damage: a panic for a page
// that is not one, and a fault for an address beyond the end of the file.
func guard(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		switch p := recover().(type) {
		case nil:
		case userPanic:
			panic(p.value)
		default:
			*err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}
}

// A userPanic passes a panic of the caller's function through guard.
type userPanic struct{ value any }

// call runs f and marks its panics as its own.
func call(f func() error) error {
	ok := false
	defer func() {
		if !ok {
			if p := recover(); p != nil {
				panic(userPanic{p})
			}
		}
	}()
	err := f()
	ok = true
	return err
}

// Fault runs f such that a fault in the mapped file (an unreadable sector, a
// file cut short by others) becomes ErrCorrupt instead of the end of the process.
func Fault(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(runtime.Error); !ok {
				panic(p)
			}
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	return f()
}
