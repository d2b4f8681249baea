package embedded

import (
	"context"
	"fmt"
	"io/fs"
	"os"
)

// Restore puts a backup in place of a store that is not there: it never
// overwrites one. Whether the backup is new enough is for the high-water mark to
// say when the log is opened.
func Restore(ctx context.Context, backup, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w: a store is never overwritten", path, fs.ErrExist)
	}
	from, err := Open(backup, Options{MustExist: true, ReadOnly: true})
	if err != nil {
		return err
	}
	defer from.Close()
	return from.Backup(ctx, path)
}
