package directory

import (
	"os"
	"syscall"
)

// syncData makes the contents of a file durable that keeps its length.
func syncData(file *os.File) error { return syscall.Fdatasync(int(file.Fd())) }
