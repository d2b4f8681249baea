// Package keyring keeps what the kith program must not lose or show: for every
// provider a user follows, the pinned provider document, the client state, the
// account keys and the contacts, in files of one folder.
//
// The folder is $KITH_HOME, or kith in $XDG_DATA_HOME (~/.local/share):
//
//	default                 the domain that commands speak of when none is named
//	DOMAIN/lock             held by the process that works in DOMAIN
//	DOMAIN/provider         the pinned provider document
//	DOMAIN/state            client.State
//	DOMAIN/high-water       size and root of the newest head ever saved
//	DOMAIN/accounts/*.json  one account each: key, token
//	DOMAIN/logins/*.json    what is known of an account at the provider: session, device
//	DOMAIN/contacts.json    names and compared fingerprints
//	DOMAIN/evidence/        saved proofs and evidence of misbehaviour
//	DOMAIN/convicted        which logs are refused from then on (Conviction)
//	DOMAIN/checkpoint       the newest signed checkpoint of the audit log that was seen
//	DOMAIN/handed-in        when heads were last handed in to auditors
//	DOMAIN/policy.json      what is demanded of the provider's answers (Policy)
//	policy.json             the same, for all providers
//
// Files have mode 0600 and folders 0700; anything that others can read or
// write is refused with the command that mends it. A file is replaced
// atomically (written beside, synced, renamed, folder synced) or not at all. A
// state that is damaged, missing or older than the high-water mark is an error
// and stays one: forgetting silently is what an attacker would wish for.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Classes of fault.
var (
	// ErrExposed is a file or folder that others can read or write.
	ErrExposed = errors.New("others can read or write it")
	// ErrLocked is a folder in which another process works.
	ErrLocked = errors.New("another kith process is using it")
	// ErrDamaged is a file that cannot be what was saved.
	ErrDamaged = errors.New("damaged")
	// ErrUnknown is a provider, account or contact that is not in the keyring.
	ErrUnknown = errors.New("not in the keyring")
	// ErrRollback is a state older than one saved before.
	ErrRollback = errors.New("older than a state saved before")
)

// A Hinted error says what to type next.
type Hinted struct {
	Err  error
	Hint string // in lower case, without a full stop
}

func (e *Hinted) Error() string { return e.Err.Error() }

// Unwrap returns the error the hint belongs to.
func (e *Hinted) Unwrap() error { return e.Err }

// DefaultDir returns the folder of the keyring according to the environment.
func DefaultDir(getenv func(string) string) (string, error) {
	if dir := getenv("KITH_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "kith"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "share", "kith"), nil
	}
	return "", &Hinted{Err: errors.New("keyring: neither $KITH_HOME, $XDG_DATA_HOME nor $HOME says where the keyring is"), Hint: "export KITH_HOME=/path/to/a/private/folder"}
}

// A Home is the folder of all keyrings of one person.
type Home struct{ dir string }

// OpenHome opens the folder, and makes it if it is missing.
func OpenHome(dir string) (*Home, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	if err := makePrivate(dir); err != nil {
		return nil, err
	}
	return &Home{dir}, nil
}

// Dir returns the path of the folder.
func (h *Home) Dir() string { return h.dir }

// Domains returns the providers in the keyring, sorted.
func (h *Home) Domains() ([]string, error) {
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	var domains []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(h.dir, e.Name(), providerFile)); err == nil && ValidDomain(e.Name()) {
			domains = append(domains, e.Name())
		}
	}
	slices.Sort(domains)
	return domains, nil
}

// Default returns the provider that commands speak of when none is named. It
// is an ErrUnknown if none was chosen.
func (h *Home) Default() (string, error) {
	b, err := readPrivate(filepath.Join(h.dir, "default"), 1<<10)
	if errors.Is(err, os.ErrNotExist) {
		return "", &Hinted{Err: fmt.Errorf("keyring: no provider is chosen: %w", ErrUnknown), Hint: "kith use URL"}
	}
	if err != nil {
		return "", err
	}
	domain := strings.TrimSuffix(string(b), "\n")
	if !ValidDomain(domain) {
		return "", fmt.Errorf("keyring: %s: %w", filepath.Join(h.dir, "default"), ErrDamaged)
	}
	return domain, nil
}

// SetDefault chooses the provider that Default returns.
func (h *Home) SetDefault(domain string) error {
	if !ValidDomain(domain) {
		return fmt.Errorf("keyring: %q is no domain", domain)
	}
	return writePrivate(filepath.Join(h.dir, "default"), []byte(domain+"\n"))
}

// Open opens the keyring of one provider for this process alone, and makes it
// if it is missing. While another process works in it, Open waits until ctx is
// done, and then returns an ErrLocked.
func (h *Home) Open(ctx context.Context, domain string) (*Ring, error) {
	if !ValidDomain(domain) {
		return nil, fmt.Errorf("keyring: %q is no domain", domain)
	}
	dir := filepath.Join(h.dir, domain)
	if err := makePrivate(dir); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err == nil && !held {
		held, err = lock.TryLockContext(ctx, 20*time.Millisecond)
	}
	if !held {
		if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("keyring: %s: %w", dir, ErrLocked)
		}
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return &Ring{domain: domain, dir: dir, lock: lock}, nil
}

// ValidDomain reports whether domain can name a provider's folder: lower-case
// letters, digits, hyphens and single dots between them, at most 253 bytes.
func ValidDomain(domain string) bool {
	if domain == "" || len(domain) > 253 {
		return false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || label[0] == '-' {
			return false
		}
	}
	return domain != "default"
}

// A Ring is the keyring of one provider, open in this process alone.
type Ring struct {
	domain string
	dir    string
	lock   *flock.Flock
}

// Domain returns the provider's domain.
func (r *Ring) Domain() string { return r.domain }

// Dir returns the path of the provider's folder.
func (r *Ring) Dir() string { return r.dir }

// Close lets other processes in.
func (r *Ring) Close() error { return r.lock.Close() }

const providerFile = "provider"

// Provider returns the pinned provider document as it was saved. It is an
// ErrUnknown if there is none.
func (r *Ring) Provider() ([]byte, error) {
	b, err := readPrivate(filepath.Join(r.dir, providerFile), 1<<20)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &Hinted{Err: fmt.Errorf("keyring: provider %s: %w", r.domain, ErrUnknown), Hint: "kith use https://" + r.domain}
	}
	return b, err
}

// SetProvider pins a provider document in the place of any before it.
func (r *Ring) SetProvider(b []byte) error {
	return writePrivate(filepath.Join(r.dir, providerFile), b)
}
