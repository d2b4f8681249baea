package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// say writes a line for the person: what was done, or found.
func (p *program) say(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintln(p.err, "kith: "+oneLine(fmt.Sprintf(format, args...)))
	}
}

// warn writes a line that --quiet does not keep back.
func (p *program) warn(format string, args ...any) {
	fmt.Fprintln(p.err, "kith: warning: "+oneLine(fmt.Sprintf(format, args...)))
}

// print writes a line of data, unless the data is JSON.
func (p *program) print(format string, args ...any) {
	if !p.json {
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// emit writes v if the data is to be JSON.
func (p *program) emit(v any) error {
	if !p.json {
		return nil
	}
	e := json.NewEncoder(p.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// terminal reports whether standard output is one.
func (p *program) terminal() bool {
	f, ok := p.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// moment reads a timestamp of the log, in ms since the Unix epoch.
func moment(ms uint64) time.Time { return time.UnixMilli(int64(min(ms, 1<<53))).UTC() }

// clock writes a time as people read it.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if strings.HasSuffix(thing, "s") {
		thing += "e"
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
