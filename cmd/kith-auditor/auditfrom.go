package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/mirror"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/provider"
)

// from reads a log from a copy of its files, at place, instead of from its
// provider. Without a folder and a fingerprint that say which log it should be, it
// is the one that the copy presents.
func (p *program) from(ctx context.Context, o *watch.Options, place string) error {
	m, err := mirror.Open(place, feed.Options{})
	if err != nil {
		return err
	}
	o.Source, o.Copy, o.Address = m, true, ""
	if o.Dir != "" || o.Expect != nil {
		return nil
	}
	envelope, err := m.Document(ctx)
	if err == nil {
		var pinned *provider.Pinned
		if pinned, err = provider.Open(envelope, "", o.Now(), 5*time.Minute); err == nil {
			var f provider.Fingerprint
			f, err = pinned.Document.Fingerprint()
			o.Expect = &f
		}
		if err != nil {
			err = failed(fmt.Errorf("the copy at %s: .well-known/kith.json: %w", place, err), "copy the log again, or audit the provider itself: kith-auditor audit --provider URL")
		}
	}
	if err != nil {
		m.Close()
		return err
	}
	return nil
}

// copyFault says what to do about a copy that cannot be audited.
func copyFault(err error, place string) error {
	_, caught := errors.AsType[*watch.Misbehaved](err)
	_, damaged := errors.AsType[*pass.Misbehaviour](err)
	switch {
	case err == nil || caught:
		return err
	case errors.Is(err, pass.ErrRollback):
		return failed(err, "the copy is older than what this folder has seen: copy the log again")
	case damaged || errors.Is(err, mirror.ErrMalformed):
		return failed(err, "the provider has not signed what is wrong there: copy the log again, or audit the provider itself: kith-auditor audit --provider URL")
	case errors.Is(err, feed.ErrAbsent):
		return failed(err, place+" holds no whole log: copy it again, or export it with kithd export-audit")
	}
	return err
}
