//go:build pkcs11

package account

import (
	"crypto/ed25519"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/kith-kt/kith/srp/auth"
)

// softHSM makes a token with an Ed25519 key in SoftHSM, and returns its library.
func softHSM(t *testing.T) string {
	t.Helper()
	libraries, err := filepath.Glob("/usr/lib/*/softhsm/libsofthsm2.so")
	must(t, err)
	if len(libraries) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("softhsm2 is missing")
		}
		t.Skip("softhsm2 is missing: apt-get install softhsm2")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "softhsm2.conf")
	must(t, os.Mkdir(filepath.Join(dir, "tokens"), 0o700))
	must(t, os.WriteFile(config, []byte("directories.tokendir = "+dir+"/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", config)
	if b, err := exec.CommandContext(t.Context(), "softhsm2-util", "--init-token", "--free", "--label", "card", "--so-pin", "12345678", "--pin", "1234").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	module := pkcs11.New(libraries[0])
	must(t, module.Initialize())
	defer module.Destroy()
	defer func() { must(t, module.Finalize()) }()
	k := &TokenKey{module: module}
	slot, err := k.slot("card")
	must(t, err)
	session, err := module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(t, err)
	must(t, module.Login(session, pkcs11.CKU_USER, "1234"))
	ed25519OID := []byte{0x06, 0x03, 0x2b, 0x65, 0x70}
	_, _, err = module.GenerateKeyPair(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(0x1055, nil)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, ed25519OID), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, "kith")},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false), pkcs11.NewAttribute(pkcs11.CKA_LABEL, "kith")})
	must(t, err)
	return libraries[0]
}

// TestToken logs in by a key that never leaves its token.
func TestToken(t *testing.T) {
	library := softHSM(t)
	for name, open := range map[string]func() (*TokenKey, error){
		"another library": func() (*TokenKey, error) { return OpenToken("/dev/null", "card", "kith", Password("1234")) },
		"another token":   func() (*TokenKey, error) { return OpenToken(library, "cart", "kith", Password("1234")) },
		"another key":     func() (*TokenKey, error) { return OpenToken(library, "card", "kin", Password("1234")) },
		"another PIN":     func() (*TokenKey, error) { return OpenToken(library, "card", "kith", Password("987654")) },
	} {
		if _, err := open(); !errors.Is(err, ErrToken) || strings.Contains(err.Error(), "987654") {
			t.Errorf("%s: %v", name, err)
		}
	}
	k, err := OpenToken(library, "card", "kith", Password("1234"))
	must(t, err)
	defer k.Close()
	message := challengeOf(deviceContext, "example.org", "alice", time.Now())
	signature, err := k.Sign(t.Context(), message)
	must(t, err)
	if !ed25519.Verify(k.Public(), message, signature) {
		t.Fatal("the signature does not hold")
	}
	f := newFake(t)
	f.account = new(auth.Registration)
	f.twist = func(path string, _ any) any {
		if path == "/login/device" {
			return &auth.DeviceChallenge{Handshake: "d", Message: message}
		}
		return f.grant()
	}
	g, err := f.client().LoginDevice(t.Context(), &alice, k, nil)
	must(t, err)
	if g.Token != token {
		t.Error("another token")
	}
}
