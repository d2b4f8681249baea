//go:build unix && !linux

package main

import (
	"runtime"
	"syscall"
)

// peakMemory returns how many bytes of memory this process has had at most,
// program and all; 0 if the system does not say.
func peakMemory() uint64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return uint64(usage.Maxrss)
	}
	return uint64(usage.Maxrss) << 10
}
