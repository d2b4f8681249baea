package client_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/wire"
)

// A switchboard is a service that can be exchanged, and can lose replies.
type switchboard struct {
	client.Service
	lose map[wire.Operation]bool // the reply to the next request of this kind
	gone map[wire.Operation]bool // the next request of this kind itself
	deny error                   // for searches
}

func (s *switchboard) Do(ctx context.Context, call wire.Call) ([]byte, error) {
	if s.gone[call.Operation] {
		delete(s.gone, call.Operation)
		return nil, problem.ErrUnavailable
	}
	if s.deny != nil && call.Operation == wire.OpSearch {
		return nil, s.deny
	}
	b, err := s.Service.Do(ctx, call)
	if s.lose[call.Operation] {
		delete(s.lose, call.Operation)
		return nil, problem.ErrUnavailable
	}
	return b, err
}

func lookup(t *testing.T, c *client.Client, label string) *client.Lookup {
	t.Helper()
	l, err := c.Lookup(t.Context(), label, client.Options{})
	if err != nil {
		t.Fatalf("looking %s up: %v", label, err)
	}
	return l
}

// finding looks alice up, expects a finding, and verifies its evidence again.
func finding(t *testing.T, c *client.Client, kind client.Kind) *client.Misbehaviour {
	t.Helper()
	before := string(c.State().Append(nil))
	_, err := c.Lookup(t.Context(), "alice", client.Options{})
	wantKind(t, err, kind)
	if string(c.State().Append(nil)) != before {
		t.Fatal("the state changed")
	}
	m, _ := errors.AsType[*client.Misbehaviour](err)
	if m.Evidence == nil {
		t.Fatal("there is no evidence")
	}
	return m
}

// TestRolledBackHead puts an old backup of the log back.
func TestRolledBackHead(t *testing.T) {
	l, _ := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	s := &switchboard{Service: l}
	c := newClient(t, l, func(config *client.Config) { config.Service = s })
	lookup(t, c, "alice")
	s.Service = l.Truncated(l.Size() - 4)
	m := finding(t, c, client.RolledBack)
	if !strings.Contains(m.Detail, "15 entries now") {
		t.Error(m.Detail)
	}
	if _, v, err := client.VerifySaved(m.Against); err != nil || v.State.Head().Tree.TreeSize != l.Size()-4 {
		t.Errorf("the shorter head is not in evidence: %v", err)
	}
	s.Service = l
	lookup(t, c, "alice")
}

// TestForkedHead has the log go two ways: seen at the same size, and longer.
func TestForkedHead(t *testing.T) {
	for _, more := range []int{0, 1, 5} {
		l, _ := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
		s := &switchboard{Service: l}
		c := newClient(t, l, func(config *client.Config) { config.Service = s })
		lookup(t, c, "alice")
		fork := l.Truncated(l.Size() - 1)
		fork.Value("alice", "the attacker's key")
		for range more {
			fork.Advance(10).Publish(nil)
		}
		l.Time = fork.Time
		s.Service = fork
		finding(t, c, client.Forked)
	}
}

// TestTamperedProofIsNoFork has somebody between the client and an honest log.
func TestTamperedProofIsNoFork(t *testing.T) {
	l, _ := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	s := &switchboard{Service: l}
	c := newClient(t, l, func(config *client.Config) { config.Service = s })
	lookup(t, c, "alice")
	l.Advance(100).Publish(nil)
	s.Service = serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
		b, err := l.Do(ctx, call)
		if call.Operation == wire.OpSearch && err == nil {
			b[len(b)-1] ^= 1
		}
		return b, err
	})
	m := finding(t, c, "")
	if m.Kind == client.Forked || m.Kind == client.RolledBack || m.Against != nil {
		t.Errorf("called %s", m.Kind)
	}
	saved, _, err := client.VerifySaved(m.Evidence)
	wantKind(t, err, m.Kind)
	if len(saved.Exchanges) != 1 {
		t.Error("not one exchange in evidence")
	}
}

type serviceFunc func(context.Context, wire.Call) ([]byte, error)

func (f serviceFunc) Do(ctx context.Context, call wire.Call) ([]byte, error) { return f(ctx, call) }

// TestWithheld: a label that was proved before is not answered now.
func TestWithheld(t *testing.T) {
	l, _ := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	s := &switchboard{Service: l}
	c := newClient(t, l, func(config *client.Config) { config.Service = s })
	if _, err := c.Lookup(t.Context(), "nobody", client.Options{}); !errors.Is(err, problem.ErrNoAnswer) {
		t.Fatalf("an unknown label: %v", err)
	}
	lookup(t, c, "alice")
	s.deny = problem.ErrNoAnswer
	finding(t, c, client.Withheld)
	if _, err := c.Lookup(t.Context(), "alice", client.Options{Version: ptr(uint32(0))}); !errors.Is(err, problem.ErrNoAnswer) || errors.As(err, new(*client.Misbehaviour)) {
		t.Errorf("an older version may have been erased: %v", err)
	}
	s.deny = problem.ErrUnavailable
	if _, err := c.Lookup(t.Context(), "alice", client.Options{}); !errors.Is(err, problem.ErrUnavailable) || errors.As(err, new(*client.Misbehaviour)) {
		t.Errorf("being unavailable is no misbehaviour: %v", err)
	}
}

// TestUnsavedStateIsNoResult: no result leaves before its state is durable.
func TestUnsavedStateIsNoResult(t *testing.T) {
	l, _ := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	full := errors.New("disk full")
	store := &memory{err: full}
	c := newClient(t, l, func(config *client.Config) { config.Store = store })
	if got, err := c.Lookup(t.Context(), "alice", client.Options{}); !errors.Is(err, full) || got != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	if got, err := c.History(t.Context(), "alice", 0); !errors.Is(err, full) || got != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	store.err = nil
	lookup(t, c, "alice")
	if len(store.saved) != 1 {
		t.Errorf("saved %d times", len(store.saved))
	}
	lookup(t, c, "alice")
	if len(store.saved) != 1 {
		t.Errorf("saved %d times, though nothing changed", len(store.saved))
	}
}

func publish(t *testing.T, c *client.Client, label, value string) (*client.Published, error) {
	t.Helper()
	return c.Publish(t.Context(), label, func(*client.Found) ([]byte, error) { return []byte(value), nil })
}

// TestPublish goes through an ownership with two devices.
func TestPublish(t *testing.T) {
	eachKind(t, func(t *testing.T, l *testlog.Log) {
		phone, laptop := newClient(t, l, nil), newClient(t, l, nil)
		if _, err := publish(t, phone, "alice", "a"); !errors.Is(err, client.ErrNotOwned) {
			t.Fatalf("without ownership: %v", err)
		}
		for _, c := range []*client.Client{phone, laptop} {
			if o, err := c.Own(t.Context(), "alice"); err != nil || o.Greatest != nil {
				t.Fatalf("%+v, %v", o, err)
			}
		}
		l.Advance(100)
		p, err := publish(t, phone, "alice", "from the phone")
		if err != nil || !p.New || p.Version != 0 || p.Position != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		l.Advance(100)
		p, err = laptop.Publish(t.Context(), "alice", func(last *client.Found) ([]byte, error) {
			if string(last.Value) != "from the phone" {
				t.Errorf("building on %q", last.Value)
			}
			return []byte("from the laptop"), nil
		})
		if err != nil || p.Version != 1 || len(p.Others) != 1 || p.Others[0].Own {
			t.Fatalf("%+v, %v", p, err)
		}
		// The laptop never published "from the phone", so it says so.
		m, err := laptop.Monitor(t.Context())
		if err != nil || m.Err() != nil || len(m.Owned) != 1 || len(m.Owned[0].Alerts) != 1 || m.Owned[0].Alerts[0] != 0 {
			t.Fatalf("%+v, %v", m, err)
		}
		if err := laptop.Edit(func(s *client.State) (*client.State, error) { return s.WithoutAlerts("alice"), nil }); err != nil {
			t.Fatal(err)
		}
		for range 6 {
			l.Advance(900).Publish(nil)
		}
		for _, c := range []*client.Client{phone, laptop} {
			m, err := c.Monitor(t.Context())
			if err != nil || m.Err() != nil {
				t.Fatalf("%v, %v", err, m.Err())
			}
			if r := m.Owned[0]; *r.Greatest != 1 || r.Verified == 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}

// TestUnexpectedVersion: the owner hears of a version the provider published.
func TestUnexpectedVersion(t *testing.T) {
	eachKind(t, func(t *testing.T, l *testlog.Log) {
		c := newClient(t, l, nil)
		if _, err := c.Own(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
		l.Advance(10)
		if _, err := publish(t, c, "alice", "mine"); err != nil {
			t.Fatal(err)
		}
		l.Advance(10).Value("alice", "not mine")
		m, err := c.Monitor(t.Context())
		if err != nil || m.Err() != nil {
			t.Fatalf("%v, %v", err, m.Err())
		}
		r := m.Owned[0]
		if len(r.Unexpected) != 1 || string(r.Unexpected[0].Values[0]) != "not mine" || len(r.Alerts) != 1 || r.Alerts[0] != 1 {
			t.Fatalf("%+v", r)
		}
		if m, _ := c.Monitor(t.Context()); len(m.Owned[0].Unexpected) != 0 || len(m.Owned[0].Alerts) != 1 {
			t.Error("an alert stays until it is taken note of, and is found once")
		}
	})
}

// TestLostReply loses requests and replies of updates. The owner's own value that
// comes back later is a success.
func TestLostReply(t *testing.T) {
	l := contactLog()
	s := &switchboard{Service: l, lose: map[wire.Operation]bool{}, gone: map[wire.Operation]bool{}}
	store := &memory{}
	c := newClient(t, l, func(config *client.Config) { config.Service, config.Store = s, store })
	if _, err := c.Own(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	l.Advance(100)
	s.lose[wire.OpUpdate] = true
	if _, err := publish(t, c, "alice", "once"); !errors.Is(err, problem.ErrUnavailable) {
		t.Fatalf("the reply was lost: %v", err)
	}
	// The program ends; another starts from what was saved.
	last := store.saved[len(store.saved)-1]
	state, err := client.ParseState(last, c.State().Log())
	if err != nil {
		t.Fatal(err)
	}
	c = newClient(t, l, func(config *client.Config) { config.Service, config.Store, config.State = s, store, state })
	p, err := c.Publish(t.Context(), "alice", func(last *client.Found) ([]byte, error) {
		if last == nil || string(last.Value) != "once" {
			t.Errorf("building on %+v", last)
		}
		return nil, nil // it is there already
	})
	if err != nil || p.New || p.Version != 0 || len(p.Others) != 1 || !p.Others[0].Own {
		t.Fatalf("%+v, %v", p, err)
	}
	if o := c.State().Owned("alice"); len(o.Alerts) != 0 || o.Intent != nil {
		t.Errorf("the own value is held against the directory: %+v", o)
	}
	// A request that never arrived.
	s.gone[wire.OpUpdate] = true
	if _, err := publish(t, c, "alice", "twice"); !errors.Is(err, problem.ErrUnavailable) {
		t.Fatal(err)
	}
	l.Advance(100)
	if p, err := publish(t, c, "alice", "twice"); err != nil || !p.New || p.Version != 1 || len(p.Others) != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	if len(l.Labels["alice"]) != 2 {
		t.Errorf("there are %d versions", len(l.Labels["alice"]))
	}
}

// TestIntentIsSavedFirst ends the program while the request is under way.
func TestIntentIsSavedFirst(t *testing.T) {
	l := contactLog()
	store, sent := &memory{}, false
	c := newClient(t, l, func(config *client.Config) {
		config.Store = store
		config.Service = serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
			if call.Operation == wire.OpUpdate {
				sent = true
				s, err := client.ParseState(store.saved[len(store.saved)-1], config.State.Log())
				if err != nil {
					t.Fatal(err)
				}
				if i := s.Owned("alice").Intent; i == nil || string(i.Values[0]) != "mine" {
					t.Error("the request is sent before it is saved")
				}
			}
			return l.Do(ctx, call)
		})
	})
	if _, err := c.Own(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	if _, err := publish(t, c, "alice", "mine"); err != nil || !sent {
		t.Fatal(err)
	}
}

// TestLostReplyAndAttack answers a retry with a value that the owner did not send.
func TestLostReplyAndAttack(t *testing.T) {
	l := contactLog()
	s := &switchboard{Service: l, gone: map[wire.Operation]bool{}}
	c := newClient(t, l, func(config *client.Config) { config.Service = s })
	if _, err := c.Own(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	s.gone[wire.OpUpdate] = true
	if _, err := publish(t, c, "alice", "mine"); err == nil {
		t.Fatal("nothing was lost")
	}
	l.Advance(10).Value("alice", "not mine")
	m, err := c.Monitor(t.Context())
	if err != nil || len(m.Owned[0].Unexpected) != 1 || len(m.Owned[0].Recovered) != 0 {
		t.Fatalf("%+v, %v", m, err)
	}
}

// TestOwnAgain starts an ownership anew, after versions the user did not know.
func TestOwnAgain(t *testing.T) {
	l := contactLog()
	for i := range 5 {
		l.Advance(600).Value("alice", value("alice", uint32(i)))
	}
	c := newClient(t, l, nil)
	for range 2 {
		o, err := c.Own(t.Context(), "alice")
		if err != nil || o.Greatest == nil || *o.Greatest != 4 {
			t.Fatalf("%+v, %v", o, err)
		}
		if len(c.State().Owned("alice").Alerts) != 0 {
			t.Error("versions from before the ownership are alerts")
		}
		l.Advance(600).Publish(nil)
	}
}

// TestOwnAgainInterrupted starts an ownership anew while there are alerts, and is
// interrupted: what is saved can be read again.
func TestOwnAgainInterrupted(t *testing.T) {
	l := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, func(c *wire.Configuration) { c.ReasonableMonitoringWindow = 60_000 })
	for range 3 {
		l.Advance(10).Publish(nil)
	}
	s := &switchboard{Service: l}
	store := &memory{}
	c := newClient(t, l, func(config *client.Config) { config.Service, config.Store = s, store })
	if _, err := c.Own(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		l.Advance(10).Value("alice", value("alice", uint32(i)))
	}
	if m, err := c.Monitor(t.Context()); err != nil || m.Err() != nil || len(m.Owned[0].Alerts) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	updates := 0
	s.Service = serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
		if call.Operation == wire.OpUpdate {
			if updates++; updates == 2 {
				return nil, problem.ErrUnavailable
			}
		}
		return l.Do(ctx, call)
	})
	if _, err := c.Own(t.Context(), "alice"); !errors.Is(err, problem.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	saved, err := client.ParseState(store.saved[len(store.saved)-1], c.State().Log())
	if err != nil {
		t.Fatalf("the state that was saved: %v", err)
	}
	if got := saved.Owned("alice").Alerts; !slices.Equal(got, []uint32{0, 1}) {
		t.Errorf("alerts %v", got)
	}
}

// TestWithheldFromOwner has the directory refuse to say how a version came about.
func TestWithheldFromOwner(t *testing.T) {
	l := contactLog()
	s := &switchboard{Service: l}
	c := newClient(t, l, func(config *client.Config) { config.Service = s })
	unaware := newClient(t, l, func(config *client.Config) { config.Service = s })
	for _, owner := range []*client.Client{c, unaware} {
		if _, err := owner.Own(t.Context(), "alice"); err != nil {
			t.Fatal(err)
		}
	}
	l.Advance(10).Value("alice", "not mine")
	s.Service = serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
		if call.Operation == wire.OpUpdate {
			return nil, problem.ErrRefused
		}
		return l.Do(ctx, call)
	})
	m, err := c.Monitor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, m.Err(), client.Withheld)
	// It hides the version from searches too: too late for an owner to whom it was
	// proved, and for another one monitoring does not come to its end.
	s.deny = problem.ErrNoAnswer
	for range 9 {
		l.Advance(900).Publish(nil)
	}
	for owner, kind := range map[*client.Client]client.Kind{c: client.Withheld, unaware: client.Unexpected} {
		if m, err = owner.Monitor(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantKind(t, m.Err(), kind)
		if kind != client.Unexpected {
			continue
		}
		found, _ := errors.AsType[*client.Misbehaviour](m.Err())
		if saved, _, err := client.VerifySaved(found.Evidence); err != nil || len(saved.Exchanges) == 0 {
			t.Errorf("the evidence of the owner that did not get on: %v, %v", saved, err)
		}
	}
	_, err = c.Publish(t.Context(), "alice", func(*client.Found) ([]byte, error) {
		t.Error("a version is to follow none, where one was proved")
		return []byte("mine"), nil
	})
	wantKind(t, err, client.Withheld)
	if found, _ := errors.AsType[*client.Misbehaviour](err); found.Evidence == nil {
		t.Error("nothing in evidence")
	}
}

// TestForkFoundWhileMonitoring: what a closer look found is not taken for less.
func TestForkFoundWhileMonitoring(t *testing.T) {
	l := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, func(c *wire.Configuration) { c.ReasonableMonitoringWindow = 60_000 })
	l.Advance(10).Publish(nil)
	l.Advance(10).Value("alice", "a")
	s := &switchboard{Service: l}
	c := newClient(t, l, func(config *client.Config) { config.Service = s })
	lookup(t, c, "alice")
	fork := l.Truncated(l.Size() - 1)
	fork.Value("alice", "the attacker's key")
	walked := false
	s.Service = serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
		switch {
		case call.Operation == wire.OpContactMonitor:
			return nil, problem.ErrRefused
		case !walked:
			walked = true
			return l.Do(ctx, call)
		}
		return fork.Do(ctx, call)
	})
	m, err := c.Monitor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, m.Err(), client.Forked)
	if found, _ := errors.AsType[*client.Misbehaviour](m.Err()); found.Against == nil {
		t.Error("the other log is not in evidence")
	}
}

// TestBusyIsNoFork has an honest log decline, and be busy when it is looked at more closely.
func TestBusyIsNoFork(t *testing.T) {
	l, _ := grown(t, wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, nil)
	s := &switchboard{Service: l}
	c := newClient(t, l, func(config *client.Config) { config.Service = s })
	lookup(t, c, "alice")
	l.Advance(100).Publish(nil)
	for _, busy := range []error{problem.ErrUnavailable, &problem.RateLimit{}, context.DeadlineExceeded} {
		calls := 0
		s.Service = serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
			switch calls++; calls {
			case 1:
				return nil, problem.ErrRefused
			case 2: // somebody new is answered
				return l.Do(ctx, call)
			}
			return nil, busy
		})
		if _, err := c.Lookup(t.Context(), "alice", client.Options{}); !errors.Is(err, problem.ErrRefused) || errors.As(err, new(*client.Misbehaviour)) {
			t.Errorf("%v: got %v", busy, err)
		}
	}
}

// TestUnwatchable has the directory refuse contact monitoring.
func TestUnwatchable(t *testing.T) {
	l := testlog.New(wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, func(c *wire.Configuration) { c.ReasonableMonitoringWindow = 60_000 })
	l.Advance(10).Publish(nil)
	l.Advance(10).Value("alice", "a")
	s := &switchboard{Service: l}
	c := newClient(t, l, func(config *client.Config) { config.Service = s })
	if !lookup(t, c, "alice").Found.Watched {
		t.Fatal("nothing to watch")
	}
	if m, err := c.Monitor(t.Context()); err != nil || m.Err() != nil || m.Contacts[0].Left != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	s.Service = serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
		if call.Operation == wire.OpContactMonitor {
			if call.Opening == nil || *call.Opening != l.Labels["alice"][0].Opening {
				t.Error("the opening that proves the former right to search is missing")
			}
			return nil, problem.ErrNoAnswer
		}
		return l.Do(ctx, call)
	})
	m, err := c.Monitor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, m.Err(), client.Withheld)
}
