//go:build unix

package main

import (
	"net"
	"sync"
	"syscall"
)

var umask sync.Mutex // held while it is another one, which it is for all of the process

// listenPrivate opens a socket that is its owner's alone from the first moment:
// a mode that is set afterwards is late for who has connected already.
func listenPrivate(path string) (net.Listener, error) {
	umask.Lock()
	defer umask.Unlock()
	defer syscall.Umask(syscall.Umask(0o177))
	return net.Listen("unix", path)
}
