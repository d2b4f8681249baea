package login_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/embedded"
)

// inside lists the forms of a secret that are in b.
func inside(b []byte, secret []byte) (forms []string) {
	for form, s := range map[string]string{
		"octets": string(secret), "lower case": strings.ToLower(string(secret)), "hex": hex.EncodeToString(secret),
		"base64": base64.RawStdEncoding.EncodeToString(secret), "base64url": base64.RawURLEncoding.EncodeToString(secret),
	} {
		if bytes.Contains(b, []byte(s)) {
			forms = append(forms, form)
		}
	}
	return forms
}

// TestAttackDump: who steals the database finds nothing that opens anything, nor
// anything to try guesses at: all that a password or code makes is sealed under a
// key that is not there, also what the client had sealed before.
func TestAttackDump(t *testing.T) {
	w := newWorld(t, func(c *login.Config) { c.Invites = true })
	ctx := t.Context()
	code, err := w.Invite(ctx, 2, 1e15)
	must(t, err)
	secrets := map[string][]byte{"invitation": []byte(code), "invitation's octets": []byte(strings.TrimPrefix(code, "kith-invite-"))}
	password, recovery := credential("alice", "right"), credential("alice", "code")
	secrets["verifier"], secrets["recovery verifier"] = password.Verifier, recovery.Verifier
	secrets["backup"], secrets["spare"] = []byte("canary of a backup"), []byte("canary of a spare one")
	g, err := w.Register(ctx, home, &login.Registration{Name: "alice", Password: password, Recovery: &recovery, Backup: secrets["backup"], Spare: secrets["spare"], Invite: code})
	must(t, err)
	secrets["token"], secrets["device"] = []byte(g.Token), []byte(g.Device)
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(g.Token, "kith_"))
	must(t, err)
	secrets["token's octets"] = raw
	link, err := w.SetTOTP(ctx, g.Session)
	must(t, err)
	secrets["TOTP"] = []byte(link[strings.Index(link, "secret=")+7:][:32])
	secrets["passkeys"] = []byte("canary of passkeys")
	must(t, w.EditPasskeys(ctx, g.Session, "passkey added", func(p *login.Passkeys) error { p.Blob = secrets["passkeys"]; return nil }))
	const hash = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	must(t, w.Import(ctx, "old", hash))
	secrets["old hash"] = []byte(hash[29:])
	dump, err := os.ReadFile(w.path)
	must(t, err)
	if len(inside(dump, []byte("alice"))) == 0 {
		t.Fatal("this is not the database")
	}
	for what, secret := range secrets {
		if forms := inside(dump, secret); forms != nil {
			t.Errorf("%s is there, as %v", what, forms)
		}
	}

	// Who has the database and another key can neither let anybody in nor guess:
	// what the right password makes opens no more than a wrong one.
	copied := filepath.Join(t.TempDir(), "stolen.db")
	must(t, os.WriteFile(copied, dump, 0o600))
	store, err := embedded.Open(copied)
	must(t, err)
	defer store.Close()
	other, err := login.NewKey(bytes.Repeat([]byte{1}, login.KeySize))
	must(t, err)
	thief := &world{t: t, clock: w.clock}
	var log bytes.Buffer
	thief.Service, err = login.New(login.Config{
		Store: store, Key: other, Domain: "example.org", Rand: zeros{}, Now: w.clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Canonical: func(name string) (string, error) { return name, nil },
	})
	must(t, err)
	for _, guess := range []string{"right", "wrong"} {
		_, _, _, err := thief.prove(home, "alice", guess, login.For{})
		if err == nil || errors.Is(err, login.ErrDenied) {
			t.Errorf("%s: %v", guess, err)
		}
		if err != nil && strings.Contains(err.Error(), "alice") {
			t.Errorf("the error names somebody: %v", err)
		}
	}
	// A verifier moved to another name opens nothing there.
	key, err := login.NewKey(make([]byte, login.KeySize))
	must(t, err)
	sealed, err := key.Seal("verifier alice", password.Verifier, zeros{})
	must(t, err)
	if _, err := key.Open("verifier mallory", sealed); err == nil {
		t.Error("a verifier opens for another name")
	}
	if _, err := key.Open("verifier alice", sealed); err != nil {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestAttackTokenFromStore: what the database keeps of a session does not open it.
func TestAttackTokenFromStore(t *testing.T) {
	var store login.Store
	w := newWorld(t, func(c *login.Config) { store = c.Store })
	g := w.register("alice", "right")
	found := 0
	for table := range login.Tables {
		must(t, store.View(t.Context(), func(r login.Reader) error {
			return r.Each(table, nil, func(k, v []byte) error {
				for _, b := range [][]byte{k, v} {
					for _, token := range []string{string(b), "kith_" + string(b), base64.RawURLEncoding.EncodeToString(b), "kith_" + base64.RawURLEncoding.EncodeToString(b)} {
						found++
						if s, err := w.Session(t.Context(), token); !errors.Is(err, login.ErrNoSession) {
							t.Errorf("%q opens %+v: %v", token, s, err)
						}
					}
				}
				return nil
			})
		}))
	}
	if _, err := w.Session(t.Context(), g.Token); err != nil || found < 20 {
		t.Errorf("%d tried, %v", found, err)
	}
}

// TestAttackSecretsInErrors: no error and no line of the log shows a secret or a
// name.
func TestAttackSecretsInErrors(t *testing.T) {
	const canary = "cAnArY-of-aLiCe"
	var log bytes.Buffer
	w := newWorld(t, func(c *login.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Devices, c.Sealer = noDevices{}, sealer{}
		c.Weak = []*srp.Profile{srp.LEAP1024()}
	})
	ctx := t.Context()
	g := w.register("alice", canary)
	var all []error
	note := func(err error) {
		t.Helper()
		if err == nil {
			t.Error("no error")
		}
		all = append(all, err)
	}
	second := func(_ any, err error) error { return err }
	bad := func(change func(c *login.Credential)) login.Credential {
		c := credential("bob", canary)
		change(&c)
		return c
	}
	for _, c := range []login.Credential{
		bad(func(c *login.Credential) { c.KDF = canary }), bad(func(c *login.Credential) { c.Profile = canary }), bad(func(c *login.Credential) { c.Protocol = canary }),
		bad(func(c *login.Credential) { c.Salt = []byte(canary + strings.Repeat("x", 100)) }), bad(func(c *login.Credential) { c.Verifier = []byte(strings.Repeat(canary, 100)) }),
		{Protocol: "opaque", Record: []byte(canary)},
	} {
		note(second(w.Register(ctx, home, &login.Registration{Name: "bob", Password: c})))
	}
	note(second(w.Register(ctx, home, &login.Registration{Name: canary + " ", Password: credential("bob", "x")})))
	note(second(w.Register(ctx, home, &login.Registration{Name: "alice", Password: credential("alice", canary)})))
	note(second(w.login(home, "alice", "not "+canary)))
	note(second(w.FinishSRP(ctx, home, canary, []byte(canary))))
	note(second(w.FinishOPAQUE(ctx, home, canary, []byte(canary))))
	note(second(w.BeginOPAQUE(ctx, home, canary, []byte(canary))))
	note(second(w.RegisterOPAQUE(ctx, home, canary, []byte(canary))))
	note(second(w.BeginSRP(ctx, home, "alice", canary, []byte(canary), login.For{})))
	note(second(w.FinishTOTP(ctx, home, canary, canary)))
	note(second(w.Session(ctx, canary)))
	note(second(w.Session(ctx, "kith_"+canary)))
	note(w.Revoke(ctx, g.Session, canary))
	note(w.ConfirmTOTP(ctx, g.Session, canary))
	for _, hash := range []string{canary, "$2b$04$" + canary, "$argon2id$v=19$m=65536,t=2,p=1$" + canary + "$" + canary, "$" + canary + "$i=1$x$y", "$pbkdf2-sha256$i=" + canary + "$c2FsdHNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg", strings.Repeat(canary, 100)} {
		note(w.Import(ctx, "old", hash))
	}
	for _, err := range all {
		if strings.Contains(strings.ToLower(err.Error()), strings.ToLower(canary)) {
			t.Errorf("error shows what was sent: %v", err)
		}
	}
	dump, err := os.ReadFile(w.path)
	must(t, err)
	for what, b := range map[string][]byte{"log": log.Bytes(), "database": dump} {
		if forms := inside(b, []byte(canary)); forms != nil {
			t.Errorf("the %s shows it, as %v", what, forms)
		}
	}
	if strings.Contains(log.String(), "alice") {
		t.Errorf("the log names somebody: %s", log.String())
	}
}
