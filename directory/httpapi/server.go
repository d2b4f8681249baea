package httpapi

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"time"
)

// What one connection may cost.
const (
	headerTimeout = 10 * time.Second // to send a header, or to shake hands
	readTimeout   = 30 * time.Second // to send a request
	writeTimeout  = 60 * time.Second // from the header of a request to the end of its answer
	idleTimeout   = 90 * time.Second // between requests
	maxHeader     = 32 << 10         // bytes
	maxStreams    = 64               // requests at a time on one connection (HTTP/2)
)

// NewServer returns a server for the handler that slow and greedy clients cannot
// hold up. How many connections there may be is the listener's to bound.
func NewServer(h http.Handler, logger *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		// net/http adds 4096 bytes of slack.
		MaxHeaderBytes: maxHeader - 4096,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
	}
	// What net/http says of connections names the addresses of clients.
	s.ErrorLog = log.New(io.Discard, "", 0)
	if logger != nil && logger.Enabled(context.Background(), slog.LevelDebug) {
		s.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelDebug)
	}
	return s
}
