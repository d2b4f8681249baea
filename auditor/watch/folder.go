package watch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// The files of a folder.
const (
	headKeyFile    = "auditor.key"    // keys.go
	cosignerFile   = "cosigner.key"   // keys.go
	documentFile   = "kith.json"      // the provider document that is pinned
	addressFile    = "address"        // of the provider
	progressFile   = "progress"       // pass.Progress
	checkpointFile = "checkpoint"     // signed, of all that was audited
	cosignedFile   = "cosigned"       // the checkpoint cosigned last
	conflictFile   = "conflict"       // conflict.go
	restoredFile   = "restored"       // restored.go
	headsFile      = "heads.jsonl"    // heads.go
	findingsFile   = "findings.jsonl" // finding.go
	evidenceFolder = "evidence"
	archiveFolder  = "archive" // package archive
	updatesFolder  = "updates" // updates.go
	lockFile       = "lock"    // held by the one process that works in the folder
	maxFile        = 4 << 30   // bytes of one of them
)

// Errors of folders.
var (
	ErrInUse    = errors.New("folder is in use by another kith-auditor")
	ErrExposed  = errors.New("can be read by others")
	ErrNoFolder = errors.New("holds no provider")
)

// A folder is what an auditor knows of one provider. Only its owner can read it.
type folder struct {
	dir  string
	lock *flock.Flock
}

// openFolder opens a folder; if make, it may be new.
func openFolder(dir string, make bool) (*folder, error) {
	if make {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	} else if _, err := os.Stat(filepath.Join(dir, documentFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s %w", dir, ErrNoFolder)
	}
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	return &folder{dir, lock}, nil
}

func (f *folder) close() { _ = f.lock.Unlock() }

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// read returns a file's content, nil if there is no such file. Nobody else may be
// able to read or change it.
func (f *folder) read(name string) ([]byte, error) {
	file, err := os.Open(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s is no file of an auditor", f.path(name))
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s %w", f.path(name), ErrExposed)
	}
	b := make([]byte, info.Size())
	_, err = io.ReadFull(file, b)
	return b, err
}

// write replaces a file: after a crash it is the old one or the new one.
func (f *folder) write(name string, b []byte) error { return replace(f.dir, name, b) }

// replace replaces a file of a folder, durably, with mode 0600.
func replace(dir, name string, b []byte) error {
	return replaceWith(dir, name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// replaceWith is replace for what is written in pieces.
func replaceWith(dir, name string, write func(w io.Writer) error) (err error) {
	file, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
		}
	}()
	if err = write(file); err != nil {
		return err
	}
	if err = file.Sync(); err != nil {
		return err
	}
	if err = file.Close(); err != nil {
		return err
	}
	if err = os.Rename(file.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// address returns the provider's address that was given to Init, "" if none was.
func (f *folder) address() (string, error) {
	b, err := f.read(addressFile)
	return strings.TrimSpace(string(b)), err
}
