package watch

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

// OpenHeads returns the history of the heads that this auditor signed, a JSON
// object in each line, oldest first (SignedHead). Whoever reads it closes it.
func (w *Watch) OpenHeads() (io.ReadCloser, error) {
	file, err := os.Open(w.folder.path(headsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	// What is written meanwhile may be half a line.
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(file, info.Size()), file}, nil
}
