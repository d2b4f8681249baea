package gossip

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/problem"
)

// MediaType is the media type of sightings and answers.
const MediaType = gossip.MediaType

const path = "/gossip/v1/sightings"

// Errors of this package, besides those of proto/problem.
var (
	// ErrInsecure is an address that is neither https nor on loopback.
	ErrInsecure = errors.New("not https, and not on this machine")
	// ErrForeign is an answer that is not that of an auditor: another media type, a
	// redirect, a body that is too large or does not parse.
	ErrForeign = errors.New("not an auditor's answer")
)

// parseAddress returns the address that sightings are posted to.
func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("gossip: %.80q is no address", address)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, fmt.Errorf("gossip: %.80q: %w", address, ErrInsecure)
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: strings.TrimSuffix(u.Path, "/") + path}, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// loopbackOnly refuses connections to where a name, such as localhost, should not lead.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !isLoopback(host) {
		return ErrInsecure
	}
	return nil
}

// post hands an encoded sighting in and returns the encoded answer, of at most limit
// bytes. The request carries nothing but the sighting: no cookie, no token, no
// version of this program, and a connection of its own.
func post(ctx context.Context, address string, sighting []byte, limit int64, o *Options) ([]byte, error) {
	u, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(sighting))
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	req.Header.Set("Content-Type", MediaType)
	req.Header.Set("Accept", MediaType)
	req.Header.Set("User-Agent", "kith")
	resp, err := transport(u, o.TLS).RoundTrip(req) // follows no redirect, keeps no cookie
	if err != nil {
		if errors.Is(err, ErrInsecure) {
			return nil, fmt.Errorf("gossip: %w", err)
		}
		return nil, fmt.Errorf("gossip: %w: %w", problem.ErrUnavailable, err)
	}
	defer resp.Body.Close()
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusNotFound && media == "application/problem+json":
		return nil, fmt.Errorf("gossip: it does not audit this log: %w", problem.ErrNoAnswer)
	case resp.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("gossip: %w", problem.ErrRateLimited)
	case resp.StatusCode >= 500:
		return nil, fmt.Errorf("gossip: %w: status %d", problem.ErrUnavailable, resp.StatusCode)
	case resp.StatusCode != http.StatusOK && media == "application/problem+json":
		return nil, fmt.Errorf("gossip: %w: status %d", problem.ErrRefused, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("gossip: %w: status %d", ErrForeign, resp.StatusCode)
	case media != MediaType:
		return nil, fmt.Errorf("gossip: %w: media type %.80q", ErrForeign, media)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("gossip: %w: %w", problem.ErrUnavailable, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("gossip: %w: more than %d bytes", ErrForeign, limit)
	}
	return b, nil
}

// transport makes one connection and forgets it.
func transport(u *url.URL, config *tls.Config) *http.Transport {
	c := &tls.Config{}
	if config != nil {
		c = config.Clone()
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: c,
		TLSHandshakeTimeout: 10 * time.Second, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
		DisableCompression: true, // a bounded body must not unfold into an unbounded one
	}
	if u.Scheme == "http" {
		t.Proxy, dialer.Control = nil, loopbackOnly
	}
	return t
}
