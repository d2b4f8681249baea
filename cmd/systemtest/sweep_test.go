package systemtest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/proto/wire"
)

// An exchange is a request, its honest response, and how its user verifies one.
type exchange struct {
	name     string
	call     wire.Call
	response []byte
	verify   func(response []byte) (next *client.State, err error)
}

// A gatherer makes exchanges with an honest site, from one state.
type gatherer struct {
	p     *site
	r     *remote.Remote
	token string
	list  []*exchange
}

func gather[T any](g *gatherer, name string) func(call wire.Call, verify client.Verify[T], err error) {
	return func(call wire.Call, verify client.Verify[T], err error) {
		g.p.t.Helper()
		must(g.p.t, err)
		call.Token = g.token
		response, err := g.r.Do(context.Background(), call)
		if err != nil {
			g.p.t.Fatalf("%s: %v", name, err)
		}
		now := g.p.clock.Now()
		e := &exchange{name: name, call: call, response: response, verify: func(b []byte) (*client.State, error) {
			_, next, err := verify(b, now)
			return next, err
		}}
		if _, err := e.verify(response); err != nil {
			g.p.t.Fatalf("%s: the honest response: %v", name, err)
		}
		g.list = append(g.list, e)
	}
}

// everyOperation makes each request from the state of one user, who owns a label
// and watches another; also as a newcomer, where that makes a difference.
func everyOperation(t testing.TB, s settings) (*site, *client.State, []*exchange) {
	ctx := context.Background()
	p := newSite(t, s)
	token := p.token("alice")
	c := p.person(func(config *client.Config) { config.Token = func(string) string { return token } })
	p.grow("bob", "b0")
	_, err := c.Own(ctx, "alice")
	must(t, err)
	for i := range 3 {
		p.clock.advance(time.Hour)
		_, err := c.Publish(ctx, "alice", func(*client.Found) ([]byte, error) { return fmt.Appendf(nil, "a%d", i), nil })
		must(t, err)
		p.audit()
	}
	p.grow("bob", "b1")
	l, err := c.Lookup(ctx, "bob", client.Options{})
	must(t, err)
	if s.mode == wire.ContactMonitoring && !l.Found.Watched {
		t.Fatal("bob is not watched")
	}
	for i := range 7 {
		p.grow("cyd", fmt.Sprint("c", i))
	}
	g := &gatherer{p: p, r: p.remote(remote.Options{}), token: token}
	state, version := c.State(), uint32(1)
	gather[*client.Found](g, "search")(state.Search("alice", nil))
	gather[*client.Found](g, "search by a newcomer")(client.NewState(p.log).Search("alice", nil))
	gather[*client.Found](g, "search of a version")(state.Search("alice", &version))
	if s.mode == wire.ContactMonitoring {
		gather[*client.Watched](g, "contact monitor")(state.ContactMonitor("bob"))
	}
	walked, err := c.Walk(ctx)
	must(t, err)
	gather[*client.Initialised](g, "owner init")(state.OwnerInit("bob", walked.Positions[len(walked.Positions)-1]))
	gather[*client.OwnerWatched](g, "owner monitor")(state.OwnerMonitor("alice"))
	gather[*client.Walked](g, "distinguished")(state.Walk(nil))
	again := c.State() // which knows the newest head
	gather[*client.Found](g, "search under the same head")(again.Search("alice", nil))
	gather[*client.Walked](g, "distinguished under the same head")(again.Walk(nil))
	gather[*client.Updated](g, "update")(state.Update("alice", [][]byte{[]byte("a3")}))
	return p, state, g.list
}

// TestFlipEveryByte turns one bit of every byte of a response to each operation,
// on its way over HTTP: all are refused, and nothing of them is remembered.
// In a soak it is every bit, for every kind of log.
func TestFlipEveryByte(t *testing.T) {
	for i, s := range []settings{
		{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 6 * time.Hour, 0},
		{wire.KT_128_SHA256_P256, wire.ThirdPartyAuditing, 6 * time.Hour, 0},
		{wire.KT_128_SHA256_P256, wire.ContactMonitoring, 6 * time.Hour, 0},
		{wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, 6 * time.Hour, 0},
	} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			p, state, all := everyOperation(t, s)
			before := state.Append(nil)
			stride, bits := 1, 1
			if i > 0 {
				stride = 3
			}
			if soak() {
				stride, bits = 1, 8
			}
			for _, e := range all {
				t.Run(e.name, func(t *testing.T) { flipThrough(t, p, e, stride, bits) })
			}
			if !bytes.Equal(before, state.Append(nil)) {
				t.Error("the state has changed")
			}
		})
	}
}

func soak() bool { return os.Getenv("KITH_SOAK") != "" }

// answerWith answers everything with one body.
func answerWith(body *[]byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", remote.MediaType)
		w.Write(*body)
	})
}

func flipThrough(t *testing.T, p *site, e *exchange, stride, bits int) {
	sent := bytes.Clone(e.response)
	p.front.Set(answerWith(&sent))
	defer p.front.Set(p.op.Handler())
	r := p.remote(remote.Options{})
	try := func() error {
		got, err := r.Do(context.Background(), e.call)
		if err != nil {
			t.Fatal(err)
		}
		next, err := e.verify(got)
		if next != nil && err != nil {
			t.Fatal("a refused response has a next state")
		}
		return err
	}
	if err := try(); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	for i := 0; i < len(sent); i += stride {
		for bit := range bits {
			mask := byte(1) << ((i + bit) % 8)
			sent[i] ^= mask
			if try() == nil {
				t.Errorf("bit %#02x of byte %d of %d may be flipped", mask, i, len(sent))
			}
			sent[i] ^= mask
		}
	}
	if err := try(); err != nil {
		t.Fatalf("restored: %v", err)
	}
	for _, n := range []int{0, 1, len(sent) / 2, len(sent) - 1} {
		whole := sent
		sent = sent[:n]
		if try() == nil {
			t.Errorf("the first %d of %d bytes are accepted", n, len(whole))
		}
		sent = whole
	}
	sent = append(sent, 0)
	if try() == nil {
		t.Error("a byte too many is accepted")
	}
}
