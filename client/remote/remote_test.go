package remote_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

var _ client.Service = (*remote.Remote)(nil)

// serve starts a directory that answers as handler says.
func serve(t *testing.T, options remote.Options, handler http.HandlerFunc) *remote.Remote {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	r, err := remote.New(server.URL, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func answer(w http.ResponseWriter, status int, mediaType, body string) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	io.WriteString(w, body)
}

var search = wire.Call{Operation: wire.OpSearch, Body: []byte("request")}

func TestRequest(t *testing.T) {
	for _, op := range wire.Operations {
		call := wire.Call{Operation: op, Body: []byte("request"), Token: "secret", Opening: &wire.Opening{0xff, 0xfe}}
		r := serve(t, remote.Options{}, func(w http.ResponseWriter, req *http.Request) {
			body, _ := io.ReadAll(req.Body)
			got := fmt.Sprint(req.Method, req.URL, string(body), req.Header["Content-Type"], req.Header["Authorization"], req.Header["Kith-Opening"], req.Header["User-Agent"])
			want := fmt.Sprint("POST", "/kt/v1/"+op.String(), "request", []string{remote.MediaType}, []string{"Bearer secret"}, []string{"__4AAAAAAAAAAAAAAAAAAA"}, []string{"kith"})
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if req.Header.Get("Accept-Encoding") != "" {
				t.Error("compression is offered")
			}
			answer(w, 200, remote.MediaType, "response")
		})
		b, err := r.Do(t.Context(), call)
		if err != nil || string(b) != "response" {
			t.Errorf("%s: %q, %v", op, b, err)
		}
	}
}

func TestProblems(t *testing.T) {
	const problemType = "application/problem+json"
	for _, c := range []struct {
		status int
		want   error
	}{
		{400, problem.ErrMalformed}, {401, problem.ErrUnauthorized}, {403, problem.ErrForbidden}, {404, problem.ErrNoAnswer},
		{409, problem.ErrConflict}, {413, problem.ErrTooLarge}, {422, problem.ErrRefused}, {429, problem.ErrRateLimited},
		{503, problem.ErrUnavailable}, {500, problem.ErrUnavailable}, {502, problem.ErrUnavailable}, {418, remote.ErrForeign}, {204, remote.ErrForeign},
	} {
		r := serve(t, remote.Options{MaxWait: -1}, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, c.status, problemType, `{"status":1,"detail":"what\u001b[31m happened"}`)
		})
		_, err := r.Do(t.Context(), search)
		if !errors.Is(err, c.want) {
			t.Errorf("%d: got %v, want %v", c.status, err, c.want)
		}
		if strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%d: the text is not fit for a terminal: %q", c.status, err)
		}
	}
	// A page that is not a directory's says nothing about a label.
	r := serve(t, remote.Options{}, func(w http.ResponseWriter, _ *http.Request) { answer(w, 404, "text/html", "not here") })
	if _, err := r.Do(t.Context(), search); !errors.Is(err, remote.ErrForeign) || errors.Is(err, problem.ErrNoAnswer) {
		t.Errorf("got %v", err)
	}
	r = serve(t, remote.Options{}, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "text/html", "welcome") })
	if _, err := r.Do(t.Context(), search); !errors.Is(err, remote.ErrForeign) {
		t.Errorf("got %v", err)
	}
	r, err := remote.New("http://127.0.0.1:1", remote.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(t.Context(), search); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestLimits: a response is read no further than its limit, declared or not.
func TestLimits(t *testing.T) {
	for _, declared := range []bool{false, true} {
		r := serve(t, remote.Options{MaxResponse: 1000}, func(w http.ResponseWriter, req *http.Request) {
			size := 1001
			if bytes.Equal(body(req), []byte("small")) {
				size = 1000
			}
			if declared {
				w.Header().Set("Content-Length", fmt.Sprint(size))
			}
			w.Header().Set("Content-Type", remote.MediaType)
			for range size {
				if _, err := w.Write([]byte("x")); err != nil {
					return
				}
				w.(http.Flusher).Flush()
			}
		})
		if _, err := r.Do(t.Context(), search); !errors.Is(err, remote.ErrForeign) {
			t.Errorf("declared %v: %v", declared, err)
		}
		b, err := r.Do(t.Context(), wire.Call{Operation: wire.OpSearch, Body: []byte("small")})
		if err != nil || len(b) != 1000 {
			t.Errorf("declared %v: %d bytes, %v", declared, len(b), err)
		}
	}
}

func body(req *http.Request) []byte {
	b, _ := io.ReadAll(req.Body)
	return b
}

// TestCutShort: a connection that ends early is no response.
func TestCutShort(t *testing.T) {
	r := serve(t, remote.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		answer(w, 200, remote.MediaType, "ten bytes.")
	})
	if _, err := r.Do(t.Context(), search); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// TestTimeout: a directory that does not answer does not hold the client.
func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	r := serve(t, remote.Options{Timeout: 10 * time.Millisecond}, func(http.ResponseWriter, *http.Request) { <-release })
	_, err := r.Do(t.Context(), search)
	close(release)
	if !errors.Is(err, problem.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestRetryAfter: the client comes back when told, within its patience.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		op     wire.Operation
		after  string
		tries  int
		waited time.Duration
	}{
		{"rate limited", 429, wire.OpSearch, "2", 3, 4 * time.Second},
		{"busy", 503, wire.OpSearch, "2", 3, 4 * time.Second},
		{"without a time", 429, wire.OpSearch, "", 1, 0},
		{"too long", 429, wire.OpSearch, "3600", 1, 0},
		{"an update that may have been taken", 503, wire.OpUpdate, "2", 1, 0},
		{"an update that was not taken", 429, wire.OpUpdate, "2", 3, 4 * time.Second},
		{"nonsense", 429, wire.OpSearch, "-1", 1, 0},
	} {
		tries, waited := 0, time.Duration(0)
		r := serve(t, remote.Options{Sleep: func(_ context.Context, d time.Duration) error {
			waited += d
			return nil
		}}, func(w http.ResponseWriter, _ *http.Request) {
			if tries++; tries == 3 {
				answer(w, 200, remote.MediaType, "response")
				return
			}
			if c.after != "" {
				w.Header().Set("Retry-After", c.after)
			}
			answer(w, c.status, "application/problem+json", "{}")
		})
		_, err := r.Do(t.Context(), wire.Call{Operation: c.op})
		if tries != c.tries || waited != c.waited || (err == nil) != (c.tries == 3) {
			t.Errorf("%s: %d tries, waited %s, %v", c.name, tries, waited, err)
		}
	}
}

// TestRedirects stay on the host.
func TestRedirects(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("the request went to another host")
		answer(w, 200, remote.MediaType, "response")
	}))
	defer other.Close()
	for _, target := range []string{other.URL + "/kt/v1/search", "https://example.org/", "/kt/v1/search"} {
		r := serve(t, remote.Options{}, func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, target, http.StatusTemporaryRedirect) // the last one to itself, for ever
		})
		if _, err := r.Do(t.Context(), search); !errors.Is(err, remote.ErrForeign) {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// TestAddresses: https, or http to this machine.
func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://kt.example.org":      "https://kt.example.org",
		"https://KT.example.org:8443": "https://kt.example.org:8443",
		"kt.example.org":              "https://kt.example.org",
		"https://kt.example.org/":     "https://kt.example.org",
		"http://127.0.0.1:8080":       "http://127.0.0.1:8080",
		"http://localhost:8080":       "http://localhost:8080",
		"http://[::1]:8080":           "http://[::1]:8080",
	} {
		r, err := remote.New(address, remote.Options{})
		if err != nil || r.Address() != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"http://kt.example.org", "http://10.0.0.1", "http://localhost.example.org", "http://127.0.0.1.example.org", "http://0.0.0.0"} {
		if _, err := remote.New(address, remote.Options{}); !errors.Is(err, remote.ErrInsecure) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"", "https://", "https://user@kt.example.org", "https://kt.example.org/path", "https://kt.example.org?q", "https://kt.example.org#f", "ftp://kt.example.org", "https://%zz"} {
		if _, err := remote.New(address, remote.Options{}); err == nil {
			t.Errorf("%s: accepted", address)
		}
	}
}

// TestTLSVersion: nothing below TLS 1.2, whatever the caller's configuration says.
func TestTLSVersion(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, remote.MediaType, "response") }))
	server.Config.ErrorLog = nil
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.StartTLS()
	defer server.Close()
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.MinVersion = tls.VersionTLS10
	r, err := remote.New(server.URL, remote.Options{TLS: config})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(t.Context(), search); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
	server2 := httptest.NewTLSServer(server.Config.Handler)
	defer server2.Close()
	r, err = remote.New(server2.URL, remote.Options{TLS: server2.Client().Transport.(*http.Transport).TLSClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(t.Context(), search); err != nil {
		t.Error(err)
	}
	if r, err = remote.New(server2.URL, remote.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Do(t.Context(), search); err == nil {
		t.Error("a certificate of nobody was accepted")
	}
}

func TestProviderDocument(t *testing.T) {
	r := serve(t, remote.Options{}, func(w http.ResponseWriter, req *http.Request) {
		if req.Method != "GET" || req.URL.Path != "/.well-known/kith.json" {
			t.Errorf("%s %s", req.Method, req.URL)
		}
		answer(w, 200, "application/json", "{}")
	})
	if b, err := r.Provider(t.Context()); err != nil || string(b) != "{}" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestBinding: how it is asked for, and what is not taken for one.
func TestBinding(t *testing.T) {
	var _ client.Binder = (*remote.Remote)(nil)
	var _ client.Newest = (*remote.Remote)(nil)
	tries := 0
	status, mediaType, length := 200, checkpoint.BindingMediaType, 10
	r := serve(t, remote.Options{Sleep: func(context.Context, time.Duration) error { return nil }}, func(w http.ResponseWriter, req *http.Request) {
		tries++
		if req.Method != http.MethodGet || req.URL.Path != "/log/binding" || req.URL.RawQuery != "size=18446744073709551615" || req.Header.Get("Authorization") != "" {
			t.Errorf("%s %s", req.Method, req.URL)
		}
		if status == 503 && tries == 1 {
			w.Header().Set("Retry-After", "1")
			answer(w, status, "application/problem+json", "{}")
			return
		}
		if status == 503 {
			answer(w, 200, mediaType, strings.Repeat("b", length))
			return
		}
		answer(w, status, mediaType, strings.Repeat("b", length))
	})
	bind := func() (string, error) {
		b, err := r.Binding(t.Context(), 1<<64-1)
		return string(b), err
	}
	if b, err := bind(); err != nil || b != "bbbbbbbbbb" {
		t.Errorf("%q, %v", b, err)
	}
	tries, status = 0, 503
	if b, err := bind(); err != nil || b != "bbbbbbbbbb" || tries != 2 {
		t.Errorf("%q, %v after %d tries", b, err, tries)
	}
	status, length = 200, checkpoint.MaxBinding
	if b, err := bind(); err != nil || len(b) != checkpoint.MaxBinding {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	length++
	if _, err := bind(); !errors.Is(err, remote.ErrForeign) {
		t.Errorf("too long: %v", err)
	}
	length, mediaType = 10, "text/html"
	if _, err := bind(); !errors.Is(err, remote.ErrForeign) {
		t.Errorf("a page: %v", err)
	}
	status, mediaType = 404, "application/problem+json"
	if _, err := bind(); err == nil {
		t.Error("an error is taken for a binding")
	}
}
