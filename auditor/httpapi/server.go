package httpapi

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"time"
)

// A patience is how long one connection is waited for.
type patience struct {
	header time.Duration // to send a header, or to shake hands
	read   time.Duration // to send a request
	write  time.Duration // from the header of a request to the end of its answer
	idle   time.Duration // between requests
}

var normalPatience = patience{header: 10 * time.Second, read: 20 * time.Second, write: 60 * time.Second, idle: 60 * time.Second}

// What else one connection may cost.
const (
	maxHeader  = 16 << 10 // bytes
	maxStreams = 32       // requests at a time on one connection (HTTP/2)
)

// What listeners should bound, as daemon.ListenOptions says it.
const (
	MaxConnections = 1024
	MaxPerAddress  = 64
)

// NewServer returns a server for the handler that slow and greedy clients cannot
// hold up. How many connections there may be is the listener's to bound.
func NewServer(h http.Handler, logger *slog.Logger) *http.Server {
	return newServer(h, logger, normalPatience)
}

func newServer(h http.Handler, logger *slog.Logger, p patience) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: p.header,
		ReadTimeout:       p.read,
		WriteTimeout:      p.write,
		IdleTimeout:       p.idle,
		// net/http adds 4096 bytes of slack.
		MaxHeaderBytes: maxHeader - 4096,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
	}
	// What net/http says of connections names the addresses of those who hand in
	// what they saw.
	s.ErrorLog = log.New(io.Discard, "", 0)
	if logger != nil && logger.Enabled(context.Background(), slog.LevelDebug) {
		s.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
	}
	return s
}
