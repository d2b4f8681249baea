package keyring

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Login is what this device knows of an account at the provider's account service.
// The account key is kept apart, in an Account.
type Login struct {
	Label string `json:"label"`
	// Token is the bearer token of the session, and Session its id; "": logged out.
	Token   string `json:"token,omitempty"`
	Session string `json:"session,omitempty"`
	// Device is the secret by which the service knows this device.
	Device string `json:"device,omitempty"`
	// Protocol proves the password: "" or "srp", "opaque".
	Protocol string `json:"protocol,omitempty"`
	// Strong says that the password was stretched as it should be at the last login:
	// from then on a server that asks for an older hash is not obeyed.
	Strong bool `json:"strong,omitempty"`
	// Key is the Ed25519 seed of this device's own key, or nil.
	Key []byte `json:"device_key,omitempty"`
	// Registering says that the account is being made, and is not published yet.
	Registering bool `json:"registering,omitempty"`
	// Recovery is the recovery code, as long as the person has not seen it.
	Recovery string `json:"recovery,omitempty"`
}

// DeviceKey returns this device's own key, or nil.
func (l *Login) DeviceKey() ed25519.PrivateKey {
	if l.Key == nil {
		return nil
	}
	return ed25519.NewKeyFromSeed(l.Key)
}

func (r *Ring) loginPath(label string) string {
	return filepath.Join(r.dir, "logins", fmt.Sprintf("%x.json", sha256.Sum256([]byte(label))))
}

// Login returns what is known of an account. It is an ErrUnknown if nothing is.
func (r *Ring) Login(label string) (*Login, error) {
	l, err := readLogin(r.loginPath(label))
	if errors.Is(err, os.ErrNotExist) {
		return nil, &Hinted{Err: fmt.Errorf("keyring: login of %s: %w", label, ErrUnknown), Hint: "kith login " + label}
	}
	if err == nil && l.Label != label {
		err = fmt.Errorf("keyring: %s: %w: it is the login of another label", r.loginPath(label), ErrDamaged)
	}
	return l, err
}

// SaveLogin adds or replaces a login.
func (r *Ring) SaveLogin(l *Login) error {
	if !l.valid() {
		return fmt.Errorf("keyring: login of %q is incomplete", l.Label)
	}
	if err := makePrivate(filepath.Join(r.dir, "logins")); err != nil {
		return err
	}
	b, err := marshal(l)
	if err != nil {
		return err
	}
	return writePrivate(r.loginPath(l.Label), b)
}

// ForgetLogin forgets all that is known of an account, but for its key.
func (r *Ring) ForgetLogin(label string) error {
	err := os.Remove(r.loginPath(label))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(filepath.Join(r.dir, "logins"))
	}
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

// Logins returns the labels of the accounts that are known, sorted.
func (r *Ring) Logins() (labels []string, err error) {
	dir := filepath.Join(r.dir, "logins")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		l, err := readLogin(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		labels = append(labels, l.Label)
	}
	slices.Sort(labels)
	return labels, nil
}

func (l *Login) valid() bool {
	return l.Label != "" && (l.Key == nil || len(l.Key) == ed25519.SeedSize)
}

func readLogin(path string) (*Login, error) {
	l := new(Login)
	if err := readJSON(path, 1<<16, l); err != nil {
		return nil, err
	}
	if !l.valid() {
		return nil, fmt.Errorf("keyring: %s: %w", path, ErrDamaged)
	}
	return l, nil
}
