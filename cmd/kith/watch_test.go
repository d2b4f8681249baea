package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory/operator"
)

// A lineWriter is a writer that tells of every line written to it.
type lineWriter struct {
	mu    sync.Mutex
	all   bytes.Buffer
	lines chan string
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(b)
	for line := range strings.Lines(string(b)) {
		select {
		case w.lines <- line:
		default: // nobody reads any more
		}
	}
	return len(b), nil
}

func newProgram(t *testing.T, home string) (*program, *lineWriter, *lineWriter) {
	t.Helper()
	out, err := &lineWriter{lines: make(chan string, 1000)}, &lineWriter{lines: make(chan string, 1000)}
	getenv := func(name string) string { return map[string]string{"KITH_HOME": home}[name] }
	return &program{in: strings.NewReader(""), out: out, err: err, getenv: getenv, now: time.Now, rand: rand.Reader}, out, err
}

// TestWatchGoesOnUntilInterrupted lets two processes' worth of work share a
// keyring while one of them watches, through a time in which the provider is away.
func TestWatchGoesOnUntilInterrupted(t *testing.T) {
	w := &world{dir: filepath.Join(t.TempDir(), "world")}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if _, err := w.start(operator.Options{}); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(t.TempDir(), "home")
	p, _, stderr := newProgram(t, home)
	if code := p.run(t.Context(), []string{"use", w.server.URL}); code != exitFine {
		t.Fatalf("use: %d: %s", code, stderr.all.String())
	}

	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	p, stdout, stderr := newProgram(t, home)
	ended := make(chan int, 1)
	go func() { ended <- p.run(ctx, []string{"monitor", "--watch", "--every", "1s"}) }()
	await := func(lines chan string, part string) {
		t.Helper()
		deadline := time.After(30 * time.Second)
		for {
			select {
			case line := <-lines:
				if strings.Contains(line, part) {
					return
				}
			case code := <-ended:
				t.Fatalf("it ended with %d before %q: %s", code, part, stderr.all.String())
			case <-deadline:
				t.Fatalf("%q was not said", part)
			}
		}
	}
	await(stdout.lines, "there is no label to watch")
	other, _, said := newProgram(t, home)
	if code := other.run(t.Context(), []string{"contacts"}); code != exitFine {
		t.Fatalf("beside the watch: %d: %s", code, said.all.String())
	}
	w.front.Set(nil)
	await(stderr.lines, "trying again in 1s")
	w.front.Set(w.op.Handler())
	for len(stdout.lines) > 0 {
		<-stdout.lines
	}
	await(stdout.lines, "there is no label to watch")
	interrupt()
	if code := <-ended; code != exitFine {
		t.Errorf("interrupted: exit code %d", code)
	}
}
