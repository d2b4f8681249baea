package account

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// agentWait is how long an agent may take, which may ask a person.
const agentWait = 2 * time.Minute

// ErrAgent is an ssh-agent that cannot help.
var ErrAgent = errors.New("ssh-agent")

// An AgentKey is a DeviceKey that an ssh-agent holds
// (draft-ietf-sshm-ssh-agent). It signs what it is given, unhashed: an
// ssh-ed25519 key can stand as a device key in a record.
type AgentKey struct {
	socket  string
	key     ed25519.PublicKey
	Comment string
}

// AgentKeys lists the ssh-ed25519 keys of the agent that listens at a Unix socket
// ($SSH_AUTH_SOCK).
func AgentKeys(ctx context.Context, socket string) (all []*AgentKey, err error) {
	err = withAgent(ctx, socket, func(a agent.Agent) error {
		keys, err := a.List()
		if err != nil {
			return err
		}
		for _, k := range keys {
			if key := ed25519Of(k.Blob); key != nil {
				all = append(all, &AgentKey{socket, key, printable(k.Comment)})
			}
		}
		return nil
	})
	return all, err
}

// ed25519Of returns the key of an ssh-ed25519 blob, or nil.
func ed25519Of(blob []byte) ed25519.PublicKey {
	parsed, err := ssh.ParsePublicKey(blob)
	if err != nil || parsed.Type() != ssh.KeyAlgoED25519 {
		return nil
	}
	c, ok := parsed.(ssh.CryptoPublicKey)
	if !ok {
		return nil
	}
	key, _ := c.CryptoPublicKey().(ed25519.PublicKey)
	return key
}

// Public implements DeviceKey.
func (k *AgentKey) Public() ed25519.PublicKey { return bytes.Clone(k.key) }

// Sign implements DeviceKey.
func (k *AgentKey) Sign(ctx context.Context, message []byte) (signature []byte, err error) {
	public, err := ssh.NewPublicKey(k.key)
	if err != nil {
		return nil, err
	}
	err = withAgent(ctx, k.socket, func(a agent.Agent) error {
		s, err := a.Sign(public, message)
		if err != nil {
			return err
		}
		if s.Format != ssh.KeyAlgoED25519 || len(s.Blob) != ed25519.SignatureSize {
			return errors.New("a signature of another kind")
		}
		signature = s.Blob
		return nil
	})
	return signature, err
}

func withAgent(ctx context.Context, socket string, do func(agent.Agent) error) error {
	if socket == "" {
		return fmt.Errorf("account: %w: none is running", ErrAgent)
	}
	ctx, cancel := context.WithTimeout(ctx, agentWait)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("account: %w: %w", ErrAgent, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := do(agent.NewClient(conn)); err != nil {
		return fmt.Errorf("account: %w: %w", ErrAgent, err)
	}
	return nil
}

// Fingerprint returns the key's short name, as ssh-add -l shows it: "SHA256:...".
func (k *AgentKey) Fingerprint() string {
	public, err := ssh.NewPublicKey(k.key)
	if err != nil {
		return ""
	}
	return ssh.FingerprintSHA256(public)
}
