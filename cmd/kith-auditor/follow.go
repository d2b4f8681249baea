package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kith-kt/kith/auditor/sshagent"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/provider"
)

// agent is the agent that this session has, if it has one.
func agent() watch.KeyHolder { return sshagent.Agent{Socket: os.Getenv("SSH_AUTH_SOCK")} }

// watchOptions are those of a watch of a folder, "" for none.
func (p *program) watchOptions(dir, address string) watch.Options {
	return watch.Options{Dir: dir, Address: address, Agent: agent(), Now: p.now, Rand: p.rand}
}

// open opens a watch, and says what to do when that fails.
func (p *program) open(ctx context.Context, o watch.Options) (*watch.Watch, error) {
	w, err := watch.Open(ctx, o)
	return w, hinted(err, o.Dir)
}

// hinted adds what to do about faults whose remedy names a folder.
func hinted(err error, dir string) error {
	domain, otherDomain := errors.AsType[*watch.DomainError](err)
	_, otherLog := errors.AsType[*watch.FingerprintError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, watch.ErrNoFolder):
		return failed(err, "run: kith-auditor init --provider URL --data "+dir)
	case errors.Is(err, watch.ErrExposed):
		return failed(err, "run: chmod -R go-rwx "+dir)
	case otherDomain:
		return failed(domain, "compare the log's fingerprint and give it with --fingerprint")
	case otherLog:
		return failed(err, "somebody may stand between you and the provider; nothing was changed")
	}
	return err
}

// caught makes the end of a watch the end of the command.
func caught(err error) error {
	m, ok := errors.AsType[*watch.Misbehaved](err)
	if !ok {
		return err
	}
	f := &failure{err: err, code: exitMisbehaved, evidence: m.Finding.File, hint: "keep the evidence, trust no key from this provider until it is explained, and ask the provider over another channel"}
	if f.evidence == "" {
		f.err = fmt.Errorf("%w; the evidence could not be kept", err)
	}
	return f
}

func parseFingerprint(s string) (*provider.Fingerprint, error) {
	if s == "" {
		return nil, nil
	}
	f, err := provider.ParseFingerprint(s)
	if err != nil {
		return nil, usage(fmt.Errorf("%q is %w", s, err), "it has 13 groups of four letters and digits, as kith status shows it")
	}
	return &f, nil
}
