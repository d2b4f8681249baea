package client_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/wire"
)

const domain = "example.org"

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// person publishes records at alice, as their owner or as the provider would.
type person struct {
	t    *testing.T
	l    *testlog.Log
	last *record.Link
}

func (p *person) put(encoded []byte, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	p.l.Advance(50).Publish(map[string][][]byte{"alice": {encoded}})
	link := record.LinkOf(uint32(len(p.l.Labels["alice"])-1), encoded)
	p.last = &link
}

func content(s string) record.Content {
	return record.Content{Keys: []record.PublishedKey{{Type: record.Age, Data: []byte("age1" + s)}}}
}

func (p *person) imported(s string) {
	p.put(record.NewImported(domain, "alice", p.last, content(s).Keys))
}
func (p *person) claim(s string, k ed25519.PrivateKey) {
	p.put(record.NewClaim(domain, "alice", p.last, content(s), k))
}
func (p *person) owner(s string, k, before ed25519.PrivateKey) {
	p.put(record.NewOwner(domain, "alice", *p.last, content(s), k, before))
}
func (p *person) reset(s string, k ed25519.PrivateKey) {
	p.put(record.NewReset(domain, "alice", p.last, content(s), k, nil))
}

func recordClient(t *testing.T, l *testlog.Log, edit func(*client.Config)) *client.Client {
	return newClient(t, l, func(c *client.Config) {
		c.Domain, c.Policy = domain, client.Policy{}
		if edit != nil {
			edit(c)
		}
	})
}

func kindsOf(events []*record.Event) (kinds []record.EventKind) {
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// wantEvents looks alice up and compares what happened.
func wantEvents(t *testing.T, c *client.Client, want ...record.EventKind) *client.Lookup {
	t.Helper()
	l := lookup(t, c, "alice")
	if got := kindsOf(l.Events); !slices.Equal(got, want) {
		t.Fatalf("events %v, want %v", got, want)
	}
	if l.Record == nil || l.Value == nil || l.Held != nil {
		t.Fatalf("nothing passed the gate: %+v", l)
	}
	return l
}

// TestGateFollowsTheChain goes through a life of a label without a break.
func TestGateFollowsTheChain(t *testing.T) {
	l := contactLog()
	p := &person{t: t, l: l}
	p.imported("zero")
	c, late := recordClient(t, l, nil), recordClient(t, l, nil)
	wantEvents(t, c, record.FirstContact)
	wantEvents(t, late, record.FirstContact)
	wantEvents(t, c)
	p.claim("one", key("alice"))
	wantEvents(t, c, record.Claim)
	p.owner("two", key("alice"), key("alice"))
	p.owner("three", key("alice 2"), key("alice"))
	got := wantEvents(t, c, record.Update, record.KeyChange)
	if got.Version != 3 || string(got.Record.Keys[0].Data) != "age1three" || got.Standing != record.Held {
		t.Errorf("%+v", got)
	}
	wantEvents(t, late, record.Claim, record.Update, record.KeyChange)
	if got := lookup(t, c, "Alice"); got.Label != "alice" {
		t.Errorf("looked %q up", got.Label)
	}
	if len(got.Checks) < 7 {
		t.Errorf("only %d checks are reported", len(got.Checks))
	}
	for _, check := range got.Checks {
		if !check.OK || check.Detail == "" {
			t.Errorf("%+v", check)
		}
	}
}

// TestProviderResetIsNoOwnersChange passes a reset off as an owner's change, in
// the ways a provider could try.
func TestProviderResetIsNoOwnersChange(t *testing.T) {
	for _, c := range []struct {
		name string
		act  func(p *person)
	}{
		{"reset by a new key", func(p *person) { p.reset("evil", key("mallory")) }},
		{"owner record signed by a new key only", func(p *person) {
			p.put(record.NewOwner(domain, "alice", *p.last, content("evil"), key("mallory"), key("mallory")))
		}},
		{"claim of a held label", func(p *person) { p.claim("evil", key("mallory")) }},
		{"asserted over an account", func(p *person) { p.imported("evil") }},
		{"back to an unsigned state, then claimed", func(p *person) {
			p.imported("evil")
			p.claim("evil", key("mallory"))
		}},
		{"owner record on another chain", func(p *person) {
			p.last.Hash[0] ^= 1
			p.owner("evil", key("alice"), key("alice"))
		}},
		{"a version between erased", func(p *person) {
			p.owner("between", key("alice"), key("alice"))
			p.owner("after", key("alice"), key("alice"))
			p.l.Labels["alice"][2].Erased = true
		}},
		{"a version between that is no record", func(p *person) {
			p.put([]byte("no record"), nil)
			p.owner("after", key("alice"), key("alice"))
		}},
		{"a reset between that the owner seems to accept", func(p *person) {
			p.reset("evil", key("mallory"))
			p.owner("after", key("alice"), key("mallory"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := contactLog()
			p := &person{t: t, l: l}
			p.claim("zero", key("alice"))
			gate := recordClient(t, l, nil)
			wantEvents(t, gate, record.FirstContact)
			p.owner("one", key("alice"), key("alice"))
			wantEvents(t, gate, record.Update)
			c.act(p)
			for range 2 { // and it stays so
				got, err := gate.Lookup(t.Context(), "alice", client.Options{})
				if !errors.Is(err, client.ErrUnacknowledged) {
					t.Fatalf("got %v, %v", got, err)
				}
				if got.Value != nil || got.Record != nil || got.Held == nil {
					t.Fatal("a key passed the gate")
				}
			}
			// The owner going on with the new chain does not lift it.
			p.owner("later", key("alice 9"), key("mallory"))
			if _, err := gate.Lookup(t.Context(), "alice", client.Options{}); !errors.Is(err, client.ErrUnacknowledged) {
				t.Fatal(err)
			}
			if err := gate.Acknowledge("alice"); err != nil {
				t.Fatal(err)
			}
			wantEvents(t, gate)
		})
	}
}

// TestGateSettings: what observe, warn and enforce let through.
func TestGateSettings(t *testing.T) {
	l := contactLog()
	p := &person{t: t, l: l}
	p.claim("zero", key("alice"))
	gates := map[client.Setting]*client.Client{}
	s := &switchboard{Service: l}
	for _, setting := range []client.Setting{client.Enforce, client.Warn, client.Observe} {
		gates[setting] = recordClient(t, l, func(c *client.Config) { c.Policy.Setting, c.Service = setting, s })
	}
	own := client.Options{Own: []byte("age1zero")}
	try := func(setting client.Setting) (*client.Lookup, error) {
		return gates[setting].Lookup(t.Context(), "alice", own)
	}
	for setting := range gates {
		got, err := try(setting)
		if err != nil || got.Problem != nil || got.Match == nil || !*got.Match {
			t.Fatalf("%d: %+v, %v", setting, got, err)
		}
		if (got.Value == nil) != (setting == client.Observe) || (got.Found.Value == nil) != (got.Value == nil) {
			t.Errorf("%d: a value, or none", setting)
		}
	}
	p.reset("one", key("mallory"))
	for setting := range gates {
		got, err := try(setting)
		if (err != nil) != (setting == client.Enforce) || !errors.Is(got.Problem, client.ErrUnacknowledged) || len(got.Warnings) == 0 {
			t.Fatalf("%d: %+v, %v", setting, got, err)
		}
		if (got.Value != nil) != (setting == client.Warn) || (got.Found.Value == nil) != (got.Value == nil) || got.Match == nil || *got.Match {
			t.Errorf("%d: %+v", setting, got)
		}
	}
	s.deny = problem.ErrNoAnswer
	for setting := range gates {
		got, err := try(setting)
		if setting == client.Enforce {
			wantKind(t, err, client.Withheld)
			continue
		}
		if err != nil || got.Value != nil || got.Record != nil || got.Match != nil {
			t.Fatalf("%d: %+v, %v", setting, got, err)
		}
		wantKind(t, got.Problem, client.Withheld)
	}
}

// TestPolicy: an auditor demanded, an age demanded.
func TestPolicy(t *testing.T) {
	l := contactLog()
	l.Advance(100).Publish(nil)
	l.Advance(100).Value("alice", "a")
	for _, policy := range []client.Policy{{Opaque: true, RequireAuditor: true}, {Opaque: true, MinimumAge: time.Second}} {
		c := newClient(t, l, func(config *client.Config) { config.Policy = policy })
		got, err := c.Lookup(t.Context(), "alice", client.Options{})
		if !errors.Is(err, client.ErrPolicy) || got.Value != nil {
			t.Errorf("%+v: %v", policy, err)
		}
	}
	l.Advance(10).Publish(nil)
	l.Advance(1000).Publish(nil)
	c := newClient(t, l, func(config *client.Config) {
		config.Policy = client.Policy{Opaque: true, MinimumAge: time.Second}
	})
	lookup(t, c, "alice")
	l = testlog.New(wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, nil)
	l.Value("alice", "a")
	c = newClient(t, l, func(config *client.Config) { config.Policy = client.Policy{Opaque: true, RequireAuditor: true} })
	lookup(t, c, "alice")
}

// TestNotARecord: a proved value that is no record does not pass.
func TestNotARecord(t *testing.T) {
	other, err := record.NewClaim("example.net", "alice", nil, content("zero"), key("alice"))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"no record", string(other)} {
		l := contactLog()
		l.Value("alice", value)
		if got, err := recordClient(t, l, nil).Lookup(t.Context(), "alice", client.Options{}); !errors.Is(err, client.ErrRecord) || got != nil {
			t.Errorf("got %v", err)
		}
	}
}

// TestHistory lists every version, erased ones too.
func TestHistory(t *testing.T) {
	l := contactLog()
	p := &person{t: t, l: l}
	p.claim("zero", key("alice"))
	for i := range 4 {
		p.owner(fmt.Sprint("more", i), key("alice"), key("alice"))
	}
	l.Labels["alice"][2].Erased = true
	links, err := recordClient(t, l, nil).History(t.Context(), "alice", 0)
	if err != nil || len(links) != 5 {
		t.Fatalf("%d links, %v", len(links), err)
	}
	for i, link := range links {
		switch {
		case i == 2 && link.Found != nil, i != 2 && (link.Found == nil || link.Event == nil):
			t.Errorf("%d: %+v", i, link)
		case i == 3 && link.Event.Reason != record.ReasonGap:
			t.Errorf("%d: %+v", i, link.Event)
		}
	}
}

// TestLargeChainIsAGap: nor more bytes than fit into memory.
func TestLargeChainIsAGap(t *testing.T) {
	l := contactLog()
	p := &person{t: t, l: l}
	p.claim("zero", key("alice"))
	c := recordClient(t, l, nil)
	wantEvents(t, c, record.FirstContact)
	large := make([]byte, 16<<20)
	for range 9 {
		l.Advance(10).Publish(map[string][][]byte{"alice": {large}})
	}
	link := record.Link{Version: 9, Hash: p.last.Hash}
	p.last = &link
	p.owner("last", key("alice"), key("alice"))
	before := l.Calls[wire.OpSearch]
	if _, err := c.Lookup(t.Context(), "alice", client.Options{}); !errors.Is(err, client.ErrUnacknowledged) {
		t.Fatal(err)
	}
	if n := l.Calls[wire.OpSearch] - before; n > 5 {
		t.Errorf("%d searches", n)
	}
	if links, err := c.History(t.Context(), "alice", 0); !errors.Is(err, client.ErrArgument) || len(links) > 7 {
		t.Errorf("%d links, %v", len(links), err)
	}
}

// TestLongChainIsAGap: a lookup does not follow more records than it should.
func TestLongChainIsAGap(t *testing.T) {
	l := contactLog()
	p := &person{t: t, l: l}
	p.claim("zero", key("alice"))
	c := recordClient(t, l, nil)
	wantEvents(t, c, record.FirstContact)
	for range 5 {
		var values [][]byte
		for range 250 {
			values = append(values, []byte("x"))
		}
		l.Advance(10).Publish(map[string][][]byte{"alice": values})
	}
	link := record.Link{Version: 1250, Hash: p.last.Hash}
	p.last = &link
	p.owner("last", key("alice"), key("alice"))
	before := l.Calls[wire.OpSearch]
	if _, err := c.Lookup(t.Context(), "alice", client.Options{}); !errors.Is(err, client.ErrUnacknowledged) {
		t.Fatal(err)
	}
	if n := l.Calls[wire.OpSearch] - before; n > 2 {
		t.Errorf("%d searches", n)
	}
}
