package systemtest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/proto/wire"
)

// A holder is who may write records at a label, and what contacts should make of it.
type holder struct {
	w        *world
	label    string
	owner    *person // nil until the label is claimed
	account  ed25519.PrivateKey
	keys     int
	held     bool // somebody holds the label
	versions int
	last     []byte // the newest record
	// since is what happened at each version, as somebody who knew the one before sees it.
	since []record.EventKind
}

func accountKey(n int) ed25519.PrivateKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "account key %d", n))
	return ed25519.NewKeyFromSeed(seed[:])
}

func content(n int) record.Content {
	return record.Content{Keys: []record.PublishedKey{{Type: record.Age, Data: fmt.Appendf(nil, "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmc%03d", n)}}}
}

func (h *holder) link() *record.Link {
	if h.versions == 0 {
		return nil
	}
	l := record.LinkOf(uint32(h.versions-1), h.last)
	return &l
}

// assert is the provider writing in its own name.
func (h *holder) assert(encoded []byte, err error) error {
	if err != nil {
		return err
	}
	update := &directory.Update{Label: []byte(h.label), Values: [][]byte{encoded}}
	if h.versions > 0 {
		last := uint32(h.versions - 1)
		update.Greatest = &last
	}
	if _, err := h.w.seq.Submit(context.Background(), update); err != nil {
		return err
	}
	h.versions, h.last = h.versions+1, encoded
	return h.w.audited()
}

// publish is the holder writing, through a client, who is given the last record.
func (h *holder) publish(build func(last *record.Link) ([]byte, error)) error {
	ctx := context.Background()
	if h.owner == nil {
		h.owner = recordPerson(h.w)
		if _, err := h.owner.c.Own(ctx, h.label); err != nil {
			return err
		}
	}
	published, err := h.owner.c.Publish(ctx, h.label, func(last *client.Found) ([]byte, error) {
		if last == nil {
			return build(nil)
		}
		if !bytes.Equal(last.Value, h.last) {
			return nil, errors.New("the owner is given another last record")
		}
		link := record.LinkOf(last.Version, last.Value)
		return build(&link)
	})
	if err != nil {
		return err
	}
	h.versions, h.last = h.versions+1, published.Value
	return h.w.audited()
}

func recordPerson(w *world) *person {
	p := &person{world: w}
	p.c = client.New(client.Config{Service: p, State: client.NewState(w.log), Now: w.clock.Now, Domain: siteDomain})
	return p
}

// change does one thing to the label that its holder or the provider may do.
func (h *holder) change(t *rapid.T) error {
	h.keys++
	c, n := content(h.keys), h.keys
	happened := func(kind record.EventKind, err error) error {
		if err == nil {
			h.since = append(h.since, kind)
		}
		return err
	}
	if !h.held {
		if rapid.Bool().Draw(t, "assert") {
			return happened(record.Reassertion, h.assert(record.NewImported(siteDomain, h.label, h.link(), c.Keys)))
		}
		h.account, h.held = accountKey(n), true
		return happened(record.Claim, h.publish(func(last *record.Link) ([]byte, error) {
			return record.NewClaim(siteDomain, h.label, last, c, h.account)
		}))
	}
	switch rapid.IntRange(0, 5).Draw(t, "change") {
	case 0, 1, 2:
		return happened(record.Update, h.publish(func(last *record.Link) ([]byte, error) {
			return record.NewOwner(siteDomain, h.label, *last, c, h.account, h.account)
		}))
	case 3:
		before := h.account
		h.account = accountKey(n)
		return happened(record.KeyChange, h.publish(func(last *record.Link) ([]byte, error) {
			return record.NewOwner(siteDomain, h.label, *last, c, h.account, before)
		}))
	case 4: // the account key is lost
		h.account = accountKey(n)
		return happened(record.StartedOver, h.publish(func(last *record.Link) ([]byte, error) {
			return record.NewReset(siteDomain, h.label, last, c, h.account, nil)
		}))
	}
	// The provider passes its own key off as the holder's.
	h.account = accountKey(n)
	return happened(record.StartedOver, h.assert(record.NewOwner(siteDomain, h.label, *h.link(), c, h.account, h.account)))
}

// A follower is a contact, and what it has seen.
type follower struct {
	*person
	seen    int // versions
	blocked bool
}

// look looks the label up. Every event since the last look is told; after a
// reset nothing passes until it was acknowledged.
func (f *follower) look(t *rapid.T, h *holder) error {
	l, err := f.c.Lookup(context.Background(), h.label, client.Options{})
	if l == nil {
		return err
	}
	var want []record.EventKind
	switch {
	case f.seen == 0:
		want = []record.EventKind{record.FirstContact}
	default:
		want = h.since[f.seen:]
	}
	var got []record.EventKind
	for _, e := range l.Events {
		got = append(got, e.Kind)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("after %d of %d versions of %s: told %v, want %v", f.seen, h.versions, h.label, got, want)
	}
	f.seen = h.versions
	f.blocked = f.blocked || slices.Contains(want, record.StartedOver)
	if f.blocked {
		if !errors.Is(err, client.ErrUnacknowledged) || l.Value != nil || l.Record != nil {
			return fmt.Errorf("a reset passes the gate: %v", err)
		}
		if rapid.Bool().Draw(t, "acknowledge") {
			f.blocked = false
			if err := f.c.Acknowledge(h.label); err != nil {
				return err
			}
			return f.look(t, h)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(l.Value, h.last) || l.Record == nil {
		return errors.New("another record than the newest")
	}
	return nil
}

// TestRecordChains: contacts who look from time to time are told exactly what
// happened to the account at a label, whoever did it, and nothing passes the gate
// after a break that they have not acknowledged.
func TestRecordChains(t *testing.T) {
	for _, s := range []settings{
		{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, time.Hour, 0},
		{wire.KT_128_SHA256_P256, wire.ThirdPartyAuditing, time.Hour, 0},
	} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			resets := 0
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t, s)
				defer w.close()
				h := &holder{w: w, label: "ann@example.org"}
				followers := []*follower{{person: recordPerson(w)}, {person: recordPerson(w)}}
				for range rapid.IntRange(2, 15).Draw(t, "steps") {
					if err := h.change(t); err != nil {
						t.Fatal(err)
					}
					if rapid.Bool().Draw(t, "time") {
						w.tick(time.Duration(rapid.Int64Range(1, int64(2*time.Hour)).Draw(t, "tick")))
					}
					f := rapid.SampledFrom(followers).Draw(t, "follower")
					if rapid.Bool().Draw(t, "looks") {
						if err := f.look(t, h); err != nil {
							t.Fatal(err)
						}
					}
					if f.blocked {
						resets++
					}
				}
				for _, f := range followers {
					report, err := f.c.Monitor(context.Background())
					if err == nil {
						err = report.Err()
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			})
			if resets == 0 {
				t.Error("there was no reset")
			}
		})
	}
}

// TestErasedLink: when a record between the pinned one and the newest was erased,
// nobody can tell who changed what: it is a reset, to be acknowledged.
func TestErasedLink(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, settings{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, time.Hour, 0})
	defer w.close()
	h := &holder{w: w, label: "ann@example.org", account: accountKey(0)}
	must(t, h.publish(func(last *record.Link) ([]byte, error) {
		return record.NewClaim(siteDomain, h.label, last, content(0), h.account)
	}))
	contact := recordPerson(w)
	_, err := contact.c.Lookup(ctx, h.label, client.Options{})
	must(t, err)
	for i := range 2 {
		must(t, h.publish(func(last *record.Link) ([]byte, error) {
			return record.NewOwner(siteDomain, h.label, *last, content(1+i), h.account, h.account)
		}))
	}
	must(t, w.seq.Erase(ctx, []byte(h.label), 1))
	l, err := contact.c.Lookup(ctx, h.label, client.Options{})
	if !errors.Is(err, client.ErrUnacknowledged) || l == nil || l.Value != nil || len(l.Events) != 1 || l.Events[0].Reason != record.ReasonGap {
		t.Fatalf("a gap in the chain: %+v, %v", l, err)
	}
	must(t, contact.c.Acknowledge(h.label))
	l, err = contact.c.Lookup(ctx, h.label, client.Options{})
	must(t, err)
	if !bytes.Equal(l.Value, h.last) {
		t.Error("another record than the newest")
	}
}
