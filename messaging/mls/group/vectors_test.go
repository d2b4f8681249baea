package group

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/kith-kt/kith/messaging/mls/message"
	"github.com/kith-kt/kith/messaging/mls/mlstest"
	"github.com/kith-kt/kith/messaging/mls/suite"
)

// passiveCase is a case of the vectors "Passive Client Scenarios".
type passiveCase struct {
	CipherSuite  suite.ID `json:"cipher_suite"`
	ExternalPSKs []struct {
		ID  mlstest.Hex `json:"psk_id"`
		PSK mlstest.Hex `json:"psk"`
	} `json:"external_psks"`
	KeyPackage                mlstest.Hex  `json:"key_package"`
	SignaturePriv             mlstest.Hex  `json:"signature_priv"`
	EncryptionPriv            mlstest.Hex  `json:"encryption_priv"`
	InitPriv                  mlstest.Hex  `json:"init_priv"`
	Welcome                   mlstest.Hex  `json:"welcome"`
	RatchetTree               *mlstest.Hex `json:"ratchet_tree"`
	InitialEpochAuthenticator mlstest.Hex  `json:"initial_epoch_authenticator"`
	Epochs                    []struct {
		Proposals          []mlstest.Hex `json:"proposals"`
		Commit             mlstest.Hex   `json:"commit"`
		EpochAuthenticator mlstest.Hex   `json:"epoch_authenticator"`
	} `json:"epochs"`
}

func TestVectorsPassiveClientWelcome(t *testing.T) { passive(t, "passive-client-welcome.json") }
func TestVectorsPassiveClientHandlingCommit(t *testing.T) {
	passive(t, "passive-client-handling-commit.json")
}
func TestVectorsPassiveClientRandom(t *testing.T) { passive(t, "passive-client-random.json") }

func passive(t *testing.T, file string) {
	t.Parallel()
	var cases []passiveCase
	mlstest.Vectors(t, file, &cases)
	ran := 0
	for i := range cases {
		if err := cases[i].run(t); err != nil {
			t.Errorf("case %d, suite %d: %v", i, cases[i].CipherSuite, err)
			continue
		}
		ran++
	}
	mlstest.Report(t, file, ran, len(cases))
}

// p521 brings a private key of suite 5 to its full length: the vectors leave away
// zero bytes at the front of a scalar.
func (c *passiveCase) p521(key []byte) []byte {
	if c.CipherSuite != suite.P521_AES256GCM_SHA512_P521 || len(key) >= 66 {
		return slices.Clone(key)
	}
	return append(make([]byte, 66-len(key)), key...)
}

func (c *passiveCase) run(t *testing.T) error {
	encryptionPriv, initPriv := c.p521(c.EncryptionPriv), c.p521(c.InitPriv)
	w := newWorld(t, c.CipherSuite, 1)
	cfg := w.client("passive").cfg
	cfg.Authenticator = AuthenticatorFunc(func([]byte, []Candidate) error { return nil })
	cfg.Limits.Lifetime = math.MaxUint64
	s := cfg.Suite
	var err error
	if cfg.Signer, err = s.NewSigner(c.p521(c.SignaturePriv)); err != nil {
		return err
	}
	cfg.PSK = func(id []byte) ([]byte, error) {
		for _, p := range c.ExternalPSKs {
			if bytes.Equal(p.ID, id) {
				return p.PSK, nil
			}
		}
		return nil, nil
	}
	parsed, err := message.Parse(c.KeyPackage)
	if err != nil {
		return err
	}
	kp := &KeyPackage{
		Public:  parsed.Body.(*message.KeyPackage),
		Private: &message.KeyPackagePrivate{InitKey: initPriv, EncryptionKey: encryptionPriv},
	}
	// "Verify that signature_priv, leaf_priv, and init_priv correspond to the public
	// keys."
	for _, pair := range []struct{ private, public []byte }{{initPriv, kp.Public.InitKey}, {encryptionPriv, kp.Public.LeafNode.EncryptionKey}} {
		if public, err := s.PublicKey(pair.private); err != nil || !bytes.Equal(public, pair.public) {
			return fmt.Errorf("key pair: %x, %v", public, err)
		}
	}
	if !bytes.Equal(cfg.Signer.Public(), kp.Public.LeafNode.SignatureKey) {
		return fmt.Errorf("signature key pair")
	}
	o := JoinOptions{AllowExpired: true}
	if c.RatchetTree != nil {
		o.RatchetTree = *c.RatchetTree
	}
	if parsed, err = message.Parse(c.Welcome); err != nil {
		return err
	}
	state, err := Join(cfg, kp, parsed.Body.(*message.Welcome), o)
	if err != nil {
		return err
	}
	if !bytes.Equal(state.EpochAuthenticator(), c.InitialEpochAuthenticator) {
		return fmt.Errorf("initial epoch authenticator")
	}
	for i, epoch := range c.Epochs {
		for j, p := range epoch.Proposals {
			if _, err := state.Process(p); err != nil {
				return fmt.Errorf("epoch %d, proposal %d: %w", i, j, err)
			}
		}
		if _, err := state.Process(epoch.Commit); err != nil {
			return fmt.Errorf("epoch %d: %w", i, err)
		}
		if !bytes.Equal(state.EpochAuthenticator(), epoch.EpochAuthenticator) {
			return fmt.Errorf("epoch authenticator %d", i)
		}
	}
	return nil
}
