package directory

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kith-kt/kith/internal/kv"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

// Faults of a key folder.
var (
	// ErrExposedKey is a key file that others than its owner can read.
	ErrExposedKey = errors.New("key file is readable by others")
	// ErrKeyFile is a key file that does not parse.
	ErrKeyFile = errors.New("not a key file of this suite")
	// ErrWrongKeys is a set of keys that is not that of the log.
	ErrWrongKeys = errors.New("keys are not those of the log")
)

// Keys are the secrets of a log.
type Keys struct {
	Suite  suite.Suite
	Signer suite.Signer   // of tree heads
	VRF    vrf.PrivateKey // of search keys
	// LogSigner is the note key of the audit log's checkpoints, in the form of
	// golang.org/x/mod/sumdb/note ("PRIVATE+KEY+...").
	LogSigner string
}

// The files of a key folder. Each is one line: "kith-key", the suite's
// registered name, what the key is for, and the key in base64; log.key is a
// note signer key.
const (
	signatureKeyFile = "signature.key"
	vrfKeyFile       = "vrf.key"
	logKeyFile       = "log.key"
)

// GenerateKeys makes the keys of a new log whose checkpoints have the given
// origin.
func GenerateKeys(id wire.CipherSuite, origin string, rand io.Reader) (*Keys, error) {
	s, err := suite.Get(id)
	if err != nil {
		return nil, err
	}
	k := &Keys{Suite: s}
	if k.Signer, err = s.GenerateSigner(rand); err != nil {
		return nil, err
	}
	if k.VRF, err = s.GenerateVRFKey(rand); err != nil {
		return nil, err
	}
	k.LogSigner, _, err = checkpoint.GenerateKey(rand, origin)
	return k, err
}

// Save writes the keys to a folder, which it makes. It never overwrites a key.
func (k *Keys) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{
		signatureKeyFile: formatKey(k.Suite, "signature", k.Signer.Bytes()),
		vrfKeyFile:       formatKey(k.Suite, "vrf", k.VRF.Bytes()),
		logKeyFile:       k.LogSigner + "\n",
	} {
		if err := writeNew(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	return kv.SyncDir(dir)
}

// LoadKeys reads the keys of a log from a folder.
func LoadKeys(dir string, id wire.CipherSuite) (*Keys, error) {
	s, err := suite.Get(id)
	if err != nil {
		return nil, err
	}
	k := &Keys{Suite: s}
	secret, err := readKey(filepath.Join(dir, signatureKeyFile), s, "signature")
	if err != nil {
		return nil, err
	}
	if k.Signer, err = s.ParseSigner(secret); err != nil {
		return nil, fmt.Errorf("%s: %w", signatureKeyFile, err)
	}
	if secret, err = readKey(filepath.Join(dir, vrfKeyFile), s, "vrf"); err != nil {
		return nil, err
	}
	if k.VRF, err = s.ParseVRFPrivateKey(secret); err != nil {
		return nil, fmt.Errorf("%s: %w", vrfKeyFile, err)
	}
	text, err := readSecret(filepath.Join(dir, logKeyFile))
	if err != nil {
		return nil, err
	}
	k.LogSigner = strings.TrimSuffix(text, "\n")
	if _, err := checkpoint.NewSigner(k.LogSigner); err != nil {
		return nil, fmt.Errorf("%s: %w", logKeyFile, err)
	}
	return k, nil
}

// Check checks that the keys are those of a log.
func (k *Keys) Check(c *wire.Configuration) error {
	if k.Suite.ID() != c.CipherSuite || !bytes.Equal(k.Signer.Public(), c.SignaturePublicKey) ||
		!bytes.Equal(k.VRF.Public().Bytes(), c.VRFPublicKey) {
		return ErrWrongKeys
	}
	return nil
}

func formatKey(s suite.Suite, use string, secret []byte) string {
	return fmt.Sprintf("kith-key %s %s %s\n", s.Name(), use, base64.StdEncoding.EncodeToString(secret))
}

func readKey(path string, s suite.Suite, use string) ([]byte, error) {
	text, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(text)
	if len(fields) == 4 {
		secret, err := base64.StdEncoding.Strict().DecodeString(fields[3])
		if err == nil && text == formatKey(s, use, secret) {
			return secret, nil
		}
	}
	return nil, fmt.Errorf("%s: %w: %s key of %s wanted", path, ErrKeyFile, use, s.Name())
}

// readSecret reads a small file that only its owner may read.
func readSecret(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s: %w (mode %04o, should be 0600)", path, ErrExposedKey, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(file, 4096))
	return string(b), err
}

// writeNew writes a file that did not exist, durably.
func writeNew(path, text string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: a key is never overwritten", err)
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}
