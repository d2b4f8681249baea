package keyring

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Account is what the owner of a label holds.
type Account struct {
	Label string `json:"label"`
	// Seed is the Ed25519 seed of the account key.
	Seed []byte `json:"seed"`
	// Next is the seed of an account key that is about to replace Seed: saved
	// before the record that announces it is sent, or nil.
	Next []byte `json:"next,omitempty"`
	// Token is the bearer token with which the label is updated, or "".
	Token string `json:"token,omitempty"`
}

// Key returns the account's private key.
func (a *Account) Key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(a.Seed) }

// NextKey returns the key that is about to replace Key, or nil.
func (a *Account) NextKey() ed25519.PrivateKey {
	if a.Next == nil {
		return nil
	}
	return ed25519.NewKeyFromSeed(a.Next)
}

// NewAccount makes an account with a fresh key from rand.
func NewAccount(label string, rand io.Reader) (*Account, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return &Account{Label: label, Seed: seed}, nil
}

func (a *Account) valid() bool {
	return a.Label != "" && len(a.Seed) == ed25519.SeedSize && (a.Next == nil || len(a.Next) == ed25519.SeedSize)
}

func (r *Ring) accountPath(label string) string {
	return filepath.Join(r.dir, "accounts", fmt.Sprintf("%x.json", sha256.Sum256([]byte(label))))
}

// Account returns the account of a label. It is an ErrUnknown if there is none.
func (r *Ring) Account(label string) (*Account, error) {
	a, err := readAccount(r.accountPath(label))
	if errors.Is(err, os.ErrNotExist) {
		return nil, &Hinted{Err: fmt.Errorf("keyring: account key of %s: %w", label, ErrUnknown), Hint: "kith claim " + label}
	}
	if err != nil {
		return nil, err
	}
	if a.Label != label {
		return nil, fmt.Errorf("keyring: %s: %w: it is the account of another label", r.accountPath(label), ErrDamaged)
	}
	return a, nil
}

// SaveAccount adds or replaces an account.
func (r *Ring) SaveAccount(a *Account) error {
	if !a.valid() {
		return fmt.Errorf("keyring: account of %q is incomplete", a.Label)
	}
	if err := makePrivate(filepath.Join(r.dir, "accounts")); err != nil {
		return err
	}
	b, err := marshal(a)
	if err != nil {
		return err
	}
	return writePrivate(r.accountPath(a.Label), b)
}

// Accounts returns the labels for which there is an account, sorted.
func (r *Ring) Accounts() ([]string, error) {
	dir := filepath.Join(r.dir, "accounts")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	var labels []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		a, err := readAccount(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		labels = append(labels, a.Label)
	}
	slices.Sort(labels)
	return labels, nil
}

func readAccount(path string) (*Account, error) {
	a := new(Account)
	if err := readJSON(path, 1<<16, a); err != nil {
		return nil, err
	}
	if !a.valid() {
		return nil, fmt.Errorf("keyring: %s: %w", path, ErrDamaged)
	}
	return a, nil
}

// marshal is the one form in which JSON files of the keyring are written.
func marshal(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return append(b, '\n'), nil
}

// readJSON reads a file of at most limit bytes strictly: no unknown member, nothing after it.
func readJSON(path string, limit int64, v any) error {
	b, err := readPrivate(path, limit)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("keyring: %s: %w: %w", path, ErrDamaged, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("keyring: %s: %w: something follows the end", path, ErrDamaged)
	}
	return nil
}
