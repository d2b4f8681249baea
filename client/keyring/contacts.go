package keyring

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Contact is what a user noted about a label. What was proved about it is in
// the client state.
type Contact struct {
	Label string `json:"label"`
	Name  string `json:"name,omitempty"`
	// Compared is the fingerprint that the user compared in person, or "".
	Compared string `json:"compared,omitempty"`
}

const maxContacts = 64 << 20 // bytes

// Contacts returns the noted contacts, sorted by label.
func (r *Ring) Contacts() ([]Contact, error) {
	var contacts []Contact
	path := filepath.Join(r.dir, "contacts.json")
	err := readJSON(path, maxContacts, &contacts)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i, c := range contacts {
		if c.Label == "" || i > 0 && contacts[i-1].Label >= c.Label {
			return nil, fmt.Errorf("keyring: %s: %w", path, ErrDamaged)
		}
	}
	return contacts, nil
}

// SaveContact adds or replaces a contact.
func (r *Ring) SaveContact(c Contact) error {
	return r.editContacts(c.Label, func(all []Contact, i int, found bool) []Contact {
		if found {
			all[i] = c
			return all
		}
		return slices.Insert(all, i, c)
	})
}

// RemoveContact forgets a contact; it is no fault if there is none.
func (r *Ring) RemoveContact(label string) error {
	return r.editContacts(label, func(all []Contact, i int, found bool) []Contact {
		if found {
			return slices.Delete(all, i, i+1)
		}
		return all
	})
}

func (r *Ring) editContacts(label string, edit func(all []Contact, i int, found bool) []Contact) error {
	if label == "" {
		return errors.New("keyring: a contact without a label")
	}
	all, err := r.Contacts()
	if err != nil {
		return err
	}
	i, found := slices.BinarySearchFunc(all, label, func(c Contact, label string) int { return strings.Compare(c.Label, label) })
	b, err := marshal(edit(all, i, found))
	if err != nil {
		return err
	}
	return writePrivate(filepath.Join(r.dir, "contacts.json"), b)
}

const evidenceDir = "evidence"

// SaveEvidence keeps a saved proof of misbehaviour and returns its path. The
// same evidence has the same path.
func (r *Ring) SaveEvidence(kind string, b []byte) (path string, err error) {
	return r.saveEvidence(kind, b, ".proof")
}

// SaveEvidenceFile keeps a file in the format of proto/evidence and returns its
// path. The same evidence has the same path.
func (r *Ring) SaveEvidenceFile(kind string, b []byte) (path string, err error) {
	return r.saveEvidence(kind, b, ".evidence")
}

// SaveDetached keeps the update that an evidence file commits to and that is too
// large for it, beside it.
func (r *Ring) SaveDetached(path string, update []byte) error {
	return writePrivate(path+".update", update)
}

func (r *Ring) saveEvidence(kind string, b []byte, extension string) (path string, err error) {
	dir := filepath.Join(r.dir, evidenceDir)
	if err := makePrivate(dir); err != nil {
		return "", err
	}
	kind = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			return c
		}
		return '-'
	}, strings.ToLower(kind))
	sum := sha256.Sum256(b)
	path = filepath.Join(dir, fmt.Sprintf("%s-%x%s", kind, sum[:8], extension))
	return path, writePrivate(path, b)
}
