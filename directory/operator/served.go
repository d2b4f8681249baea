package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kith-kt/kith/proto/provider"
)

// metaDocument is the meta key of the newest provider document that was served.
//
// Two documents of one version convict whoever signed both. So the newest one must
// never be forgotten: a folder that gets an old copy of kith.json back, in which the
// next version would be one that was signed before, gets the newest one back instead.
const metaDocument = "document"

// keepDocument remembers a document before it is served.
func (op *Operator) keepDocument(d *document) error {
	return op.store.PutMeta(context.Background(), map[string][]byte{metaDocument: d.bytes})
}

// servedDocument returns the newest document that was served, nil if none was.
func (op *Operator) servedDocument() ([]byte, error) {
	snap, err := op.store.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	b, err := snap.Meta(metaDocument)
	return bytes.Clone(b), err
}

// recallDocument puts the newest document that was served in the place of an older
// one, or of none. Another one of its version is refused.
func (op *Operator) recallDocument() error {
	served, err := op.servedDocument()
	if err != nil || served == nil {
		return err
	}
	path := filepath.Join(op.dir, DocumentFile)
	here, err := readFile(path, provider.MaxSize)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if here != nil {
		newest, err := provider.Reopen(served)
		if err != nil {
			return fmt.Errorf("the document that was served: %w", err)
		}
		now, err := provider.Reopen(here)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		switch a, b := now.Document.Version, newest.Document.Version; {
		case a > b || a == b && provider.SameDocument(here, served):
			return nil
		case a == b:
			return fmt.Errorf("%s: %w: it is not the document of version %d that was served, and to serve two of one version convicts a provider: move it away, and the one that was served is put back", path, ErrDocument, a)
		}
		op.options.Logger.Warn("an old provider document was put back: it is replaced by the newest one that was served", "file", path, "old", now.Document.Version, "newest", newest.Document.Version)
	}
	return replace(path, served, 0o644)
}
