package evil

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/directory/operator"
)

// Copy copies a data folder that nobody has open to one that does not exist: what
// a provider can do with its own log, and what its high-water mark is there to
// prevent by accident.
func Copy(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if err := copyFile(path, target); err != nil {
			return fmt.Errorf("copy %s: %w", rel, err)
		}
		return nil
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// A Running is a data folder that is open and being run.
type Running struct {
	*operator.Operator
	cancel context.CancelFunc
	ran    chan error
}

// Run opens a data folder and runs it until Stop. It commits and signs
// checkpoints at once, and turns nobody away, unless o says otherwise.
func Run(dir string, o operator.OpenOptions) (*Running, error) {
	if o.Interval == 0 {
		o.Interval = time.Millisecond
	}
	if o.CheckpointInterval == 0 {
		o.CheckpointInterval = time.Millisecond
	}
	if o.Limits == nil {
		limits := httpapi.Unlimited
		o.Limits = &limits
	}
	op, err := operator.Open(dir, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Running{op, cancel, make(chan error, 1)}
	go func() { r.ran <- op.Run(ctx) }()
	return r, nil
}

// Stop closes the folder. Stopping twice is no error.
func (r *Running) Stop() error {
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	r.cancel = nil
	return errors.Join(<-r.ran, r.Close())
}
