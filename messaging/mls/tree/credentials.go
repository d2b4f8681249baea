package tree

import (
	"bytes"
	"slices"

	"github.com/kith-kt/kith/messaging/mls/syntax"
)

// CredentialType is a value of the registry "MLS Credential Types" (17.5).
type CredentialType uint16

const (
	CredentialBasic CredentialType = 1
	CredentialX509  CredentialType = 2
)

// Credential is "Credentials" (5.3): what a member claims to be. Which of the
// fields is in use depends on Type. Whether it is true, and for X.509 whether the
// first certificate's key is the leaf's, the Authentication Service decides.
type Credential struct {
	Type         CredentialType
	Identity     []byte   // CredentialBasic
	Certificates [][]byte // CredentialX509: DER, the end entity's first
	// Unknown is the content of a credential of another type, which is taken to be
	// one vector, like those of all types defined so far: it has no other length.
	Unknown []byte
}

// BasicCredential returns a basic credential.
func BasicCredential(identity []byte) Credential {
	return Credential{Type: CredentialBasic, Identity: identity}
}

// Equal reports whether c and d have the same encoding.
func (c *Credential) Equal(d *Credential) bool {
	return c.Type == d.Type && bytes.Equal(c.Identity, d.Identity) &&
		slices.EqualFunc(c.Certificates, d.Certificates, bytes.Equal) && bytes.Equal(c.Unknown, d.Unknown)
}

// Marshal writes c.
func (c *Credential) Marshal(w *syntax.Writer) {
	w.Uint16(uint16(c.Type))
	switch c.Type {
	case CredentialBasic:
		w.Vector(c.Identity)
	case CredentialX509:
		syntax.WriteList(w, c.Certificates, (*syntax.Writer).Vector)
	default:
		w.Vector(c.Unknown)
	}
}

// MaxCertificates is the greatest number of certificates in a credential. RFC 9420 has
// no bound, but a certificate may be one byte in a message, and 24 in memory.
const MaxCertificates = 1 << 10

// Unmarshal reads c. syntax.ErrTooLong: it has more than MaxCertificates.
func (c *Credential) Unmarshal(r *syntax.Reader) {
	*c = Credential{Type: CredentialType(r.Uint16())}
	switch c.Type {
	case CredentialBasic:
		c.Identity = r.Vector()
	case CredentialX509:
		c.Certificates = syntax.ReadListOf(r, MaxCertificates, (*syntax.Reader).Vector)
	default:
		c.Unknown = r.Vector()
	}
}
