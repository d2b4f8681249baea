package evidence

// A TwoDocumentsBody is one or two more documents, each signed by enough root keys
// of the document of the evidence. One: it contradicts that document. Two: they
// contradict each other.
type TwoDocumentsBody struct{ Others []Document }

// NewTwoDocuments returns evidence that two documents contradict each other: they
// are of one domain, and of one version with different bytes, or of one audit log
// with two fingerprints. Both are signed by enough root keys of known, which may be
// one of the two.
func NewTwoDocuments(known, a, b []byte) (*Evidence, error) { return nil, ErrMissing }
