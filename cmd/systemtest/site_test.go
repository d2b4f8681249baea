package systemtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/evil"
	"github.com/kith-kt/kith/directory/httpapi"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// A site is a provider behind HTTP on loopback, as kithd runs it, but for the
// clock, which the test moves. Liars can take its place: site.front.
type site struct {
	t       testing.TB
	dir     string
	clock   *clock
	op      *operator.Operator
	front   evil.Switch
	server  *httptest.Server
	log     *client.Log
	auditor suite.Signer
	watcher *watcher // nil outside ThirdPartyAuditing
	stop    func()
}

const siteDomain = "example.org"

func newSite(t testing.TB, s settings) *site {
	t.Helper()
	p := &site{t: t, dir: filepath.Join(t.TempDir(), "data"), clock: &clock{now: time.UnixMilli(1_790_000_000_000)}}
	options := operator.Options{
		Domain: siteDomain, Suite: operator.SuiteEd25519, OpaqueValues: true,
		ReasonableMonitoringWindow: s.window, MaximumLifetime: s.lifetime,
		Now: p.clock.Now,
	}
	id := s.suite
	if id == wire.KT_128_SHA256_P256 {
		options.Suite = operator.SuiteP256
	}
	if s.mode == wire.ThirdPartyAuditing {
		kinds, err := suite.Get(id)
		must(t, err)
		p.auditor, err = kinds.GenerateSigner(rand.Reader)
		must(t, err)
		options.Mode = operator.ModeThirdPartyAuditing
		options.Auditor = &operator.Auditor{PublicKey: p.auditor.Public(), MaxLag: time.Hour}
	}
	_, err := operator.Init(p.dir, options)
	must(t, err)
	p.server = httptest.NewServer(&p.front)
	t.Cleanup(p.server.Close)
	p.run(p.dir)
	p.log, err = client.NewLog(*p.op.Configuration())
	must(t, err)
	t.Cleanup(func() { p.shut() })
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run opens and serves a folder.
func (p *site) run(dir string) {
	p.t.Helper()
	limits := httpapi.Unlimited
	op, err := operator.Open(dir, operator.OpenOptions{
		Now: p.clock.Now, After: after, Interval: time.Millisecond, Limits: &limits, MonitorPage: 3,
	})
	must(p.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- op.Run(ctx) }()
	p.op = op
	p.front.Set(op.Handler())
	p.stop = func() {
		cancel()
		if err := <-ran; err != nil {
			p.t.Errorf("run: %v", err)
		}
		must(p.t, op.Close())
	}
	if p.auditor != nil {
		p.watcher = newWatcher(op.Configuration(), p.auditor)
		p.audit()
	}
}

func (p *site) shut() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// audit lets the auditor come by over HTTP, whoever stands in front.
func (p *site) audit() {
	p.t.Helper()
	if p.watcher == nil {
		return
	}
	honest := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/audit/v1/updates?start=%d", p.watcher.state.Size()), nil)
	w := httptest.NewRecorder()
	p.op.Handler().ServeHTTP(w, honest)
	page, err := io.ReadAll(w.Result().Body)
	must(p.t, err)
	if w.Code != http.StatusOK {
		p.t.Fatalf("audit updates: %d %s", w.Code, page)
	}
	head, err := p.watcher.follow(page)
	must(p.t, err)
	must(p.t, p.op.PutAuditorHead(context.Background(), head))
}

// grow adds an entry for some label, an hour later.
func (p *site) grow(label, value string) {
	p.t.Helper()
	p.clock.advance(time.Hour)
	_, err := p.op.Publish(context.Background(), []byte(label), []byte(value))
	must(p.t, err)
	p.audit()
}

// token makes a token with which a label is updated.
func (p *site) token(label string) string {
	p.t.Helper()
	secret, _, err := p.op.Tokens().Create(context.Background(), directory.ScopeUpdate, []byte(label))
	must(p.t, err)
	return secret
}

func (p *site) remote(o remote.Options) *remote.Remote {
	p.t.Helper()
	r, err := remote.New(p.server.URL, o)
	must(p.t, err)
	p.t.Cleanup(r.Close)
	return r
}

// person returns a client who reaches the site over HTTP, without memory.
func (p *site) person(edit func(*client.Config)) *client.Client {
	config := client.Config{
		Service: p.remote(remote.Options{MaxWait: -1}), State: client.NewState(p.log), Now: p.clock.Now,
		Policy: client.Policy{Opaque: true}, Domain: siteDomain,
	}
	if edit != nil {
		edit(&config)
	}
	return client.New(config)
}

// unchanged runs try, which must fail and leave the client's state as it is, to the byte.
func unchanged(t testing.TB, c *client.Client, try func() error) error {
	t.Helper()
	before := c.State().Append(nil)
	err := try()
	if err == nil {
		t.Error("accepted")
	}
	if !bytes.Equal(before, c.State().Append(nil)) {
		t.Errorf("refused, and yet the state has changed (%v)", err)
	}
	return err
}
