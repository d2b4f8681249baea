package gossip

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/wire"
)

// A worded is a court whose auditor ended for something that it can only attest.
type worded struct {
	*branch
	word []byte
}

func (w worded) Findings() []watch.Finding {
	return append([]watch.Finding{{ID: "word", Final: true}}, w.branch.Findings()...)
}

func (w worded) Evidence(id string) ([]byte, error) {
	if id == "word" {
		return w.word, nil
	}
	return w.branch.Evidence(id)
}

// TestWordDoesNotStandBeforeProof: a provider that was caught at what an auditor can only
// attest, which nobody else need believe, is convicted of what is proved all the same.
func TestWordDoesNotStandBeforeProof(t *testing.T) {
	ours, theirs := fork(t, 5, 10, 10)
	ours.audit(15)
	_, observer, err := ed25519.GenerateKey(seeded("observer"))
	must(t, err)
	e, err := evidence.SignStatement(ours.envelope, &evidence.Statement{Observer: observer.Public().(ed25519.PublicKey), Time: epoch, About: evidence.BadAnswer,
		Items: []evidence.Item{evidence.Served("/x", []byte("y"), 10)}}, func(msg []byte) ([]byte, error) { return ed25519.Sign(observer, msg), nil })
	must(t, err)
	word, err := e.Append(nil)
	must(t, err)
	court := worded{ours, word}
	d := NewDesk(ours, court, Options{Now: at(epoch)})
	if a := answer(t, d, ours.heads(9)); !bytes.Equal(a.Evidence, word) {
		t.Errorf("what the auditor attests is not told: %v, %d bytes of evidence", a.Verdict, len(a.Evidence))
	}
	a := answer(t, d, theirs.heads(9))
	if a.Verdict != gossip.Contradicts || ours.kindOf() != "head-and-leaf" {
		t.Errorf("%v, convicted of %q", a.Verdict, ours.kindOf())
	}
	if e, err := evidence.Parse(a.Evidence); err != nil || e.Kind == evidence.Stated {
		t.Errorf("a word is told, and not the proof: %v", err)
	}
}

// TestRenewedDocuments: a document that is renewed often leaves room for what is to be compared.
func TestRenewedDocuments(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(40, "x").audit(10)
	d := b.desk()
	for i := range 3 * maxEnvelopes {
		b.document.Version++
		b.envelope = b.sign(b.document)
		answer(t, d, b.heads(12+i))
		if s := d.Status(); s.Waiting != 1 || s.Dropped != 0 {
			t.Fatalf("renewed %d times: %+v", i, s)
		}
		b.audit(12 + i)
		must(t, d.Advance())
	}
}

// TestLateGiveWay: a provider that fills the pool, from many places, with heads of sizes
// that its log never comes to keeps nobody out for longer than these are late.
func TestLateGiveWay(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(2000, "x").audit(10)
	d := NewDesk(b, b, Options{Now: at(epoch), Skew: time.Minute})
	for i := range maxSeen {
		s := b.sighting()
		s.Heads = append(s.Heads, b.headOf(uint64(5000+i), wire.HashValue{1}))
		_, err := d.Answer(s, fmt.Sprint(i))
		must(t, err)
	}
	kept := func() bool {
		answer(t, d, b.heads(1000))
		return slices.ContainsFunc(d.pool.list, func(s *seen) bool { return s.size == 1000 })
	}
	if kept() {
		t.Error("there was room")
	}
	b.audit(200)
	must(t, d.Advance())
	if !kept() || len(d.pool.list) > maxSeen {
		t.Errorf("%+v", d.Status())
	}
}

// A full is a court that notes what it is told and has no room for the evidence.
type full struct{ *branch }

func (full) Convict([]byte) (watch.Finding, error) {
	return watch.Finding{Final: true, Proved: true}, nil
}
func (full) Findings() []watch.Finding { return []watch.Finding{{ID: "x", Final: true, Proved: true}} }

// TestEvidenceThatIsNotKept: what the auditor could not write down is told all the same.
func TestEvidenceThatIsNotKept(t *testing.T) {
	ours, theirs := fork(t, 5, 10, 10)
	ours.audit(15)
	d := NewDesk(ours, full{ours}, Options{Now: at(epoch)})
	answer(t, d, theirs.heads(9))
	if a := answer(t, d, ours.heads(9)); a.Verdict != gossip.Contradicts || a.Evidence == nil {
		t.Errorf("%v, %d bytes of evidence", a.Verdict, len(a.Evidence))
	}
}
