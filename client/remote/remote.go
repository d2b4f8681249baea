// Package remote is a client.Service over HTTP: it posts the TLS-format body of
// a request to /kt/v1/OPERATION of a directory and returns the body of the
// response.
//
// It verifies nothing; what it guards against is a server or network that
// wastes the client's memory and time, or leads it elsewhere: responses are
// bounded, requests have a deadline, redirects stay on the host, and plain
// HTTP goes to loopback only.
package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// MediaType is the media type of requests and responses. It names the revision
// of draft-ietf-keytrans-protocol they follow.
const MediaType = "application/vnd.kith.keytrans-526cc8a"

// Defaults of Options.
const (
	DefaultTimeout     = 30 * time.Second
	DefaultMaxResponse = 16 << 20 // bytes
	DefaultMaxWait     = 5 * time.Second
)

// Errors of this package, besides those of proto/problem.
var (
	// ErrInsecure is an address that is neither https nor on loopback.
	ErrInsecure = errors.New("not https, and not on this machine")
	// ErrForeign is an answer that does not come from a directory: a wrong
	// media type, or a redirect to another host.
	ErrForeign = errors.New("not a kith directory's answer")
)

// Options change how a Remote behaves. The zero value is good.
type Options struct {
	Timeout     time.Duration // of one attempt; 0: DefaultTimeout
	MaxResponse int64         // bytes; 0: DefaultMaxResponse
	// MaxWait is how long Do waits, all in all, when the directory says
	// Retry-After; 0: DefaultMaxWait, negative: not at all.
	MaxWait time.Duration
	TLS     *tls.Config // nil: the system's roots; versions below 1.2 are never spoken

	// Sleep waits; nil: a timer. For tests.
	Sleep func(ctx context.Context, d time.Duration) error
}

// A Remote is a directory reached over HTTP. It is safe for concurrent use.
type Remote struct {
	base    url.URL // without a path
	http    *http.Client
	options Options
}

// New returns a Remote for the directory at an address such as
// "https://kt.example.org" or "http://127.0.0.1:8080".
func New(address string, options Options) (*Remote, error) {
	base, client, err := Connect(address, options.TLS)
	if err != nil {
		return nil, err
	}
	if options.Timeout == 0 {
		options.Timeout = DefaultTimeout
	}
	if options.MaxResponse == 0 {
		options.MaxResponse = DefaultMaxResponse
	}
	if options.MaxWait == 0 {
		options.MaxWait = DefaultMaxWait
	}
	if options.Sleep == nil {
		options.Sleep = sleep
	}
	return &Remote{base: *base, http: client, options: options}, nil
}

// Connect returns the base of an address such as "https://kt.example.org", and an
// HTTP client that is led nowhere else: redirects stay on the host, plain HTTP
// stays on this machine, and header fields are bounded. Deadlines and the size of
// bodies are its caller's to bound. A nil config stands for the system's roots.
func Connect(address string, t *tls.Config) (*url.URL, *http.Client, error) {
	base, err := parseAddress(address)
	if err != nil {
		return nil, nil, err
	}
	config := &tls.Config{}
	if t != nil {
		config = t.Clone()
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if base.Scheme == "http" {
		dialer.Control = loopbackOnly
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // a bounded body must not unfold into an unbounded one
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
	}
	if base.Scheme == "http" {
		transport.Proxy = nil
	}
	return base, &http.Client{
		Transport: transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Scheme != base.Scheme || req.URL.Host != base.Host {
				return fmt.Errorf("%w: it redirects to another host", ErrForeign)
			}
			if len(via) > 3 {
				return fmt.Errorf("%w: it redirects again and again", ErrForeign)
			}
			return nil
		},
	}, nil
}

// Address returns the address of the directory.
func (r *Remote) Address() string { return r.base.String() }

// Close closes idle connections.
func (r *Remote) Close() { r.http.CloseIdleConnections() }

func parseAddress(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	if u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("remote: %q is no address of a directory: it should be https://HOST", address)
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	default:
		return nil, fmt.Errorf("remote: %s: %w", address, ErrInsecure)
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// loopbackOnly refuses connections to where a name, such as localhost, should not lead.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !isLoopback(host) {
		return ErrInsecure
	}
	return nil
}

// Do posts one request and returns the body of the response. It implements client.Service.
//
// When the directory asks to come back later (429 or 503 with Retry-After), Do
// waits and asks again, within Options.MaxWait; after a 503 it does not repeat
// an update, which may have been taken.
func (r *Remote) Do(ctx context.Context, call wire.Call) ([]byte, error) {
	return r.patiently(ctx, func() ([]byte, error) { return r.post(ctx, call) }, func(err error) bool {
		return call.Operation != wire.OpUpdate || errors.Is(err, problem.ErrRateLimited)
	})
}

// patiently asks again when told to come back later, if that is harmless.
func (r *Remote) patiently(ctx context.Context, attempt func() ([]byte, error), harmless func(error) bool) ([]byte, error) {
	waited := time.Duration(0)
	for {
		body, err := attempt()
		after, again := retryAfter(err)
		if !again || !harmless(err) {
			return body, err
		}
		if waited += after; waited > r.options.MaxWait {
			return nil, err
		}
		if r.options.Sleep(ctx, after) != nil {
			return nil, err
		}
	}
}

func (r *Remote) post(ctx context.Context, call wire.Call) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	u := r.base
	u.Path = "/kt/v1/" + call.Operation.String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(call.Body))
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	req.Header.Set("Content-Type", MediaType)
	req.Header.Set("Accept", MediaType)
	if call.Token != "" {
		req.Header.Set("Authorization", "Bearer "+call.Token)
	}
	if call.Opening != nil {
		req.Header.Set("Kith-Opening", base64.RawURLEncoding.EncodeToString(call.Opening[:]))
	}
	return r.send(req, MediaType)
}

// maxProvider bounds a provider document, in bytes.
const maxProvider = 256 << 10

// Provider fetches the signed provider document. It is not verified.
func (r *Remote) Provider(ctx context.Context) ([]byte, error) {
	return r.Get(ctx, "/.well-known/kith.json", "application/json", maxProvider)
}

// Binding fetches how the head of a size is tied to a checkpoint of the audit log.
// It implements client.Binder, waits as Do does, and does not verify what it gets.
func (r *Remote) Binding(ctx context.Context, size uint64) ([]byte, error) {
	query := url.Values{"size": {strconv.FormatUint(size, 10)}}
	return r.patiently(ctx, func() ([]byte, error) {
		return r.get(ctx, "/log/binding", query, checkpoint.BindingMediaType, checkpoint.MaxBinding)
	}, func(error) bool { return true })
}

// Checkpoint fetches the newest checkpoint of the audit log. It implements
// client.Newest, and does not verify what it gets.
func (r *Remote) Checkpoint(ctx context.Context) ([]byte, error) {
	return r.Get(ctx, "/log/checkpoint", "text/plain", checkpoint.MaxNote)
}

// Get fetches a path of the directory, such as "/log/checkpoint", whose answer
// must have the media type (any if it is "") and at most limit bytes.
func (r *Remote) Get(ctx context.Context, path, mediaType string, limit int64) ([]byte, error) {
	return r.get(ctx, path, nil, mediaType, limit)
}

func (r *Remote) get(ctx context.Context, path string, query url.Values, mediaType string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	u := r.base
	u.Path, u.RawQuery = path, query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	return r.sendWithin(req, mediaType, min(limit, r.options.MaxResponse))
}

func (r *Remote) send(req *http.Request, mediaType string) ([]byte, error) {
	return r.sendWithin(req, mediaType, r.options.MaxResponse)
}

func (r *Remote) sendWithin(req *http.Request, mediaType string, limit int64) ([]byte, error) {
	req.Header.Set("User-Agent", "kith") // no version, no identity
	resp, err := r.http.Do(req)
	if err != nil {
		if errors.Is(err, ErrForeign) || errors.Is(err, ErrInsecure) {
			return nil, fmt.Errorf("remote: %w", err)
		}
		return nil, fmt.Errorf("remote: %w: %w", problem.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK {
		return nil, declined(resp, got)
	}
	if mediaType != "" && got != mediaType {
		return nil, fmt.Errorf("remote: %w: media type %.80q", ErrForeign, got)
	}
	if resp.ContentLength > limit {
		return nil, fmt.Errorf("remote: %w: response of %d bytes, above the limit of %d", ErrForeign, resp.ContentLength, limit)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("remote: %w: %w", problem.ErrUnavailable, err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("remote: %w: response above the limit of %d bytes", ErrForeign, limit)
	}
	return body, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
