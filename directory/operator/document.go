package operator

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/cosign"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// ErrDocument is a provider document that is not that of the log.
var ErrDocument = errors.New("provider document does not fit the log")

// A document is the provider document that is served, in its exact bytes.
type document struct {
	bytes []byte
	*provider.Document
}

// loadDocument reads the provider document and checks that clients who accept it
// can accept the log.
func loadDocument(dir string, log *wire.Configuration, keys *directory.Keys) (*document, error) {
	path := filepath.Join(dir, DocumentFile)
	b, err := readFile(path, provider.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	if err != nil {
		return nil, err
	}
	d, err := openDocument(b, log, keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// openDocument reads a provider document for a log.
func openDocument(b []byte, log *wire.Configuration, keys *directory.Keys) (*document, error) {
	pinned, err := provider.Reopen(b)
	if err != nil {
		return nil, err
	}
	encoded, err := log.Append(nil, log.Format())
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(pinned.Document.Configuration, encoded) {
		return nil, fmt.Errorf("%w: it names another configuration than keys and %s make", ErrDocument, ConfigFile)
	}
	signer, err := checkpoint.NewSigner(keys.LogSigner)
	if err != nil {
		return nil, err
	}
	if a := pinned.Document.AuditLog; a.Key != signer.VerifierKey() || a.Origin != signer.Origin() {
		return nil, fmt.Errorf("%w: it names another audit log", ErrDocument)
	}
	return &document{b, pinned.Document}, nil
}

// ReviseDocument changes the provider document in dir: it applies change,
// raises the version, renews its time by life from now, signs with the root keys
// and puts it in place. A running Operator serves it after ReloadDocument.
func ReviseDocument(dir string, now time.Time, life time.Duration, change func(*provider.Document) error, roots ...ed25519.PrivateKey) error {
	envelope, err := PrepareDocument(dir, now, life, change, roots...)
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, DocumentFile), envelope, 0o644)
}

// PrepareDocument makes what ReviseDocument puts in place, and does not put it
// there.
func PrepareDocument(dir string, now time.Time, life time.Duration, change func(*provider.Document) error, roots ...ed25519.PrivateKey) ([]byte, error) {
	old, err := readFile(filepath.Join(dir, DocumentFile), provider.MaxSize)
	if err != nil {
		return nil, err
	}
	pinned, err := provider.Reopen(old)
	if err != nil {
		return nil, err
	}
	revised := *pinned.Document
	revised.Version++
	revised.Issued = now.UTC().Truncate(time.Second)
	revised.Expires = revised.Issued.Add(life)
	if change != nil {
		if err := change(&revised); err != nil {
			return nil, err
		}
	}
	payload, err := revised.Encode()
	if err != nil {
		return nil, err
	}
	if err := cosign.Check(cosign.TargetsOf(&revised)); err != nil {
		return nil, err
	}
	envelope, err := provider.Sign(payload, roots...)
	if err != nil {
		return nil, err
	}
	// What clients would refuse is not put in place.
	if _, _, err := pinned.Follow(envelope, now, time.Second); err != nil {
		return nil, err
	}
	return envelope, nil
}

// ReloadDocument serves the provider document as it stands in the folder now,
// unless that is older than the one served.
func (op *Operator) ReloadDocument() error {
	next, err := loadDocument(op.dir, op.log.Load(), op.keys)
	if err != nil {
		return err
	}
	if now := op.document.Load(); next.Version < now.Version ||
		next.Version == now.Version && !provider.SameDocument(next.bytes, now.bytes) {
		return fmt.Errorf("%w: version %d after version %d", provider.ErrRollback, next.Version, now.Version)
	}
	if err := op.keepDocument(next); err != nil {
		return err
	}
	op.document.Store(next)
	op.setCosigners(next)
	op.warnOfExpiry(next)
	return nil
}

func (op *Operator) warnOfExpiry(d *document) {
	if left := d.Expires.Sub(op.options.Now()); left < 30*24*time.Hour {
		op.options.Logger.Warn("the provider document expires soon: sign a new one with the root key", "expires", d.Expires)
	}
}
