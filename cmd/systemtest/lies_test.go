package systemtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/proto/logtree"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// A scene is a site on which a person has looked alice up, and the log has grown
// since.
type scene struct {
	*site
	c *client.Client
}

func newScene(t testing.TB, s settings) *scene {
	p := newSite(t, s)
	p.grow("alice", "a0")
	p.grow("bob", "b0")
	sc := &scene{site: p, c: p.person(nil)}
	must(t, sc.lookup())
	p.grow("alice", "a1")
	p.grow("bob", "b1")
	return sc
}

func (sc *scene) lookup() error {
	_, err := sc.c.Lookup(context.Background(), "alice", client.Options{})
	return err
}

// refuses plays a liar while alice is looked up, and checks that honesty
// is believed again afterwards.
func (sc *scene) refuses(t *testing.T, liar http.Handler) error {
	t.Helper()
	sc.front.Set(liar)
	err := unchanged(t, sc.c, sc.lookup)
	sc.front.Set(sc.op.Handler())
	if e := sc.lookup(); e != nil {
		t.Errorf("the honest answer after the attack: %v", e)
	}
	return err
}

// edit changes every answer to a search.
func (sc *scene) edit(change func(*wire.SearchResponse)) http.Handler {
	f := sc.log.Format()
	return evil.Responses(sc.op.Handler(), wire.OpSearch, func(b []byte) []byte {
		r, err := wire.ParseSearchResponse(b, f, false)
		if err != nil {
			return b
		}
		change(r)
		changed, err := r.Append(nil, f)
		must(sc.t, err)
		return changed
	})
}

// root is the root of the site's log at a size.
func (sc *scene) root(size uint64) wire.HashValue {
	snap, err := sc.op.Sequencer().Snapshot()
	must(sc.t, err)
	defer snap.Release()
	full, err := snap.LogNodes(logtree.FullSubtrees(size))
	must(sc.t, err)
	root, err := logtree.Root(size, full)
	must(sc.t, err)
	return root
}

// sign signs what a provider may sign, and what it may not.
func (sc *scene) sign(signer suite.Signer, tbs interface {
	Append([]byte, wire.Format) ([]byte, error)
}) []byte {
	message, err := tbs.Append(nil, sc.log.Format())
	must(sc.t, err)
	signature, err := signer.Sign(message)
	must(sc.t, err)
	return signature
}

func (sc *scene) auditorTBS(a *wire.AuditorTreeHead, root wire.HashValue) *wire.AuditorTreeHeadTBS {
	return &wire.AuditorTreeHeadTBS{Config: *sc.log.Configuration(), Timestamp: a.Timestamp, TreeSize: a.TreeSize, Root: root}
}

// A refusal says how an error must look.
type refusal func(error) bool

func kind(k client.Kind) refusal {
	return func(err error) bool {
		m, ok := errors.AsType[*client.Misbehaviour](err)
		return ok && m.Kind == k && len(m.Evidence) > 0
	}
}

func (r refusal) or(s refusal) refusal { return func(err error) bool { return r(err) || s(err) } }

func is(target error) refusal { return func(err error) bool { return errors.Is(err, target) } }

func (r refusal) saying(words string) refusal {
	return func(err error) bool { return r(err) && strings.Contains(err.Error(), words) }
}

// TestLies has a provider lie about a label to somebody with memory, over HTTP.
func TestLies(t *testing.T) {
	both := []wire.DeploymentMode{wire.ContactMonitoring, wire.ThirdPartyAuditing}
	audited := both[1:]
	for _, lie := range []struct {
		name  string
		modes []wire.DeploymentMode
		liar  func(*scene) http.Handler
		want  refusal
	}{
		{"another value", both, func(sc *scene) http.Handler {
			return evil.SwapValue(sc.op.Handler(), sc.log.Format(), []byte("the provider's"))
		}, kind(client.BadProof).or(kind(client.BadSignature))}, // as the tree happens to be
		{"another label's answer", both, func(sc *scene) http.Handler {
			return evil.Requests(sc.op.Handler(), wire.OpSearch, func(b []byte) []byte {
				r, err := wire.ParseSearchRequest(b, sc.log.Format())
				must(sc.t, err)
				r.Label = []byte("bob")
				b, err = r.Append(nil, sc.log.Format())
				must(sc.t, err)
				return b
			})
		}, kind(client.BadProof).saying("VRF proof")},
		{"an older version as the newest", both, func(sc *scene) http.Handler {
			f := sc.log.Format()
			asNewest := evil.Responses(sc.op.Handler(), wire.OpSearch, func(b []byte) []byte {
				r, err := wire.ParseSearchResponse(b, f, true)
				must(sc.t, err)
				r.Version = new(uint32)
				b, err = r.Append(nil, f)
				must(sc.t, err)
				return b
			})
			return evil.Requests(asNewest, wire.OpSearch, func(b []byte) []byte {
				r, err := wire.ParseSearchRequest(b, f)
				must(sc.t, err)
				r.Version = new(uint32)
				b, err = r.Append(nil, f)
				must(sc.t, err)
				return b
			})
		}, kind(client.BadProof)},
		{"a proof for nobody's head", both, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) { r.FullTreeHead.TreeHead.Signature[7] ^= 1 })
		}, kind(client.BadSignature)},
		{"another signing key", both, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) {
				other, err := sc.op.Keys().Suite.GenerateSigner(rand.Reader)
				must(sc.t, err)
				h := &r.FullTreeHead.TreeHead
				h.Signature = sc.sign(other, &wire.TreeHeadTBS{Config: *sc.log.Configuration(), TreeSize: h.TreeSize, Root: sc.root(h.TreeSize)})
			})
		}, kind(client.BadSignature)},
		{"the right key under another configuration", both, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) {
				loose := *sc.log.Configuration()
				loose.MaxBehind *= 2
				h := &r.FullTreeHead.TreeHead
				h.Signature = sc.sign(sc.op.Keys().Signer, &wire.TreeHeadTBS{Config: loose, TreeSize: h.TreeSize, Root: sc.root(h.TreeSize)})
			})
		}, kind(client.BadSignature)},
		{"another VRF key", both, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) {
				other, err := sc.op.Keys().Suite.GenerateVRFKey(rand.Reader)
				must(sc.t, err)
				_, r.BinaryLadder[0].Proof = other.Prove(suite.VRFInput([]byte("alice"), 0))
			})
		}, kind(client.BadProof).saying("VRF proof")},
		{"a ladder that stops early", both, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) { r.BinaryLadder = r.BinaryLadder[:1] })
		}, kind(client.BadProof)},
		{"a timestamp of its own", both, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) { r.Search.Timestamps[len(r.Search.Timestamps)-1]++ })
		}, kind(client.BadSignature)},
		{"a smaller log", both, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) { r.FullTreeHead.TreeHead.TreeSize = 1 })
		}, kind(client.RolledBack)},
		{"a label denied", both, func(sc *scene) http.Handler {
			return evil.Withhold(sc.op.Handler(), sc.log.Format())
		}, kind(client.Withheld)},
		{"no auditor", audited, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) { r.FullTreeHead.AuditorTreeHead.TreeSize = 0 })
		}, kind(client.BadAuditor)},
		{"the provider as its own auditor", audited, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) {
				a := r.FullTreeHead.AuditorTreeHead
				a.Signature = sc.sign(sc.op.Keys().Signer, sc.auditorTBS(a, sc.root(a.TreeSize)))
			})
		}, kind(client.BadAuditor)},
		{"an auditor who has seen more than there is", audited, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) { r.FullTreeHead.AuditorTreeHead.TreeSize++ })
		}, kind(client.BadAuditor)},
		{"an auditor who is late", audited, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) {
				a := r.FullTreeHead.AuditorTreeHead
				a.Timestamp -= 3_600_001
				a.Signature = sc.sign(sc.auditor, sc.auditorTBS(a, sc.root(a.TreeSize)))
			})
		}, kind(client.BadAuditor).saying("the auditor is late")},
		{"an auditor ahead of the log", audited, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) {
				a := r.FullTreeHead.AuditorTreeHead
				a.Timestamp++
				a.Signature = sc.sign(sc.auditor, sc.auditorTBS(a, sc.root(a.TreeSize)))
			})
		}, kind(client.BadAuditor).saying("newer")},
		{"an auditor of another tree", audited, func(sc *scene) http.Handler {
			return sc.edit(func(r *wire.SearchResponse) {
				a := r.FullTreeHead.AuditorTreeHead
				a.Signature = sc.sign(sc.auditor, sc.auditorTBS(a, wire.HashValue{1}))
			})
		}, kind(client.BadAuditor)},
	} {
		for _, mode := range lie.modes {
			for _, id := range []wire.CipherSuite{wire.KT_128_SHA256_Ed25519, wire.KT_128_SHA256_P256} {
				t.Run(fmt.Sprintf("%s/mode%d-suite%d", lie.name, mode, id), func(t *testing.T) {
					t.Parallel()
					sc := newScene(t, settings{id, mode, 6 * time.Hour, 0})
					if err := sc.refuses(t, lie.liar(sc)); !lie.want(err) {
						t.Errorf("refused for another reason: %v", err)
					}
				})
			}
		}
	}
}

// TestNobodysAnswers: what does not come from a directory at all is no answer,
// takes neither memory nor time, and says nothing of a label.
func TestNobodysAnswers(t *testing.T) {
	elsewhere := 0
	for _, c := range []struct {
		name string
		liar func(honest http.Handler, body []byte) http.HandlerFunc
		want refusal
	}{
		{"a web page", func(_ http.Handler, _ []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>Welcome to the hotel</html>") }
		}, is(remote.ErrForeign)},
		{"a page that says not found", func(_ http.Handler, _ []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
		}, is(remote.ErrForeign)},
		{"a garbage media type", func(_ http.Handler, b []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "\"; ;;application/vnd.kith.keytrans-526cc8a")
				w.Write(b)
			}
		}, is(remote.ErrForeign)},
		{"a truncated body", func(_ http.Handler, b []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { ours(w, len(b)).Write(b[:len(b)-1]) }
		}, is(problem.ErrUnavailable)},
		{"a body that ends early and says so", func(_ http.Handler, b []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { ours(w, -1).Write(b[:len(b)-1]) }
		}, kind(client.BadProof).saying("malformed")},
		{"nothing", func(http.Handler, []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { ours(w, 0) }
		}, kind(client.BadProof).saying("malformed")},
		{"a body after the body", func(_ http.Handler, b []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { ours(w, -1).Write(append(bytes.Clone(b), b...)) }
		}, kind(client.BadProof).saying("malformed")},
		{"a body above the limit", func(http.Handler, []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { ours(w, 1<<20+1).Write(make([]byte, 1<<20+1)) }
		}, is(remote.ErrForeign).saying("limit")},
		{"an endless body", func(http.Handler, []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				for out := ours(w, -1); ; {
					if _, err := out.Write(make([]byte, 64<<10)); err != nil {
						return
					}
				}
			}
		}, is(remote.ErrForeign).saying("limit")},
		{"silence", func(http.Handler, []byte) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) { gone(r) }
		}, is(context.DeadlineExceeded)},
		{"half an answer, then silence", func(_ http.Handler, b []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				ours(w, len(b)).Write(b[:len(b)/2])
				w.(http.Flusher).Flush()
				gone(r)
			}
		}, is(context.DeadlineExceeded)},
		{"a redirect to another host", func(http.Handler, []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://localhost:1/kt/v1/search", http.StatusTemporaryRedirect)
			}
		}, is(remote.ErrForeign)},
		{"a redirect in a circle", func(http.Handler, []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				elsewhere++
				http.Redirect(w, r, r.URL.Path, http.StatusPermanentRedirect)
			}
		}, is(remote.ErrForeign)},
		{"a compressed body", func(_ http.Handler, b []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				ours(w, -1).Write([]byte{0x1f, 0x8b, 8, 0, 0})
			}
		}, kind(client.BadProof).saying("malformed")},
		{"a teapot", func(http.Handler, []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
		}, is(remote.ErrForeign)},
		{"no content", func(http.Handler, []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
		}, is(remote.ErrForeign)},
		{"everything is broken", func(http.Handler, []byte) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
		}, is(problem.ErrUnavailable)},
	} {
		t.Run(c.name, func(t *testing.T) {
			sc := newScene(t, settings{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 6 * time.Hour, 0})
			call, _, err := sc.c.State().Search("alice", nil)
			must(t, err)
			body, err := sc.op.Directory().Do(context.Background(), call)
			must(t, err)
			state := sc.c.State()
			o := remote.Options{MaxWait: -1, MaxResponse: 1 << 20}
			if strings.Contains(c.name, "silence") { // elsewhere time is not what is measured
				o.Timeout = 250 * time.Millisecond
			}
			r := sc.remote(o)
			sc.c = sc.person(func(config *client.Config) { config.State, config.Service = state, r })
			sc.front.Set(c.liar(sc.op.Handler(), body))
			if err := unchanged(t, sc.c, sc.lookup); !c.want(err) || errors.Is(err, problem.ErrNoAnswer) {
				t.Errorf("refused for another reason: %v", err)
			}
		})
	}
	if elsewhere == 0 || elsewhere > 10 {
		t.Errorf("%d requests went in a circle", elsewhere)
	}
}

// gone waits until who asked has gone away.
func gone(r *http.Request) {
	io.Copy(io.Discard, r.Body) // or the server does not notice
	<-r.Context().Done()
}

// ours begins an answer as a directory does; length -1 leaves its length out.
func ours(w http.ResponseWriter, length int) io.Writer {
	w.Header().Set("Content-Type", remote.MediaType)
	if length >= 0 {
		w.Header().Set("Content-Length", fmt.Sprint(length))
	}
	w.WriteHeader(http.StatusOK)
	return w
}

// TestClocks: a head that is too old or from the future is refused, and it is
// said by how much the clocks disagree.
func TestClocks(t *testing.T) {
	for _, c := range []struct {
		name  string
		shift time.Duration // of the person's clock
		words string
	}{
		{"frozen for a day and a second", 24*time.Hour + time.Second, "behind your clock"},
		{"a person in the past", -time.Minute - time.Second, "ahead of your clock"},
		{"frozen within the limit", 24*time.Hour - time.Second, ""},
		{"ahead within the limit", -time.Minute + time.Second, ""},
	} {
		for _, newcomer := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/newcomer %v", c.name, newcomer), func(t *testing.T) {
				t.Parallel()
				sc := newScene(t, settings{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 6 * time.Hour, 0})
				state := sc.c.State()
				if newcomer {
					state = client.NewState(sc.log)
				}
				sc.c = sc.person(func(config *client.Config) {
					config.State, config.Now = state, func() time.Time { return sc.clock.Now().Add(c.shift) }
				})
				if c.words == "" {
					must(t, sc.lookup())
					return
				}
				err := unchanged(t, sc.c, sc.lookup)
				if !errors.Is(err, client.ErrClock) || !strings.Contains(err.Error(), c.words) {
					t.Errorf("refused for another reason: %v", err)
				}
			})
		}
	}
}

// TestReplay: an old answer is good for the one who asked for it then, for as
// long as its head is fresh; for nobody who knows better.
func TestReplay(t *testing.T) {
	for _, mode := range []wire.DeploymentMode{wire.ContactMonitoring, wire.ThirdPartyAuditing} {
		t.Run(fmt.Sprint("mode", mode), func(t *testing.T) {
			sc := newScene(t, settings{wire.KT_128_SHA256_Ed25519, mode, 6 * time.Hour, 0})
			then := sc.c.State()
			call, _, err := then.Search("alice", nil)
			must(t, err)
			old, err := sc.op.Directory().Do(context.Background(), call)
			must(t, err)
			sc.grow("alice", "a2")
			must(t, sc.lookup())
			now := sc.c.State()

			for _, state := range []*client.State{now, client.NewState(sc.log)} {
				sc.c = sc.person(func(config *client.Config) { config.State = state })
				sc.front.Set(answerWith(&old))
				if err := unchanged(t, sc.c, sc.lookup); !kind(client.BadProof)(err) && !kind(client.RolledBack)(err) {
					t.Errorf("refused for another reason: %v", err)
				}
			}
			// Who asked then has no way to know.
			sc.c = sc.person(func(config *client.Config) { config.State = then })
			must(t, sc.lookup())
			sc.c = sc.person(func(config *client.Config) { config.State = then })
			sc.clock.advance(24 * time.Hour)
			if err := unchanged(t, sc.c, sc.lookup); !errors.Is(err, client.ErrClock) {
				t.Errorf("a day later it is refused for another reason: %v", err)
			}
		})
	}
}

// TestOtherLogs: an older copy of the log, and one that goes on from it
// differently, both with genuine signatures.
func TestOtherLogs(t *testing.T) {
	for _, id := range []wire.CipherSuite{wire.KT_128_SHA256_Ed25519, wire.KT_128_SHA256_P256} {
		t.Run(fmt.Sprint("suite", id), func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			sc := newScene(t, settings{id, wire.ContactMonitoring, 6 * time.Hour, 0})
			sc.shut()
			older, fork := filepath.Join(t.TempDir(), "older"), filepath.Join(t.TempDir(), "fork")
			must(t, os.CopyFS(older, os.DirFS(sc.dir)))
			must(t, os.CopyFS(fork, os.DirFS(sc.dir)))
			private(t, older)
			private(t, fork)
			sc.run(sc.dir)
			sc.grow("alice", "a2")
			must(t, sc.lookup())
			size := sc.c.State().Head().Tree.TreeSize

			serve := func(dir string, until uint64) {
				sc.shut()
				sc.run(dir)
				for {
					snap, err := sc.op.Sequencer().Snapshot()
					must(t, err)
					head := snap.Head()
					snap.Release()
					if head.Size >= until {
						return
					}
					_, err = sc.op.Publish(ctx, []byte("alice"), []byte("the provider's"))
					must(t, err)
				}
			}
			serve(older, 0)
			if err := unchanged(t, sc.c, sc.lookup); !kind(client.RolledBack)(err) {
				t.Errorf("an older log is refused for another reason: %v", err)
			}
			for _, extra := range []uint64{0, 1, 5} {
				serve(fork, size+extra)
				if err := unchanged(t, sc.c, sc.lookup); !kind(client.Forked)(err) {
					t.Errorf("a fork of %d more entries is refused for another reason: %v", extra, err)
				}
			}
			serve(sc.dir, 0)
			must(t, sc.lookup())
		})
	}
}

// private makes a copied folder as private as it was.
func private(t testing.TB, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	}))
}
