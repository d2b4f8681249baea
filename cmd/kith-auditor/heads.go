package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/kith-kt/kith/auditor"
	"github.com/kith-kt/kith/proto/strictjson"
)

// A signedHead is one line of heads.jsonl: a head that this auditor signed. It is
// durable before the head is handed out.
type signedHead struct {
	Size      uint64           `json:"size"`
	Timestamp uint64           `json:"timestamp"` // of the rightmost entry, ms since the Unix epoch
	Root      strictjson.Bytes `json:"root"`
	Head      strictjson.Bytes `json:"head"` // AuditorTreeHead
}

var errHeads = errors.New("history of signed heads is damaged")

// lastHead returns the newest head that was signed, nil if there is none. A last
// line without its end was never handed out.
func (f *folder) lastHead() (*signedHead, error) {
	b, err := f.read(headsFile)
	if err != nil {
		return nil, err
	}
	b = b[:bytes.LastIndexByte(b, '\n')+1]
	if len(b) == 0 {
		return nil, nil
	}
	last := b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:]
	h := new(signedHead)
	if err := json.Unmarshal(last, h); err != nil || h.Size == 0 {
		return nil, fmt.Errorf("%s: %w", f.path(headsFile), errHeads)
	}
	return h, nil
}

// addHead appends a head, durably.
func (f *folder) addHead(h *signedHead) error {
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(f.path(headsFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := f.read(headsFile)
	if err != nil {
		return err
	}
	end := int64(bytes.LastIndexByte(before, '\n') + 1) // what a crash left of a line goes
	if err := file.Truncate(end); err != nil {
		return err
	}
	if _, err := file.WriteAt(append(line, '\n'), end); err != nil {
		return err
	}
	return errors.Join(file.Sync(), f.sync())
}

// sign signs for all that was audited, and remembers it. A second head for one
// size, or one for less than was signed before, is never made.
func (w *watch) sign(k *key) ([]byte, error) {
	s, config := w.progress.State, w.log.Configuration
	root := s.Root()
	last, err := w.folder.lastHead()
	if err != nil {
		return nil, err
	}
	if last != nil && last.Size == s.Size() && bytes.Equal(last.Root, root[:]) {
		return last.Head, nil
	}
	if last != nil && last.Size >= s.Size() {
		return nil, fmt.Errorf("%w: it has a head of size %d, and the audit came to %d", errHeads, last.Size, s.Size())
	}
	head, err := auditor.SignHead(s, config, k)
	if err != nil {
		return nil, err
	}
	b, err := head.Append(nil, config.Format())
	if err != nil {
		return nil, err
	}
	return b, w.folder.addHead(&signedHead{s.Size(), s.Timestamp(), root[:], b})
}
