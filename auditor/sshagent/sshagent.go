// Package sshagent signs with keys that an SSH agent holds, so that an auditor's
// keys need not lie on the machine that watches: in a hardware token, or on another
// machine whose agent is forwarded.
package sshagent

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/wire"
)

// Errors of this package.
var (
	// ErrNoAgent is an agent that does not answer.
	ErrNoAgent = errors.New("ssh agent cannot be reached")
	// ErrNoKey is an agent that does not hold a key.
	ErrNoKey = errors.New("ssh agent does not hold the key")
	// ErrType is a key that is neither Ed25519 nor ECDSA over P-256.
	ErrType = errors.New("key is neither ssh-ed25519 nor ecdsa-sha2-nistp256")
	// ErrAnswer is an agent that answers with something else than a signature.
	ErrAnswer = errors.New("ssh agent does not answer with a signature")
)

// timeout bounds one exchange. A person may have to touch a token meanwhile.
const timeout = time.Minute

// An Agent is the socket of an SSH agent. A connection is made for each exchange,
// so that an agent may come and go.
type Agent struct{ Socket string }

var _ watch.KeyHolder = Agent{}

func (a Agent) do(f func(agent.ExtendedAgent) error) error {
	if a.Socket == "" {
		return fmt.Errorf("%w: SSH_AUTH_SOCK is not set", ErrNoAgent)
	}
	conn, err := net.DialTimeout("unix", a.Socket, 10*time.Second)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAgent, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	// The agent is no more trusted than any other peer with its length prefix.
	return f(agent.NewClient(struct {
		io.Reader
		io.Writer
	}{conn, conn}))
}

// Key returns the key with a fingerprint as ssh-add -l shows it, "SHA256:...".
func (a Agent) Key(fingerprint string) (watch.RemoteKey, error) {
	var found *agent.Key
	err := a.do(func(c agent.ExtendedAgent) error {
		keys, err := c.List()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoAgent, err)
		}
		for _, k := range keys {
			if ssh.FingerprintSHA256(k) == fingerprint {
				found = k
				return nil
			}
		}
		return fmt.Errorf("%w %s", ErrNoKey, fingerprint)
	})
	if err != nil {
		return nil, err
	}
	return newKey(a, found)
}

func newKey(a Agent, found *agent.Key) (*key, error) {
	parsed, err := ssh.ParsePublicKey(found.Blob)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrType, err)
	}
	withKey, ok := parsed.(ssh.CryptoPublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrType, parsed.Type())
	}
	k := &key{agent: a, ssh: parsed}
	switch public := withKey.CryptoPublicKey().(type) {
	case ed25519.PublicKey:
		k.suite, k.public = wire.KT_128_SHA256_Ed25519, public
	case *ecdsa.PublicKey:
		if parsed.Type() != ssh.KeyAlgoECDSA256 {
			return nil, fmt.Errorf("%w: %s", ErrType, parsed.Type())
		}
		k.suite = wire.KT_128_SHA256_P256
		if k.public, err = public.Bytes(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrType, err)
		}
	default:
		return nil, fmt.Errorf("%w: %s", ErrType, parsed.Type())
	}
	return k, nil
}

// A key is held by an agent.
type key struct {
	agent  Agent
	ssh    ssh.PublicKey
	suite  wire.CipherSuite
	public []byte
}

func (k *key) Suite() wire.CipherSuite { return k.suite }

func (k *key) Public() []byte { return append([]byte(nil), k.public...) }

// Sign lets the agent sign, and verifies what it returns.
func (k *key) Sign(msg []byte) ([]byte, error) {
	var sig *ssh.Signature
	err := k.agent.do(func(c agent.ExtendedAgent) (err error) {
		if sig, err = c.Sign(k.ssh, msg); err != nil {
			return fmt.Errorf("%w: %w", ErrAnswer, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if sig.Format != k.ssh.Type() {
		return nil, fmt.Errorf("%w: format %.40q", ErrAnswer, sig.Format)
	}
	if err := k.ssh.Verify(msg, sig); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if k.suite == wire.KT_128_SHA256_Ed25519 {
		if len(sig.Blob) != ed25519.SignatureSize {
			return nil, fmt.Errorf("%w: %d bytes", ErrAnswer, len(sig.Blob))
		}
		return sig.Blob, nil
	}
	return rawECDSA(sig.Blob)
}

// rawECDSA turns the signature of an agent, two integers behind their lengths, into
// that of the suite: r and s, 32 bytes each.
func rawECDSA(blob []byte) ([]byte, error) {
	var rs struct{ R, S *big.Int }
	if err := ssh.Unmarshal(blob, &rs); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	out := make([]byte, 64)
	for i, n := range []*big.Int{rs.R, rs.S} {
		if n.Sign() <= 0 || n.BitLen() > 256 {
			return nil, fmt.Errorf("%w: an integer of %d bits", ErrAnswer, n.BitLen())
		}
		n.FillBytes(out[32*i : 32*i+32])
	}
	return out, nil
}
