package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/provider"
)

const (
	// skew is how far this computer's clock may be behind.
	skew = 5 * time.Minute
	// saveEvery is how much work may be lost by being killed.
	saveEvery = 5 * time.Second
)

var errMoved = errors.New("the provider document is of another log than the one pinned")

// A watch is one auditor at one provider.
type watch struct {
	p        *program
	source   *feed.Feed
	folder   *folder // nil: nothing is kept
	pinned   *provider.Pinned
	envelope []byte
	log      *pass.Log
	progress pass.Progress

	saved     pass.Progress
	savedSize uint64
	savedAt   time.Time
}

// open opens the folder and the provider that it is of; without a folder, the
// provider as it presents itself.
func (p *program) open(ctx context.Context, address string, expect *provider.Fingerprint) (w *watch, err error) {
	w = &watch{p: p}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if p.data != "" {
		if err := w.load(&address); err != nil {
			return w, err
		}
	}
	if w.source, err = feed.New(address, feed.Options{}); err != nil {
		return w, err
	}
	if w.folder == nil {
		if w.pinned, w.envelope, err = p.contact(ctx, w.source, expect); err != nil {
			return w, err
		}
	} else if found, err := w.pinned.Document.Fingerprint(); err != nil || expect != nil && found != *expect {
		return w, failed(fmt.Errorf("the folder is of the log with fingerprint %s, and not the one you gave", found), "give every log a folder of its own")
	}
	if w.log, err = pass.NewLog(w.pinned.Document); err != nil {
		return w, err
	}
	w.progress = w.log.Begin()
	return w, w.resume()
}

// load opens the folder, and takes the address from there unless one was given.
func (w *watch) load(address *string) (err error) {
	if w.folder, err = openFolder(w.p.data, false); err != nil {
		return err
	}
	if w.envelope, err = w.folder.read(documentFile); err != nil {
		return err
	}
	if w.pinned, err = provider.Reopen(w.envelope); err != nil {
		return fmt.Errorf("%s: %w", w.folder.path(documentFile), err)
	}
	if *address == "" {
		*address, err = w.folder.address()
	}
	return err
}

// resume reads how far the auditor was.
func (w *watch) resume() error {
	if w.folder == nil {
		return nil
	}
	b, err := w.folder.read(progressFile)
	if err != nil {
		return err
	}
	if b == nil {
		heads, err := w.folder.lastHead()
		if err == nil && heads != nil {
			err = failed(errors.New("the file progress is gone, though heads were signed after it"), "restore it; or move "+headsFile+" away to begin anew, and know that a fork in between would not be noticed")
		}
		return err
	}
	if w.progress, err = pass.ParseProgress(b, w.log); err != nil {
		return fmt.Errorf("%s: %w", w.folder.path(progressFile), err)
	}
	w.saved, w.savedSize = w.progress, w.progress.State.Size()
	return nil
}

func (w *watch) close() {
	if w.source != nil {
		w.source.Close()
	}
	if w.folder != nil {
		w.folder.close()
	}
}

// follow takes a newer provider document, as long as it is of the same log.
func (p *program) follow(pinned *provider.Pinned, envelope []byte) (*provider.Pinned, error) {
	next, _, err := pinned.Follow(envelope, p.now(), skew)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(next.Document.Configuration, pinned.Document.Configuration) || next.Document.AuditLog != pinned.Document.AuditLog {
		return nil, failed(errMoved, "the old log cannot be audited there any more; give the new one a folder of its own")
	}
	return next, nil
}

// refresh follows the provider document.
func (w *watch) refresh(ctx context.Context) error {
	if w.folder == nil {
		return nil // read a moment ago
	}
	envelope, err := w.source.Document(ctx)
	if err != nil {
		return err
	}
	next, err := w.p.follow(w.pinned, envelope)
	if err != nil {
		return err
	}
	if !bytes.Equal(envelope, w.envelope) {
		if err := w.folder.write(documentFile, envelope); err != nil {
			return err
		}
	}
	w.pinned, w.envelope = next, envelope
	return nil
}

// audit takes the watch to the newest checkpoint. What is found is kept as evidence.
func (w *watch) audit(ctx context.Context, each func(done, size uint64)) (pass.Result, error) {
	if err := w.refresh(ctx); err != nil {
		return pass.Result{Progress: w.progress}, err
	}
	walk := pass.Pass{Log: w.log, Source: w.source, Each: each, Save: func(p pass.Progress, last bool) error {
		if last || !bytes.Equal(p.Seen, w.saved.Seen) || time.Since(w.savedAt) >= saveEvery {
			return w.save(p)
		}
		return nil
	}}
	r, err := walk.Run(ctx, w.progress)
	w.progress = r.Progress
	if err != nil {
		if e := w.save(r.Progress); e != nil {
			err = errors.Join(err, e)
		}
		return r, w.keep(err)
	}
	return r, nil
}

// save keeps how far the auditor has come.
func (w *watch) save(p pass.Progress) error {
	if w.folder == nil || p.Seen == nil || bytes.Equal(p.Seen, w.saved.Seen) && p.State.Size() == w.savedSize {
		return nil
	}
	if err := w.folder.write(progressFile, p.Encode(w.log)); err != nil {
		return err
	}
	w.saved, w.savedSize, w.savedAt = p, p.State.Size(), time.Now()
	return nil
}
