package login_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
)

// prime is N of the default profile.
const prime = "" +
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74" +
	"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437" +
	"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05" +
	"98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB" +
	"9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718" +
	"3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33" +
	"A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864" +
	"D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2" +
	"08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

func denied(t testing.TB, what string, g *login.Grant, err error) {
	t.Helper()
	if !errors.Is(err, login.ErrDenied) || g != nil {
		t.Errorf("%s: %v, grant %v", what, err, g)
	}
}

func from(network string) login.Requester {
	return login.Requester{Network: netip.MustParsePrefix(network)}
}

// TestAttackZeroA: with A = 0 mod N the secret would be 0, whatever the password.
// It is refused before anything is computed or charged.
func TestAttackZeroA(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice", "right")
	n, ok := new(big.Int).SetString(prime, 16)
	if !ok {
		t.Fatal("not a number")
	}
	size := len(n.Bytes())
	for what, a := range map[string][]byte{
		"nothing": nil, "0": {0}, "0, padded": make([]byte, size), "N": n.Bytes(),
		"2N": new(big.Int).Lsh(n, 1).Bytes(), "3N": new(big.Int).Mul(n, big.NewInt(3)).Bytes(),
		"beyond N": new(big.Int).Add(n, big.NewInt(1)).Bytes(), "all ones": bytes.Repeat([]byte{0xff}, size),
		"N with a zero before": append([]byte{0}, n.Bytes()...), "very long": bytes.Repeat([]byte{1}, 1<<16),
	} {
		for range 20 {
			if c, err := w.BeginSRP(t.Context(), home, "alice", "", a, login.For{}); !errors.Is(err, login.ErrMalformed) || c != nil {
				t.Fatalf("A is %s: %v", what, err)
			}
		}
	}
	_, err := w.login(home, "alice", "right")
	must(t, err)
}

// TestAttackM2BeforeM1: nobody gets M2, or anything else, who has not proved the
// password first, and each handshake is one guess.
func TestAttackM2BeforeM1(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice", "right")
	for _, m1 := range [][]byte{nil, {}, {0}, make([]byte, 32), make([]byte, 1<<16)} {
		handshake, good, _, err := w.prove(home, "alice", "right", login.For{})
		must(t, err)
		g, err := w.FinishSRP(t.Context(), home, handshake, m1)
		denied(t, "no M1", g, err)
		g, err = w.FinishSRP(t.Context(), home, handshake, good)
		denied(t, "a second guess", g, err)
		_, err = w.login(home, "alice", "right")
		must(t, err)
	}
}

// TestAttackHandshake: a handshake is good once, for whom, where and for what it
// was begun, and not for long.
func TestAttackHandshake(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Devices = noDevices{}; c.Sealer = sealer{} })
	ctx := t.Context()
	w.register("alice", "right")
	w.register("mallory", "hers")
	proved := func() (string, []byte) {
		t.Helper()
		handshake, m1, _, err := w.prove(home, "alice", "right", login.For{})
		must(t, err)
		return handshake, m1
	}
	h, m1 := proved()
	_, err := w.FinishSRP(ctx, home, h, m1)
	must(t, err)
	g, err := w.FinishSRP(ctx, home, h, m1)
	denied(t, "replay", g, err)

	h, m1 = proved()
	other, _, _, err := w.prove(home, "mallory", "hers", login.For{})
	must(t, err)
	g, err = w.FinishSRP(ctx, home, other, m1)
	denied(t, "another user's handshake", g, err)
	again, _ := proved()
	g, err = w.FinishSRP(ctx, home, again, m1)
	denied(t, "another login's handshake", g, err)
	g, err = w.FinishSRP(ctx, from("198.51.100.7/32"), h, m1)
	denied(t, "another network", g, err)
	if _, err = w.FinishSRP(ctx, home, h, m1); err != nil {
		t.Errorf("somebody elsewhere ended a handshake: %v", err)
	}

	h, m1 = proved()
	w.clock.move(time.Minute)
	g, err = w.FinishSRP(ctx, home, h, m1)
	denied(t, "expired", g, err)
	h, m1 = proved()
	w.clock.move(-time.Hour)
	g, err = w.FinishSRP(ctx, home, h, m1)
	denied(t, "from the future", g, err)

	for kind, finish := range map[string]func(h string, m1 []byte) (*login.Grant, error){
		"OPAQUE": func(h string, m1 []byte) (*login.Grant, error) { return w.FinishOPAQUE(ctx, home, h, m1) },
		"device": func(h string, m1 []byte) (*login.Grant, error) {
			return w.FinishDevice(ctx, home, h, make([]byte, ed25519.PublicKeySize), make([]byte, ed25519.SignatureSize))
		},
		"sealed": func(h string, m1 []byte) (*login.Grant, error) { return w.FinishSealed(ctx, home, h, nil) },
		"totp":   func(h string, m1 []byte) (*login.Grant, error) { return w.FinishTOTP(ctx, home, h, "000000") },
		"passkey": func(h string, m1 []byte) (*login.Grant, error) {
			return w.FinishPasskey(ctx, home, h, nil, func([]byte, *login.Passkeys) ([]byte, error) { return []byte("yes"), nil })
		},
		"recovery": func(h string, m1 []byte) (*login.Grant, error) {
			c := credential("alice", "hers")
			return w.Recover(ctx, home, &login.Proof{Protocol: "srp", Handshake: h, Message: m1}, &login.Change{Password: c, Recovery: &c})
		},
		"spare": func(h string, m1 []byte) (*login.Grant, error) {
			_, _, err := w.Spare(ctx, home, &login.Proof{Protocol: "srp", Handshake: h, Message: m1})
			return nil, err
		},
	} {
		h, m1 := proved()
		g, err := finish(h, m1)
		denied(t, "as "+kind, g, err)
		_, err = w.login(home, "alice", "right") // the attempts are forgiven
		must(t, err)
	}
	for _, id := range []string{"", "x", h + "x"} {
		g, err := w.FinishSRP(ctx, home, id, m1)
		denied(t, "no handshake", g, err)
	}
}

// TestAttackOthersProof: a session and a proof must be of one account, and the
// session must still be there.
func TestAttackOthersProof(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	alice := w.register("alice", "right")
	w.register("mallory", "hers")
	proof := func(name, password string) *login.Proof {
		h, m1, _, err := w.prove(home, name, password, login.For{})
		must(t, err)
		return &login.Proof{Protocol: "srp", Handshake: h, Message: m1}
	}
	change := &login.Change{Password: credential("alice", "hers")}
	g, err := w.ChangePassword(ctx, home, alice.Session, proof("mallory", "hers"), change)
	denied(t, "mallory's proof for alice's password", g, err)
	denied(t, "mallory's proof to delete alice", nil, w.Delete(ctx, home, alice.Session, proof("mallory", "hers")))
	must(t, w.Revoke(ctx, alice.Session, alice.Session.ID))
	if g, err := w.ChangePassword(ctx, home, alice.Session, proof("alice", "right"), change); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("by a session that was revoked: %v, %v", g, err)
	}
	if err := w.Delete(ctx, home, alice.Session, proof("alice", "right")); !errors.Is(err, login.ErrNoSession) {
		t.Errorf("by a session that was revoked: %v", err)
	}
	_, err = w.login(home, "alice", "right")
	must(t, err)
}

// TestAttackFixation: nothing that an attacker chose or saw before a login opens
// anything after it.
func TestAttackFixation(t *testing.T) {
	w := newWorld(t, nil)
	w.register("alice", "right")
	seen := map[string]bool{}
	for range 20 {
		h, m1, _, err := w.prove(home, "alice", "right", login.For{})
		must(t, err)
		g, err := w.FinishSRP(t.Context(), home, h, m1)
		must(t, err)
		for _, secret := range []string{h, g.Token, g.Session.ID, g.Device} {
			if secret == "" || seen[secret] {
				t.Fatal("a secret that was there before")
			}
			seen[secret] = true
		}
		for _, token := range []string{h, g.Session.ID, g.Device, "kith_" + h, "kith_" + g.Session.ID, "kith_" + g.Device} {
			if _, err := w.Session(t.Context(), token); !errors.Is(err, login.ErrNoSession) {
				t.Errorf("%s opens a session: %v", token, err)
			}
		}
	}
}

// TestAttackDowngrade: no credential is taken that would be guessed quickly, nor
// one of a profile that is switched off.
func TestAttackDowngrade(t *testing.T) {
	w := newWorld(t, nil)
	for what, change := range map[string]func(c *login.Credential){
		"no derivation":    func(c *login.Credential) { c.KDF = "" },
		"little memory":    func(c *login.Credential) { c.KDF = "$argon2id$v=19$m=65535,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg" },
		"few passes":       func(c *login.Credential) { c.KDF = "$argon2id$v=19$m=65536,t=2,p=4$MDEyMzQ1Njc4OWFiY2RlZg" },
		"short salt":       func(c *login.Credential) { c.KDF = "$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2Rl" },
		"an old recipe":    func(c *login.Credential) { c.KDF = "$2b$04$CCCCCCCCCCCCCCCCCCCCC." },
		"too much memory":  func(c *login.Credential) { c.KDF = "$argon2id$v=19$m=4294967295,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg" },
		"a small group":    func(c *login.Credential) { c.Profile = srp.LEAP1024().Name },
		"a verifier of 0":  func(c *login.Credential) { c.Verifier = make([]byte, 384) },
		"a verifier of 1":  func(c *login.Credential) { c.Verifier = []byte{1} },
		"a short SRP salt": func(c *login.Credential) { c.Salt = c.Salt[:15] },
		"no salt":          func(c *login.Credential) { c.Salt = nil },
		"two protocols":    func(c *login.Credential) { c.Record = make([]byte, 192) },
	} {
		c := credential("alice", "right")
		change(&c)
		_, err := w.Register(t.Context(), home, &login.Registration{Name: "alice", Password: c})
		if !errors.Is(err, login.ErrWeak) && !errors.Is(err, login.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
		good := credential("alice", "right")
		_, err = w.Register(t.Context(), home, &login.Registration{Name: "alice", Password: good, Recovery: &c})
		if !errors.Is(err, login.ErrWeak) && !errors.Is(err, login.ErrMalformed) {
			t.Errorf("recovery with %s: %v", what, err)
		}
	}
	c, err := srp.Kith3072().NewClient(nil, rand.Reader)
	must(t, err)
	if _, err := w.BeginSRP(t.Context(), home, "alice", srp.LEAP1024().Name, c.A(), login.For{}); !errors.Is(err, login.ErrMalformed) {
		t.Errorf("a profile that is off: %v", err)
	}
}
