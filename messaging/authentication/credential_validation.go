package authentication

import (
	"fmt"
	"strings"

	"github.com/kith-kt/kith/messaging/mls/group"
	"github.com/kith-kt/kith/messaging/mls/tree"
	"github.com/kith-kt/kith/proto/label"
)

// identity returns the label that a credential presents ("Credential Validation", 5.3.1,
// "presented identifiers"). It must be in its one form already: with two spellings of
// one label two members could look like two people, or like one.
func identity(c *tree.Credential) (string, error) {
	if c.Type != tree.CredentialBasic {
		return "", fmt.Errorf("%w: it is of type %d; use a basic credential", ErrCredential, c.Type)
	}
	name := string(c.Identity)
	canonical, err := label.Canonical(name) // which is of at most label.MaxSize bytes
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrCredential, err)
	}
	if canonical != name {
		return "", fmt.Errorf("%w: write %q as %q", ErrCredential, name, canonical)
	}
	if !strings.Contains(name, "@") {
		return "", fmt.Errorf("%w: %q names no provider; use NAME@DOMAIN", ErrCredential, name)
	}
	return name, nil
}

// successor checks that a leaf stays with its person ("Credential Validation", 5.3.1, on
// valid successors): devices may get new keys, and nobody another name.
func successor(c *group.Candidate) error {
	if c.Replaces == nil || c.Replaces.Credential.Equal(&c.Credential) {
		return nil
	}
	// Whoever makes a group of their own chooses both.
	return fmt.Errorf("%w: it is that of %.100q, and would be that of %.100q; remove the one and add the other", ErrSuccessor, c.Replaces.Credential.Identity, c.Credential.Identity)
}

// AllowSuccessor refuses everybody it is asked about, with what Authenticate would say:
// it makes the Service a group.SuccessorAuthenticator.
func (s *Service) AllowSuccessor(_ []byte, c *group.Candidate) error { return successor(c) }
