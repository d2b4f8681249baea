package evidence

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/wire"
)

// TestDocumentSignatures: the document inside is signed by enough of its root keys,
// in order, and by nobody else.
func TestDocumentSignatures(t *testing.T) {
	h := newHost(t, testDomain, ed)
	e, err := NewTwoHeads(h.document, h.headOf(3, wire.HashValue{1}), h.headOf(3, wire.HashValue{2}))
	must(t, err)
	payload := e.Document.Payload
	sign := func(i int) RootSignature {
		b, err := provider.Sign(payload, h.roots[i])
		must(t, err)
		_, signatures, err := provider.Split(b)
		must(t, err)
		return RootSignature{uint8(i), [64]byte(signatures[0].Signature)}
	}
	stranger := sign(1)
	stranger.Key = 0
	for name, c := range map[string]struct {
		signatures []RootSignature
		ok         bool
	}{
		"two":           {[]RootSignature{sign(0), sign(2)}, true},
		"another two":   {[]RootSignature{sign(1), sign(2)}, true},
		"all three":     {[]RootSignature{sign(0), sign(1), sign(2)}, true},
		"none":          {nil, false},
		"one":           {[]RootSignature{sign(2)}, false},
		"one, twice":    {[]RootSignature{sign(2), sign(2)}, false},
		"not in order":  {[]RootSignature{sign(2), sign(0)}, false},
		"another's":     {[]RootSignature{stranger, sign(2)}, false},
		"two and a bad": {[]RootSignature{stranger, sign(1), sign(2)}, false},
		"nobody's":      {[]RootSignature{sign(0), sign(2), {Key: 3}}, false},
	} {
		e.Document.Signatures = c.signatures
		if _, err := e.Verify(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEnvelopes: from an envelope only what counts is taken, and it must be enough.
func TestEnvelopes(t *testing.T) {
	h, stranger := newHost(t, testDomain, ed), newHost(t, "stranger", ed)
	a, b := h.headOf(3, wire.HashValue{1}), h.headOf(3, wire.HashValue{2})
	want, err := NewTwoHeads(h.document, a, b)
	must(t, err)
	more, err := provider.AddSignatures(h.document, stranger.roots...)
	must(t, err)
	got, err := NewTwoHeads(more, b, a)
	must(t, err)
	x, err := want.Append(nil)
	must(t, err)
	y, err := got.Append(nil)
	must(t, err)
	if !slices.Equal(x, y) {
		t.Error("signatures of strangers make another file")
	}
	payload, _, err := provider.Split(h.document)
	must(t, err)
	few, err := provider.Sign(payload, h.roots[1], stranger.roots[0])
	must(t, err)
	if _, err := NewTwoHeads(few, a, b); !errors.Is(err, ErrInvalid) {
		t.Errorf("signed by one root key: %v", err)
	}
}

// TestTwoDocuments: which documents contradict each other, and which do not.
func TestTwoDocuments(t *testing.T) {
	h, stranger := newHost(t, testDomain, ed), newHost(t, "stranger.example", ed)
	same := h.revised(func(d *provider.Document) { d.Limits.MaxValueBytes++ })
	next := h.revised(func(d *provider.Document) { d.Version++ })
	moved := h.revised(func(d *provider.Document) {
		d.Version, d.Configuration, d.AuditLog = 2, stranger.doc.Configuration, stranger.doc.AuditLog
	})
	elsewhere := h.revised(func(d *provider.Document) { d.Domain = "other.example" })
	payload, _, err := provider.Split(same)
	must(t, err)
	half, err := provider.Sign(payload, h.roots[0], stranger.roots[0])
	must(t, err)
	for name, c := range map[string]struct {
		a, b []byte
		want error
	}{
		"one version":                   {h.document, same, nil},
		"one audit log":                 {h.otherLog(), h.document, nil},
		"the next version":              {h.document, next, ErrNothing},
		"another log and its audit log": {h.document, moved, ErrNothing},
		"another domain":                {h.document, elsewhere, ErrNothing},
		"itself":                        {h.document, h.document, ErrNothing},
		"not signed by enough":          {h.document, half, ErrInvalid},
		"another provider's":            {h.document, stranger.document, ErrInvalid},
	} {
		e, err := NewTwoDocuments(h.document, c.a, c.b)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if e != nil {
			if v, err := e.Verify(); err != nil || v.Keys != RootKeys || v.Concerns(h.doc) != nil {
				t.Errorf("%s: %+v, %v", name, v, err)
			}
		}
	}
}

// TestConcerns: every key that convicts must be one that is known.
func TestConcerns(t *testing.T) {
	h, thief := newHost(t, testDomain, ed), newHost(t, "thief", ed)
	b := h.book().grow(6, 100)
	fork := b.fork().grow(1, 1)
	b.grow(1, 2)
	changed := func(change func(d *provider.Document)) *provider.Document {
		d := *h.doc
		d.RootKeys = thief.doc.RootKeys
		change(&d)
		return &d
	}
	none := func(*provider.Document) {}
	otherLog := func(d *provider.Document) { d.AuditLog = thief.doc.AuditLog }
	otherKey := func(d *provider.Document) { d.Configuration = thief.doc.Configuration }
	otherDomain := func(d *provider.Document) { d.Domain = "other.example" }
	heads, err := NewTwoHeads(h.document, b.head(7), fork.head(7))
	must(t, err)
	checkpoints, err := NewTwoCheckpoints(h.document, b.signed(7), fork.signed(7))
	must(t, err)
	both, err := NewHeadAndLeaf(h.document, b.head(7), fork.signed(7), fork.leaf(7, 6))
	must(t, err)
	documents, err := NewTwoDocuments(h.document, h.document, h.otherLog())
	must(t, err)
	stated, err := SignStatement(h.document, &Statement{
		Observer: observer.Public().(ed25519.PublicKey), About: Rollback, Items: []Item{ItemHead{b.head(7)}, ItemHead{b.head(6)}},
	}, signAs(observer))
	must(t, err)
	old := *h.doc // of the same root keys: the log that came after
	old.Configuration = thief.doc.Configuration
	v, err := heads.Verify()
	must(t, err)
	if err := v.Concerns(&old); !errors.Is(err, ErrForeign) {
		t.Errorf("about another log of the same provider: %v", err)
	}
	for name, c := range map[string]struct {
		e      *Evidence
		change func(d *provider.Document)
		ok     bool
	}{
		"heads, same keys":               {heads, none, true},
		"heads, another audit log":       {heads, otherLog, true},
		"heads, another signature key":   {heads, otherKey, false},
		"heads, another domain":          {heads, otherDomain, false},
		"checkpoints, same keys":         {checkpoints, none, true},
		"checkpoints, another audit log": {checkpoints, otherLog, false},
		"both, same keys":                {both, none, true},
		"both, another audit log":        {both, otherLog, false},
		"both, another signature key":    {both, otherKey, false},
		"checkpoints, another signature": {checkpoints, otherKey, false},
		"documents, other root keys":     {documents, none, false},
		"a statement, same keys":         {stated, none, true},
		"a statement, another audit log": {stated, otherLog, false},
	} {
		v, err := c.e.Verify()
		must(t, err)
		must(t, v.Concerns(h.doc))
		if err := v.Concerns(changed(c.change)); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
