//go:build !unix

package main

import "net"

// listenPrivate opens a socket; the folder keeps others out.
func listenPrivate(path string) (net.Listener, error) { return net.Listen("unix", path) }
