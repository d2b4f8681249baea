//go:build !unix

package main

import "time"

var started = time.Now()

// cpuTime stands in for processor time where it cannot be had: it is that of the
// clock, so figures need a machine with nothing else to do.
func cpuTime() time.Duration { return time.Since(started) }
