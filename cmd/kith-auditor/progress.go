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
	tty  bool
	bar  *progressbar.ProgressBar
	last time.Time
}

func newProgress(w io.Writer, what string) *progress {
	file, ok := w.(*os.File)
	return &progress{w: w, what: what, tty: ok && term.IsTerminal(int(file.Fd())), last: time.Now()}
}

// set says how many steps of all are done.
func (p *progress) set(done, all uint64) {
	if p.tty {
		if p.bar == nil {
			p.bar = progressbar.NewOptions64(int64(all),
				progressbar.OptionSetWriter(p.w),
				progressbar.OptionSetDescription(p.what),
				progressbar.OptionShowCount(),
				progressbar.OptionFullWidth(),
				progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionClearOnFinish(),
			)
		}
		_ = p.bar.Set64(int64(done))
		return
	}
	if now := time.Now(); now.Sub(p.last) >= quietEvery {
		p.last = now
		fmt.Fprintf(p.w, "kith-auditor: %s: %d of %d\n", p.what, done, all)
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
