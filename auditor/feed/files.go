package feed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kith-kt/kith/auditor/pass"
)

// ErrAbsent is a file that the host does not have.
var ErrAbsent = errors.New("no such file, or not for us to read")

// Files reads static files over HTTP, from a host that may know nothing of kith:
// any media type is taken but HTML, which is what hosts say where they have
// nothing. Package mirror makes a log of them.
type Files struct {
	feed Feed
	path string // of the address, without a slash at its end
}

// NewFiles returns the files below an address, which may have a path:
// "https://cdn.example.net/kt.example.org".
func NewFiles(address string, o Options) (*Files, error) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	path := strings.TrimRight(u.Path, "/")
	if path != "" && (u.RawPath != "" || !plainPath(path)) {
		return nil, fmt.Errorf("feed: %q has a path that is no plain one", address)
	}
	u.Path = ""
	f, err := New(u.String(), o)
	if err != nil {
		return nil, err
	}
	return &Files{*f, path}, nil
}

// plainPath reports whether a path has segments of letters, digits, '.', '-', '_'
// and '~' alone, and leads nowhere up.
func plainPath(path string) bool {
	for _, segment := range strings.Split(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
		for _, c := range segment {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~", c) {
				return false
			}
		}
	}
	return true
}

// Address returns the address below which the files are.
func (f *Files) Address() string { return f.feed.Address() + f.path }

// Close closes idle connections.
func (f *Files) Close() { f.feed.Close() }

// Get returns a file of at most limit bytes: a longer one is ErrForeign, one that
// is not there ErrAbsent.
func (f *Files) Get(ctx context.Context, path string, limit int64) ([]byte, error) {
	return f.feed.get(ctx, f.path+"/"+path, "", anything, limit)
}

// Updates asks for AuditorUpdates as a provider serves them; see Feed.Updates.
func (f *Files) Updates(ctx context.Context, start uint64) ([]byte, error) {
	query := "start=" + strconv.FormatUint(start, 10)
	return f.feed.get(ctx, f.path+"/audit/v1/updates", query, "application/octet-stream", pass.MaxPage)
}

// anything is the media type that stands for all but HTML.
const anything = "*/*"

// absent are the statuses of files that are not there; hosts of buckets say that
// reading is forbidden.
var absent = map[int]bool{http.StatusNotFound: true, http.StatusGone: true, http.StatusForbidden: true}
