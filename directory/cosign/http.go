package cosign

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
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// ErrAddress is an address that no checkpoint is sent to.
var ErrAddress = errors.New("not a cosigner's address")

const (
	maxAnswer = 64 << 10 // bytes of an answer
	maxWords  = 4 << 10  // bytes of an answer that says no
)

// An asker posts to one cosigner, over connections of its own.
type asker struct {
	config *Config
	target string // of add-checkpoint
	http   *http.Client
}

// CheckAddress reports why a cosigner cannot be asked at an address.
func CheckAddress(address string) error {
	_, err := parseAddress(address)
	return err
}

func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrAddress, err)
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%w: %q is not a plain base address", ErrAddress, address)
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	}
	return nil, fmt.Errorf("%w: %s is neither https nor on this machine", ErrAddress, address)
}

func newAsker(config *Config, address string) (*asker, error) {
	u, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{}
	if config.TLS != nil {
		settings = config.TLS.Clone()
	}
	settings.MinVersion = max(settings.MinVersion, tls.VersionTLS12)
	dialer := &net.Dialer{Timeout: config.Timeout}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        settings,
		TLSHandshakeTimeout:    config.Timeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // a bounded body must not unfold into an unbounded one
		MaxResponseHeaderBytes: 16 << 10,
		MaxConnsPerHost:        1,
		IdleConnTimeout:        90 * time.Second,
	}
	if u.Scheme == "http" {
		transport.Proxy = nil
		dialer.Control = loopbackOnly
	}
	transport.DialContext = dialer.DialContext
	return &asker{
		config: config,
		target: strings.TrimSuffix(u.String(), "/") + "/add-checkpoint",
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (a *asker) close() { a.http.CloseIdleConnections() }

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
		return fmt.Errorf("%w: %s is not on this machine", ErrAddress, address)
	}
	return nil
}

// A sizeError is a 409: the cosigner has another size than the one it was sent.
type sizeError struct{ size uint64 }

func (e *sizeError) Error() string { return fmt.Sprintf("it has size %d", e.size) }

// A laterError is an answer that says when to come back.
type laterError struct {
	error
	after time.Duration
}

func (e *laterError) Unwrap() error { return e.error }

// post sends a request and returns the lines of cosignatures, or a *sizeError, or
// what went wrong.
func (a *asker) post(ctx context.Context, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, a.config.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	req.Header.Set("User-Agent", "kithd")
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, within(err)
	}
	defer resp.Body.Close()
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, fmt.Errorf("%w: compressed as %.40q, unasked", ErrAnswer, coding)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, a.declined(resp)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, within(err)
	}
	if len(answer) > maxAnswer {
		return nil, fmt.Errorf("%w: above %d bytes", ErrAnswer, maxAnswer)
	}
	return answer, nil
}

// within says what a deadline means, and leaves the address out: whoever reads it
// knows whom it is about.
func within(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("it does not answer in time")
	}
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err
	}
	return fmt.Errorf("it cannot be reached: %w", err)
}

// refusals says what the statuses of tlog-witness mean for an operator.
var refusals = map[int]string{
	http.StatusBadRequest:          "it cannot read the request",
	http.StatusForbidden:           "it does not trust the key of the log; its operator must be given",
	http.StatusNotFound:            "it does not know the log, or the address is wrong; its operator must be given",
	http.StatusUnprocessableEntity: "it does not accept the consistency proof",
}

// declined turns an answer that is not 200 into an error.
func (a *asker) declined(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxWords))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	status := resp.StatusCode
	switch {
	case status == http.StatusConflict && kind == checkpoint.SizeMediaType:
		size, err := checkpoint.ParseSize(body)
		if err != nil {
			return fmt.Errorf("%w: 409: %w", ErrAnswer, err)
		}
		return &sizeError{size}
	case status == http.StatusConflict:
		return fmt.Errorf("%w: 409 without its size", ErrAnswer)
	case status >= 300 && status < 400:
		return fmt.Errorf("%w: it redirects, which is not followed", ErrAnswer)
	}
	err := fmt.Errorf("%w: status %d", ErrAnswer, status)
	if words := refusals[status]; words != "" {
		err = fmt.Errorf("%w: %s", ErrRefused, words)
		if status == http.StatusForbidden || status == http.StatusNotFound {
			err = fmt.Errorf("%w %s", err, a.config.LogKey)
		}
	}
	if words := printable(string(body)); words != "" && strings.HasPrefix(kind, "text/plain") {
		err = fmt.Errorf("%w (%s)", err, words)
	}
	if n, e := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); e == nil && n > 0 {
		return &laterError{err, time.Duration(n) * time.Second}
	}
	return err
}

// printable makes a stranger's text fit for a terminal.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "..."
	}
	return s
}
