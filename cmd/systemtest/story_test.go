package systemtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/proto/combined"
	"github.com/kith-kt/kith/proto/wire"
)

var operationSettings = []settings{
	{wire.KT_128_SHA256_Ed25519, wire.ContactMonitoring, 3 * time.Hour, 0},
	{wire.KT_128_SHA256_P256, wire.ContactMonitoring, 3 * time.Hour, 0},
	{wire.KT_128_SHA256_Ed25519, wire.ThirdPartyAuditing, 3 * time.Hour, 0},
	{wire.KT_128_SHA256_P256, wire.ThirdPartyAuditing, 3 * time.Hour, 0},
}

// A teller plays a story: one user of a log that is the same every time.
type teller struct {
	t     *testing.T
	w     *world
	state *client.State
	story *story
}

// tell writes down what one user asks of a log with fixed keys, clock and
// randomness, who owns alice's label and looks bob up.
func tell(t *testing.T, s settings) *story {
	w := newWorldFrom(t, s, rand.NewChaCha8(sha256.Sum256([]byte(s.String()))))
	defer w.close()
	config, err := w.config.Append(nil, w.config.Format())
	must(t, err)
	g := &teller{t: t, w: w, state: client.NewState(w.log), story: &story{
		Draft:         "draft-ietf-keytrans-protocol, commit 526cc8a",
		Suite:         map[wire.CipherSuite]string{wire.KT_128_SHA256_P256: "KT_128_SHA256_P256", wire.KT_128_SHA256_Ed25519: "KT_128_SHA256_Ed25519"}[s.suite],
		Mode:          map[wire.DeploymentMode]string{wire.ContactMonitoring: "contactMonitoring", wire.ThirdPartyAuditing: "thirdPartyAuditing"}[s.mode],
		Configuration: config,
	}}
	g.grow("bob", "b0")
	g.grow("cyd", "c0")
	g.ask("a newcomer learns of the distinguished log entries", false, asking(g.state.Walk(nil)))
	start, ok := g.state.RightmostDistinguished()
	if !ok {
		t.Fatal("no distinguished log entry")
	}
	g.ask("the user becomes the owner of a label that does not exist", false, asking(g.state.OwnerInit("alice", start)))
	g.ask("the owner creates version 0", false, asking(g.state.Update("alice", [][]byte{[]byte("a0")})))
	g.grow("bob", "b1")
	g.ask("the owner creates versions 1 to 3 at once", false, asking(g.state.Update("alice", [][]byte{[]byte("a1"), []byte("a2"), []byte("a3")})))
	g.grow("cyd", "c1")
	g.grow("alice", "somebody else's")
	g.ask("the owner, who knows of version 3, is told of version 4 instead", false, asking(g.state.Update("alice", [][]byte{[]byte("a4")})))
	g.grow("bob", "b2")
	g.ask("a greatest-version search", false, asking(g.state.Search("bob", nil)))
	g.ask("the same search by a newcomer", true, asking(client.NewState(w.log).Search("bob", nil)))
	g.ask("the same search again: the tree head has not changed", false, asking(g.state.Search("bob", nil)))
	version := uint32(1)
	g.ask("a fixed-version search", false, asking(g.state.Search("bob", &version)))
	for i := range 5 {
		g.grow("cyd", fmt.Sprint("c", 2+i))
	}
	if s.mode == wire.ContactMonitoring {
		g.ask("bob is monitored", false, asking(g.state.ContactMonitor("bob")))
	}
	g.ask("the owner monitors; the directory stops after three log entries", false, asking(g.state.OwnerMonitor("alice")))
	g.ask("the owner goes on", false, asking(g.state.OwnerMonitor("alice")))
	g.ask("the distinguished log entries to the right of one", false, asking(g.state.Walk(&start)))
	start, _ = g.state.RightmostDistinguished()
	g.ask("the user becomes the owner of a label that exists", false, asking(g.state.OwnerInit("cyd", start)))
	g.ask("a search by a newcomer in a larger log", true, asking(client.NewState(w.log).Search("alice", nil)))
	return g.story
}

func asking[T any](call wire.Call, _ client.Verify[T], err error) func() (wire.Call, error) {
	return func() (wire.Call, error) { return call, err }
}

// grow adds a log entry, an hour later.
func (g *teller) grow(label, value string) {
	g.w.clock.advance(time.Hour)
	u := &directory.Update{Label: []byte(label), Values: [][]byte{[]byte(value)}}
	stored, err := g.w.stored(label)
	must(g.t, err)
	if n := len(stored); n > 0 {
		last := uint32(n - 1)
		u.Greatest = &last
	}
	_, err = g.w.seq.Submit(context.Background(), u)
	must(g.t, err)
	must(g.t, g.w.audited())
}

func (g *teller) ask(comment string, newcomer bool, asked func() (wire.Call, error)) {
	g.t.Helper()
	call, err := asked()
	must(g.t, err)
	s := g.state
	if newcomer {
		s = client.NewState(g.w.log)
	}
	label, _, verify, err := ask(s, call.Operation, call.Body)
	must(g.t, err)
	if call.Operation == wire.OpUpdate {
		g.w.clock.advance(time.Hour)
	}
	response, err := g.w.Do(context.Background(), call)
	if err != nil {
		g.t.Fatalf("%s: %v", comment, err)
	}
	must(g.t, g.w.audited())
	now := g.w.clock.Now()
	e, next, err := verify(response, now)
	if err != nil {
		g.t.Fatalf("%s: %v", comment, err)
	}
	e.Next = retainedBy(next, call.Operation, label)
	st := &step{
		Comment: comment, Operation: call.Operation.String(), Newcomer: newcomer, Prior: retainedBy(s, call.Operation, label),
		Request: call.Body, Response: response, Received: decimal(now.UnixMilli()), Expect: e,
	}
	for _, n := range g.edits(call, response) {
		_, _, err := verify(n.apply(response), now)
		if n.As = refusedAs(err); n.As == "" {
			g.t.Fatalf("%s: %s: %v", comment, n.Reason, err)
		}
		st.Negative = append(st.Negative, n)
	}
	for reason, at := range map[string]time.Time{
		"received when the log has become too old":    now.Add(time.Duration(g.w.config.MaxBehind+1) * time.Millisecond),
		"received when the log was in the future yet": now.Add(-time.Duration(g.w.config.MaxAhead+1)*time.Millisecond - 24*time.Hour),
	} {
		received := decimal(at.UnixMilli())
		st.Negative = append(st.Negative, &refused{Reason: reason, As: "clock", Received: &received})
	}
	if st.Negative[len(st.Negative)-1].Reason < st.Negative[len(st.Negative)-2].Reason { // a map has no order
		n := len(st.Negative)
		st.Negative[n-1], st.Negative[n-2] = st.Negative[n-2], st.Negative[n-1]
	}
	g.story.Steps = append(g.story.Steps, st)
	if !newcomer {
		g.state = next
	}
}

// parts are what responses have in common.
type parts struct {
	head   *wire.FullTreeHead
	proof  *wire.CombinedTreeProof
	ladder *[]wire.BinaryLadderStep // nil: none in this operation
	search *wire.SearchResponse     // nil: not a search
	encode func([]byte, wire.Format) ([]byte, error)
}

func partsOf(t *testing.T, call wire.Call, response []byte, f wire.Format) parts {
	var err error
	var p parts
	switch call.Operation {
	case wire.OpSearch:
		request, e := wire.ParseSearchRequest(call.Body, f)
		must(t, e)
		var r *wire.SearchResponse
		if r, err = wire.ParseSearchResponse(response, f, request.Version != nil); err == nil {
			p = parts{&r.FullTreeHead, &r.Search, &r.BinaryLadder, r, r.Append}
		}
	case wire.OpContactMonitor:
		var r *wire.ContactMonitorResponse
		if r, err = wire.ParseContactMonitorResponse(response, f); err == nil {
			p = parts{&r.FullTreeHead, &r.Monitor, nil, nil, r.Append}
		}
	case wire.OpOwnerInit:
		var r *wire.OwnerInitResponse
		if r, err = wire.ParseOwnerInitResponse(response, f); err == nil {
			p = parts{&r.FullTreeHead, &r.Init, &r.BinaryLadder, nil, r.Append}
		}
	case wire.OpOwnerMonitor:
		var r *wire.OwnerMonitorResponse
		if r, err = wire.ParseOwnerMonitorResponse(response, f); err == nil {
			p = parts{&r.FullTreeHead, &r.Monitor, nil, nil, r.Append}
		}
	case wire.OpUpdate:
		var r *wire.UpdateResponse
		if r, err = wire.ParseUpdateResponse(response, f); err == nil {
			p = parts{&r.FullTreeHead, &r.Update, &r.BinaryLadder, nil, r.Append}
		}
	case wire.OpDistinguished:
		var r *wire.DistinguishedResponse
		if r, err = wire.ParseDistinguishedResponse(response, f); err == nil {
			p = parts{&r.FullTreeHead, &r.Distinguished, nil, nil, r.Append}
		}
	}
	must(t, err)
	return p
}

// edits are ways to spoil a response, as far as it has what they spoil.
func (g *teller) edits(call wire.Call, response []byte) (out []*refused) {
	f := g.w.config.Format()
	for _, c := range []struct {
		reason string
		edit   func(p *parts)
	}{
		{"another signature of the tree head", func(p *parts) {
			if p.head.HeadType == wire.HeadUpdated {
				p.head.TreeHead.Signature[10] ^= 1
			}
		}},
		{"a tree head of another size", func(p *parts) {
			if p.head.HeadType == wire.HeadUpdated {
				p.head.TreeHead.TreeSize++
			}
		}},
		{"a tree head that is smaller than the one advertised", func(p *parts) {
			if p.head.HeadType == wire.HeadUpdated && g.state.Head() != nil {
				p.head.TreeHead.TreeSize = 1
			}
		}},
		{"another signature of the auditor's tree head", func(p *parts) {
			if a := p.head.AuditorTreeHead; a != nil {
				a.Signature[10] ^= 1
			}
		}},
		{"an auditor's tree head with another timestamp", func(p *parts) {
			if a := p.head.AuditorTreeHead; a != nil {
				a.Timestamp--
			}
		}},
		{"an auditor's tree head of a larger log", func(p *parts) {
			if a := p.head.AuditorTreeHead; a != nil {
				a.TreeSize = p.head.TreeHead.TreeSize + 1
			}
		}},
		{"another timestamp", func(p *parts) {
			if n := len(p.proof.Timestamps); n > 0 {
				p.proof.Timestamps[n-1]++
			}
		}},
		{"a timestamp is missing", func(p *parts) {
			if n := len(p.proof.Timestamps); n > 0 {
				p.proof.Timestamps = p.proof.Timestamps[:n-1]
			}
		}},
		{"a timestamp too many", func(p *parts) {
			if n := len(p.proof.Timestamps); n > 0 {
				p.proof.Timestamps = append(p.proof.Timestamps, p.proof.Timestamps[n-1])
			}
		}},
		{"a prefix proof is missing", func(p *parts) {
			// An owner who monitors would take it for a shorter page.
			if n := len(p.proof.PrefixProofs); n > 0 && call.Operation != wire.OpOwnerMonitor {
				p.proof.PrefixProofs = p.proof.PrefixProofs[:n-1]
			}
		}},
		{"a prefix proof too many", func(p *parts) {
			if n := len(p.proof.PrefixProofs); n > 0 {
				p.proof.PrefixProofs = append(p.proof.PrefixProofs, p.proof.PrefixProofs[n-1])
			}
		}},
		{"another element in a prefix proof", func(p *parts) {
			for i := range p.proof.PrefixProofs {
				if e := p.proof.PrefixProofs[i].Elements; len(e) > 0 {
					e[0][0] ^= 1
					return
				}
			}
		}},
		{"a prefix root too many", func(p *parts) { p.proof.PrefixRoots = append(p.proof.PrefixRoots, wire.HashValue{}) }},
		{"another prefix root", func(p *parts) {
			if len(p.proof.PrefixRoots) > 0 {
				p.proof.PrefixRoots[0][0] ^= 1
			}
		}},
		{"another element of the inclusion proof", func(p *parts) {
			if e := p.proof.Inclusion.Elements; len(e) > 0 {
				e[0][0] ^= 1
			}
		}},
		{"an element of the inclusion proof is missing", func(p *parts) {
			if n := len(p.proof.Inclusion.Elements); n > 0 {
				p.proof.Inclusion.Elements = p.proof.Inclusion.Elements[:n-1]
			}
		}},
		{"an element of the inclusion proof too many", func(p *parts) {
			p.proof.Inclusion.Elements = append(p.proof.Inclusion.Elements, wire.HashValue{})
		}},
		{"another VRF proof", func(p *parts) {
			if p.ladder != nil && len(*p.ladder) > 0 {
				(*p.ladder)[0].Proof[40] ^= 1
			}
		}},
		{"a step of the binary ladder is missing", func(p *parts) {
			if p.ladder != nil && len(*p.ladder) > 0 {
				*p.ladder = (*p.ladder)[1:]
			}
		}},
		{"a step of the binary ladder too many", func(p *parts) {
			if p.ladder != nil && len(*p.ladder) > 0 {
				*p.ladder = append(*p.ladder, (*p.ladder)[0])
			}
		}},
		{"a commitment for a version that does not exist", func(p *parts) {
			switch {
			case p.ladder == nil:
			case p.search == nil:
				for i := range *p.ladder {
					if last := &(*p.ladder)[len(*p.ladder)-1-i]; last.Commitment == nil {
						last.Commitment = new(wire.HashValue)
						return
					}
				}
			case p.search.Version != nil: // in a fixed-version search it may exist, and nobody looks at it
				for i, v := range combined.SearchVersions(*p.search.Version) {
					if v > *p.search.Version {
						(*p.ladder)[i].Commitment = new(wire.HashValue)
						return
					}
				}
			}
		}},
		{"a commitment for the target version", func(p *parts) {
			if p.search != nil && p.search.Version != nil {
				i := slices.Index(combined.SearchVersions(*p.search.Version), *p.search.Version)
				(*p.ladder)[i].Commitment = new(wire.HashValue)
			}
		}},
		{"another value", func(p *parts) {
			if p.search != nil {
				p.search.Value.Value = []byte("x0")
			}
		}},
		{"another opening", func(p *parts) {
			if p.search != nil {
				p.search.Opening[0] ^= 1
			}
		}},
		{"another version as the greatest", func(p *parts) {
			if p.search != nil && p.search.Version != nil {
				*p.search.Version--
			}
		}},
	} {
		p := partsOf(g.t, call, bytes.Clone(response), f) // whose slices are of the response
		c.edit(&p)
		spoilt, err := p.encode(nil, f)
		must(g.t, err)
		if !bytes.Equal(spoilt, response) {
			out = append(out, difference(c.reason, response, spoilt))
		}
	}
	out = append(out, difference("an octet is missing", response, response[:len(response)-1]))
	return append(out, difference("an octet too many", response, append(bytes.Clone(response), 0)))
}

// difference is the one edit that makes b of a.
func difference(reason string, a, b []byte) *refused {
	front := 0
	for front < min(len(a), len(b)) && a[front] == b[front] {
		front++
	}
	back := 0
	for back < min(len(a), len(b))-front && a[len(a)-1-back] == b[len(b)-1-back] {
		back++
	}
	return &refused{Reason: reason, Offset: front, Remove: len(a) - front - back, Insert: octets(b[front : len(b)-back])}
}
