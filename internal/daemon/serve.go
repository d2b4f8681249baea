package daemon

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// DefaultGrace is how long requests may take to finish when a server stops.
const DefaultGrace = 15 * time.Second

// Serve serves on l until ctx ends. Then it takes no more connections, waits
// for the requests in work for at most grace (0: DefaultGrace), and closes what
// is left. It returns nil when it was told to stop and all requests finished.
func Serve(ctx context.Context, server *http.Server, l *Listener, grace time.Duration) error {
	if grace == 0 {
		grace = DefaultGrace
	}
	server.TLSConfig = l.TLS
	served := make(chan error, 1)
	go func() {
		if l.TLS != nil {
			served <- server.ServeTLS(l, "", "")
		} else {
			served <- server.Serve(l)
		}
	}()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(deadline)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	if e := <-served; err == nil && !errors.Is(e, http.ErrServerClosed) {
		err = e
	}
	return err
}

// All runs parts of a program at once, and tells all of them to stop as soon as
// one of them returns. It returns when all have, with the first error.
func All(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(parts))
	for _, part := range parts {
		go func() { results <- part(ctx) }()
	}
	var first error
	for range parts {
		err := <-results
		if first == nil && err != nil && !errors.Is(err, context.Canceled) {
			first = err
		}
		cancel()
	}
	return first
}
