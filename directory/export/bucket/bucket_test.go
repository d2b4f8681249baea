package bucket_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory/export"
	"github.com/kith-kt/kith/directory/export/bucket"
	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/directory/operator"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A service is as much of S3 as an export needs: PUT, GET and HEAD of objects.
type service struct {
	t       testing.TB
	mu      sync.Mutex
	objects map[string]object // by bucket/key
	puts    int
	fail    func(put int, key string) bool // answers 503 and closes
}

type object struct {
	data        []byte
	cache, kind string
}

func newService(t testing.TB) (*service, string) {
	s := &service{t: t, objects: map[string]object{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "an-access-key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "a-secret-that-is-never-shown")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	return s, server.URL
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/")
	if a := r.Header.Get("Authorization"); !strings.Contains(a, "Credential=an-access-key/") || !strings.Contains(a, "/eu-north-1/s3/") {
		refuse(w, r, http.StatusForbidden, "AccessDenied")
		return
	}
	if !strings.HasPrefix(key, "logs/") {
		refuse(w, r, http.StatusNotFound, "NoSuchBucket")
		return
	}
	switch r.Method {
	case http.MethodPut:
		b, err := body(r)
		if err != nil {
			s.t.Errorf("%s: %v", key, err)
			refuse(w, r, http.StatusBadRequest, "IncompleteBody")
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.puts++
		if s.fail != nil && s.fail(s.puts, key) {
			refuse(w, r, http.StatusForbidden, "AccessDenied") // not to be tried again
			return
		}
		s.objects[key] = object{b, r.Header.Get("Cache-Control"), r.Header.Get("Content-Type")}
		w.Header().Set("ETag", `"x"`)
	case http.MethodGet, http.MethodHead:
		o, ok := s.has(key)
		if !ok {
			refuse(w, r, http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("Last-Modified", time.Unix(1e9, 0).UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Length", strconv.Itoa(len(o.data)))
		if r.Method == http.MethodGet {
			w.Write(o.data)
		}
	default:
		s.t.Errorf("%s %s", r.Method, r.URL)
		refuse(w, r, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

func (s *service) failing(f func(put int, key string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

func (s *service) has(key string) (object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[key]
	return o, ok
}

func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
	}
}

// body reads what was put, which over plain HTTP comes in signed chunks.
func body(r *http.Request) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return io.ReadAll(r.Body)
	}
	in := bufio.NewReader(r.Body)
	var out []byte
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseUint(size, 16, 32)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		chunk := make([]byte, n+2)
		if _, err := io.ReadFull(in, chunk); err != nil {
			return nil, err
		}
		out = append(out, chunk[:n]...)
	}
	if want := r.Header.Get("X-Amz-Decoded-Content-Length"); want != strconv.Itoa(len(out)) {
		return nil, fmt.Errorf("%d bytes, not %s", len(out), want)
	}
	return out, nil
}

// newLog is a real log of n entries.
func newLog(t testing.TB, n int) (*export.Log, func(int)) {
	t.Helper()
	dir := t.TempDir()
	_, err := operator.Init(dir, operator.Options{Domain: "example.org", OpaqueValues: true, ReasonableMonitoringWindow: time.Hour})
	must(t, err)
	op, err := operator.Open(dir, operator.OpenOptions{Interval: time.Millisecond, Limits: &httpapi.Unlimited})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- op.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-ran)
		must(t, op.Close())
	})
	next := 0
	grow := func(n int) {
		for range n {
			next++
			_, err := op.Publish(t.Context(), fmt.Append(nil, "label-", next), []byte("value"))
			must(t, err)
		}
	}
	grow(n)
	return &export.Log{Format: op.Configuration().Format(), Snapshot: op.Sequencer().Snapshot, Signed: op.SignCheckpoint, Envelope: op.Document}, grow
}

func run(t testing.TB, s export.Source, url string) (export.Summary, error) {
	t.Helper()
	target, err := bucket.Open("s3://logs/of/us", bucket.Options{Endpoint: url, Region: "eu-north-1", MaxRetries: 1})
	must(t, err)
	return export.Run(t.Context(), s, target, export.Options{})
}

// TestBucketIsTheFolder: a bucket gets what a folder gets, with headers that let
// caches keep what never changes; again, nothing; later, what is new.
func TestBucketIsTheFolder(t *testing.T) {
	s, url := newService(t)
	log, grow := newLog(t, 290)
	summary, err := run(t, log, url)
	must(t, err)
	if summary.Files != uint64(len(s.objects)) {
		t.Errorf("%+v, but %d objects", summary, len(s.objects))
	}
	s.sameAs(t, log)
	puts := s.puts
	if summary, err = run(t, log, url); err != nil || summary.Files != 0 || s.puts != puts {
		t.Errorf("again: %+v, %v", summary, err)
	}
	grow(20)
	if summary, err = run(t, log, url); err != nil || summary.Files != 4 || s.puts != puts+4 { // a bundle, two tiles and the checkpoint
		t.Errorf("later: %+v, %v", summary, err)
	}
	s.sameAs(t, log)
}

func (s *service) sameAs(t testing.TB, log *export.Log) {
	t.Helper()
	dir := t.TempDir()
	folder, err := export.OpenFolder(dir)
	must(t, err)
	defer folder.Close()
	_, err = export.Run(t.Context(), log, folder, export.Options{})
	must(t, err)
	n := 0
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".lock") {
			return err
		}
		n++
		rel, _ := filepath.Rel(dir, path)
		rel = filepath.ToSlash(rel)
		b, err := os.ReadFile(path)
		o, _ := s.has("logs/of/us/" + rel)
		if err != nil || !bytes.Equal(b, o.data) {
			t.Errorf("%s: %d bytes, not %d (%v)", rel, len(o.data), len(b), err)
		}
		changes := rel == "log/checkpoint" || strings.HasSuffix(rel, ".json") || strings.Contains(rel, ".p/")
		if changes != (o.cache == "no-cache") || !changes && !strings.Contains(o.cache, "immutable") {
			t.Errorf("%s: Cache-Control %q", rel, o.cache)
		}
		if want := kindOf(rel); o.kind != want {
			t.Errorf("%s: %s, not %s", rel, o.kind, want)
		}
		return nil
	}))
	if n == 0 {
		t.Error("no files")
	}
}

func kindOf(path string) string {
	switch {
	case strings.HasSuffix(path, ".json"):
		return "application/json"
	case strings.HasSuffix(path, "checkpoint"):
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// TestServiceFails: what a service does not take is told, without secrets, and
// the next export goes on from there.
func TestServiceFails(t *testing.T) {
	s, url := newService(t)
	log, _ := newLog(t, 70)
	s.failing(func(put int, _ string) bool { return put > 3 })
	summary, err := run(t, log, url)
	if err == nil || summary.Files > 3 || strings.Contains(err.Error(), "a-secret") || !strings.Contains(err.Error(), "the bucket says: 403") {
		t.Errorf("%+v, %v", summary, err)
	}
	if _, ok := s.has("logs/of/us/log/checkpoint"); ok {
		t.Error("a checkpoint is there")
	}
	s.failing(nil) // requests that were given up may still come through
	again, err := run(t, log, url)
	if err != nil || again.Present < 2 || again.Files+again.Present != 6 { // and the document
		t.Errorf("%+v after %+v: %v", again, summary, err)
	}
	s.sameAs(t, log)

	missing, err := bucket.Open("s3://nowhere/x", bucket.Options{Endpoint: url, Region: "eu-north-1", MaxRetries: 1})
	must(t, err)
	if _, err := export.Run(t.Context(), log, missing, export.Options{}); err == nil || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("a bucket that is not there: %v", err)
	}
}

func TestNamesAndCredentials(t *testing.T) {
	_, url := newService(t)
	for _, name := range []string{"", "logs", "s3:/logs", "s3://", "s3:///x", "s3://logs/../x", "s3://logs/a?b", "s3://logs//a//b"} {
		if _, err := bucket.Open(name, bucket.Options{Endpoint: url}); !errors.Is(err, bucket.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, endpoint := range []string{"http://s3.example.org", "ftp://s3.example.org", "s3.example.org", "https://u@s3.example.org", "https://s3.example.org/x"} {
		if _, err := bucket.Open("s3://logs", bucket.Options{Endpoint: endpoint}); !errors.Is(err, bucket.ErrEndpoint) {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	if _, err := bucket.Open("s3://logs", bucket.Options{}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY", "AWS_SECRET_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	if _, err := bucket.Open("s3://logs", bucket.Options{}); !errors.Is(err, bucket.ErrNoCredentials) {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "credentials")
	must(t, os.WriteFile(file, []byte("[default]\naws_access_key_id = an-access-key\naws_secret_access_key = "+hex.EncodeToString([]byte("x"))+"\n"), 0o600))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	target, err := bucket.Open("s3://logs", bucket.Options{Endpoint: url, Region: "eu-north-1", MaxRetries: 1})
	must(t, err)
	if _, err := target.Size(t.Context(), "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("with credentials from a file: %v", err)
	}
}
