package systemtest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// "Users of a Transparency Log deployed in Contact Monitoring mode MUST be able to
// monitor versions of a label they previously looked up, even if they would no
// longer be allowed to make the same query" ("Contact Monitor").
func TestMUSTMonitorWhatWasLookedUp(t *testing.T) {
	ctx := t.Context()
	p := newSite(t, settings{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 6 * time.Hour, 0})
	p.shut()
	config := filepath.Join(p.dir, "config.json")
	b, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(config, bytes.Replace(b, []byte(`"search": "public"`), []byte(`"search": "token"`), 1), 0o644))
	p.run(p.dir)
	for _, label := range []string{"ann", "cyd", "dan", "bob", "eve"} {
		p.grow(label, "0") // bob is in entry 4, right of the distinguished entry 3
	}

	secret, token, err := p.op.Tokens().Create(ctx, directory.ScopeSearch, nil)
	must(t, err)
	c := p.person(func(config *client.Config) { config.Token = func(string) string { return secret } })
	l, err := c.Lookup(ctx, "bob", client.Options{})
	must(t, err)
	if !l.Found.Watched {
		t.Fatal("bob need not be watched")
	}
	must(t, p.op.Tokens().Revoke(ctx, token.ID))
	for i := range 3 {
		p.grow("cyd", string(rune('a'+i)))
	}
	if _, err := c.Lookup(ctx, "bob", client.Options{}); !errors.Is(err, problem.ErrUnauthorized) {
		t.Errorf("a search without the right to it: %v", err)
	}
	for _, unproved := range []*wire.Opening{nil, new(wire.Opening)} {
		call, _, err := c.State().ContactMonitor("bob")
		must(t, err)
		call.Opening = unproved
		if _, err := p.remote(remote.Options{MaxWait: -1}).Do(ctx, call); !errors.Is(err, problem.ErrUnauthorized) {
			t.Errorf("monitored with opening %v: %v", unproved, err)
		}
	}
	m, err := c.Monitor(ctx)
	must(t, err)
	if len(m.Contacts) != 1 || m.Contacts[0].Label != "bob" {
		t.Fatalf("monitored %v", m.Contacts)
	}
	must(t, m.Err())
}
