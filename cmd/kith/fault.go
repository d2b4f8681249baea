package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/provider"
)

// Exit codes.
const (
	exitFine       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitMisbehaved = 3 // the directory broke its promises; evidence was kept
)

// A failure is an error with what the user can do about it and the exit code.
type failure struct {
	err      error
	hint     string // "": none
	code     int
	kind     string   // of misbehaviour
	evidence []string // paths
	told     bool     // the JSON of the command says it already
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage is a command that was asked wrongly.
func usage(err error, hint string) error { return &failure{err: err, hint: hint, code: exitUsage} }

// failed is a command that was asked rightly and could not do it.
func failed(hint, format string, args ...any) error {
	return &failure{err: fmt.Errorf(format, args...), hint: hint, code: exitFailed}
}

// A faultView is an error in JSON.
type faultView struct {
	Error    string   `json:"error"`
	Hint     string   `json:"hint,omitempty"`
	Kind     string   `json:"misbehaviour,omitempty"`
	Evidence []string `json:"evidence,omitempty"`
	Exit     int      `json:"exit"`
}

// report says what went wrong and returns the exit code.
func (p *program) report(err error) int {
	if err == nil {
		return exitFine
	}
	f := asFailure(err)
	fmt.Fprintln(p.err, "kith: error: "+plain(err))
	for _, path := range f.evidence {
		fmt.Fprintln(p.err, "kith: evidence: "+path)
	}
	if f.hint != "" {
		fmt.Fprintln(p.err, "kith: hint: "+oneLine(f.hint))
	}
	if !f.told {
		if err := p.emit(faultView{plain(err), oneLine(f.hint), f.kind, f.evidence, f.code}); err != nil {
			fmt.Fprintln(p.err, "kith: error: "+plain(err))
		}
	}
	return f.code
}

// asFailure finds the hint and the exit code of an error.
func asFailure(err error) *failure {
	f := &failure{err: err, code: exitFailed}
	if e, ok := errors.AsType[*failure](err); ok {
		*f = *e
	} else if errors.Is(err, label.ErrInvalid) || errors.Is(err, remote.ErrInsecure) {
		f.code = exitUsage
	} else if m, ok := errors.AsType[*client.Misbehaviour](err); ok {
		f.code, f.kind = exitMisbehaved, string(m.Kind)
	}
	if f.hint == "" {
		f.hint = hintFor(err)
	}
	return f
}

// plain is an error in one line, without the names of packages before it.
func plain(err error) string {
	s := oneLine(err.Error())
	for _, pkg := range []string{"client: ", "keyring: ", "remote: ", "provider: ", "record: ", "label: ", "account: "} {
		s = strings.TrimPrefix(s, pkg)
	}
	return strings.TrimSuffix(s, ".")
}

// hints say what to do about faults that many commands meet. The first match counts.
var hints = []struct {
	fault error
	hint  string
}{
	{client.ErrClock, "compare the date of this computer with another clock; if yours is right, the directory's is wrong, and nothing it says can be called fresh"},
	{provider.ErrNotYet, "compare the date of this computer with another clock"},
	{provider.ErrExpired, "compare the date of this computer with another clock; if it is right, the provider has to sign a new document"},
	{client.ErrUnacknowledged, "ask them over another channel whether this was their doing; then accept it with: kith contacts ack LABEL"},
	{client.ErrPolicy, "wait until it holds; kith policy shows what you demand besides --min-age and --require-auditor"},
	{client.ErrSaved, "give a file that kith lookup --save-proof wrote, or that kith kept as evidence"},
	{client.ErrOvertaken, "other devices are publishing at the same time; try again"},
	{client.ErrRecord, "if this provider does not keep account records, add --opaque"},
	{remote.ErrInsecure, "use https; plain http goes to this machine only"},
	{remote.ErrForeign, "check the address; what answers there is not a kith directory of this protocol revision"},
	{problem.ErrNoAnswer, "check the spelling; the label or version may be unknown, erased or not yours to see, and a directory does not tell these apart"},
	{problem.ErrUnauthorized, "ask your provider for a token, and give it with --token-file FILE; or if you have an account there, run: kith login NAME"},
	{problem.ErrForbidden, "this token is for another label; ask your provider for one, and give it with --token-file FILE"},
	{problem.ErrRateLimited, "wait a while, then try again"},
	{problem.ErrUnavailable, "check the network, or try again later; nothing was changed"},
	{problem.ErrTooLarge, "publish a smaller key"},
	{keyring.ErrLocked, "wait until the other kith has ended"},
	{label.ErrInvalid, "an address such as alice@example.org, or a user name"},
	{context.Canceled, "it was interrupted; run it again"},
	{fs.ErrPermission, "check who owns the file or folder"},
}

func hintFor(err error) string {
	if e, ok := errors.AsType[*keyring.PolicyError](err); ok && e.Hint != "" {
		return e.Hint
	}
	if h, ok := errors.AsType[*keyring.Hinted](err); ok {
		if strings.HasPrefix(h.Hint, "kith ") || strings.HasPrefix(h.Hint, "chmod ") || strings.HasPrefix(h.Hint, "export ") {
			return "run: " + h.Hint
		}
		return h.Hint
	}
	if m, ok := errors.AsType[*client.Misbehaviour](err); ok && m.Kind == client.Withheld {
		return "keep the evidence; if the label is yours, and the provider says that it erased a version you had not seen, begin anew with: kith monitor --restart LABEL"
	}
	for _, h := range hints {
		if errors.Is(err, h.fault) {
			return h.hint
		}
	}
	return ""
}
