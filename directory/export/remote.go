package export

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// maxFile bounds a file that a Remote sends, in bytes: 32 updates of the greatest
// length that the draft's encoding has.
const maxFile = checkpoint.UpdatesWidth * (4 + 12 + 255*64 + 1 + 255*66 + 2 + 65535*32)

// A Remote is a Source behind a Handler, in another process of ours.
type Remote struct {
	Client *http.Client
	Base   string // address, without a slash at its end
}

var _ Source = (*Remote)(nil)

// Document implements Source.
func (r *Remote) Document(ctx context.Context) ([]byte, error) { return r.get(ctx, documentPath) }

// Checkpoint implements Source.
func (r *Remote) Checkpoint(ctx context.Context) ([]byte, error) { return r.get(ctx, checkpointPath) }

// File implements Source.
func (r *Remote) File(ctx context.Context, path string) ([]byte, error) {
	return r.get(ctx, "log/"+path)
}

func (r *Remote) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.Base+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := r.Client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the running server: %w", err)
	}
	defer response.Body.Close()
	limit := int64(maxFile)
	if response.StatusCode != http.StatusOK {
		limit = 1 << 10
	}
	b, err := io.ReadAll(io.LimitReader(response.Body, limit))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the running server: %w", err)
	case response.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the running server: %s: %s", response.Status, strings.TrimSpace(string(b)))
	}
	return b, nil
}
