package gossip

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/evidence"
	"github.com/kith-kt/kith/proto/gossip"
	"github.com/kith-kt/kith/proto/wire"
)

// at is a clock that stands.
func at(ms int64) func() time.Time { return func() time.Time { return time.UnixMilli(ms) } }

func (b *branch) desk() *Desk { return NewDesk(b, b, Options{Now: at(epoch)}) }

func (b *branch) sighting() *gossip.Sighting {
	f, err := b.document.Fingerprint()
	must(b.t, err)
	return &gossip.Sighting{Fingerprint: f}
}

func (b *branch) heads(sizes ...int) *gossip.Sighting {
	s := b.sighting()
	for _, n := range sizes {
		s.Heads = append(s.Heads, b.signedHead(n))
	}
	return s
}

func (b *branch) checkpoints(sizes ...int) *gossip.Sighting {
	s := b.sighting()
	for _, n := range sizes {
		s.Checkpoints = append(s.Checkpoints, b.checkpoint(n))
	}
	return s
}

func answer(t *testing.T, d *Desk, s *gossip.Sighting) *gossip.Answer {
	t.Helper()
	a, err := d.Answer(s, "somebody")
	must(t, err)
	return a
}

// TestHonest: what is of the log agrees, wherever the sender stands, and accuses
// nobody as the log grows.
func TestHonest(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(300, "x").audit(100)
	d := b.desk()
	for _, test := range []struct {
		s    *gossip.Sighting
		want gossip.Verdict
	}{
		{b.sighting(), gossip.Agrees},
		{b.heads(1, 7, 64, 99, 100), gossip.Agrees},
		{b.checkpoints(1, 64, 100), gossip.Agrees},
		{b.heads(5, 101), gossip.NotYet},
		{b.checkpoints(300), gossip.NotYet},
	} {
		a := answer(t, d, test.s)
		if a.Verdict != test.want || a.Evidence != nil || a.Size != 100 || a.Root != b.leaves[99].Root || a.Timestamp != b.leaves[99].Timestamp {
			t.Errorf("%+v", a)
		}
	}
	if s := d.Status(); s.Agreed != 9 || s.Waiting != 2 || s.Suspicions != nil {
		t.Errorf("%+v", s)
	}
	b.audit(300)
	must(t, d.Advance())
	if s := d.Status(); s.Agreed != 11 || s.Waiting != 0 || s.Suspicions != nil || b.kindOf() != "" {
		t.Errorf("%+v, convicted of %q", s, b.kindOf())
	}
}

// TestFork: one signed head or checkpoint of another history is evidence, whichever
// side is ahead, and from then on every answer carries it.
func TestFork(t *testing.T) {
	ours, theirs := fork(t, 50, 60, 80)
	doc := *ours.document
	for _, test := range []struct {
		name    string
		audited int
		s       *gossip.Sighting
		want    gossip.Verdict
		kind    string // once all is audited
	}{
		{"head at once", 110, theirs.heads(70), gossip.Contradicts, "head-and-leaf"},
		{"head of the last entry", 110, theirs.heads(110), gossip.Contradicts, "head-and-leaf"},
		{"head later", 40, theirs.heads(70), gossip.NotYet, "head-and-leaf"},
		{"head among honest ones", 110, &gossip.Sighting{Heads: []evidence.SignedHead{theirs.signedHead(20), ours.signedHead(60), theirs.signedHead(51)}}, gossip.Contradicts, "head-and-leaf"},
		{"two heads", 40, &gossip.Sighting{Heads: []evidence.SignedHead{theirs.signedHead(70), ours.signedHead(70)}}, gossip.Contradicts, "two-heads"},
		{"checkpoint of the same size", 110, theirs.checkpoints(110), gossip.Contradicts, "two-checkpoints"},
		{"two checkpoints", 40, &gossip.Sighting{Checkpoints: [][]byte{theirs.checkpoint(90), ours.checkpoint(90)}}, gossip.Contradicts, "two-checkpoints"},
		{"smaller checkpoint", 110, theirs.checkpoints(70), gossip.Contradicts, "checkpoints-diverge"},
		{"checkpoint later", 40, theirs.checkpoints(90), gossip.NotYet, "checkpoints-diverge"},
		{"the shared beginning", 110, theirs.heads(50, 3), gossip.Agrees, ""},
	} {
		b := ours.keys.branch().grow(50, "shared").grow(60, "one").audit(test.audited)
		d := b.desk()
		test.s.Fingerprint, _ = doc.Fingerprint()
		a := answer(t, d, test.s)
		if a.Verdict != test.want || (a.Evidence != nil) != (test.want == gossip.Contradicts) {
			t.Errorf("%s: verdict %v with %d bytes of evidence, want %v", test.name, a.Verdict, len(a.Evidence), test.want)
		}
		b.audit(110)
		must(t, d.Advance())
		if got := b.kindOf(); got != test.kind {
			t.Errorf("%s: convicted of %q, want %q (%q)", test.name, got, test.kind, d.Status().Suspicions)
		}
		if a := answer(t, d, b.heads(3)); (a.Evidence != nil) != (test.kind != "") {
			t.Errorf("%s: a later answer has %d bytes of evidence", test.name, len(a.Evidence))
		}
	}
}

// TestDocuments: two documents of one version, or another log under the same audit
// log, are evidence; an older or newer one is not.
func TestDocuments(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(10, "x").audit(10)
	stranger := newKeys(t, "stranger")
	edit := func(change func(s *gossip.Sighting) []byte) (string, error) {
		c := b.keys.branch().grow(10, "x").audit(10)
		s := c.sighting()
		s.Document = change(s)
		d := c.desk()
		_, err := d.Answer(s, "somebody")
		if said := d.Status().Suspicions; said != nil {
			t.Errorf("suspicions: %q", said)
		}
		return c.kindOf(), err
	}
	for _, test := range []struct {
		name, kind string
		change     func(s *gossip.Sighting) []byte
	}{
		{"ours", "", func(*gossip.Sighting) []byte { return b.envelope }},
		{"another of the same version", "two-documents", func(*gossip.Sighting) []byte {
			d := *b.document
			d.Addresses = []string{"https://other.example.org"}
			return b.sign(&d)
		}},
		{"a newer one", "", func(*gossip.Sighting) []byte {
			d := *b.document
			d.Version, d.Addresses = 4, []string{"https://other.example.org"}
			return b.sign(&d)
		}},
		{"an older one", "", func(*gossip.Sighting) []byte {
			d := *b.document
			d.Version, d.Addresses = 2, []string{"https://other.example.org"}
			return b.sign(&d)
		}},
		{"another VRF key for some", "two-documents", func(s *gossip.Sighting) []byte {
			d := *b.document
			c := *b.config
			c.VRFPublicKey = stranger.config.VRFPublicKey
			encoded, err := c.Append(nil, c.Format())
			must(t, err)
			d.Version, d.Configuration = 4, encoded
			s.Fingerprint, err = d.Fingerprint()
			must(t, err)
			return b.sign(&d)
		}},
		{"of other root keys", "", func(*gossip.Sighting) []byte { return stranger.envelope }},
		{"garbage", "", func(*gossip.Sighting) []byte { return []byte("garbage") }},
	} {
		if kind, err := edit(test.change); kind != test.kind || err != nil {
			t.Errorf("%s: convicted of %q, want %q: %v", test.name, kind, test.kind, err)
		}
	}
}

// TestUnsigned: what the log did not sign says nothing, and all of a sighting
// is refused with it before any of it is kept.
func TestUnsigned(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(20, "x").audit(10)
	stranger := newKeys(t, "stranger").branch().grow(20, "y")
	d := b.desk()
	forged := b.signedHead(15)
	forged.Root[0]++
	for name, s := range map[string]*gossip.Sighting{
		"head of another key":         {Heads: []evidence.SignedHead{b.signedHead(15), stranger.signedHead(5)}},
		"head with another root":      {Heads: []evidence.SignedHead{b.signedHead(15), forged}},
		"head of size 0":              {Heads: []evidence.SignedHead{b.headOf(0, wire.HashValue{})}},
		"checkpoint of another key":   {Heads: []evidence.SignedHead{b.signedHead(15)}, Checkpoints: [][]byte{stranger.checkpoint(5)}},
		"checkpoint that is no note":  {Checkpoints: [][]byte{[]byte("example.org/log\n5\n")}},
		"checkpoint with another end": {Checkpoints: [][]byte{append(b.checkpoint(15), "x"...)}},
	} {
		s.Fingerprint = b.sighting().Fingerprint
		if _, err := d.Answer(s, "somebody"); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := d.Status(); s.Waiting != 0 || s.Agreed != 0 || b.kindOf() != "" {
		t.Errorf("%+v", s)
	}
}

// TestFlood: a provider that signs head after head, and hands them in from
// everywhere, takes a bounded memory, and does not crowd out what others bring.
func TestFlood(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(40, "x").audit(10)
	d := b.desk()
	size := uint64(1000)
	flood := func(source string, n int) {
		for range n {
			s := b.sighting()
			for range 16 {
				size++
				s.Heads = append(s.Heads, b.headOf(size, wire.HashValue{1}))
			}
			_, err := d.Answer(s, source)
			must(t, err)
		}
	}
	flood("one", 10)
	if s := d.Status(); s.Waiting != maxPerSource || s.Dropped != 10*16-maxPerSource {
		t.Errorf("one source: %+v", s)
	}
	for i := range maxSeen / maxPerSource {
		flood(fmt.Sprint("many ", i), 2)
	}
	if s := d.Status(); s.Waiting > maxSeen {
		t.Errorf("%d wait", s.Waiting)
	}
	if a, err := d.Answer(b.heads(30), "an honest one"); err != nil || a.Verdict != gossip.NotYet {
		t.Errorf("%+v, %v", a, err)
	}
	found := false
	for _, s := range d.pool.list {
		found = found || s.size == 30
	}
	if !found || len(d.pool.list) > maxSeen {
		t.Errorf("the honest one's head is kept: %v, of %d", found, len(d.pool.list))
	}
	// The same again is nothing new.
	before := len(d.pool.list)
	for range 100 {
		_, err := d.Answer(b.heads(30, 30, 30), "yet another")
		must(t, err)
	}
	if len(d.pool.list) != before {
		t.Errorf("%d wait, before %d", len(d.pool.list), before)
	}
}

// TestManyDocuments: what waits keeps few documents.
func TestManyDocuments(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(40, "x").audit(10)
	d := b.desk()
	for i := range 50 {
		doc := *b.document
		doc.Version = 100 + uint64(i)
		other := *b.config
		other.MaxBehind = 5000 + uint64(i)
		encoded, err := other.Append(nil, other.Format())
		must(t, err)
		doc.Configuration = encoded
		s := b.sighting()
		s.Document = b.sign(&doc)
		k := *b.keys
		k.config = &other
		s.Heads = []evidence.SignedHead{k.headOf(200+uint64(i), wire.HashValue{2})}
		_, err = d.Answer(s, fmt.Sprint(i))
		must(t, err)
	}
	if n := len(d.envelopes); n > maxEnvelopes || d.Status().Waiting > maxEnvelopes {
		t.Errorf("%d documents are kept", n)
	}
}

// TestLate: a head that the audit should have reached long ago is a suspicion, and no
// evidence; one that it could not have reached is not even that.
func TestLate(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(2000, "x").audit(10)
	d := NewDesk(b, b, Options{Now: at(epoch), Skew: time.Minute})
	s := b.sighting()
	s.Heads = append(s.Heads, b.headOf(5000, wire.HashValue{1}))
	answer(t, d, s)
	b.audit(150) // 60 s later by the log's clock, and max_ahead is 1 s more
	must(t, d.Advance())
	if s := d.Status(); s.Late != 0 || s.Suspicions != nil {
		t.Errorf("too early: %+v", s)
	}
	b.audit(200)
	must(t, d.Advance())
	if s := d.Status(); s.Late != 1 || len(s.Suspicions) != 1 || b.kindOf() != "" {
		t.Errorf("%+v", s)
	}
}

// TestEvidenceOfOthers: only evidence that is proved, holds, and is against the keys
// of this log convicts.
func TestEvidenceOfOthers(t *testing.T) {
	ours, theirs := fork(t, 5, 10, 10)
	ours.audit(15)
	stranger := newKeys(t, "stranger") // with the same domain
	good, err := evidence.NewTwoHeads(ours.envelope, ours.signedHead(9), theirs.signedHead(9))
	must(t, err)
	file, err := good.Append(nil)
	must(t, err)
	other, err := evidence.NewTwoHeads(stranger.envelope, stranger.headOf(9, wire.HashValue{1}), stranger.headOf(9, wire.HashValue{2}))
	must(t, err)
	foreign, err := other.Append(nil)
	must(t, err)
	// A document with the fingerprint of ours, and an audit log and root keys of the
	// forger's.
	d := *ours.document
	d.AuditLog, d.RootKeys = stranger.document.AuditLog, stranger.document.RootKeys
	mixed := stranger.sign(&d)
	note := func(root byte) []byte {
		b, err := stranger.note.Sign(9, [32]byte{root})
		must(t, err)
		return b
	}
	e, err := evidence.NewTwoCheckpoints(mixed, note(1), note(2))
	must(t, err)
	forged, err := e.Append(nil)
	must(t, err)
	// Somebody's word, who says that our log went back.
	_, observer, err := ed25519.GenerateKey(seeded("observer"))
	must(t, err)
	var items []evidence.Item
	for _, size := range []int{15, 14} {
		c, err := evidence.CheckpointOf(ours.envelope, ours.checkpoint(size))
		must(t, err)
		items = append(items, evidence.ItemCheckpoint{Checkpoint: c})
	}
	statement := evidence.Statement{Observer: observer.Public().(ed25519.PublicKey), Time: epoch, About: evidence.Rollback, Entry: 13, Items: items}
	e, err = evidence.SignStatement(ours.envelope, &statement, func(msg []byte) ([]byte, error) { return ed25519.Sign(observer, msg), nil })
	must(t, err)
	word, err := e.Append(nil)
	must(t, err)
	if verdict, err := e.Verify(); err != nil || verdict.Proved {
		t.Fatalf("%+v, %v", verdict, err)
	}
	// The file with another signature, and its checksum mended.
	broken := bytes.Clone(file[:len(file)-sha256.Size])
	broken[len(broken)-1] ^= 1
	sum := sha256.Sum256(broken)
	for name, b := range map[string][]byte{
		"with a bad signature": append(broken, sum[:]...),
		"somebody's word":      word,
		"nothing":              nil, "garbage": []byte("garbage"), "of another provider": foreign, "of another audit log": forged,
		"cut": file[:len(file)-1], "changed": append(bytes.Clone(file[:len(file)-1]), file[len(file)-1]^1),
	} {
		if err := ours.desk().Believe(b); !errors.Is(err, ErrEvidence) || ours.kindOf() != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ours.desk().Believe(file); err != nil || ours.kindOf() != "two-heads" {
		t.Error(err)
	}
}

// TestBare: of a checkpoint that waits, only the log's own signature is kept, however
// many others somebody added.
func TestBare(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(40, "x").audit(10)
	d := b.desk()
	note := b.checkpoint(30)
	for i := range 60 {
		note = fmt.Appendf(note, "\u2014 witness%d.example AAAA%s\n", i, strings.Repeat("A", 640))
	}
	s := b.sighting()
	s.Checkpoints = [][]byte{note}
	answer(t, d, s)
	if len(d.pool.list) != 1 || !bytes.Equal(d.pool.list[0].signed, b.checkpoint(30)) {
		t.Errorf("%d wait, the first of %d bytes", len(d.pool.list), len(d.pool.list[0].signed))
	}
	b.audit(40)
	must(t, d.Advance())
	if s := d.Status(); s.Agreed != 1 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
}

// TestReads: no archive, however large its owner says it is, is read for ever.
func TestReads(t *testing.T) {
	tr := &tree{tile: func(checkpoint.Tile) ([]byte, error) { return nil, nil }}
	for i := range uint64(maxReads) {
		if _, err := tr.read(checkpoint.Tile{Index: i, Width: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tr.read(checkpoint.Tile{Width: 1}); !errors.Is(err, errArchive) {
		t.Error(err)
	}
}

// TestTwice: a provider is convicted once; more of the same costs no file.
func TestTwice(t *testing.T) {
	ours, theirs := fork(t, 50, 60, 60)
	ours.audit(110)
	d := ours.desk()
	for size := 51; size < 110; size++ {
		if a := answer(t, d, theirs.heads(size)); a.Verdict != gossip.Contradicts || a.Evidence == nil {
			t.Fatalf("%+v", a)
		}
	}
	if n := len(ours.convicts); n != 1 {
		t.Errorf("%d files", n)
	}
}

// TestSightingOfOurs: what is told another auditor is what waits, newest first, and
// bounded; and it is taken there.
func TestSightingOfOurs(t *testing.T) {
	b := newKeys(t, "provider").branch().grow(200, "x").audit(10)
	d := b.desk()
	for size := 11; size < 40; size++ {
		answer(t, d, b.heads(size))
	}
	answer(t, d, b.checkpoints(50, 51, 52))
	s, err := d.Sighting()
	must(t, err)
	encoded, err := s.Append(nil)
	must(t, err)
	if len(encoded) > gossip.MaxSighting || len(s.Heads) != maxTold || s.Heads[0].Size != 39 || len(s.Checkpoints) != maxToldCheckpoints {
		t.Errorf("%d heads, %d checkpoints, %d bytes", len(s.Heads), len(s.Checkpoints), len(encoded))
	}
	other := b.keys.branch().grow(200, "x").audit(200)
	if a := answer(t, other.desk(), s); a.Verdict != gossip.Agrees {
		t.Errorf("%+v", a)
	}
}
