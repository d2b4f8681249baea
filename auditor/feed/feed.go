// Package feed reads over HTTP what a provider serves to auditors, as
// proto/openapi.yaml describes it: AuditorUpdates, the tiles and checkpoints of
// the audit log, and the provider document; and it posts heads of the auditor.
//
// It verifies nothing: package pass does. What it guards against is a server or
// network that wastes the auditor's memory and time, or leads it elsewhere:
// every answer is bounded, every request has a deadline, nothing is decompressed,
// redirects stay on the host, and plain HTTP goes to loopback only.
package feed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
)

// MediaType is the media type of a posted head.
const MediaType = "application/vnd.kith.keytrans-526cc8a"

// Bounds of answers, in bytes.
const (
	maxCheckpoint = 64 << 10
	maxTile       = checkpoint.TileWidth * (2 + checkpoint.LeafSize) // more than its 256 hashes
)

// Defaults of Options.
const (
	DefaultTimeout = time.Minute
	DefaultMaxWait = time.Minute
)

// Errors of this package, besides those of proto/problem.
var (
	// ErrInsecure is an address that is neither https nor on loopback.
	ErrInsecure = errors.New("not https, and not on this machine")
	// ErrForeign is an answer that a kith provider does not give: a wrong media
	// type, compression, too many bytes, or a redirect to another host.
	ErrForeign = errors.New("not a kith provider's answer")
)

// Options change how a Feed behaves. The zero value is good.
type Options struct {
	Timeout time.Duration // of one request with its answer; 0: DefaultTimeout
	// MaxWait is how long one read waits, all in all, when the provider says
	// Retry-After; 0: DefaultMaxWait, negative: not at all.
	MaxWait time.Duration
	TLS     *tls.Config // nil: the system's roots; versions below 1.2 are never spoken

	// Sleep waits; nil: a timer. For tests.
	Sleep func(ctx context.Context, d time.Duration) error
}

// A Feed is one provider, reached over HTTP. It is safe for concurrent use.
type Feed struct {
	base    url.URL // without a path
	http    *http.Client
	options Options
}

var _ pass.Source = (*Feed)(nil)

// New returns the Feed of the provider at an address such as
// "https://kt.example.org" or "http://127.0.0.1:8080".
func New(address string, o Options) (*Feed, error) {
	base, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxWait == 0 {
		o.MaxWait = DefaultMaxWait
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Feed{*base, &http.Client{Transport: transport(base, o.TLS), CheckRedirect: stay(base)}, o}, nil
}

func transport(base *url.URL, given *tls.Config) *http.Transport {
	config := &tls.Config{}
	if given != nil {
		config = given.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        90 * time.Second,
	}
	if base.Scheme == "http" {
		dialer.Control, t.Proxy = loopbackOnly, nil
	}
	return t
}

// stay follows a few redirects, and none to another host.
func stay(base *url.URL) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if req.URL.Scheme != base.Scheme || req.URL.Host != base.Host {
			return fmt.Errorf("%w: it redirects to another host", ErrForeign)
		}
		if len(via) > 3 {
			return fmt.Errorf("%w: it redirects again and again", ErrForeign)
		}
		return nil
	}
}

// Address returns the address of the provider.
func (f *Feed) Address() string { return f.base.String() }

// Close closes idle connections.
func (f *Feed) Close() { f.http.CloseIdleConnections() }

// Document returns the signed provider document.
func (f *Feed) Document(ctx context.Context) ([]byte, error) {
	return f.get(ctx, provider.Path, "", "application/json", provider.MaxSize)
}

// Checkpoint implements pass.Source.
func (f *Feed) Checkpoint(ctx context.Context) ([]byte, error) {
	return f.get(ctx, "/log/checkpoint", "", "text/plain", maxCheckpoint)
}

// Tile implements pass.Source.
func (f *Feed) Tile(ctx context.Context, t checkpoint.Tile) ([]byte, error) {
	return f.get(ctx, "/log/"+t.Path(), "", "application/octet-stream", maxTile)
}

// Updates implements pass.Source.
func (f *Feed) Updates(ctx context.Context, start uint64) ([]byte, error) {
	query := "start=" + strconv.FormatUint(start, 10)
	return f.get(ctx, "/audit/v1/updates", query, "application/octet-stream", pass.MaxPage)
}

// PutHead posts an encoded AuditorTreeHead.
func (f *Feed) PutHead(ctx context.Context, head []byte) error {
	return f.post(ctx, "/audit/v1/head", head)
}
