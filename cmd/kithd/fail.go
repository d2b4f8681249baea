package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
)

// Exit codes.
const (
	exitFine       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitMisbehaved = 3 // a directory broke its promises; evidence was kept
)

var errNoData = errors.New("no data folder")

// A failure is an error with what the user can do about it and the exit code.
type failure struct {
	err  error
	hint string // "": none
	code int
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage is a command that was asked wrongly.
func usage(err error, hint string) error { return &failure{err, hint, exitUsage} }

// failed is a command that was asked rightly and could not do it.
func failed(err error, hint string) error { return &failure{err, hint, exitFailed} }

// report writes an error, and a hint if there is one, and returns the exit code.
func report(w io.Writer, err error) int {
	f := asFailure(err)
	fmt.Fprintln(w, "kithd: error:", oneLine(err.Error()))
	if f.hint != "" {
		fmt.Fprintln(w, "kithd: hint:", oneLine(f.hint))
	}
	return f.code
}

// asFailure finds the hint and the exit code of an error.
func asFailure(err error) *failure {
	f := &failure{err: err, code: exitFailed}
	if e := (*failure)(nil); errors.As(err, &e) {
		f.hint, f.code = e.hint, e.code
	}
	if f.hint == "" {
		f.hint = hintFor(err)
	}
	return f
}

// hints say what to do about faults that many commands meet. The first match counts.
var hints = []struct {
	fault error
	hint  string
}{
	{directory.ErrExposedKey, "chmod 600 the file, and ask yourself who may have read it"},
	{directory.ErrHighWater, "put the newest store back; if it is lost for good, begin a successor log"},
	{directory.ErrLocked, "stop the other kithd first"},
	{operator.ErrInUse, "stop the other kithd first"},
	{operator.ErrExists, "choose another folder, or move this one away"},
	{operator.ErrNoLog, "make a log first: kithd init --data DIR --domain DOMAIN"},
	{directory.ErrReadOnly, "check who owns the folder, and that its disk is mounted for writing"},
	{directory.ErrFull, "make room on the disk; nothing was lost"},
	{directory.ErrNotInitialised, "make a log first: kithd init --data DIR --domain DOMAIN"},
	{directory.ErrStart, "give the new auditor an earlier start: --start 0 is right for one that audits from the beginning"},
	{directory.ErrConfiguration, "put back the config.json and kith.json that belong to this log; if a change of the auditor was cut short, kithd status --data DIR ends it"},
	{directory.ErrWrongKeys, "put back the keys that belong to this log"},
	{directory.ErrCorrupt, "restore the newest backup: kithd restore --data DIR FILE"},
	{directory.ErrNoToken, "kithd token --data DIR LABEL --list names those there are"},
	{fs.ErrExist, "choose another name; nothing is ever overwritten"},
	{fs.ErrPermission, "check who owns the file or folder"},
	{context.Canceled, "what was done so far is kept; run it again to go on"},
}

// lost says what to do where a part of the log in dir is gone.
func lost(dir string, err error) error {
	gone := func(name string) bool {
		_, e := os.Lstat(filepath.Join(dir, name))
		return errors.Is(e, fs.ErrNotExist)
	}
	switch {
	case hintFor(err) != "" || !errors.Is(err, fs.ErrNotExist):
		return err
	case gone(filepath.Join(operator.KeysFolder, loginKeyFile)) && strings.Contains(err.Error(), loginKeyFile):
		return failed(err, "put back the "+loginKeyFile+" that you keep; if it is lost for good, nobody can log in any more, and accounts begin anew")
	case gone(operator.StoreFile):
		return failed(err, "put the store back, or the newest backup: kithd restore --data "+dir+" FILE")
	}
	return failed(err, "put back what is missing, from the copy of "+operator.KeysFolder+", "+operator.ConfigFile+" and "+operator.DocumentFile+" that you keep")
}

func hintFor(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.fault) {
			return h.hint
		}
	}
	return ""
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
