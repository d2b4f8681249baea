package evidence

import "github.com/kith-kt/kith/proto/provider"

// Parse reads a file without verifying what it shows, save for its checksum.
func Parse(b []byte) (*Evidence, error) { return nil, ErrMissing }

// Append appends the file of e to b.
func (e *Evidence) Append(b []byte) ([]byte, error) { return b, ErrMissing }

// Verify verifies e, offline. Evidence that rests on a client's saved proof is
// ErrMissing: see VerifyWith.
func (e *Evidence) Verify() (*Verdict, error) { return e.VerifyWith(nil) }

// VerifyWith verifies e, offline, with saved to verify clients' saved proofs.
func (e *Evidence) VerifyWith(saved SavedVerifier) (*Verdict, error) { return nil, ErrMissing }

// Concerns reports whether the verdict is about the provider of a document that
// the caller has pinned: the keys that convict are the document's, or its root keys
// have signed the document of the evidence. Otherwise it returns ErrForeign:
// anybody can make evidence against keys of their own, under any name.
func (v *Verdict) Concerns(known *provider.Document) error { return ErrMissing }

// Lines returns the verdict for people, a fact a line: what is shown, who is
// accused, who attests, and how to check that.
func (v *Verdict) Lines() []string { return nil }

// String returns the word for a kind: "two-heads".
func (k Kind) String() string { return "" }

// String returns the word for a claim: "rollback".
func (c Claim) String() string { return "" }

type writer struct{}
type reader struct{}
type court struct{}
