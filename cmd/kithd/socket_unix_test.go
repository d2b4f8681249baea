//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
)

// TestAdminSocketIsPrivate: whatever files are like otherwise, others cannot
// connect, not even for the moment in which the socket is made.
func TestAdminSocketIsPrivate(t *testing.T) {
	dir := t.TempDir()
	defer syscall.Umask(syscall.Umask(0))
	ln, err := listenAdmin(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	info, err := os.Stat(socketPath(dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
	if now := syscall.Umask(0); now != 0 {
		t.Errorf("the umask is %o afterwards", now)
	}
}
