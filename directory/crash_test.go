package directory_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/kith-kt/kith/directory"
)

// A crash child is this test program run again: it publishes until it is killed.
const crashDir = "KITH_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if os.Getenv(crashDir) != "" {
		if err := crashChild(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// crashChild updates labels of its own in several goroutines, and loads in bulk
// beside them. It prints a line for every version it was acknowledged.
func crashChild() error {
	l := &testLog{dir: os.Getenv(crashDir)}
	store, mark, config, err := l.reopen()
	if err != nil {
		return err
	}
	defer store.Close()
	defer mark.Close()
	s, err := directory.Open(context.Background(), config)
	if err != nil {
		return err
	}
	go s.Run(context.Background())
	var mu sync.Mutex
	ack := func(label string, version uint32) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("%s %d\n", label, version)
	}
	for g := range 4 {
		go func() {
			for n := uint32(0); ; n++ {
				label := fmt.Sprintf("%d by %d of %d", n/5, g, os.Getpid())
				if _, err := s.Submit(context.Background(), update(label, n%5, valueOf(label, n%5))); err != nil {
					panic(err)
				}
				ack(label, n%5)
			}
		}()
	}
	from := os.Getpid() * 1000
	for i := 0; ; i += 700 {
		if _, err := s.BulkLoad(context.Background(), users(from+i, 700), directory.BulkOptions{}); err != nil {
			return err
		}
		for load := range users(from+i, 700) {
			ack(string(load.Label), 0)
		}
	}
}

func valueOf(label string, version uint32) string {
	return fmt.Sprintf("value %d of %s", version, label)
}

// TestKilledAtAnyMoment kills a publishing process again and again. Whatever it
// acknowledged is there afterwards, and the log goes on as one log.
func TestKilledAtAnyMoment(t *testing.T) {
	kills := 4
	if os.Getenv("KITH_SOAK") != "" {
		kills = 100
	} else if testing.Short() {
		kills = 2
	}
	l := newLog(t, func(c *directory.Config) { c.BulkEntries = 1 })
	l.saveKeys(t)
	type version struct {
		label   string
		version uint32
	}
	acked := map[version]bool{}
	var size uint64
	for kill := range kills {
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), crashDir+"="+l.dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		read := func() bool {
			line, err := lines.ReadString('\n')
			if err != nil {
				return false // a line that was cut short was not acknowledged
			}
			at := len(line) - 1
			for at > 0 && line[at-1] != ' ' {
				at--
			}
			var n uint32
			if _, err := fmt.Sscan(line[at:], &n); err != nil {
				t.Errorf("line %q: %v", line, err)
			}
			acked[version{line[:at-1], n}] = true
			return true
		}
		for range 1 + rand.IntN(2000) {
			if !read() {
				t.Fatal("the child ended by itself")
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for read() {
		}
		io.Copy(io.Discard, out)
		_ = child.Wait() // killed

		s, closeAll, err := l.tryOpen(t)
		if err != nil {
			t.Fatalf("after kill %d: %v", kill, err)
		}
		snap := snapshotOf(t, s)
		for v := range acked {
			places, err := snap.Places([]byte(v.label), v.version, v.version+1)
			if err != nil || len(places) != 1 {
				t.Fatalf("after kill %d: %v was acknowledged and is not there (%v)", kill, v, err)
			}
		}
		if snap.Head().Size < size {
			t.Fatalf("after kill %d: size %d after size %d", kill, snap.Head().Size, size)
		}
		size = snap.Head().Size
		if kill < 4 || kill%10 == 9 { // it takes longer and longer
			if err := directory.Check(ctx, snap, &l.config.Log, directory.CheckOptions{}); err != nil {
				t.Fatalf("after kill %d: %v", kill, err)
			}
			t.Logf("after kill %d: %d versions acknowledged, %d log entries", kill, len(acked), size)
		}
		snap.Release()
		closeAll()
	}
	t.Logf("%d versions acknowledged over %d kills, %d log entries", len(acked), kills, size)
}
