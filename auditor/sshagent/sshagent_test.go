package sshagent

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/kith-kt/kith/auditor/watch"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/wire"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keys are one of each type, and their fingerprints.
func keys(t testing.TB) (private []crypto.Signer, names []string) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	for _, k := range []crypto.Signer{ed, p256} {
		public, err := ssh.NewPublicKey(k.Public())
		must(t, err)
		private, names = append(private, k), append(names, ssh.FingerprintSHA256(public))
	}
	return private, names
}

// inProcess is an agent behind a socket.
func inProcess(t testing.TB, a agent.Agent) Agent {
	dir, err := os.MkdirTemp("", "agent") // a short name: sockets want one
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	ln, err := net.Listen("unix", socket)
	must(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = agent.ServeAgent(a, conn)
			}()
		}
	}()
	return Agent{socket}
}

// openSSH is OpenSSH's agent with the keys.
func openSSH(t testing.TB, private []crypto.Signer) Agent {
	for _, name := range []string{"ssh-agent", "ssh-add"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is not installed, and this runs where it must be", name)
			}
			t.Skipf("%s is not installed", name)
		}
	}
	dir, err := os.MkdirTemp("", "agent")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	a := Agent{filepath.Join(dir, "s")}
	cmd := exec.Command("ssh-agent", "-D", "-a", a.Socket)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	_, err = out.Read(make([]byte, 100)) // it says where it listens once it does
	must(t, err)
	for i, k := range private {
		block, err := ssh.MarshalPrivateKey(k, "")
		must(t, err)
		name := filepath.Join(dir, string(rune('a'+i)))
		must(t, os.WriteFile(name, pem.EncodeToMemory(block), 0o600))
		add := exec.Command("ssh-add", name)
		add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+a.Socket)
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("ssh-add: %v: %s", err, out)
		}
	}
	return a
}

func keyring(t testing.TB, private []crypto.Signer) agent.Agent {
	ring := agent.NewKeyring()
	for _, k := range private {
		var added agent.AddedKey
		switch k := k.(type) {
		case ed25519.PrivateKey:
			added.PrivateKey = &k
		default:
			added.PrivateKey = k
		}
		must(t, ring.Add(added))
	}
	return ring
}

// TestSigns: what an agent signs is what the suites verify, and what cosignature
// verifiers verify, whoever wrote the agent.
func TestSigns(t *testing.T) {
	private, names := keys(t)
	for name, a := range map[string]Agent{"in process": inProcess(t, keyring(t, private)), "OpenSSH": openSSH(t, private)} {
		t.Run(name, func(t *testing.T) {
			for i, id := range []wire.CipherSuite{wire.KT_128_SHA256_Ed25519, wire.KT_128_SHA256_P256} {
				k, err := a.Key(names[i])
				must(t, err)
				if k.Suite() != id {
					t.Fatalf("suite %v", k.Suite())
				}
				s, err := suite.Get(id)
				must(t, err)
				verifier, err := s.ParseVerifier(k.Public())
				must(t, err)
				for n := range 40 { // lengths of r and s vary
					msg := bytes.Repeat([]byte{byte(n)}, n*13)
					sig, err := k.Sign(msg)
					must(t, err)
					must(t, verifier.Verify(msg, sig))
				}
			}
			ed, err := a.Key(names[0])
			must(t, err)
			c, err := checkpoint.CosignerOf("audit.example.net", cosigner{ed})
			must(t, err)
			text := checkpoint.Checkpoint{Origin: "example.org/log", Size: 1}.Text()
			_, err = c.Cosign(text, 1790000000)
			must(t, err)

			if _, err := a.Key("SHA256:nothing"); !errors.Is(err, ErrNoKey) {
				t.Error(err)
			}
		})
	}
}

type cosigner struct{ watch.RemoteKey }

func (c cosigner) Public() ed25519.PublicKey { return c.RemoteKey.Public() }

// liar is an agent that does not sign what it is asked to.
type liar struct {
	agent.Agent
	answer func(*ssh.Signature, error) (*ssh.Signature, error)
}

func (l liar) Sign(k ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	return l.answer(l.Agent.Sign(k, data))
}

func TestAgentsThatLie(t *testing.T) {
	private, names := keys(t)
	for name, answer := range map[string]func(*ssh.Signature, error) (*ssh.Signature, error){
		"refuses":        func(*ssh.Signature, error) (*ssh.Signature, error) { return nil, errors.New("no") },
		"another byte":   func(s *ssh.Signature, err error) (*ssh.Signature, error) { s.Blob[20] ^= 1; return s, err },
		"another format": func(s *ssh.Signature, err error) (*ssh.Signature, error) { s.Format = "ssh-rsa"; return s, err },
		"too short":      func(s *ssh.Signature, err error) (*ssh.Signature, error) { s.Blob = s.Blob[:7]; return s, err },
		"empty":          func(s *ssh.Signature, err error) (*ssh.Signature, error) { s.Blob = nil; return s, err },
	} {
		a := inProcess(t, liar{keyring(t, private), answer})
		for _, n := range names {
			k, err := a.Key(n)
			must(t, err)
			if sig, err := k.Sign([]byte("message")); !errors.Is(err, ErrAnswer) || sig != nil {
				t.Errorf("%s: %x, %v", name, sig, err)
			}
		}
	}
}

// TestECDSA: integers that no signature of P-256 has are refused.
func TestECDSA(t *testing.T) {
	one, big256 := big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 256)
	blob := func(r, s *big.Int) []byte { return ssh.Marshal(struct{ R, S *big.Int }{r, s}) }
	if sig, err := rawECDSA(blob(one, one)); err != nil || len(sig) != 64 || sig[31] != 1 || sig[63] != 1 {
		t.Errorf("%x, %v", sig, err)
	}
	for name, b := range map[string][]byte{
		"zero": blob(new(big.Int), one), "negative": blob(one, big.NewInt(-1)), "too large": blob(big256, one),
		"cut off": blob(one, one)[:7], "more": append(blob(one, one), 0), "nothing": nil,
	} {
		if sig, err := rawECDSA(b); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %x, %v", name, sig, err)
		}
	}
}

func TestOtherKeysAndAgents(t *testing.T) {
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	a := inProcess(t, keyring(t, []crypto.Signer{old, p384}))
	for _, k := range []crypto.Signer{old, p384} {
		public, err := ssh.NewPublicKey(k.Public())
		must(t, err)
		if _, err := a.Key(ssh.FingerprintSHA256(public)); !errors.Is(err, ErrType) {
			t.Errorf("%s: %v", public.Type(), err)
		}
	}
	for _, none := range []Agent{{}, {filepath.Join(t.TempDir(), "s")}} {
		if _, err := none.Key("SHA256:x"); !errors.Is(err, ErrNoAgent) {
			t.Error(err)
		}
	}
}

// TestAuditorWithAgent: the keys of a folder may be an agent's; without it, nothing
// is signed and the folder says whose key is missing.
func TestAuditorWithAgent(t *testing.T) {
	private, names := keys(t)
	ring := keyring(t, private)
	a := inProcess(t, ring)
	for i, word := range []string{"ed25519", "p256"} {
		dir := filepath.Join(t.TempDir(), "auditor")
		o := watch.InitOptions{Dir: dir, Suite: word, Name: "audit.example.net", Agent: a, HeadKey: names[i], CosignerKey: names[0]}
		id, err := watch.Init(t.Context(), o)
		must(t, err)
		k, err := a.Key(names[i])
		must(t, err)
		if !bytes.Equal(id.PublicKey, k.Public()) || !strings.HasPrefix(id.Cosigner, "audit.example.net+") {
			t.Errorf("%+v", id)
		}
		for _, name := range []string{"auditor.key", "cosigner.key"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			must(t, err)
			if !strings.Contains(string(b), "SHA256:") || strings.Contains(string(b), "PRIVATE") {
				t.Errorf("%s: %s", name, b)
			}
		}
		again, err := watch.Init(t.Context(), watch.InitOptions{Dir: dir, Suite: word, Agent: a})
		must(t, err)
		if again.Cosigner != id.Cosigner {
			t.Error("another cosigner")
		}
		o.HeadKey = names[1-i]
		if _, err := watch.Init(t.Context(), o); !errors.Is(err, watch.ErrOtherKey) {
			t.Error(err)
		}
		if _, err := watch.Init(t.Context(), watch.InitOptions{Dir: dir, Suite: word}); !errors.Is(err, watch.ErrAgent) || !strings.Contains(err.Error(), "SHA256:") {
			t.Error(err)
		}
	}
	o := watch.InitOptions{Dir: filepath.Join(t.TempDir(), "auditor"), Suite: "ed25519", Agent: a, CosignerKey: names[1]}
	if _, err := watch.Init(t.Context(), o); !errors.Is(err, watch.ErrAgent) {
		t.Errorf("a cosigner of another type: %v", err)
	}
}
