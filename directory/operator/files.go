package operator

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gofrs/flock"

	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/proto/strictjson"
)

// The files and folders of a data folder.
const (
	ConfigFile    = "config.json"
	DocumentFile  = "kith.json"
	StoreFile     = "kith.db"
	KeysFolder    = "keys"
	HighWaterFile = "high-water"
	RootFolder    = "root"
	RootKeyFile   = "root.key"
	LockFile      = "lock"
)

// Errors of data folders.
var (
	// ErrExists is a folder that holds a log already, or parts of one.
	ErrExists = errors.New("folder holds a log already")
	// ErrNoLog is a folder without a log.
	ErrNoLog = errors.New("folder holds no log")
	// ErrInUse is a folder that another process has open.
	ErrInUse = errors.New("folder is in use by another process")
	// ErrConfig is a config.json that cannot be taken.
	ErrConfig = errors.New("invalid configuration")
)

const maxConfig = 64 << 10 // bytes

// lock takes the folder, for as long as the process lives or until Unlock.
func lock(dir string) (*flock.Flock, error) {
	l := flock.New(filepath.Join(dir, LockFile), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s: %w: %w", dir, directory.ErrReadOnly, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", dir, err)
	case !ok:
		return nil, fmt.Errorf("%s: %w", dir, ErrInUse)
	}
	return l, nil
}

// LoadConfig reads config.json in a data folder.
func LoadConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, ConfigFile)
	b, err := readFile(path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoLog)
	}
	if err != nil {
		return nil, err
	}
	c := new(Config)
	if err := strictjson.Decode(b, c); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrConfig, err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrConfig, err)
	}
	return c, nil
}

func (c *Config) encode() ([]byte, error) {
	b, err := json.MarshalIndent(c, "", "  ")
	return append(b, '\n'), err
}

func readFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, err
}

// writeNew writes a file that did not exist, durably.
func writeNew(path string, b []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

// replace writes a file in one step: after a crash there is the old one or the
// new one.
func replace(path string, b []byte, mode fs.FileMode) error {
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeNew(temporary, b, mode); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return kv.SyncDir(filepath.Dir(path))
}

// A root key is one line, like the other keys of a log.
const rootKeyPrefix = "kith-key Ed25519 root "

func formatRootKey(key ed25519.PrivateKey) []byte {
	return []byte(rootKeyPrefix + base64.StdEncoding.EncodeToString(key.Seed()) + "\n")
}

// LoadRootKey reads a root key, which Init made and its owner keeps elsewhere.
func LoadRootKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w (mode %04o, should be 0600)", path, directory.ErrExposedKey, info.Mode().Perm())
	}
	b, err := readFile(path, 4096)
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(strings.TrimSuffix(string(b), "\n"), rootKeyPrefix)
	seed, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s: %w: root key wanted", path, directory.ErrKeyFile)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
