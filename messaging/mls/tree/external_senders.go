package tree

import "github.com/kith-kt/kith/messaging/mls/syntax"

// ExternalSender is "External Senders Extension" (12.1.8.1): somebody outside of
// the group who may send proposals to it.
type ExternalSender struct {
	SignatureKey []byte
	Credential   Credential
}

// Marshal writes s.
func (s *ExternalSender) Marshal(w *syntax.Writer) {
	w.Vector(s.SignatureKey)
	s.Credential.Marshal(w)
}

// Unmarshal reads s.
func (s *ExternalSender) Unmarshal(r *syntax.Reader) {
	s.SignatureKey = r.Vector()
	s.Credential.Unmarshal(r)
}

// ExternalSendersExtension returns the extension of a GroupContext that admits senders.
func ExternalSendersExtension(senders []ExternalSender) Extension {
	var w syntax.Writer
	syntax.WriteList(&w, senders, func(w *syntax.Writer, s ExternalSender) { s.Marshal(w) })
	return Extension{Type: ExtensionExternalSenders, Data: w.Bytes()}
}

// ExternalSenders returns whom the extension external_senders of a GroupContext
// with these extensions admits, nobody if it has none.
func (e Extensions) ExternalSenders() ([]ExternalSender, error) {
	data, ok := e.Find(ExtensionExternalSenders)
	if !ok {
		return nil, nil
	}
	r := syntax.NewReader(data)
	senders := syntax.ReadList(r, func(r *syntax.Reader) (s ExternalSender) {
		s.Unmarshal(r)
		return s
	})
	return senders, r.Close()
}
