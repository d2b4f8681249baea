package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/netutil"
)

// ErrPlain is a listener that would serve strangers without TLS.
var ErrPlain = errors.New("plain http is served on loopback only")

// ListenOptions say how to listen.
type ListenOptions struct {
	Address string // "127.0.0.1:8080"; port 0: any that is free
	// CertFile and KeyFile are a certificate chain and its key, PEM. Both or none.
	CertFile, KeyFile string
	// BehindProxy lets plain http be served beyond loopback, for a proxy that
	// speaks TLS to the world.
	BehindProxy bool
	// MaxConnections bounds the open connections; more wait to be accepted. 0: no bound.
	MaxConnections int
	// MaxPerAddress bounds those of one IPv4 address or IPv6 network of 64 bits;
	// more are closed, so that nobody alone can take all there are. 0: no bound.
	MaxPerAddress int
}

// A Listener is an address that is listened on, and whether TLS is spoken there.
type Listener struct {
	net.Listener
	TLS *tls.Config // nil: plain http
}

// URL returns the base address of what is served.
func (l *Listener) URL() string {
	scheme := "http"
	if l.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + l.Addr().String()
}

// Listen opens a listener. Without a certificate, unless BehindProxy, it listens
// on loopback only: what the name in Address resolves to is looked at, not the name.
func Listen(ctx context.Context, o ListenOptions) (*Listener, error) {
	if (o.CertFile == "") != (o.KeyFile == "") {
		return nil, errors.New("a certificate and its key belong together")
	}
	l := &Listener{}
	if o.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		l.TLS = &tls.Config{
			Certificates: []tls.Certificate{cert},
			MinVersion:   tls.VersionTLS12,
			NextProtos:   []string{"h2", "http/1.1"},
		}
	}
	address, err := net.ResolveTCPAddr("tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", o.Address, err)
	}
	if l.TLS == nil && !o.BehindProxy && !address.IP.IsLoopback() {
		return nil, fmt.Errorf("listen on %q: %w", o.Address, ErrPlain)
	}
	var config net.ListenConfig
	if l.Listener, err = config.Listen(ctx, "tcp", address.String()); err != nil {
		return nil, err
	}
	if o.MaxPerAddress > 0 {
		l.Listener = &perAddress{Listener: l.Listener, most: o.MaxPerAddress, open: map[netip.Prefix]int{}}
	}
	if o.MaxConnections > 0 {
		l.Listener = netutil.LimitListener(l.Listener, o.MaxConnections)
	}
	return l, nil
}
