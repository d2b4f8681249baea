package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/kith-kt/kith/auditor/archive"
	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/auditor/sshagent"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/provider"
)

// Exit codes.
const (
	exitFine       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitMisbehaved = 3 // the provider broke its promises; evidence was kept
)

// A failure is an error with what the user can do about it and the exit code.
type failure struct {
	err      error
	hint     string // "": none
	code     int
	evidence string // path
	said     bool   // JSON on standard output says it already
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage is a command that was asked wrongly.
func usage(err error, hint string) error { return &failure{err: err, hint: hint, code: exitUsage} }

// failed is a command that was asked rightly and could not do it.
func failed(err error, hint string) error { return &failure{err: err, hint: hint, code: exitFailed} }

// A faultView is an error in JSON.
type faultView struct {
	Error    string  `json:"error"`
	Hint     string  `json:"hint,omitempty"`
	Kind     string  `json:"misbehaviour,omitempty"`
	Entry    *uint64 `json:"entry,omitempty"`
	Step     int     `json:"step,omitempty"`
	Proved   bool    `json:"proved,omitempty"` // the evidence needs nobody's word
	Evidence string  `json:"evidence,omitempty"`
	Exit     int     `json:"exit"`
}

// report says what went wrong and returns the exit code.
func (p *program) report(err error) int {
	if err == nil {
		return exitFine
	}
	f := asFailure(err)
	fmt.Fprintln(p.err, "kith-auditor: error: "+plain(err))
	if f.evidence != "" {
		fmt.Fprintln(p.err, "kith-auditor: evidence: "+f.evidence)
	}
	if f.hint != "" {
		fmt.Fprintln(p.err, "kith-auditor: hint: "+f.hint)
	}
	if p.json && !f.said {
		view := faultView{Error: plain(err), Hint: f.hint, Evidence: f.evidence, Exit: f.code}
		if m, ok := errors.AsType[*watch.Misbehaved](err); ok {
			view.Kind, view.Entry, view.Step, view.Proved = m.Finding.Kind, &m.Finding.Entry, m.Finding.Step, m.Finding.Proved
		} else if m, ok := errors.AsType[*pass.Misbehaviour](err); ok { // of a copy, and perhaps not the provider's
			view.Entry, view.Step = &m.Entry, m.Step()
		}
		if err := p.emit(view); err != nil {
			fmt.Fprintln(p.err, "kith-auditor: error: "+plain(err))
		}
	}
	return f.code
}

// asFailure finds the hint and the exit code of an error.
func asFailure(err error) *failure {
	f := &failure{err: err, code: exitFailed}
	if e, ok := errors.AsType[*failure](err); ok {
		*f = *e
	} else if _, ok := errors.AsType[*watch.Misbehaved](err); ok {
		f.code = exitMisbehaved
	}
	for _, h := range hints {
		if f.hint == "" && errors.Is(err, h.fault) {
			f.hint = h.hint
		}
	}
	return f
}

// hints say what to do about faults that many commands meet. The first match counts.
var hints = []struct {
	fault error
	hint  string
}{
	{pass.ErrOtherLog, "give every log a folder of its own"},
	{watch.ErrOther, "give every log a folder of its own"},
	{watch.ErrMoved, "the old log cannot be audited there any more; give the new one a folder of its own"},
	{watch.ErrInUse, "stop the other one first"},
	{watch.ErrLost, "restore it; or move heads.jsonl and cosigned away to begin anew, and know that a fork in between would not be noticed"},
	{watch.ErrRestored, "move the folder's cosigner.key away, run init again, and give the new verifier key to the provider: docs/audit.md, \"Back up the keys, not the state\""},
	{watch.ErrOtherKey, "choose another folder"},
	{watch.ErrBegun, "choose a new folder for an audit that begins elsewhere"},
	{archive.ErrDamaged, "restore the folder; or move its folder archive away, and it is read again from the provider"},
	{sshagent.ErrNoAgent, "start ssh-agent, add the key, and set SSH_AUTH_SOCK"},
	{sshagent.ErrNoKey, "add it with ssh-add; ssh-add -l shows what the agent holds"},
	{pass.ErrProgress, "move the folder's file progress away to audit from the beginning; what was seen before is then forgotten"},
	{provider.ErrNotYet, "compare the date of this computer with another clock"},
	{provider.ErrExpired, "compare the date of this computer with another clock; if it is right, the provider has to sign a new document"},
	{provider.ErrDomain, "give every provider a folder of its own"},
	{provider.ErrSignature, "what answers does not have the keys that are pinned; give every provider a folder of its own"},
	{feed.ErrInsecure, "use https; plain http goes to this machine only"},
	{feed.ErrForeign, "check the address; what answers there is not a kith provider of this protocol revision"},
	{problem.ErrRateLimited, "wait a while, then run it again; with --data it goes on from where it was"},
	{problem.ErrUnavailable, "check the network, or try again later; with --data it goes on from where it was"},
	{context.Canceled, "it was interrupted; with --data it goes on from where it was"},
	{fs.ErrPermission, "check who owns the file or folder"},
}

// plain is an error in one line, without the names of packages before it.
func plain(err error) string {
	s := oneLine(err.Error())
	for _, pkg := range []string{"feed: ", "provider: "} {
		s = strings.TrimPrefix(s, pkg)
	}
	return strings.TrimSuffix(s, ".")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
