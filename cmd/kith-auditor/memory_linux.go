package main

import (
	"bytes"
	"os"
	"strconv"
)

// peakMemory returns how many bytes of memory this process has had at most,
// program and all; 0 if the system does not say. What getrusage says includes the
// process that began this one.
func peakMemory() uint64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(b, []byte("\nVmHWM:"))
	line, _, _ := bytes.Cut(rest, []byte("kB"))
	kib, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 10, 53)
	if err != nil {
		return 0
	}
	return kib << 10
}
