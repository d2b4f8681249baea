package keyring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// How a provider is reached stands in two more files of its folder:
//
//	DOMAIN/address    where the user found the provider
//	DOMAIN/token      the bearer token for lookups, where they need one
const (
	addressFile = "address"
	tokenFile   = "token"
)

// Address returns the address at which the user found the provider, or "".
func (r *Ring) Address() (string, error) { return r.line(addressFile) }

// SetAddress keeps the address of the provider.
func (r *Ring) SetAddress(address string) error { return r.setLine(addressFile, address) }

// Token returns the bearer token for lookups, or "". Tokens with which labels
// are updated stand in their accounts.
func (r *Ring) Token() (string, error) { return r.line(tokenFile) }

// SetToken keeps the bearer token for lookups.
func (r *Ring) SetToken(token string) error { return r.setLine(tokenFile, token) }

func (r *Ring) line(name string) (string, error) {
	path := filepath.Join(r.dir, name)
	b, err := readPrivate(path, 1<<13)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	line := strings.TrimSuffix(string(b), "\n")
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return "", fmt.Errorf("keyring: %s: %w", path, ErrDamaged)
	}
	return line, nil
}

func (r *Ring) setLine(name, line string) error {
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return fmt.Errorf("keyring: %s is not one line", name)
	}
	return writePrivate(filepath.Join(r.dir, name), []byte(line+"\n"))
}

// Retire puts the state and the high-water mark away under a name, for a
// provider whose user has accepted another log. What was known of the old log is
// kept in the folder old/NAME, and no longer held against anything.
func (r *Ring) Retire(name string) error {
	if !ValidDomain(name) {
		return fmt.Errorf("keyring: %q names no retired state", name)
	}
	old := filepath.Join(r.dir, "old")
	dir := filepath.Join(old, name)
	for _, d := range []string{old, dir} {
		if err := makePrivate(d); err != nil {
			return err
		}
	}
	for _, f := range []string{markFile, stateFile, checkpointFile} {
		if err := os.Rename(filepath.Join(r.dir, f), filepath.Join(dir, f)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("keyring: %w", err)
		}
	}
	return nil
}
