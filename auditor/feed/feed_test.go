package feed_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/auditor/feed"
	"github.com/kith-kt/kith/auditor/pass"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/problem"
)

// serve starts a provider that answers as handler says.
func serve(t *testing.T, o feed.Options, handler http.HandlerFunc) *feed.Feed {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	f, err := feed.New(server.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func octets(w http.ResponseWriter) { w.Header().Set("Content-Type", "application/octet-stream") }

func TestRequests(t *testing.T) {
	var got string
	f := serve(t, feed.Options{}, func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.String()
		if coding := r.Header.Get("Accept-Encoding"); coding != "identity" {
			t.Errorf("Accept-Encoding: %q", coding)
		}
		switch {
		case r.Method == http.MethodPost:
			b, _ := io.ReadAll(r.Body)
			if string(b) != "head" || r.Header.Get("Content-Type") != feed.MediaType {
				t.Errorf("%q %s", b, r.Header)
			}
			w.WriteHeader(http.StatusNoContent)
			return
		case strings.HasSuffix(r.URL.Path, ".json"):
			w.Header().Set("Content-Type", "application/json")
		case strings.HasSuffix(r.URL.Path, "checkpoint"):
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		default:
			octets(w)
		}
		io.WriteString(w, "answer")
	})
	for want, ask := range map[string]func() ([]byte, error){
		"GET /.well-known/kith.json":    func() ([]byte, error) { return f.Document(t.Context()) },
		"GET /log/checkpoint":           func() ([]byte, error) { return f.Checkpoint(t.Context()) },
		"GET /audit/v1/updates?start=7": func() ([]byte, error) { return f.Updates(t.Context(), 7) },
		"GET /log/tile/entries/x001/234.p/5": func() ([]byte, error) {
			return f.Tile(t.Context(), checkpoint.Tile{Level: checkpoint.Entries, Index: 1234, Width: 5})
		},
		"POST /audit/v1/head": func() ([]byte, error) { return []byte("answer"), f.PutHead(t.Context(), []byte("head")) },
	} {
		b, err := ask()
		if err != nil || got != want || string(b) != "answer" {
			t.Errorf("%s: %s, %q, %v", want, got, b, err)
		}
	}
}

// TestEndless: no answer is read further than its bound, whether it says how long
// it is or not.
func TestEndless(t *testing.T) {
	served := 0
	f := serve(t, feed.Options{}, func(w http.ResponseWriter, r *http.Request) {
		octets(w)
		chunk := make([]byte, 1<<20)
		for served = 0; r.Context().Err() == nil; served++ {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if b, err := f.Updates(t.Context(), 0); !errors.Is(err, feed.ErrForeign) || b != nil {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	f = serve(t, feed.Options{}, func(w http.ResponseWriter, r *http.Request) {
		octets(w)
		w.Header().Set("Content-Length", "99999999999")
		w.Write(make([]byte, 10))
	})
	if _, err := f.Updates(t.Context(), 0); !errors.Is(err, feed.ErrForeign) {
		t.Error(err)
	}
	f = serve(t, feed.Options{}, func(w http.ResponseWriter, r *http.Request) {
		octets(w)
		w.Write(make([]byte, pass.MaxPage))
	})
	if b, err := f.Updates(t.Context(), 0); err != nil || len(b) != pass.MaxPage {
		t.Errorf("the greatest page: %d bytes, %v", len(b), err)
	}
}

func TestSlow(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	f := serve(t, feed.Options{Timeout: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		octets(w)
		w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		select {
		case <-end:
		case <-r.Context().Done():
		}
	})
	if _, err := f.Updates(t.Context(), 0); !errors.Is(err, problem.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestCut(t *testing.T) {
	f := serve(t, feed.Options{}, func(w http.ResponseWriter, r *http.Request) {
		octets(w)
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("ten bytes."))
	})
	if _, err := f.Updates(t.Context(), 0); !errors.Is(err, problem.ErrUnavailable) {
		t.Error(err)
	}
}

// TestCompression: a small answer must not unfold into a great one.
func TestCompression(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 1<<20))
	z.Close()
	f := serve(t, feed.Options{}, func(w http.ResponseWriter, r *http.Request) {
		octets(w)
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	if _, err := f.Updates(t.Context(), 0); !errors.Is(err, feed.ErrForeign) {
		t.Error(err)
	}
}

func TestForeignAnswers(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Error("another host was asked")
	}))
	defer other.Close()
	for name, h := range map[string]http.HandlerFunc{
		"media type":       func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Type", "text/html") },
		"redirect":         func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
		"redirect in loop": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) },
		"status":           func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) },
	} {
		if _, err := serve(t, feed.Options{}, h).Updates(t.Context(), 0); !errors.Is(err, feed.ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestComesBackWhenTold: Retry-After is obeyed, and bounded.
func TestComesBackWhenTold(t *testing.T) {
	asked, slept := 0, time.Duration(0)
	o := feed.Options{MaxWait: 10 * time.Second, Sleep: func(_ context.Context, d time.Duration) error {
		slept += d
		return nil
	}}
	f := serve(t, o, func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked%3 != 0 {
			w.Header().Set("Retry-After", "4")
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		octets(w)
	})
	if _, err := f.Updates(t.Context(), 0); err != nil || asked != 3 || slept != 8*time.Second {
		t.Errorf("asked %d times in %s: %v", asked, slept, err)
	}
	f = serve(t, o, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "4000000")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"detail":"later\u001b[31m"}`)
	})
	_, err := f.Updates(t.Context(), 0)
	if !errors.Is(err, problem.ErrUnavailable) || strings.Contains(err.Error(), "\x1b") || slept != 8*time.Second {
		t.Errorf("slept %s: %v", slept, err)
	}
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"http://kt.example.org", "http://10.0.0.1"} {
		if _, err := feed.New(address, feed.Options{}); !errors.Is(err, feed.ErrInsecure) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"https://a.example/path", "https://u@a.example", "ftp://a.example", "https://a.example?q", "", "https://%"} {
		if _, err := feed.New(address, feed.Options{}); err == nil {
			t.Errorf("%s: no error", address)
		}
	}
	for _, address := range []string{"kt.example.org", "https://KT.example.org/", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost"} {
		if _, err := feed.New(address, feed.Options{}); err != nil {
			t.Error(err)
		}
	}
}
