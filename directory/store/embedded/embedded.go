// Package embedded keeps a log in one local file: the directory.Store for one
// machine. It stands on internal/kv.
//
//	meta    head, format, and PutMeta's values under "n/", each with a checksum
//	pages   position                     -> prefix tree page
//	log     position / 64                -> up to 64 log entries of 40 bytes
//	nodes   logtree.StoredIndex / 64     -> up to 64 hashes
//	values  position, index (9 bytes)    -> opening, suffix, value; see values.go
//	labels  length, label[, chunk]       -> places of its versions; see labels.go
//	audit   tlog.StoredHashIndex / 64    -> up to 64 hashes
//	leaves  position                     -> audit log leaf
//
// All keys but those of labels only grow, so their pages are written once and
// full. Labels are put in order within a commit; a large commit touches each of
// their pages at most once.
package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/internal/kv"
)

// The buckets, as indices into specs.
const (
	bucketMeta = iota
	bucketPages
	bucketLog
	bucketNodes
	bucketValues
	bucketLabels
	bucketAudit
	bucketLeaves
)

var specs = []kv.Spec{
	bucketMeta:   {Name: "meta"},
	bucketPages:  {Name: "pages", Fill: 1, Cache: 1 << 16},
	bucketLog:    {Name: "log", Fill: 1, Cache: 1 << 14},
	bucketNodes:  {Name: "nodes", Fill: 1, Cache: 1 << 14},
	bucketValues: {Name: "values", Fill: 1},
	bucketLabels: {Name: "labels"},
	bucketAudit:  {Name: "audit", Fill: 1, Cache: 1 << 10},
	bucketLeaves: {Name: "leaves", Fill: 1},
}

// format is the version of the layout. A file of another one is refused, but for
// formatPlain, which becomes format when it is opened to be written.
const (
	format      = "kith store 2"
	formatPlain = "kith store 1"
)

// Keys of bucketMeta.
var (
	keyFormat = []byte("format")
	keyHead   = []byte("head")
)

// Options says how to open a store. The zero value is right for serving.
type Options struct {
	// MustExist refuses to create a file.
	MustExist bool
	// ReadOnly opens the file to look, never to write.
	ReadOnly bool
	// MaxBytes limits the size of the file; 0: the disk does.
	MaxBytes int64
}

// A Store is a directory.Store in one file.
type Store struct {
	db *kv.DB
}

var _ directory.Store = (*Store)(nil)

// Open opens or creates the store in the file at path. A file that is open
// elsewhere is directory.ErrLocked.
func Open(path string, o Options) (*Store, error) {
	db, err := kv.Open(path, kv.Options{Buckets: specs, MustExist: o.MustExist, ReadOnly: o.ReadOnly, MaxBytes: o.MaxBytes})
	if err != nil {
		return nil, explain(err)
	}
	s := &Store{db}
	// A damaged page may say that a value goes on beyond the end of the file.
	if err := explain(kv.Fault(func() error { return s.checkFormat(o.ReadOnly) })); err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) checkFormat(readOnly bool) error {
	v, err := s.db.View()
	if err != nil {
		return explain(err)
	}
	defer v.Release()
	found, err := v.Get(bucketMeta, keyFormat)
	switch {
	case err != nil:
		return explain(err)
	case found == nil && !readOnly && s.empty(v):
		return explain(s.db.Update(func(tx *kv.Tx) error {
			tx.Put(bucketMeta, keyFormat, []byte(format))
			return nil
		}))
	case string(found) == formatPlain && readOnly:
	case string(found) == formatPlain:
		return explain(s.db.Update(upgradeMeta))
	case string(found) != format:
		return fmt.Errorf("%w: meta: the store's format is %q, this program knows %q", directory.ErrCorrupt, found[:min(len(found), 32)], format)
	}
	return nil
}

// empty reports whether there is nothing in the store yet.
func (s *Store) empty(v *kv.View) bool {
	for bucket := range specs {
		if v.Each(bucket, nil, func(_, _ []byte) error { return directory.ErrCorrupt }) != nil {
			return false
		}
	}
	return true
}

// Close implements directory.Store.
func (s *Store) Close() error { return explain(s.db.Close()) }

// PutMeta implements directory.Store.
func (s *Store) PutMeta(ctx context.Context, values map[string][]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return explain(s.db.Update(func(tx *kv.Tx) error {
		putMeta(tx, values)
		return nil
	}))
}

// Backup writes a consistent copy of the newest head to a new file at path,
// while the store stays in use. It leaves nothing behind that was erased.
func (s *Store) Backup(ctx context.Context, path string) error {
	v, err := s.db.View()
	if err != nil {
		return explain(err)
	}
	defer v.Release()
	return explain(s.db.Copy(ctx, v, path))
}

// CheckFile checks the structure of the file, as directory.Check checks its
// contents. Nothing may write meanwhile.
func (s *Store) CheckFile(ctx context.Context) error {
	if err := s.db.Check(ctx); err != nil {
		return explain(err)
	}
	v, err := s.db.View()
	if err != nil {
		return explain(err)
	}
	defer v.Release()
	return explain(kv.Fault(func() error { return checkMeta(v) }))
}

// classes maps the engine's faults to the store's.
var classes = []struct{ from, to error }{
	{kv.ErrLocked, directory.ErrLocked},
	{kv.ErrReadOnly, directory.ErrReadOnly},
	{kv.ErrFull, directory.ErrFull},
	{kv.ErrMap, directory.ErrFull},
	{kv.ErrCorrupt, directory.ErrCorrupt},
	{kv.ErrClosed, directory.ErrClosed},
}

func explain(err error) error {
	for _, c := range classes {
		if errors.Is(err, c.from) && !errors.Is(err, c.to) {
			return fmt.Errorf("%w: %w", c.to, err)
		}
	}
	return err
}

// appendHead and parseHead code the value at keyHead.
func appendHead(b []byte, h *directory.Head) []byte {
	b = binary.BigEndian.AppendUint64(b, h.Size)
	b = append(b, h.Root[:]...)
	b = binary.BigEndian.AppendUint64(b, h.Timestamp)
	b = append(b, h.PrefixRoot[:]...)
	return append(b, h.Signature...)
}

func parseHead(b []byte) (h directory.Head, err error) {
	if b == nil {
		return h, nil
	}
	if len(b) < 8+32+8+32 {
		return h, fmt.Errorf("%w: meta: head of %d bytes", directory.ErrCorrupt, len(b))
	}
	h.Size = binary.BigEndian.Uint64(b)
	copy(h.Root[:], b[8:])
	h.Timestamp = binary.BigEndian.Uint64(b[40:])
	copy(h.PrefixRoot[:], b[48:])
	h.Signature = append([]byte(nil), b[80:]...)
	return h, nil
}
