package gossip_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/kith-kt/kith/client/gossip"
	"github.com/kith-kt/kith/client/internal/testlog"
	"github.com/kith-kt/kith/proto/evidence"
	message "github.com/kith-kt/kith/proto/gossip"
)

// twoHeads is evidence that w's log signed two heads of one size, of which the user
// holds one.
func (w *world) twoHeads(t testing.TB, envelope []byte) []byte {
	t.Helper()
	other := w.log.Clone()
	for range 2 {
		w.log.Advance(10).Value("alice", "one")
		other.Advance(10).Value("alice", "two")
	}
	head := func(l *testlog.Log) evidence.SignedHead {
		full := l.FullHead(l.Size())
		return evidence.SignedHead{Size: l.Size(), Root: l.Root(l.Size()), Signature: full.TreeHead.Signature}
	}
	e, err := evidence.NewTwoHeads(envelope, head(w.log), head(other))
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEvidenceConvicts: an auditor's evidence about the pinned keys holds.
func TestEvidenceConvicts(t *testing.T) {
	w := newWorld(t, populated())
	file := w.twoHeads(t, w.envelope)
	s := gossip.NewSighting(w.user(t, w.log, nil, nil), w.envelope)
	for _, verdict := range []message.Verdict{message.Contradicts, message.Agrees} { // what counts is the evidence
		a := answers(t, message.Answer{Verdict: verdict, Evidence: file})
		r := w.handIn(t, s, gossip.Options{}, a.URL)[0]
		if r.Verdict == nil || r.NoVerdict != nil || !r.Verdict.Proved || r.Verdict.Kind != evidence.TwoHeads || r.Verdict.Domain != domain {
			t.Errorf("%v: %+v", verdict, r)
		}
	}
}

// TestLyingAuditor: an auditor convicts nobody with evidence that does not hold, or
// holds against somebody else.
func TestLyingAuditor(t *testing.T) {
	w := newWorld(t, populated())
	file := w.twoHeads(t, w.envelope)
	other := newWorld(t, stranger()) // of the same domain
	theirs := other.twoHeads(t, other.envelope)
	s := gossip.NewSighting(w.user(t, w.log, nil, nil), w.envelope)
	cut, changed := file[:len(file)-1], bytes.Clone(file)
	changed[len(changed)/2] ^= 1
	for name, c := range map[string]struct {
		evidence []byte
		want     error
	}{
		"of other keys under the same name": {theirs, evidence.ErrForeign},
		"cut off":                           {cut, evidence.ErrMalformed},
		"changed":                           {changed, evidence.ErrMalformed},
		"garbage":                           {[]byte("they did it"), evidence.ErrMalformed},
		"no evidence":                       {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := answers(t, message.Answer{Verdict: message.Contradicts, Evidence: c.evidence})
			r := w.handIn(t, s, gossip.Options{}, a.URL)[0]
			if r.Verdict != nil || r.NoVerdict == nil || c.want != nil && !errors.Is(r.NoVerdict, c.want) {
				t.Errorf("%+v, %v, want %v", r.Verdict, r.NoVerdict, c.want)
			}
		})
	}
	// A log that the same root keys vouch for is another log all the same.
	next := *w.pinned
	next.Configuration = other.pinned.Configuration
	verdict, err := gossip.Verify(file, &next)
	if !errors.Is(err, evidence.ErrForeign) || verdict == nil {
		t.Errorf("evidence against a log that came before: %v", err)
	}
}

// TestAttested: what rests on the word of somebody says so.
func TestAttested(t *testing.T) {
	w := newWorld(t, populated())
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	head := w.log.FullHead(w.log.Size())
	older := w.log.FullHead(w.log.Size() - 1)
	e, err := evidence.SignStatement(w.envelope, &evidence.Statement{
		Observer: public, Time: 1, About: evidence.Rollback, Entry: w.log.Size() - 1,
		Items: []evidence.Item{
			evidence.ItemHead{Head: evidence.SignedHead{Size: w.log.Size(), Root: w.log.Root(w.log.Size()), Signature: head.TreeHead.Signature}},
			evidence.ItemHead{Head: evidence.SignedHead{Size: w.log.Size() - 1, Root: w.log.Root(w.log.Size() - 1), Signature: older.TreeHead.Signature}},
		},
	}, func(msg []byte) ([]byte, error) { return ed25519.Sign(key, msg), nil })
	if err != nil {
		t.Fatal(err)
	}
	file, err := e.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := gossip.NewSighting(w.user(t, w.log, nil, nil), w.envelope)
	r := w.handIn(t, s, gossip.Options{}, answers(t, message.Answer{Verdict: message.Contradicts, Evidence: file}).URL)[0]
	if r.Verdict == nil || r.Verdict.Proved || r.Verdict.Observer == "" {
		t.Errorf("%+v, %v", r.Verdict, r.NoVerdict)
	}
}
