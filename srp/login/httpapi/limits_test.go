package httpapi_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/httpapi"
)

// said is an address that a test's request claims to come from.
func said(r *http.Request) netip.Addr {
	a, _ := netip.ParseAddr(r.Header.Get("Test-Network"))
	return a
}

// from asks for what the service takes, from an address.
func (s *site) from(address string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), "GET", s.url+auth.Root+"/info", nil)
	must(s.t, err)
	r.Header.Set("Test-Network", address)
	resp, err := http.DefaultClient.Do(r)
	must(s.t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	must(s.t, err)
	must(s.t, resp.Body.Close())
	return resp
}

// TestAttackFloodOfOneNetwork: a network that asks too much is told to wait, and no
// other one is.
func TestAttackFloodOfOneNetwork(t *testing.T) {
	s := siteOf(t, nil, func(c *httpapi.Config) {
		c.Address, c.Limits = said, httpapi.Limits{RequestsPerMinute: 1, Burst: 3}
	})
	for range 3 {
		if resp := s.from("2001:db8::1"); resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
	}
	resp := s.from("2001:db8::2") // the same network
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode != 429 || err != nil || n < 1 || n > 60 {
		t.Errorf("%s, %v", resp.Status, resp.Header)
	}
	if resp := s.from("2001:db8:0:1::1"); resp.StatusCode != 200 {
		t.Errorf("another network: %s", resp.Status)
	}
}

// begin sends the beginning of a request: its header, with more fields or the beginning
// of its body.
func (s *site) begin(address, body string, fields ...string) net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	must(s.t, err)
	s.t.Cleanup(func() { _ = c.Close() })
	fields = append(fields, "Host: x", "Test-Network: "+address, "Content-Type: application/json", "Content-Length: 1000")
	_, err = fmt.Fprintf(c, "POST %s/login/srp HTTP/1.1\r\n%s\r\n\r\n%s", auth.Root, strings.Join(fields, "\r\n"), body)
	must(s.t, err)
	return c
}

// slow begins a request whose body never ends.
func (s *site) slow(address string) net.Conn {
	s.t.Helper()
	c := s.begin(address, "", "Expect: 100-continue")
	// The server asks for the body once it waits for it: the request is in.
	line, err := bufio.NewReader(c).ReadString('\n')
	must(s.t, err)
	if !strings.Contains(line, "100") {
		s.t.Fatal(line)
	}
	_, err = io.WriteString(c, "{")
	must(s.t, err)
	return c
}

// TestAttackSlowBodies: who sends slowly takes no place of those who work, and is
// sent away in the end.
func TestAttackSlowBodies(t *testing.T) {
	t.Parallel()
	s := siteOf(t, nil, func(c *httpapi.Config) {
		c.Address, c.Limits = said, httpapi.Limits{Concurrent: 1, PerNetwork: 2, Bodies: 3, Body: time.Hour}
	})
	slow := []net.Conn{s.slow("10.0.0.1"), s.slow("10.0.0.1")}
	if resp := s.from("10.0.0.1"); resp.StatusCode != 429 {
		t.Errorf("a third of the same network: %s", resp.Status)
	}
	if resp := s.from("10.0.0.2"); resp.StatusCode != 200 {
		t.Errorf("somebody else: %s", resp.Status)
	}
	slow = append(slow, s.slow("10.0.0.3"))
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+auth.Root+"/login/srp", strings.NewReader("{}"))
	must(t, err)
	r.Header.Set("Test-Network", "10.0.0.4")
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one body too many: %s", resp.Status)
	}
	for _, c := range slow {
		must(t, c.Close())
	}

	s = siteOf(t, nil, func(c *httpapi.Config) {
		c.Address, c.Limits = said, httpapi.Limits{Concurrent: 1, PerNetwork: 2, Bodies: 3, Body: 300 * time.Millisecond}
	})
	slow = []net.Conn{s.begin("10.0.0.1", "{"), s.begin("10.0.0.1", "{")}
	for _, c := range slow {
		must(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		must(t, err)
		if resp.StatusCode != 400 {
			t.Errorf("a body that does not arrive: %s", resp.Status)
		}
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Logf("closed: %v", err)
		}
	}
	if resp := s.from("10.0.0.1"); resp.StatusCode != 200 {
		t.Errorf("afterwards: %s", resp.Status)
	}
}

// TestLimits: what is negative by mistake is refused.
func TestLimits(t *testing.T) {
	for _, l := range []httpapi.Limits{{Burst: -1}, {Networks: -1}, {Concurrent: -1}, {Bodies: -1}, {PerNetwork: -1}, {Body: -1}} {
		if _, err := httpapi.New(httpapi.Config{Service: new(login.Service), Limits: l}); err == nil {
			t.Errorf("%+v is taken", l)
		}
	}
}
