package daemon_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kith-kt/kith/internal/daemon"
)

// TestPlainStaysOnLoopback: without TLS strangers are not listened to.
func TestPlainStaysOnLoopback(t *testing.T) {
	for address, want := range map[string]error{
		"127.0.0.1:0": nil, "localhost:0": nil, "127.9.9.9:0": nil,
		"0.0.0.0:0": daemon.ErrPlain, ":0": daemon.ErrPlain, "[::]:0": daemon.ErrPlain, "192.0.2.1:0": daemon.ErrPlain,
	} {
		l, err := daemon.Listen(t.Context(), daemon.ListenOptions{Address: address})
		if err == nil {
			l.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
	l, err := daemon.Listen(t.Context(), daemon.ListenOptions{Address: "0.0.0.0:0", BehindProxy: true})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestListenRefuses(t *testing.T) {
	for name, o := range map[string]daemon.ListenOptions{
		"no port":               {Address: "127.0.0.1"},
		"a certificate alone":   {Address: "127.0.0.1:0", CertFile: "x"},
		"a key alone":           {Address: "127.0.0.1:0", KeyFile: "x"},
		"files that are absent": {Address: "127.0.0.1:0", CertFile: "x", KeyFile: "y"},
	} {
		if l, err := daemon.Listen(t.Context(), o); err == nil {
			l.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

// certificate makes a certificate for loopback.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	must(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return certFile, keyFile, pool
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTLS serves HTTP/2 over TLS, and nothing older than TLS 1.2.
func TestTLS(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	l, err := daemon.Listen(t.Context(), daemon.ListenOptions{Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	server := &http.Server{
		Handler:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }),
		ErrorLog: nil,
	}
	go func() { done <- daemon.Serve(ctx, server, l, 0) }()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	r, err := client.Get(l.URL())
	must(t, err)
	b, err := io.ReadAll(r.Body)
	must(t, err)
	r.Body.Close()
	if string(b) != "HTTP/2.0" {
		t.Errorf("spoken: %s", b)
	}
	if c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
	client.CloseIdleConnections()
	cancel()
	must(t, <-done)
}

// TestStopLetsRequestsFinish: a request in work is answered after the end was
// asked for, and new ones are not.
func TestStopLetsRequestsFinish(t *testing.T) {
	l, err := daemon.Listen(t.Context(), daemon.ListenOptions{Address: "127.0.0.1:0"})
	must(t, err)
	entered, release := make(chan struct{}), make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		io.WriteString(w, "finished")
	})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- daemon.Serve(ctx, server, l, time.Minute) }()
	answer := make(chan string, 1)
	go func() {
		r, err := http.Get(l.URL())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		answer <- string(b)
	}()
	<-entered
	cancel()
	for {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break // it listens no more
		}
		c.Close()
	}
	close(release)
	if got := <-answer; got != "finished" {
		t.Errorf("the request in work got %q", got)
	}
	must(t, <-done)
}

// waiting is for what must happen, on a machine that is slow and busy.
const waiting = 30 * time.Second

// TestStopHasADeadline: a request that never ends does not keep the program.
func TestStopHasADeadline(t *testing.T) {
	l, err := daemon.Listen(t.Context(), daemon.ListenOptions{Address: "127.0.0.1:0"})
	must(t, err)
	entered := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- daemon.Serve(ctx, server, l, 50*time.Millisecond) }()
	go func() {
		if r, err := http.Get(l.URL()); err == nil {
			r.Body.Close()
		}
	}()
	<-entered
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	case <-time.After(waiting):
		t.Error("it waits without end")
	}
}

func TestAllStopTogether(t *testing.T) {
	fault := errors.New("a part broke")
	stopped := false
	err := daemon.All(t.Context(),
		func(ctx context.Context) error { <-ctx.Done(); stopped = true; return ctx.Err() },
		func(context.Context) error { return fault },
	)
	if !errors.Is(err, fault) || !stopped {
		t.Errorf("%v, stopped %v", err, stopped)
	}
}

func TestSignals(t *testing.T) {
	ctx, stop := daemon.Signals(t.Context())
	defer stop()
	must(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	select {
	case <-ctx.Done():
	case <-time.After(waiting):
		t.Error("SIGTERM was not heard")
	}
}

func TestHealth(t *testing.T) {
	var h daemon.Health
	if err := h.Err(); err != nil {
		t.Error(err)
	}
	h.Set("store", errors.New("full"))
	h.Set("auditor", errors.New("silent"))
	if err := h.Err(); err == nil || !strings.Contains(err.Error(), "store: full") || !strings.Contains(err.Error(), "auditor: silent") {
		t.Error(err)
	}
	h.Set("store", nil)
	h.Set("auditor", nil)
	if err := h.Err(); err != nil {
		t.Error(err)
	}
}

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	l, err := daemon.NewLogger(&b, daemon.LogOptions{Format: "json", Level: "warn"})
	must(t, err)
	l.Info("quiet")
	l.Warn("loud")
	if got := b.String(); strings.Contains(got, "quiet") || !strings.Contains(got, `"msg":"loud"`) {
		t.Error(got)
	}
	for _, o := range []daemon.LogOptions{{Format: "xml"}, {Level: "loud"}} {
		if _, err := daemon.NewLogger(&b, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// TestNobodyTakesAllConnections: connections beyond those of one address are
// closed, and closing one makes room for another.
func TestNobodyTakesAllConnections(t *testing.T) {
	l, err := daemon.Listen(t.Context(), daemon.ListenOptions{Address: "127.0.0.1:0", MaxConnections: 100, MaxPerAddress: 2})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") })}
	go func() { done <- daemon.Serve(ctx, server, l, 0) }()
	defer func() {
		cancel()
		must(t, <-done)
	}()
	// ask asks over a connection that stays open, from one of loopback's addresses.
	ask := func(from string) (c net.Conn, answered bool) {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: waiting}
		c, err := dialer.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Skip("loopback has one address here:", err)
		}
		must(t, c.SetDeadline(time.Now().Add(waiting)))
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		n, _ := c.Read(make([]byte, 1))
		return c, n == 1
	}
	first, ok := ask("127.0.0.2")
	second, ok2 := ask("127.0.0.2")
	if !ok || !ok2 {
		t.Fatal("two connections are not served")
	}
	defer second.Close()
	third, ok := ask("127.0.0.2")
	if ok {
		t.Error("a third connection of one address is served")
	}
	third.Close()
	other, ok := ask("127.0.0.3")
	if !ok {
		t.Error("a connection of another address is not served")
	}
	other.Close()
	first.Close()
	for end := time.Now().Add(waiting); time.Now().Before(end); { // the server sees it a moment later
		c, ok := ask("127.0.0.2")
		c.Close()
		if ok {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a connection that was closed makes no room")
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"198.51.100.7": "198.51.100.7/32", "::ffff:198.51.100.7": "198.51.100.7/32",
		"2001:db8::1": "2001:db8::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := daemon.Network(netip.MustParseAddr(address)).String(); got != want {
			t.Errorf("%s is of %s, want %s", address, got, want)
		}
	}
}
