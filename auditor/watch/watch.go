// Package watch is one auditor at one provider: it follows the log of a provider
// for as long as it is run, keeps what it saw, signs for what it audited, and keeps
// evidence of what the provider did wrong (draft-ietf-keytrans-protocol,
// "Auditing", and C2SP tlog-cosignature).
//
// A Watch has a folder of its own, which Init makes. Run makes pass after pass,
// Pass makes one. Several watches may run in one process; none of them knows of the
// others. All methods are safe for concurrent use.
//
//	w, err := watch.Open(ctx, watch.Options{Dir: dir})
//	defer w.Close()
//	err = w.Run(ctx) // *Misbehaved once the provider was caught
package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/kith-kt/kith/auditor/archive"
	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/provider"
)

// A Watch is one auditor at one provider.
type Watch struct {
	o        Options
	folder   *folder
	temp     bool // the folder goes with Close
	source   Source
	archive  *archive.Archive
	headKey  *key      // nil: none
	cosigner *cosigner // nil: none
	clock    *clock
	name     string // the provider's domain

	passing chan struct{} // holds one token: whoever has it makes a pass
	// Of whoever makes a pass.
	progress  pass.Progress
	saved     pass.Progress
	savedSize uint64
	savedAt   time.Time
	posted    uint64
	updates   *updates
	trouble   trouble
	refreshed bool // the document was read by Open

	mu       sync.Mutex
	log      *pass.Log // also written by whoever makes a pass
	pinned   *provider.Pinned
	envelope []byte
	status   Status
	findings []Finding
	pending  map[string][]string // alerts not told yet, by finding
	final    *Misbehaved
	caught   chan struct{} // closed with final
	audited  []byte        // signed checkpoint of all that was audited
	// cosignedNote is that of cosigned, for readers who do not wait for a signer.
	cosignedNote []byte
	grown        chan struct{} // closed and replaced when a pass ends
	conflicting  *conflict     // nil: none
	restored     uint64        // size of a checkpoint that was cosigned, and of which the folder knows nothing; 0: none

	cosigning sync.Mutex
	cosigned  cosigned
}

// ErrLost is a folder that has signed something and no longer knows what it audited.
var ErrLost = errors.New("the file progress is gone, though heads or checkpoints were signed after it")

// ErrOther is a provider whose log is not the one expected, or pinned.
var ErrOther = errors.New("it is of another log")

// Open opens a Watch. The folder is locked until Close. Without a folder it reads
// the provider's document.
func Open(ctx context.Context, o Options) (w *Watch, err error) {
	o.setDefaults()
	w = &Watch{
		o: o, clock: newClock(o.Now, o.monotonic), passing: make(chan struct{}, 1), caught: make(chan struct{}), grown: make(chan struct{}),
		pending: map[string][]string{},
	}
	w.trouble.jumped = o.Patience >= 0 // perhaps: at boot many clocks are wrong, and are set soon
	w.passing <- struct{}{}
	opened := w
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	if o.Dir == "" {
		err = w.openTemporary(ctx)
	} else {
		err = w.openFolder()
	}
	if err != nil {
		return nil, err
	}
	w.name = w.pinned.Document.Domain
	if w.log, err = pass.NewLog(w.pinned.Document); err != nil {
		return nil, err
	}
	if err := w.resume(); err != nil {
		return nil, err
	}
	w.begin()
	w.lookBackAt(w.progress.Seen)
	return w, nil
}

// openFolder opens the folder and what it says of the provider.
func (w *Watch) openFolder() (err error) {
	if w.folder, err = openFolder(w.o.Dir, false); err != nil {
		return err
	}
	if w.envelope, err = w.folder.read(documentFile); err != nil {
		return err
	}
	if w.pinned, err = provider.Reopen(w.envelope); err != nil {
		return fmt.Errorf("%s: %w", w.folder.path(documentFile), err)
	}
	found, err := w.pinned.Document.Fingerprint()
	if err != nil {
		return err
	}
	if w.o.Expect != nil && found != *w.o.Expect {
		return fmt.Errorf("%w: the folder is of the log with fingerprint %s, and not the one you gave", ErrOther, found)
	}
	if w.headKey, err = w.folder.headKey(w.o.Agent); err != nil {
		return err
	}
	if w.cosigner, err = w.folder.cosigner(w.o.Agent); err != nil {
		return err
	}
	if w.source = w.o.Source; w.source != nil {
		return nil
	}
	if w.o.Address == "" {
		if w.o.Address, err = w.folder.address(); err != nil {
			return err
		}
	}
	w.source, err = reach(w.o.Address)
	return err
}

// openTemporary reads what a provider says about itself, and makes a folder that
// goes with Close.
func (w *Watch) openTemporary(ctx context.Context) (err error) {
	if w.source = w.o.Source; w.source == nil {
		if w.source, err = reach(w.o.Address); err != nil {
			return err
		}
	}
	if w.pinned, w.envelope, err = contact(ctx, w.source, w.o.Expect, w.o.Now()); err != nil {
		return err
	}
	w.refreshed = true
	dir, err := os.MkdirTemp("", "kith-auditor-*")
	if err != nil {
		return err
	}
	w.folder, w.temp = &folder{dir: dir}, true
	return w.folder.write(documentFile, w.envelope)
}

// reach returns the provider at an address.
func reach(address string) (Source, error) {
	f, err := feed.New(address, feed.Options{})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// resume reads how far the auditor was.
func (w *Watch) resume() (err error) {
	w.progress = w.log.Begin()
	b, err := w.folder.read(progressFile)
	if err != nil {
		return err
	}
	if b != nil {
		if w.progress, err = pass.ParseProgress(b, w.log); err != nil {
			return fmt.Errorf("%s: %w", w.folder.path(progressFile), err)
		}
		w.saved, w.savedSize = pass.Progress{Seen: w.progress.Seen}, w.progress.State.Size()
	}
	for _, load := range []func() error{w.loadCosigned, w.loadConflict, w.loadRestored} {
		if err := load(); err != nil {
			return err
		}
	}
	if b == nil {
		head, err := w.folder.lastHead()
		if err != nil {
			return err
		}
		if head != nil || w.cosigned.note != nil {
			return ErrLost
		}
	}
	if err := w.loadFindings(); err != nil {
		return err
	}
	if w.audited, err = w.folder.read(checkpointFile); err != nil {
		return err
	}
	if w.archive, err = archive.Open(w.folder.path(archiveFolder)); err != nil {
		return err
	}
	if err := w.checkArchive(); err != nil {
		return err
	}
	w.updates, err = openUpdates(w.folder.path(updatesFolder))
	return err
}

// checkArchive looks whether the archive is that of the log audited, and not put
// there from elsewhere: else it would accuse the log.
func (w *Watch) checkArchive() error {
	other := func(err error) error {
		return errors.Join(fmt.Errorf("%w: %s is not of the log that was audited", archive.ErrDamaged, w.folder.path(archiveFolder)), err)
	}
	if w.audited != nil {
		signed, err := w.log.Verifier.Open(w.audited)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", w.folder.path(checkpointFile), err)
		case signed.Size > w.archive.Size():
			w.audited = nil // the next pass brings both in order
		default:
			if c, err := w.archive.Checkpoint(signed.Size); err != nil || c.Root != signed.Root {
				return other(err)
			}
		}
	}
	if size := w.progress.State.Size(); size > 0 && size <= w.archive.Size() {
		if root, err := w.archive.Root(size); err != nil || root != w.progress.State.Root() {
			return other(err)
		}
	}
	if w.progress.State.Size() == 0 && w.archive.Size() > 0 && w.progress.Seen == nil {
		return other(nil)
	}
	return nil
}

// Audited returns how many log entries were audited and are in the archive.
func (w *Watch) Audited() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return min(w.status.Size, w.archive.Size())
}

// Close closes the files and gives the folder back.
func (w *Watch) Close() error {
	var errs []error
	if w.source != nil {
		w.source.Close()
	}
	if w.updates != nil {
		errs = append(errs, w.updates.close())
	}
	if w.archive != nil {
		errs = append(errs, w.archive.Close())
	}
	if w.folder != nil && w.temp {
		errs = append(errs, os.RemoveAll(w.folder.dir))
	} else if w.folder != nil {
		w.folder.close()
	}
	return errors.Join(errs...)
}

// Archive returns what was audited. It is readable until Close.
func (w *Watch) Archive() *archive.Archive { return w.archive }

// Log returns what is pinned of the log at present.
func (w *Watch) Log() *pass.Log {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log
}

// Document returns the pinned provider document and the envelope it came in.
func (w *Watch) Document() (*provider.Pinned, []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pinned, w.envelope
}

// Checkpoint returns the newest signed checkpoint up to which all was audited; nil:
// none yet. The archive has all that stands under it.
func (w *Watch) Checkpoint() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.audited
}

func (w *Watch) domain() string { return w.name }
