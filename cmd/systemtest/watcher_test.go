package systemtest

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// A watcher is a third-party auditor: it takes every log entry through
// auditor.Step, and signs for nothing else.
type watcher struct {
	config *wire.Configuration
	signer suite.Signer
	state  auditor.State
}

func newWatcher(config *wire.Configuration, signer suite.Signer) *watcher {
	return &watcher{config: config, signer: signer, state: auditor.New(config.ReasonableMonitoringWindow)}
}

// follow audits a page of updates, and returns a head that signs for all of the
// log so far.
func (w *watcher) follow(page []byte) (*wire.AuditorTreeHead, error) {
	if err := w.take(page); err != nil {
		return nil, err
	}
	return w.sign()
}

// take audits a page of updates as GET /audit/v1/updates serves it: each after its
// length in four bytes.
func (w *watcher) take(page []byte) error {
	for len(page) > 0 {
		if len(page) < 4 || uint64(len(page)-4) < uint64(binary.BigEndian.Uint32(page)) {
			return errors.New("a page of updates is cut off")
		}
		n := binary.BigEndian.Uint32(page)
		update, err := wire.ParseAuditorUpdate(page[4:4+n], w.config.Format())
		if err != nil {
			return err
		}
		if err := w.step(update); err != nil {
			return err
		}
		page = page[4+n:]
	}
	return nil
}

func (w *watcher) step(update *wire.AuditorUpdate) error {
	next, err := auditor.Step(w.state, update)
	if err != nil {
		return fmt.Errorf("the auditor refuses the log: %w", err)
	}
	w.state = next
	return nil
}

func (w *watcher) sign() (*wire.AuditorTreeHead, error) {
	return auditor.SignHead(w.state, w.config, w.signer)
}
