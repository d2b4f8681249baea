package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty returns both ends of a terminal.
func pty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	fail(err)
	t.Cleanup(func() { master.Close() })
	fail(unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	fail(err)
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	fail(err)
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// TestAskSilently: what is typed is not shown, and the terminal is put back, also
// when the command is interrupted.
func TestAskSilently(t *testing.T) {
	master, slave := pty(t)
	for _, interrupted := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		type result struct {
			b   []byte
			err error
		}
		asked := make(chan result, 1)
		go func() {
			b, err := ask(ctx, slave, "Password")
			asked <- result{b, err}
		}()
		deadline := time.Now().Add(time.Minute)
		for echoes(t, slave) {
			if time.Now().After(deadline) {
				t.Fatal("the terminal goes on showing what is typed")
			}
			runtime.Gosched()
		}
		if interrupted {
			cancel()
		} else if _, err := master.WriteString("hunter2\n"); err != nil {
			t.Fatal(err)
		}
		got := <-asked
		cancel()
		if interrupted && !errors.Is(got.err, context.Canceled) || !interrupted && (got.err != nil || string(got.b) != "hunter2") {
			t.Errorf("interrupted %v: %q, %v", interrupted, got.b, got.err)
		}
		if !echoes(t, slave) {
			t.Error("the terminal stays silent")
		}
	}
	shown := make([]byte, 4096)
	n, err := master.Read(shown)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(shown[:n], []byte("hunter2")) || !bytes.Contains(shown[:n], []byte("Password: ")) {
		t.Errorf("shown: %q", shown[:n])
	}
}
