package page_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestAttackSlowBodies: bodies that never end keep nobody waiting, and those of one
// network leave room for all others.
func TestAttackSlowBodies(t *testing.T) {
	s := newSite(t)
	for range 80 {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		must(t, err)
		t.Cleanup(func() { c.Close() })
		_, err = fmt.Fprintf(c, "POST /login/begin HTTP/1.1\r\nHost: localhost\r\nOrigin: %s\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{", s.url)
		must(t, err)
		// The server says so once it reads the body, or refuses.
		answer := make([]byte, 12)
		_, err = c.Read(answer)
		must(t, err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/login/", nil)
	must(t, err)
	r.Header.Set("Test-Network", "198.51.100.9")
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != 200 {
		t.Errorf("somebody else: %s", resp.Status)
	}
}
