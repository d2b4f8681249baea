package systemtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/wire"
)

// onlyPublish publishes one value.
func onlyPublish(t testing.TB, p *person, label, value string) *client.Published {
	t.Helper()
	published, err := p.c.Publish(context.Background(), label, func(*client.Found) ([]byte, error) { return []byte(value), nil })
	must(t, err)
	return published
}

// TestErasedIsNoAccusation: a version that was replaced and then erased is not
// answered for, and that is nobody's fault, also for those who saw it as the
// newest. The newest one withheld is.
func TestErasedIsNoAccusation(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, settings{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, time.Hour, 0})
	defer w.close()
	owner, contact := w.person(), w.person()
	_, err := owner.c.Own(ctx, "a")
	must(t, err)
	onlyPublish(t, owner, "a", "old")
	_, err = contact.c.Lookup(ctx, "a", client.Options{})
	must(t, err)
	onlyPublish(t, owner, "a", "new")
	must(t, w.seq.Erase(ctx, []byte("a"), 0))
	if _, err := contact.c.Lookup(ctx, "a", client.Options{Version: ptr(uint32(0))}); !noAnswer(err) {
		t.Errorf("an erased version: %v", err)
	}
	l, err := contact.c.Lookup(ctx, "a", client.Options{})
	must(t, err)
	if string(l.Value) != "new" {
		t.Errorf("the newest version is %q", l.Value)
	}
	report, err := contact.c.Monitor(ctx)
	must(t, err)
	must(t, report.Err()) // the erased version is still watched

	// Denied is another matter.
	liar := client.New(client.Config{
		Service: serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
			if r, err := wire.ParseSearchRequest(call.Body, w.config.Format()); err == nil && call.Operation == wire.OpSearch {
				r.Label = []byte("nobody")
				call.Body, _ = r.Append(nil, w.config.Format())
			}
			return w.Do(ctx, call)
		}),
		State: contact.c.State(), Now: w.clock.Now, Policy: client.Policy{Opaque: true},
	})
	for _, version := range []*uint32{nil, ptr(uint32(1))} {
		if _, err := liar.Lookup(ctx, "a", client.Options{Version: version}); !kind(client.Withheld)(err) {
			t.Errorf("the newest version denied: %v", err)
		}
	}
}

// TestStuckOwnerStartsAgain: an owner who did not come by before a version was
// erased is not told of it, and begins again at a later distinguished log entry.
// Until then nothing is forgotten, and no version of their own is held against
// anybody.
func TestStuckOwnerStartsAgain(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, settings{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, time.Hour, 0})
	defer w.close()
	one, two := w.person(), w.person()
	for _, p := range []*person{one, two} {
		_, err := p.c.Own(ctx, "a")
		must(t, err)
	}
	onlyPublish(t, one, "a", "one's")
	for i := range 4 { // log entries 2 to 5, of which 3 is distinguished
		onlyPublish(t, two, "a", fmt.Sprint("two's ", i))
	}
	must(t, w.seq.Erase(ctx, []byte("a"), 3))
	before := one.c.State().Owned("a")
	_, err := one.c.Own(ctx, "a") // the log is too young for a later start
	m, ok := errors.AsType[*client.Misbehaviour](err)
	if !ok || m.Kind != client.Withheld {
		t.Fatalf("an owner is not stuck: %v", err)
	}
	after := one.c.State().Owned("a")
	if g, _ := after.Greatest(); g.Version != 0 || after.Start != before.Start || len(after.Alerts) != 0 {
		t.Errorf("half an ownership is kept: %+v", after)
	}
	report, err := one.c.Monitor(ctx)
	must(t, err)
	if !errors.As(report.Err(), &m) || m.Kind != client.Withheld {
		t.Errorf("monitoring: %v", report.Err())
	}
	for range 3 {
		w.tick(13 * time.Hour)
	}
	o, err := one.c.Own(ctx, "a")
	must(t, err)
	if o.Greatest == nil || *o.Greatest != 4 || len(o.Since) != 0 {
		t.Errorf("begins with %+v", o)
	}
	if p := onlyPublish(t, one, "a", "one's again"); p.Version != 5 || len(p.Others) != 0 {
		t.Errorf("published %+v", p)
	}
}
