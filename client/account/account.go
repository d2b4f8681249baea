// Package account is a person's side of an account service under /auth/v1
// (proto/openapi.yaml, package srp/auth): sign-up, login and what a session is
// good for.
//
// A password is stretched once, and split: one half proves it to the server (SRP-6a,
// or OPAQUE), the other unlocks the backup of the account key. The server sees
// neither. It proves itself back, and until it has (M2, or OPAQUE's KE2) nothing
// it said is believed: no token is kept, no backup opened, no code asked for.
//
// What a server could ask for, and does not get: a cheap derivation
// (srp.Argon2id.Check), another group, an old provider's hash unless
// Login.Legacy says that this account was moved over, a signature over something
// other than a login here and now, the content of a message that was not sealed for a
// login. Answers are bounded, have deadlines, and come from nowhere else.
package account

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
)

// Options change how a Client behaves. The zero value is good.
type Options struct {
	Timeout time.Duration    // of one request; 0: 30 s
	TLS     *tls.Config      // nil: the system's roots
	Rand    io.Reader        // nil: crypto/rand
	Now     func() time.Time // nil: time.Now
	// KDF is what new passwords are stretched with, without its salt; nil: the
	// floor, srp.MinMemory and srp.MinTime, on 4 lanes.
	KDF *srp.Argon2id
}

// A Client speaks to one account service. It is safe for concurrent use.
type Client struct {
	base    url.URL
	http    *http.Client
	options Options
}

// New returns a Client of the service at an address such as
// "https://kt.example.org" or "http://127.0.0.1:8080".
func New(address string, o Options) (*Client, error) {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.KDF == nil {
		o.KDF = &srp.Argon2id{Memory: srp.MinMemory, Time: srp.MinTime, Threads: 4}
	}
	base, client, err := remote.Connect(address, o.TLS)
	if err != nil {
		return nil, err
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return fmt.Errorf("%w: it redirects", ErrForeign) // what is sent here is for nobody else
	}
	return &Client{base: *base, http: client, options: o}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// A Person is whose account it is.
type Person struct {
	Name   string // of the account, canonical: "alice"
	Domain string // of the provider: "example.org"
	// Device is what Grant.Device said at an earlier login of this device, or "". A
	// device that is known is not slowed by the bad guesses of others.
	Device string
}

// Label is the person's label: "alice@example.org".
func (p *Person) Label() string { return p.Name + "@" + p.Domain }

// Info says what the service takes. It is an ErrNone where there is none.
func (c *Client) Info(ctx context.Context) (*auth.Info, error) {
	info := new(auth.Info)
	if err := c.call(ctx, http.MethodGet, "/info", "", nil, info); err != nil {
		return nil, err
	}
	return info, nil
}

// call sends q, unless it is nil, and decodes the answer, unless there is to be none.
func (c *Client) call(ctx context.Context, method, path, token string, q, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	var body io.Reader
	if q != nil {
		b, err := json.Marshal(q)
		if err != nil {
			return fmt.Errorf("account: %w", err)
		}
		defer clear(b)
		body = bytes.NewReader(b)
	}
	u := c.base
	path, u.RawQuery, _ = strings.Cut(path, "?")
	u.Path = auth.Root + path
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	req.GetBody = nil // sent once
	req.Header.Set("User-Agent", "kith")
	req.Header.Set("Accept", "application/json")
	if q != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, ErrForeign) || errors.Is(err, remote.ErrInsecure) {
			return fmt.Errorf("account: %w", err)
		}
		return fmt.Errorf("account: %w: %w", ErrUnavailable, withoutURL(err))
	}
	defer resp.Body.Close()
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusNoContent && answer == nil:
		return nil
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated:
		return declined(resp, mediaType, path, token)
	case answer == nil || mediaType != "application/json":
		return fmt.Errorf("account: %w: status %d, media type %.80q", ErrForeign, resp.StatusCode, mediaType)
	}
	if err := auth.Decode(resp.Body, answer); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("account: %w: the answer did not end in time", ErrUnavailable)
		}
		return fmt.Errorf("account: %w: %w", ErrForeign, err)
	}
	return nil
}

// withoutURL leaves out of an error the path, which may hold the name of a handshake.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
