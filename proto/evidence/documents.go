package evidence

import (
	"bytes"

	"github.com/kith-kt/kith/proto/provider"
)

// A TwoDocumentsBody is one or two more documents, each signed by enough root keys
// of the document of the evidence. One: it contradicts that document. Two, the
// lesser bytes first: they contradict each other.
type TwoDocumentsBody struct{ Others []Document }

// NewTwoDocuments returns evidence that two documents contradict each other: they
// are of one domain, and of one version with different bytes, or of one audit log
// with two fingerprints. Both are signed by enough root keys of known, which may be
// one of the two.
func NewTwoDocuments(known, a, b []byte) (*Evidence, error) {
	base, d, err := documentOf(known, nil)
	if err != nil {
		return nil, err
	}
	roots := d.Roots()
	body := new(TwoDocumentsBody)
	for _, enveloped := range [][]byte{a, b} {
		x, _, err := documentOf(enveloped, &roots)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(x.Payload, base.Payload) {
			body.Others = append(body.Others, *x)
		}
	}
	if len(body.Others) == 2 && bytes.Compare(body.Others[0].Payload, body.Others[1].Payload) > 0 {
		body.Others[0], body.Others[1] = body.Others[1], body.Others[0]
	}
	return assemble(known, body)
}

func (x *TwoDocumentsBody) kind() Kind { return TwoDocuments }

func (x *TwoDocumentsBody) encode(w *writer) {
	w.count8("documents", len(x.Others), 2)
	for i := range x.Others {
		x.Others[i].encode(w)
	}
}

func (x *TwoDocumentsBody) decode(r *reader) {
	for range r.count8("documents", 2) {
		x.Others = append(x.Others, Document{})
		x.Others[len(x.Others)-1].decode(r)
	}
}

func (x *TwoDocumentsBody) verify(c *court) error {
	all := []*provider.Document{c.document}
	payloads := [][]byte{c.payload}
	for i := range x.Others {
		d, err := provider.ParsePayload(x.Others[i].Payload)
		if err != nil {
			return invalid("%w", err)
		}
		if err := x.Others[i].signed(c.document.Roots()); err != nil {
			return err
		}
		all, payloads = append(all, d), append(payloads, x.Others[i].Payload)
	}
	if len(all) < 2 {
		return nothing("one document")
	}
	n := len(all)
	a, b := all[n-2], all[n-1]
	if n == 3 && bytes.Compare(payloads[1], payloads[2]) >= 0 {
		return invalid("the documents are not in order")
	}
	if a.Domain != c.document.Domain || b.Domain != c.document.Domain {
		return nothing("documents of %s and %s", a.Domain, b.Domain)
	}
	c.verdict.Keys |= RootKeys
	c.verdict.pair = [2]*Document{c.own, &x.Others[n-2]}
	if n == 3 {
		c.verdict.pair[0] = &x.Others[0]
	}
	fa, err := a.Fingerprint()
	if err != nil {
		return invalid("%w", err)
	}
	fb, err := b.Fingerprint()
	if err != nil {
		return invalid("%w", err)
	}
	switch {
	case a.Version == b.Version && !bytes.Equal(payloads[n-2], payloads[n-1]):
		return c.found(0, "signed two different provider documents of version %d", a.Version)
	case a.AuditLog.Key == b.AuditLog.Key && fa != fb:
		return c.found(0, "signed provider documents of versions %d and %d that give one audit log to two logs", a.Version, b.Version)
	}
	return nothing("documents of versions %d and %d", a.Version, b.Version)
}
