// Package bucket is an export.Target in a bucket of S3 or of a service that speaks
// its protocol. Every file is put in one request, so that readers see it whole or
// not at all.
package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/kith-kt/kith/directory/export"
)

// Defaults of Options.
const (
	DefaultEndpoint = "https://s3.amazonaws.com"
	DefaultRegion   = "us-east-1"
)

// Scheme begins the name of a bucket: "s3://bucket/prefix".
const Scheme = "s3://"

// Errors of this package.
var (
	// ErrName is a name that no bucket has.
	ErrName = errors.New("not the name of a bucket")
	// ErrEndpoint is an endpoint that is neither https nor on loopback.
	ErrEndpoint = errors.New("not an https address")
	// ErrNoCredentials says that there are no credentials where they are looked for.
	ErrNoCredentials = errors.New("no credentials for the bucket")
)

// Options say where the bucket is. Credentials come from the environment
// (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN) or from the file
// ~/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE, AWS_PROFILE).
type Options struct {
	Endpoint string // address of the service. Default DefaultEndpoint
	Region   string // default AWS_REGION, AWS_DEFAULT_REGION, DefaultRegion

	Transport  http.RoundTripper // for tests; nil: as usual
	MaxRetries int               // of one request; 0: 10
}

// A Target is the files below a prefix of a bucket.
type Target struct {
	client *minio.Client
	bucket string
	prefix string // "" or with a slash at its end
}

var _ export.Target = (*Target)(nil)

// Open returns the Target with a name such as "s3://bucket/prefix". Nothing is
// asked of the service yet.
func Open(name string, o Options) (*Target, error) {
	rest, ok := strings.CutPrefix(name, Scheme)
	bucket, prefix, _ := strings.Cut(rest, "/")
	prefix = strings.Trim(prefix, "/")
	if !ok || bucket == "" || strings.ContainsAny(rest, "?#\\") || prefix != "" && !fs.ValidPath(prefix) {
		return nil, fmt.Errorf("%q: %w: it should be s3://BUCKET/PREFIX", name, ErrName)
	}
	if prefix != "" {
		prefix += "/"
	}
	endpoint, err := parseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	chain := credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}})
	if v, err := chain.GetWithContext(nil); err != nil || v.AccessKeyID == "" {
		return nil, ErrNoCredentials
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds: chain, Secure: endpoint.Scheme == "https", Region: region(o.Region), Transport: o.Transport, MaxRetries: o.MaxRetries,
	})
	if err != nil {
		return nil, err
	}
	return &Target{client, bucket, prefix}, nil
}

func region(given string) string {
	for _, r := range []string{given, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")} {
		if r != "" {
			return r
		}
	}
	return DefaultRegion
}

func parseEndpoint(address string) (*url.URL, error) {
	if address == "" {
		address = DefaultEndpoint
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("endpoint %q: %w", address, ErrEndpoint)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return nil, fmt.Errorf("endpoint %q: %w", address, ErrEndpoint)
	}
	return u, nil
}

// Get implements export.Target.
func (t *Target) Get(ctx context.Context, path string, limit int64) ([]byte, error) {
	object, err := t.client.GetObject(ctx, t.bucket, t.prefix+path, minio.GetObjectOptions{})
	if err != nil {
		return nil, told(path, err)
	}
	defer object.Close()
	b, err := io.ReadAll(io.LimitReader(object, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("longer than %d bytes", limit)
	}
	return b, told(path, err)
}

// Size implements export.Target.
func (t *Target) Size(ctx context.Context, path string) (int64, error) {
	info, err := t.client.StatObject(ctx, t.bucket, t.prefix+path, minio.StatObjectOptions{})
	return info.Size, told(path, err)
}

// Put implements export.Target.
func (t *Target) Put(ctx context.Context, path string, b []byte, final bool) error {
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", CacheControl: "no-cache", DisableMultipart: true}
	switch {
	case strings.HasSuffix(path, ".json"):
		o.ContentType = "application/json"
	case strings.HasSuffix(path, "checkpoint"):
		o.ContentType = "text/plain; charset=utf-8"
	}
	if final {
		o.CacheControl = "public, max-age=31536000, immutable"
	}
	_, err := t.client.PutObject(ctx, t.bucket, t.prefix+path, bytes.NewReader(b), int64(len(b)), o)
	return told(path, err)
}

// Drop implements export.Target. Partial files stay: a bucket has rules of its own
// for what is old.
func (t *Target) Drop(context.Context, string) error { return nil }

// Sync implements export.Target: what a bucket took, it keeps.
func (t *Target) Sync(context.Context) error { return nil }

// Parallel implements export.Target.
func (t *Target) Parallel() int { return 8 }

// told says what went wrong, without what a request was signed with.
func told(path string, err error) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	switch {
	case r.Code == minio.NoSuchKey || r.StatusCode == http.StatusNotFound && r.Code != minio.NoSuchBucket:
		return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	case r.Code != "" || r.StatusCode != 0:
		return fmt.Errorf("%s: the bucket says: %d %s: %s", path, r.StatusCode, r.Code, r.Message)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
