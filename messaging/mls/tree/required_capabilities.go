package tree

import "github.com/kith-kt/kith/messaging/mls/syntax"

// RequiredCapabilities is "Required Capabilities" (11.1): what a group asks all its members to support.
type RequiredCapabilities struct {
	Extensions  []ExtensionType
	Proposals   []ProposalType
	Credentials []CredentialType
}

// Marshal writes q.
func (q *RequiredCapabilities) Marshal(w *syntax.Writer) {
	writeTypes(w, q.Extensions)
	writeTypes(w, q.Proposals)
	writeTypes(w, q.Credentials)
}

// Unmarshal reads q.
func (q *RequiredCapabilities) Unmarshal(r *syntax.Reader) {
	q.Extensions = readTypes[ExtensionType](r)
	q.Proposals = readTypes[ProposalType](r)
	q.Credentials = readTypes[CredentialType](r)
}

// Extension returns the extension of a GroupContext that asks for q.
func (q *RequiredCapabilities) Extension() Extension {
	return Extension{Type: ExtensionRequiredCapabilities, Data: syntax.Marshal(q)}
}

// Required returns what the extension required_capabilities of a GroupContext
// with these extensions asks for, nothing if it has none.
func (e Extensions) Required() (*RequiredCapabilities, error) {
	q := new(RequiredCapabilities)
	if data, ok := e.Find(ExtensionRequiredCapabilities); ok {
		if err := syntax.Unmarshal(data, q); err != nil {
			return nil, err
		}
	}
	return q, nil
}
