package login_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
	"golang.org/x/sync/errgroup"

	"crypto/pbkdf2"
	"crypto/sha256"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/legacy"
	"github.com/kith-kt/kith/srp/login"
)

// oldHash is what another provider would have stored of a password.
func oldHash(t testing.TB, i int, password string) string {
	salt := make([]byte, 16)
	_, err := rand.Read(salt)
	must(t, err)
	raw := base64.RawStdEncoding.EncodeToString
	switch i % 4 {
	case 0:
		b, err := bcrypt.GenerateFromPassword([]byte(password), 4)
		must(t, err)
		return string(b)
	case 1:
		b, err := pbkdf2.Key(sha256.New, password, salt, 1000, 32)
		must(t, err)
		return "$pbkdf2-sha256$i=1000$" + raw(salt) + "$" + raw(b)
	case 2:
		b, err := scrypt.Key([]byte(password), salt, 1<<10, 8, 1, 32)
		must(t, err)
		return "$scrypt$ln=10,r=8,p=1$" + raw(salt) + "$" + raw(b)
	}
	return "$argon2id$v=19$m=64,t=1,p=1$" + raw(salt) + "$" + raw(argon2.IDKey([]byte(password), salt, 1, 64, 1, 32))
}

// TestMigration: a thousand accounts of an older provider move over, and log in with
// the password they had (all of them with KITH_SOAK=1). The first login replaces what
// was taken over.
func TestMigration(t *testing.T) {
	n, stride := 1000, 29 // every 29th logs in
	switch {
	case os.Getenv("KITH_SOAK") == "1":
		stride = 1
	case testing.Short():
		n, stride = 60, 3
	}
	w := newWorld(t, func(c *login.Config) { c.Waiting = 1000 })
	ctx := t.Context()
	name := func(i int) string { return fmt.Sprintf("user%d", i) }
	password := func(i int) string { return fmt.Sprintf("pässword %d", i) }
	hashes := make([]string, n)
	for i := range n {
		hashes[i] = "peppered " + oldHash(t, i, password(i))
	}
	var failed []string
	made, err := w.ImportAll(ctx, func(yield func(string, string) bool) {
		for i, h := range hashes {
			if !yield(name(i), h) {
				return
			}
		}
		_ = yield("bad", "peppered $1$md5$no") && yield("bad name", hashes[0]) && yield("user0", hashes[1]) && yield("unpeppered", hashes[0][9:])
	}, login.ImportOptions{
		Unpepper: func(stored string) (string, error) {
			h, ok := strings.CutPrefix(stored, "peppered ")
			if !ok {
				return "", errors.New("no pepper")
			}
			return h, nil
		},
		Failed: func(name string, err error) { failed = append(failed, name) },
	})
	must(t, err)
	if made != n || fmt.Sprint(failed) != "[bad bad name user0 unpeppered]" {
		t.Fatalf("%d made, failed %v", made, failed)
	}
	legacyLogin := func(i int, given string) (q login.Requester, g *login.Grant, proof *login.Proof, err error) {
		q = login.Requester{Network: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)}
		step := func() (*login.Proof, *srp.Client, error) {
			client, err := srp.Kith3072().NewClient([]byte(name(i)), rand.Reader)
			if err != nil {
				return nil, nil, err
			}
			c, err := w.BeginSRP(ctx, q, name(i), "", client.A(), login.For{})
			if err != nil {
				return nil, nil, err
			}
			recipe, err := legacy.Parse(c.KDF)
			if err != nil {
				return nil, nil, err
			}
			p, err := recipe.Hash(given)
			if err != nil {
				return nil, nil, err
			}
			m1, err := client.Answer(c.Salt, c.B, p)
			return &login.Proof{Protocol: "srp", Handshake: c.Handshake, Message: m1}, client, err
		}
		p, client, err := step()
		if err != nil {
			return q, nil, nil, err
		}
		if g, err = w.FinishSRP(ctx, q, p.Handshake, p.Message); err != nil {
			return q, nil, nil, err
		}
		if _, err = client.Confirm(g.M2); err != nil {
			return q, nil, nil, err
		}
		if i%(20*stride) != 0 { // the upgrade is tried with some
			return q, g, nil, nil
		}
		proof, _, err = step()
		return q, g, proof, err
	}
	var all errgroup.Group
	all.SetLimit(4)
	var mu sync.Mutex
	upgraded := 0
	for i := 0; i < n; i += stride {
		all.Go(func() error {
			if i%(50*stride) == 0 {
				if _, _, _, err := legacyLogin(i, "wrong"); !errors.Is(err, login.ErrDenied) {
					return fmt.Errorf("%d with a wrong password: %w", i, err)
				}
			}
			q, g, proof, err := legacyLogin(i, password(i))
			if err != nil {
				return fmt.Errorf("account %d: %w", i, err)
			}
			if !g.Upgrade {
				return fmt.Errorf("account %d is not told to upgrade", i)
			}
			if proof == nil {
				return nil
			}
			if _, err := w.ChangePassword(ctx, q, g.Session, proof, &login.Change{Password: credential(name(i), password(i))}); err != nil {
				return err
			}
			g, err = w.login(q, name(i), password(i))
			if err != nil || g.Upgrade {
				return fmt.Errorf("account %d after its upgrade: %+v, %w", i, g, err)
			}
			mu.Lock()
			upgraded++
			mu.Unlock()
			return nil
		})
	}
	must(t, all.Wait())
	count, err := w.Count(ctx)
	must(t, err)
	if upgraded != (n+20*stride-1)/(20*stride) || count.Legacy != n-upgraded {
		t.Errorf("%d upgraded, %+v", upgraded, count)
	}
	dump, err := os.ReadFile(w.path)
	must(t, err)
	for _, h := range hashes[:20] {
		at := strings.LastIndexByte(h, '$') + 1
		if strings.Contains(h, "$2a$") {
			at += 22
		}
		if bytes.Contains(dump, []byte(h[at:])) {
			t.Errorf("an old hash is in the database: %s", h)
		}
	}
	w.clock.move(25 * 60 * 60 * 1e9)
	if err := w.Import(ctx, "user1", oldHash(t, 0, "mine")); !errors.Is(err, login.ErrTaken) {
		t.Errorf("an account is taken over twice: %v", err)
	}
}
