package gossip

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/gossip"
)

// serve is an auditor of a branch over HTTP. lie may answer before it.
func (b *branch) serve(size int, lie func(w http.ResponseWriter, r *http.Request) bool) (*Desk, string) {
	d := b.desk()
	m := mirror{branch: b, size: size}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // also so that a client that goes away is noticed
		must(b.t, err)
		if lie != nil && lie(w, r) {
			return
		}
		rest, mirrored := strings.CutPrefix(r.URL.Path, "/p/example.org/")
		switch {
		case r.URL.Path == "/gossip/v1/sightings" && r.Method == http.MethodPost:
			answer, err := Desks{d}.Answer(r.Context(), body, "a peer")
			if err != nil {
				b.t.Error(err)
			}
			w.Header().Set("Content-Type", gossip.MediaType)
			w.Write(answer)
		case rest == "log/checkpoint" && mirrored:
			w.Header().Set("Content-Type", "text/plain")
			note, _ := m.Checkpoint(r.Context())
			w.Write(note)
		case rest == ".well-known/kith.json" && mirrored:
			w.Header().Set("Content-Type", "application/json")
			w.Write(b.envelope)
		default:
			tile, err := checkpoint.ParseTilePath(strings.TrimPrefix(rest, "log/"))
			must(b.t, err)
			data, err := m.Tile(r.Context(), tile)
			must(b.t, err)
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(data)
		}
	}))
	b.t.Cleanup(server.Close)
	return d, server.URL
}

// exchanged is one exchange of a desk with the auditor at an address.
func exchanged(t *testing.T, d *Desk, address string) PeerStatus {
	t.Helper()
	return exchangedWithin(t, 0, d, address)
}

// exchangedWithin is exchanged where every request has so long; 0: as long as in earnest.
func exchangedWithin(t *testing.T, timeout time.Duration, d *Desk, address string) PeerStatus {
	t.Helper()
	p, err := NewPeers([]string{address}, Desks{d}, PeerOptions{Timeout: timeout, Now: at(epoch)})
	must(t, err)
	defer p.Close()
	if s := p.Status(d); len(s) != 1 || s[0].Says != "not asked yet" {
		t.Errorf("%+v", s)
	}
	p.Once(t.Context())
	return p.Status(d)[0]
}

// TestPeers: two auditors of one log agree, wherever each stands.
func TestPeers(t *testing.T) {
	k := newKeys(t, "provider")
	for _, sizes := range [][2]int{{300, 300}, {10, 300}, {300, 10}, {1, 1}} {
		ours, theirs := k.branch().grow(300, "x").audit(sizes[0]), k.branch().grow(300, "x").audit(sizes[1])
		_, address := theirs.serve(sizes[1], nil)
		d := ours.desk()
		s := exchanged(t, d, address)
		if !s.Agrees || s.Size != uint64(sizes[1]) || s.Address != address || ours.kindOf()+theirs.kindOf() != "" {
			t.Errorf("%v: %+v", sizes, s)
		}
	}
}

// TestPeersOfAFork: one exchange convicts on both sides.
func TestPeersOfAFork(t *testing.T) {
	for _, sizes := range [][2]int{{100, 100}, {60, 100}, {100, 60}} {
		ours, theirs := fork(t, 40, 60, 60)
		ours.audit(sizes[0])
		theirs.audit(sizes[1])
		d, address := theirs.serve(sizes[1], nil)
		s := exchanged(t, ours.desk(), address)
		if ours.kindOf() == "" || s.Agrees {
			t.Errorf("%v: not convicted: %+v", sizes, s)
		}
		theirs.audit(100)
		must(t, d.Advance())
		if theirs.kindOf() == "" {
			t.Errorf("%v: the other is not convicted: %+v", sizes, s)
		}
		if s := exchanged(t, ours.desk(), address); !strings.Contains(s.Says, "evidence") {
			t.Errorf("%v: then it says %q", sizes, s.Says)
		}
	}
}

// TestLyingPeers: whatever a peer answers, it convicts nobody, and costs a bounded
// time and memory.
func TestLyingPeers(t *testing.T) {
	other, theirs := fork(t, 5, 30, 30)
	stranger := newKeys(t, "stranger").branch().grow(30, "y").audit(30)
	forged := func(evidence []byte) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPost {
				return false
			}
			a := gossip.Answer{Size: 30, Verdict: gossip.Contradicts, Root: theirs.leaves[29].Root, Evidence: evidence}
			b, err := a.Append(nil)
			must(t, err)
			w.Header().Set("Content-Type", gossip.MediaType)
			w.Write(b)
			return true
		}
	}
	s := newKeys(t, "stranger").branch().grow(30, "z")
	strangersDesk := stranger.desk()
	strangersDesk.Answer(s.heads(20), "somebody") // evidence against another provider of this domain
	if stranger.kindOf() == "" {
		t.Fatal("no evidence")
	}
	for name, lie := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"no evidence at all":                  forged([]byte("garbage")),
		"evidence against another provider":   forged(stranger.convicts[0]),
		"another status":                      func(w http.ResponseWriter, r *http.Request) bool { w.WriteHeader(500); return true },
		"an answer that is none":              func(w http.ResponseWriter, r *http.Request) bool { io.WriteString(w, "hello"); return true },
		"another log's answer for everything": nil,
		"an endless answer": func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", gossip.MediaType)
			for page := make([]byte, 1<<20); r.Context().Err() == nil; {
				if _, err := w.Write(page); err != nil {
					return true
				}
			}
			return true
		},
		"a slow answer": func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", gossip.MediaType)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		},
		"slow tiles": func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "checkpoint") {
				w.Header().Set("Content-Type", "text/plain")
				w.Write(other.checkpoint(35))
				return true
			}
			if strings.Contains(r.URL.Path, "tile") {
				<-r.Context().Done()
				return true
			}
			return false
		},
	} {
		ours := theirs.keys.branch().grow(5, "shared").grow(30, "other").audit(20)
		liar := theirs.keys.branch().grow(5, "shared").grow(30, "other").audit(20)
		if lie == nil {
			lie = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "checkpoint") {
					w.Header().Set("Content-Type", "text/plain")
					w.Write(stranger.checkpoint(30))
					return true
				}
				return false
			}
		}
		_, address := liar.serve(20, lie)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		status := exchangedWithin(t, 300*time.Millisecond, ours.desk(), address)
		runtime.ReadMemStats(&after)
		if status.Agrees || ours.kindOf() != "" {
			t.Errorf("%s: %+v, convicted of %q", name, status, ours.kindOf())
		}
		if took := time.Since(began); took > peerTimeout { // which a single request may take otherwise
			t.Errorf("%s: took %v", name, took)
		}
		if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 16<<20 {
			t.Errorf("%s: %d bytes were allocated", name, grown)
		}
		if len(status.Says) == 0 || len(status.Says) > 300 {
			t.Errorf("%s: says %q", name, status.Says)
		}
	}
}

// TestUnfollowed: a peer that does not follow the log, or has nothing audited, is said
// to.
func TestUnfollowed(t *testing.T) {
	ours := newKeys(t, "provider").branch().grow(30, "x").audit(20)
	decline := func(status int) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprint(w, "{}")
			return true
		}
	}
	_, address := ours.serve(20, decline(404))
	if s := exchanged(t, ours.desk(), address); s.Says != "does not follow this log" || s.Agrees || s.At.IsZero() {
		t.Errorf("%+v", s)
	}
	_, address = ours.serve(20, decline(503))
	if s := exchanged(t, ours.desk(), address); !strings.HasPrefix(s.Says, "could not be asked") || s.Agrees || !s.At.IsZero() {
		t.Errorf("%+v", s)
	}
	empty := ours.keys.branch().grow(3, "x")
	if s := exchanged(t, empty.desk(), address); s.Says != "nothing is audited here yet" {
		t.Errorf("%+v", s)
	}
}

// TestPeersStop: what is under way ends with the context.
func TestPeersStop(t *testing.T) {
	ours := newKeys(t, "provider").branch().grow(30, "x").audit(20)
	asked := make(chan struct{}, 1)
	_, address := ours.serve(20, func(w http.ResponseWriter, r *http.Request) bool {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-r.Context().Done()
		return true
	})
	p, err := NewPeers([]string{address}, Desks{ours.desk()}, PeerOptions{})
	must(t, err)
	defer p.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	<-asked
	stop()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(peerPatience):
		t.Error("it does not stop")
	}
}
