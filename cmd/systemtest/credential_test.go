package systemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/proto/wire"
)

// overTheWire is what somebody else receives of a credential.
func overTheWire(t testing.TB, c *wire.Credential, f wire.Format) *wire.Credential {
	t.Helper()
	b, err := c.Append(nil, f)
	must(t, err)
	received, err := wire.ParseCredential(b, f)
	must(t, err)
	return received
}

// TestCredentials: ann shows bob her key herself. He, who has never asked the
// directory for it, verifies it from the log entries that he knows.
func TestCredentials(t *testing.T) {
	for _, mode := range []wire.DeploymentMode{wire.ContactMonitoring, wire.ThirdPartyAuditing} {
		for _, id := range []wire.CipherSuite{wire.KT_128_SHA256_Ed25519, wire.KT_128_SHA256_P256} {
			s := settings{id, mode, 3 * time.Hour, 0}
			t.Run(s.String(), func(t *testing.T) {
				t.Parallel()
				ctx := context.Background()
				p := newSite(t, s)
				p.grow("ann", "a0")
				for i := range 12 {
					p.grow("somebody", fmt.Sprint(i))
				}
				ann := p.person(nil)
				asked := 0
				counted := serviceFunc(func(ctx context.Context, call wire.Call) ([]byte, error) {
					asked++
					return p.op.Directory().Do(ctx, call)
				})
				bob := p.person(func(c *client.Config) { c.Service = counted })
				_, err := bob.Walk(ctx)
				must(t, err)
				asked = 0

				l, err := ann.Lookup(ctx, "ann", client.Options{})
				must(t, err)
				standard, err := ann.State().StandardCredential(l.Found)
				must(t, err)
				got, err := bob.State().VerifyCredential(overTheWire(t, standard, p.log.Format()))
				must(t, err)
				if got.Label != "ann" || got.Version != 0 || string(got.Value) != "a0" || got.Provisional != nil {
					t.Errorf("credited %+v", got)
				}
				_, err = p.person(nil).State().VerifyCredential(standard)
				if !errors.Is(err, client.ErrNotRecent) {
					t.Errorf("somebody who knows no log entry: %v", err)
				}
				flipCredential(t, bob.State(), standard, p.log.Format())

				// A new key, which is in no log entry that bob knows.
				_, err = ann.Walk(ctx)
				must(t, err)
				known := bob.State().Distinguished()
				position := known[len(known)-1].Position
				_, err = p.op.Publish(ctx, []byte("ann"), []byte("a1"))
				must(t, err)
				p.audit()
				call, verify, err := ann.State().ProvisionalCredential("ann", position)
				must(t, err)
				response, err := p.op.Directory().Do(ctx, call)
				must(t, err)
				provisional, err := verify(response, p.clock.Now())
				must(t, err)
				before := bob.State().Append(nil)
				got, err = bob.State().VerifyCredential(overTheWire(t, provisional, p.log.Format()))
				must(t, err)
				if got.Label != "ann" || got.Version != 1 || string(got.Value) != "a1" || got.Provisional == nil {
					t.Errorf("credited %+v", got)
				}
				flipCredential(t, bob.State(), provisional, p.log.Format())
				if err := bob.State().FinishCredential(got.Provisional, nil); !errors.Is(err, client.ErrNotRecent) {
					t.Errorf("finished too early: %v", err)
				}
				if asked != 0 || !bytes.Equal(before, bob.State().Append(nil)) {
					t.Errorf("credentials made %d requests, or changed what bob remembers", asked)
				}
			})
		}
	}
}

// flipCredential turns one bit of every byte.
func flipCredential(t *testing.T, s *client.State, c *wire.Credential, f wire.Format) {
	t.Helper()
	b, err := c.Append(nil, f)
	must(t, err)
	for i := range b {
		b[i] ^= 1 << (i % 8)
		if flipped, err := wire.ParseCredential(b, f); err == nil {
			if _, err := s.VerifyCredential(flipped); err == nil {
				t.Errorf("bit %d of byte %d of %d may be flipped", i%8, i, len(b))
			}
		}
		b[i] ^= 1 << (i % 8)
	}
}

// TestSplitView: a provider who shows two people two logs is found out when they
// compare what they know of the distinguished log entries; honest people, who
// looked at different times, always overlap.
func TestSplitView(t *testing.T) {
	ctx := context.Background()
	p := newSite(t, settings{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 3 * time.Hour, 0})
	for i := range 9 {
		p.grow("somebody", fmt.Sprint(i))
	}
	p.shut()
	fork := filepath.Join(t.TempDir(), "fork")
	must(t, os.CopyFS(fork, os.DirFS(p.dir)))
	private(t, fork)
	p.run(p.dir)

	ann, bob := p.person(nil), p.person(nil)
	compare := func(a, b *client.Client) error {
		const n = 2
		return client.CompareRoots(a.State().DistinguishedHead(n).Heads, b.State().DistinguishedHead(n).Heads)
	}
	for i := range 12 {
		for _, c := range []*client.Client{ann, bob} {
			if i%2 == 0 || c == ann { // bob looks half as often
				_, err := c.Walk(ctx)
				must(t, err)
			}
		}
		must(t, compare(ann, bob))
		p.grow("somebody", fmt.Sprint("more ", i))
	}
	// The other log, to somebody who has never seen the first.
	p.shut()
	p.clock.advance(-12 * time.Hour)
	p.run(fork)
	for i := range 12 {
		p.grow("somebody", fmt.Sprint("otherwise ", i))
	}
	eve := p.person(nil)
	_, err := eve.Walk(ctx)
	must(t, err)
	if err := compare(ann, eve); !errors.Is(err, client.ErrNoOverlap) {
		t.Errorf("two logs look like one: %v", err)
	}
	if err := unchanged(t, ann, func() error { _, err := ann.Walk(ctx); return err }); !kind(client.Forked)(err) {
		t.Errorf("ann is shown the other log: %v", err)
	}
}
