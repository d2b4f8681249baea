package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

// A Log is a log whose store this process has open.
type Log struct {
	Format wire.Format
	// Snapshot returns a view of the newest head.
	Snapshot func() (directory.Snapshot, error)
	// Signed returns the newest signed checkpoint.
	Signed func() ([]byte, error)
	// Envelope returns the signed provider document.
	Envelope func() []byte
}

var _ Source = (*Log)(nil)

// Document implements Source.
func (l *Log) Document(context.Context) ([]byte, error) { return l.Envelope(), nil }

// Checkpoint implements Source.
func (l *Log) Checkpoint(context.Context) ([]byte, error) { return l.Signed() }

// File implements Source. What is no path of a file of this log is fs.ErrNotExist.
func (l *Log) File(ctx context.Context, path string) ([]byte, error) {
	snap, err := l.Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	if t, err := checkpoint.ParseTilePath(path); err == nil && t.Within(snap.Head().Size) {
		return directory.AuditTile(snap, t)
	}
	index, width, err := checkpoint.ParseUpdatesPath(path)
	lo := index * checkpoint.UpdatesWidth
	if err != nil || lo+uint64(width) > snap.Head().Size {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return directory.AuditUpdates(ctx, snap, l.Format, lo, lo+uint64(width), 0)
}

// Handler serves a Source by the paths of its files, without any limits: for the
// one who runs the log, over a socket of its own.
func Handler(s Source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b []byte
		var err error
		switch path := strings.TrimPrefix(r.URL.Path, "/"); {
		case r.Method != http.MethodGet:
			err = fs.ErrNotExist
		case path == documentPath:
			b, err = s.Document(r.Context())
		case path == checkpointPath:
			b, err = s.Checkpoint(r.Context())
		default:
			b, err = s.File(r.Context(), strings.TrimPrefix(path, "log/"))
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			http.Error(w, err.Error(), http.StatusNotFound)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			w.Header().Set("Content-Type", "application/octet-stream")
			_, _ = w.Write(b)
		}
	})
}
