package operator

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/provider"
)

// metaChange is the meta key of a change of the configuration whose files are not
// in place yet: the length of config.json in four bytes, config.json, and the
// provider document.
const metaChange = "change"

// SetAuditor puts another auditor in the log's Configuration, with the provider
// document that says so, which the root keys have signed. Settings, document and
// log change together: a log entry begins the new Configuration, and until the new
// auditor has signed a head that covers it, there are no answers. After a crash
// the change was made or not, and the next Open finds which.
func (op *Operator) SetAuditor(ctx context.Context, auditor AuditorConfig, envelope []byte) error {
	op.changing.Lock()
	defer op.changing.Unlock()
	config := *op.config.Load()
	config.Log.Auditor = &auditor
	if err := config.check(); err != nil {
		return err
	}
	if _, err := op.keys.Suite.ParseVerifier(auditor.PublicKey); err != nil {
		return fmt.Errorf("auditor: %w", err)
	}
	log, err := config.Log.Configuration(op.keys)
	if err != nil {
		return err
	}
	next, err := openDocument(envelope, log, op.keys)
	if err != nil {
		return err
	}
	if err := op.checkNext(next); err != nil {
		return err
	}
	settings, err := config.encode()
	if err != nil {
		return err
	}
	change := binary.BigEndian.AppendUint32(nil, uint32(len(settings)))
	change = append(append(change, settings...), envelope...)
	// Whoever sees an entry under the new configuration finds it in the document.
	err = op.sequencer.Reconfigure(ctx, log, map[string][]byte{metaChange: change, metaDocument: envelope}, func() { op.document.Store(next) })
	if err != nil && !op.begun(change) {
		return err
	}
	op.document.Store(next)
	op.config.Store(&config)
	op.log.Store(log)
	op.setCosigners(next)
	if _, e := op.SignCheckpoint(); e != nil { // at once: witnesses are to see the entry
		op.options.Logger.Error("no checkpoint could be signed", "error", e)
	}
	if _, e := op.finishChange(); e != nil {
		err = errors.Join(err, fmt.Errorf("the auditor is changed, and %s and %s are not: start kithd again: %w", ConfigFile, DocumentFile, e))
	}
	return err
}

// checkNext checks that clients who follow the served document can follow next,
// and that it names the configuration that ends.
func (op *Operator) checkNext(next *document) error {
	now := op.document.Load()
	pinned, err := provider.Reopen(now.bytes)
	if err != nil {
		return err
	}
	if _, _, err := pinned.Follow(next.bytes, op.options.Now(), time.Minute); err != nil {
		return err
	}
	if next.Version <= now.Version {
		return fmt.Errorf("%w: version %d after version %d", provider.ErrRollback, next.Version, now.Version)
	}
	if n := len(now.Former); len(next.Former) != n+1 || !bytes.Equal(next.Former[n], now.Configuration) {
		return fmt.Errorf("%w: it does not name the configuration that ends among the former ones", ErrDocument)
	}
	return nil
}

// begun reports whether the store holds a change: a commit that seemed to fail may
// have succeeded.
func (op *Operator) begun(change []byte) bool {
	snap, err := op.store.Snapshot()
	if err != nil {
		return false
	}
	defer snap.Release()
	stored, err := snap.Meta(metaChange)
	return err == nil && bytes.Equal(stored, change)
}

// finishChange puts the files of a change in place that the store holds, and
// reports whether there was one.
func (op *Operator) finishChange() (bool, error) {
	snap, err := op.store.Snapshot()
	if err != nil {
		return false, err
	}
	stored, err := snap.Meta(metaChange)
	stored = bytes.Clone(stored)
	snap.Release()
	if err != nil || stored == nil {
		return false, err
	}
	if len(stored) < 4 || uint64(len(stored)) < 4+uint64(binary.BigEndian.Uint32(stored)) {
		return false, fmt.Errorf("%w: meta: %s: cut off", directory.ErrCorrupt, metaChange)
	}
	end := 4 + int(binary.BigEndian.Uint32(stored))
	if err := replace(filepath.Join(op.dir, DocumentFile), stored[end:], 0o644); err != nil {
		return false, err
	}
	if err := replace(filepath.Join(op.dir, ConfigFile), stored[4:end], 0o644); err != nil {
		return false, err
	}
	return true, op.store.PutMeta(context.Background(), map[string][]byte{metaChange: nil})
}

// An AuditorStanding says how the auditor of a log in mode third-party-auditing
// stands.
type AuditorStanding struct {
	Size   uint64        // of its newest head; 0: none under the configuration in force
	Age    time.Duration // of the newest log entry that the head covers
	Behind time.Duration // of that entry behind the newest one
	Last   uint64        // size of the newest head of this auditor or the one before; 0: none
}

// AuditorStanding returns how the auditor stands, and why there are no answers
// that clients take, if it is for the auditor.
func (op *Operator) AuditorStanding() (AuditorStanding, error) {
	return op.auditorStanding(uint64(max(0, op.options.Now().UnixMilli())))
}

func (op *Operator) auditorStanding(now uint64) (s AuditorStanding, err error) {
	snap, err := op.sequencer.Snapshot()
	if err != nil {
		return s, err
	}
	defer snap.Release()
	newest, log := snap.Head().Timestamp, op.log.Load()
	head, last, fault := directory.AuditorHeadOf(snap)
	if last != nil {
		s.Last = last.TreeSize
	}
	if fault != nil {
		return s, fault
	}
	s.Size = head.TreeSize
	s.Behind = time.Duration(newest-head.Timestamp) * time.Millisecond
	s.Age = time.Duration(now-min(now, head.Timestamp)) * time.Millisecond
	lag, limit := time.Duration(log.MaxAuditorLag)*time.Millisecond, time.Duration(log.MaxBehind)*time.Millisecond
	if s.Behind > lag && s.Age-lag > limit {
		return s, fmt.Errorf("the auditor is late: its newest head is %v behind the log, of at most %v, and what may be served beside it is older than %v, which clients refuse", s.Behind, lag, limit)
	}
	return s, nil
}
