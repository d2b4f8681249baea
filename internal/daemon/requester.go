package daemon

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Address returns where a request comes from; the zero Addr where that is not
// known. Behind a trusted proxy it is what the proxy itself added to
// X-Forwarded-For, the last of its addresses: all others are the requester's own
// words.
func Address(r *http.Request, trustProxy bool) netip.Addr {
	if trustProxy {
		if fields := r.Header.Values("X-Forwarded-For"); len(fields) > 0 {
			last := fields[len(fields)-1]
			last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
			if a, err := netip.ParseAddr(last); err == nil {
				return a
			}
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, _ := netip.ParseAddr(host)
	return a
}
