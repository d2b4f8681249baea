package watch

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

// A KeyHolder holds keys for others, as an SSH agent does.
type KeyHolder interface {
	// Key returns the key of a name ("SHA256:..."). The key is asked for every
	// signature, and may be gone by then.
	Key(name string) (RemoteKey, error)
}

// A RemoteKey is a key that somebody else holds.
type RemoteKey interface {
	// Suite is the cipher suite whose signatures Sign makes.
	Suite() wire.CipherSuite
	// Public returns the public key as it stands in a Configuration of Suite.
	Public() []byte
	// Sign signs a message as Suite does.
	Sign(msg []byte) ([]byte, error)
}

// Suites are the cipher suites by the names that kithd init has for them.
var Suites = map[string]wire.CipherSuite{"ed25519": wire.KT_128_SHA256_Ed25519, "p256": wire.KT_128_SHA256_P256}

// SuiteName returns the name of a suite in Suites.
func SuiteName(id wire.CipherSuite) string {
	for name, s := range Suites {
		if s == id {
			return name
		}
	}
	return fmt.Sprintf("%#04x", uint16(id))
}

// Errors of keys.
var (
	ErrKeyFile = errors.New("not an auditor's key")
	// ErrAgent is a key that an agent should hold and does not, or does not sign with.
	ErrAgent = errors.New("key of an agent")
	// ErrOtherKey is a folder that has another key already.
	ErrOtherKey = errors.New("the folder has another key already")
)

// Words that begin key files. The word of a file with a secret is followed by the
// name of the suite and the secret in base64; that of a key in an agent by the
// suite, or the cosigner's name, and the key's name.
const (
	keyMagic   = "kith-auditor-key-1"
	agentMagic = "kith-auditor-agent-1"
)

// A key signs heads of logs of its suite.
type key struct {
	suite wire.CipherSuite
	suite.Signer
}

// remoteSigner is a suite.Signer whose secret is elsewhere.
type remoteSigner struct{ RemoteKey }

func (remoteSigner) Bytes() []byte { return nil }

// agentKey returns the key of an agent's.
func agentKey(holder KeyHolder, name string) (RemoteKey, error) {
	if holder == nil {
		return nil, fmt.Errorf("%w: %s: there is no agent", ErrAgent, name)
	}
	k, err := holder.Key(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAgent, err)
	}
	return k, nil
}

// headKey returns the folder's key for heads, nil if it has none.
func (f *folder) headKey(holder KeyHolder) (*key, error) {
	b, err := f.read(headKeyFile)
	if b == nil || err != nil {
		return nil, err
	}
	bad := func(err error) (*key, error) {
		return nil, fmt.Errorf("%s: %w: %w", f.path(headKeyFile), ErrKeyFile, err)
	}
	words := strings.Fields(string(b))
	if len(words) != 3 {
		return bad(errors.New("unknown format"))
	}
	id, ok := Suites[words[1]]
	if !ok {
		return bad(suite.ErrUnknownSuite)
	}
	switch words[0] {
	case agentMagic:
		remote, err := agentKey(holder, words[2])
		if err != nil {
			return nil, err
		}
		if remote.Suite() != id {
			return bad(errors.New("the agent's key is of another suite"))
		}
		return &key{id, remoteSigner{remote}}, nil
	case keyMagic:
	default:
		return bad(errors.New("unknown format"))
	}
	secret, err := base64.StdEncoding.Strict().DecodeString(words[2])
	if err != nil {
		return bad(err)
	}
	s, err := suite.Get(id)
	if err != nil {
		return bad(err)
	}
	signer, err := s.ParseSigner(secret)
	if err != nil {
		return bad(err)
	}
	return &key{id, signer}, nil
}

// makeHeadKey returns the folder's key for heads, which it makes if there is none:
// the agent's of the given name, or one in a file if that is "".
func (f *folder) makeHeadKey(id wire.CipherSuite, o *InitOptions) (*key, error) {
	k, err := f.headKey(o.Agent)
	if err != nil {
		return nil, err
	}
	if k != nil {
		if k.suite != id {
			return nil, fmt.Errorf("%s is of suite %s, not %s: %w", f.path(headKeyFile), SuiteName(k.suite), SuiteName(id), ErrOtherKey)
		}
		if o.HeadKey != "" {
			if remote, err := agentKey(o.Agent, o.HeadKey); err != nil || !bytes.Equal(remote.Public(), k.Public()) {
				return nil, errors.Join(fmt.Errorf("%s: %w", f.path(headKeyFile), ErrOtherKey), err)
			}
		}
		return k, nil
	}
	if o.HeadKey != "" {
		remote, err := agentKey(o.Agent, o.HeadKey)
		if err != nil {
			return nil, err
		}
		if remote.Suite() != id {
			return nil, fmt.Errorf("%w: %s signs as suite %s, the log is of suite %s", ErrAgent, o.HeadKey, SuiteName(remote.Suite()), SuiteName(id))
		}
		line := agentMagic + " " + SuiteName(id) + " " + o.HeadKey + "\n"
		return &key{id, remoteSigner{remote}}, f.write(headKeyFile, []byte(line))
	}
	s, err := suite.Get(id)
	if err != nil {
		return nil, err
	}
	signer, err := s.GenerateSigner(o.Rand)
	if err != nil {
		return nil, err
	}
	line := keyMagic + " " + SuiteName(id) + " " + base64.StdEncoding.EncodeToString(signer.Bytes()) + "\n"
	return &key{id, signer}, f.write(headKeyFile, []byte(line))
}

// A cosigner makes cosignatures and signs statements, with one Ed25519 key.
type cosigner struct {
	*checkpoint.Cosigner
	checkpoint.KeySigner
}

// remoteEd25519 is a checkpoint.KeySigner whose secret is elsewhere.
type remoteEd25519 struct{ RemoteKey }

func (r remoteEd25519) Public() ed25519.PublicKey { return r.RemoteKey.Public() }

// seed is an Ed25519 key in memory.
type seed ed25519.PrivateKey

func (s seed) Public() ed25519.PublicKey { return ed25519.PrivateKey(s).Public().(ed25519.PublicKey) }

func (s seed) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(ed25519.PrivateKey(s), msg), nil }

// cosigner returns the folder's cosigner, nil if it has none.
func (f *folder) cosigner(holder KeyHolder) (*cosigner, error) {
	b, err := f.read(cosignerFile)
	if b == nil || err != nil {
		return nil, err
	}
	c, err := parseCosigner(strings.TrimSpace(string(b)), holder)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path(cosignerFile), err)
	}
	return c, nil
}

func parseCosigner(line string, holder KeyHolder) (*cosigner, error) {
	if words := strings.Fields(line); len(words) == 3 && words[0] == agentMagic {
		remote, err := agentKey(holder, words[2])
		if err != nil {
			return nil, err
		}
		if remote.Suite() != wire.KT_128_SHA256_Ed25519 {
			return nil, fmt.Errorf("%w: %s is not an Ed25519 key", ErrAgent, words[2])
		}
		c, err := checkpoint.CosignerOf(words[1], remoteEd25519{remote})
		return &cosigner{c, remoteEd25519{remote}}, err
	}
	c, err := checkpoint.NewCosigner(line)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeyFile, err)
	}
	// NewCosigner has checked the form PRIVATE+KEY+name+id+base64(type || seed), in
	// which base64 may contain plus signs of its own.
	fields := strings.SplitN(line, "+", 5)
	secret, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(secret) != 1+ed25519.SeedSize {
		return nil, ErrKeyFile
	}
	return &cosigner{c, seed(ed25519.NewKeyFromSeed(secret[1:]))}, nil
}

// makeCosigner returns the folder's cosigner, which it makes if there is none.
func (f *folder) makeCosigner(o *InitOptions) (*cosigner, error) {
	c, err := f.cosigner(o.Agent)
	if err != nil {
		return nil, err
	}
	if c != nil {
		if o.Name != "" && o.Name != c.Name() {
			return nil, fmt.Errorf("%s is of %s, not %s: %w", f.path(cosignerFile), c.Name(), o.Name, ErrOtherKey)
		}
		return c, nil
	}
	name := o.Name
	if name == "" {
		if name, err = defaultName(o.Rand); err != nil {
			return nil, err
		}
	}
	if o.CosignerKey != "" {
		line := agentMagic + " " + name + " " + o.CosignerKey
		if c, err = parseCosigner(line, o.Agent); err != nil {
			return nil, err
		}
		return c, f.write(cosignerFile, []byte(line+"\n"))
	}
	skey, _, err := checkpoint.GenerateCosigner(o.Rand, name)
	if err != nil {
		return nil, err
	}
	if c, err = parseCosigner(skey, nil); err != nil {
		return nil, err
	}
	return c, f.write(cosignerFile, []byte(skey+"\n"))
}

// defaultName is the name of this machine, if it has a whole one, or a random one.
func defaultName(rand io.Reader) (string, error) {
	if host, err := os.Hostname(); err == nil && strings.Contains(strings.Trim(host, "."), ".") && checkpoint.CheckOrigin(host) == nil {
		return host + "/auditor", nil
	}
	b := make([]byte, 8)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", err
	}
	return "auditor-" + hex.EncodeToString(b), nil
}

// isAuditor reports whether heads of the log need the key's signature.
func isAuditor(c *wire.Configuration, k *key) bool {
	return k != nil && c.Mode == wire.ThirdPartyAuditing && bytes.Equal(c.AuditorPublicKey, k.Public())
}
