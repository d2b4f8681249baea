package kv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"go.etcd.io/bbolt"
)

// copyBytes is how much Copy writes in one transaction.
const copyBytes = 32 << 20

// Copy writes the view to a new file at path, which must not exist. It copies
// what is there, not the pages of the file, so that nothing deleted comes along.
// Until all of it is durable there is an empty file at path, and the copy in the
// making beside it.
func (db *DB) Copy(ctx context.Context, v *View, path string) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return explain(err)
	}
	part := path + ".part"
	defer func() {
		if err != nil {
			os.Remove(path)
		}
	}()
	if err := file.Close(); err != nil {
		return explain(err)
	}
	if file, err = os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
		return explain(err)
	}
	defer func() {
		if err != nil {
			os.Remove(part)
		}
	}()
	if err := file.Close(); err != nil {
		return explain(err)
	}
	specs := make([]Spec, len(db.buckets))
	for i, s := range db.buckets {
		specs[i] = Spec{Name: s.Name, Fill: 0.9}
		if s.Fill != 0 {
			specs[i].Fill = s.Fill
		}
	}
	dst, err := Open(part, Options{Buckets: specs})
	if err == nil {
		err = copyAll(ctx, dst, v)
		if e := dst.Close(); err == nil {
			err = e
		}
	}
	if err == nil {
		err = explain(os.Rename(part, path))
	}
	if err == nil {
		err = explain(SyncDir(filepath.Dir(path)))
	}
	return err
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func copyAll(ctx context.Context, dst *DB, v *View) error {
	for bucket := range dst.buckets {
		var from []byte
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			full := fmt.Errorf("full")
			err := dst.Update(func(tx *Tx) error {
				err := v.Each(bucket, from, func(key, value []byte) error {
					tx.Put(bucket, key, value)
					if tx.bytes >= copyBytes {
						from = append(append([]byte{}, key...), 0)
						return full
					}
					return nil
				})
				more = err == full
				if more {
					return nil
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Check checks the structure of the file: that every page is reachable or free,
// and that keys are in order. It does not know what values mean. Nothing may
// write meanwhile. The engine does this in a goroutine of its own, in which a
// page number that lies beyond the file ends the process: read what there is first.
func (db *DB) Check(ctx context.Context) (err error) {
	defer guard(&err)()
	return db.bolt.View(func(tx *bbolt.Tx) error {
		var first error
		for e := range tx.Check() {
			if first == nil {
				first = fmt.Errorf("%w: %w", ErrCorrupt, e)
			}
		}
		if first == nil {
			first = ctx.Err()
		}
		return first
	})
}
