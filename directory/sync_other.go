//go:build !linux

package directory

import "os"

// syncData makes the contents of a file durable that keeps its length.
func syncData(file *os.File) error { return file.Sync() }
