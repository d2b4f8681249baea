package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/wire"
)

// A slow client takes nothing until it is let go.
type slow struct {
	*httptest.ResponseRecorder
	sending chan<- struct{}
	release <-chan struct{}
}

func (s *slow) Write(b []byte) (int, error) {
	if len(b) > largeBody {
		s.sending <- struct{}{}
		<-s.release
	}
	return s.ResponseRecorder.Write(b)
}

// TestMemoryForAnswers: clients that do not take their large answers hold no
// more memory than the bound, and one of them no more than its share.
func TestMemoryForAnswers(t *testing.T) {
	const size = 8 << 20
	f := newFixtureOf(t, func(_ context.Context, call wire.Call) ([]byte, error) {
		return make([]byte, len(call.Body)*size), nil
	})
	sending, release := make(chan struct{}), make(chan struct{})
	var clients sync.WaitGroup
	// ask returns the status of an answer, or 0 while it is being sent.
	ask := func(address string) int {
		r := httptest.NewRequest(http.MethodPost, "/kt/v1/search", &counter{left: 1})
		r.Header.Set("Content-Type", MediaType)
		r.RemoteAddr = address
		w := &slow{httptest.NewRecorder(), sending, release}
		done := make(chan struct{})
		clients.Go(func() {
			defer close(done)
			f.routed.ServeHTTP(w, r)
		})
		select {
		case <-sending:
			return 0
		case <-done:
			return w.Code
		}
	}
	for i := range memoryShare / size {
		if status := ask("198.51.100.1:1"); status != 0 {
			t.Fatalf("answer %d to one address: %d", i, status)
		}
	}
	if status := ask("198.51.100.1:2"); status != http.StatusServiceUnavailable {
		t.Errorf("an answer beyond a requester's share: %d", status)
	}
	for i := range (maxMemory - memoryShare) / size {
		if status := ask(fmt.Sprintf("198.51.100.%d:1", 2+i)); status != 0 {
			t.Fatalf("an answer to somebody else: %d", status)
		}
	}
	if status := ask("203.0.113.1:1"); status != http.StatusServiceUnavailable {
		t.Errorf("an answer for which there is no room: %d", status)
	}
	if r := f.do(http.MethodPost, "/kt/v1/search", nil); r.StatusCode != http.StatusOK {
		t.Errorf("a small answer: %d", r.StatusCode)
	}
	close(release)
	clients.Wait()
	if f.answers.lent != 0 || len(f.answers.share) != 0 {
		t.Error("memory for answers was not given back")
	}
}

// TestAuditsCostWhatTheyAre: a large answer to an auditor is paid for from the
// budget of reads.
func TestAuditsCostWhatTheyAre(t *testing.T) {
	c := new(clock)
	f := newFixture(t, func(config *Config) {
		config.Limits, config.Now = Limits{ReadsPerMinute: 60, ReadBurst: 7}, c.Now
	})
	_, err := f.seq.BulkLoad(t.Context(), func(yield func(directory.Load, error) bool) {
		for i := range 4000 {
			if !yield(directory.Load{Label: fmt.Append(nil, i), Value: []byte("x")}, nil) {
				return
			}
		}
	}, directory.BulkOptions{})
	must(t, err)
	if n := len(f.get("/audit/v1/updates?start=0")); n/readBytes != 5 {
		t.Fatalf("an answer of %d bytes does not test this", n)
	}
	f.get("/log/checkpoint") // 1 + 5 + 1
	if r := f.do(http.MethodGet, "/log/checkpoint", nil); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("an eighth read of a burst of 7: %d", r.StatusCode)
	}
	c.now.Add(int64(time.Second))
	f.get("/log/checkpoint")
}

// headsFunc is an auditor's heads that takes all.
type headsFunc func() error

func (h headsFunc) AuditorHead() (*wire.AuditorTreeHead, error) { return nil, nil }

func (h headsFunc) PutAuditorHead(context.Context, *wire.AuditorTreeHead) error { return h() }

// TestAuditorGetsPastWaitingUpdates: updates that wait for the auditor do not
// keep its head out.
func TestAuditorGetsPastWaitingUpdates(t *testing.T) {
	audited := make(chan struct{})
	waiting := make(chan struct{})
	f := newFixture(t, func(c *Config) {
		log := *c.Configuration
		log.Mode = wire.ThirdPartyAuditing
		c.Configuration, c.Limits.ConcurrentUpdates = &log, 1
		c.Auditor = headsFunc(func() error { close(audited); return nil })
		c.Service = serviceFunc(func(context.Context, wire.Call) ([]byte, error) {
			waiting <- struct{}{}
			<-audited
			return nil, nil
		})
	})
	done := make(chan int, 1)
	go func() { done <- f.do(http.MethodPost, "/kt/v1/update", nil).StatusCode }()
	<-waiting
	head := &wire.AuditorTreeHead{Timestamp: 1, TreeSize: 1, Signature: make([]byte, 64)}
	if r := f.do(http.MethodPost, "/audit/v1/head", f.encode(head)); r.StatusCode != http.StatusNoContent {
		close(audited)
		t.Errorf("a head while an update waits for it: %d", r.StatusCode)
	}
	if status := <-done; status != http.StatusOK {
		t.Errorf("an update that waited: %d", status)
	}
}
