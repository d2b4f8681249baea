package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/proto/strictjson"
)

// A SignedHead is one line of heads.jsonl: a head that this auditor signed. It is
// durable before the head is handed out.
type SignedHead struct {
	Size      uint64           `json:"size"`
	Timestamp uint64           `json:"timestamp"` // of the rightmost entry, ms since the Unix epoch
	Root      strictjson.Bytes `json:"root"`
	Head      strictjson.Bytes `json:"head"` // AuditorTreeHead
	// Configuration is the number of the Configuration that was signed for.
	Configuration int `json:"configuration,omitempty"`
}

// ErrHeads is a history of signed heads that is damaged, or that contradicts what
// is to be signed.
var ErrHeads = errors.New("history of signed heads is damaged")

// lastHead returns the newest head that was signed, nil if there is none.
func (f *folder) lastHead() (*SignedHead, error) {
	b, err := f.lines(headsFile)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	last := b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:]
	h := new(SignedHead)
	if err := json.Unmarshal(last, h); err != nil || h.Size == 0 {
		return nil, fmt.Errorf("%s: %w", f.path(headsFile), ErrHeads)
	}
	return h, nil
}

// sign signs for all that was audited, and remembers it. A second head for one
// size, or one for less than was signed before, is never made.
func (w *Watch) sign() ([]byte, error) {
	s, config := w.progress.State, w.log.Configuration
	number := len(w.log.Former)
	root := s.Root()
	last, err := w.folder.lastHead()
	if err != nil {
		return nil, err
	}
	same := last != nil && last.Size == s.Size() && bytes.Equal(last.Root, root[:])
	if same && last.Configuration == number {
		return last.Head, nil
	}
	if last != nil && last.Size >= s.Size() && !(same && last.Configuration < number) {
		return nil, fmt.Errorf("%w: it has a head of size %d, and the audit came to %d", ErrHeads, last.Size, s.Size())
	}
	head, err := auditor.SignHead(s, config, w.headKey)
	if err != nil {
		return nil, err
	}
	b, err := head.Append(nil, config.Format())
	if err != nil {
		return nil, err
	}
	return b, w.folder.addLine(headsFile, &SignedHead{s.Size(), s.Timestamp(), root[:], b, number})
}

// signs reports whether heads of the log need this auditor's signature.
func (w *Watch) signs() bool { return w.headKey != nil && isAuditor(w.log.Configuration, w.headKey) }

// postHead signs what was audited, if the log asks for it, and hands it over.
func (w *Watch) postHead(ctx context.Context) error {
	taker, ok := w.source.(HeadTaker)
	size := w.progress.State.Size()
	if !ok || !w.signs() || size == 0 || size == w.posted {
		return nil
	}
	head, err := w.sign()
	if err != nil {
		return err
	}
	if err := taker.PutHead(ctx, head); err != nil {
		return fmt.Errorf("the provider did not take the head of size %d: %w", size, err)
	}
	w.posted = size
	w.set(func(s *Status) { s.SignedSize = size })
	w.o.Logger.Info("signed", "domain", w.domain(), "size", size)
	return nil
}
