package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// quietEvery is how often long work says something where nobody watches.
const quietEvery = 10 * time.Second

// A progress shows how far long work is: a bar on a terminal, now and then a
// line in a pipe. It is for one goroutine at a time.
type progress struct {
	w    io.Writer
	what string
	all  int64
	bar  *progressbar.ProgressBar // nil in a pipe
	last time.Time
}

// newProgress begins to show work of all steps; in bytes if so said.
func newProgress(w io.Writer, what string, all int64, inBytes bool) *progress {
	p := &progress{w: w, what: what, all: all, last: time.Now()}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return p
	}
	p.bar = progressbar.NewOptions64(all,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(inBytes),
		progressbar.OptionShowCount(),
		progressbar.OptionFullWidth(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	return p
}

// set says how many steps are done.
func (p *progress) set(done int64) {
	if p.bar != nil {
		_ = p.bar.Set64(min(done, p.all))
		return
	}
	if now := time.Now(); now.Sub(p.last) >= quietEvery {
		p.last = now
		fmt.Fprintf(p.w, "kithd: %s: %d of %d\n", p.what, done, p.all)
	}
}

// setAll says how many steps there are, where that turns out on the way.
func (p *progress) setAll(all int64) {
	if p.all != all && p.bar != nil {
		p.bar.ChangeMax64(all)
	}
	p.all = all
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// A progressReader shows how far a file was read.
type progressReader struct {
	r    io.Reader
	p    *progress
	done int64
}

func (r *progressReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.done += int64(n)
	r.p.set(r.done)
	return n, err
}
