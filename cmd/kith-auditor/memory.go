package main

import (
	"os"
	"runtime/debug"
)

// frugal lets the garbage collector run after a quarter more memory is in use, not
// after as much again. What an auditor holds most of are leaves, which it need not
// look into, so that this costs next to nothing. GOGC says otherwise.
func frugal() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
}
