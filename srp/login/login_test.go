package login_test

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/embedded"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A clock stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A world is a service with its store and clock.
type world struct {
	*login.Service
	t     testing.TB
	clock *clock
	path  string
}

func newWorld(t testing.TB, change func(*login.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Unix(1_800_000_000, 0)}, path: filepath.Join(t.TempDir(), "accounts.db")}
	store, err := embedded.Open(w.path)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	key, err := login.NewKey(make([]byte, login.KeySize))
	must(t, err)
	c := login.Config{
		Store: store, Key: key, Domain: "example.org", Rand: rand.Reader, Now: w.clock.Now,
		Canonical: func(name string) (string, error) {
			if strings.Contains(name, " ") {
				return "", errors.New("it has a space")
			}
			return strings.ToLower(name), nil
		},
	}
	if change != nil {
		change(&c)
	}
	w.Service, err = login.New(c)
	must(t, err)
	return w
}

// home is where requests come from, unless it matters.
var home = login.Requester{Network: netip.MustParsePrefix("192.0.2.1/32")}

// auth stands for Argon2id, which takes too long to be run in every test.
func auth(password string) []byte { return []byte("auth of " + password) }

const kdf = "$argon2id$v=19$m=65536,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg"

// credential is what a client makes of a password.
func credential(name, password string) login.Credential {
	salt := []byte("sixteen octets!!")
	return login.Credential{Protocol: "srp", KDF: kdf, Salt: salt, Verifier: srp.Kith3072().Verifier([]byte(name), salt, auth(password))}
}

func (w *world) register(name, password string) *login.Grant {
	w.t.Helper()
	g, err := w.Register(w.t.Context(), home, &login.Registration{Name: name, Password: credential(name, password), Backup: []byte("sealed")})
	must(w.t, err)
	return g
}

// prove is a client's first step, and what it answers with: the handshake and M1.
func (w *world) prove(from login.Requester, name, password string, purpose login.For) (handshake string, m1 []byte, client *srp.Client, err error) {
	client, err = srp.Kith3072().NewClient([]byte(name), rand.Reader)
	must(w.t, err)
	c, err := w.BeginSRP(w.t.Context(), from, name, "", client.A(), purpose)
	if err != nil {
		return "", nil, nil, err
	}
	m1, err = client.Answer(c.Salt, c.B, auth(password))
	must(w.t, err)
	return c.Handshake, m1, client, nil
}

// login is a whole login, in which the server must prove itself.
func (w *world) login(from login.Requester, name, password string) (*login.Grant, error) {
	w.t.Helper()
	handshake, m1, client, err := w.prove(from, name, password, login.For{})
	if err != nil {
		return nil, err
	}
	g, err := w.FinishSRP(w.t.Context(), from, handshake, m1)
	if err != nil {
		return nil, err
	}
	if _, err := client.Confirm(g.M2); err != nil {
		w.t.Fatalf("the server does not prove itself: %v", err)
	}
	return g, nil
}

// TestRegisterAndLogin is the main way through.
func TestRegisterAndLogin(t *testing.T) {
	w := newWorld(t, nil)
	first := w.register("Alice", "right")
	if first.Session.Name != "alice" || !login.IsToken(first.Token) || first.Device == "" {
		t.Fatalf("%+v", first)
	}
	g, err := w.login(home, "alice", "right")
	must(t, err)
	if string(g.Backup) != "sealed" || g.Upgrade || len(g.Needs) != 0 {
		t.Errorf("%+v", g)
	}
	s, err := w.Session(t.Context(), g.Token)
	must(t, err)
	if s.Name != "alice" || s.ID != g.Session.ID {
		t.Errorf("%+v", s)
	}
	if _, err := w.login(home, "alice", "wrong"); !errors.Is(err, login.ErrDenied) {
		t.Error(err)
	}
	if _, err := w.login(home, "nobody", "right"); !errors.Is(err, login.ErrDenied) {
		t.Error(err)
	}
	all, err := w.Sessions(t.Context(), s)
	must(t, err)
	if len(all) != 2 {
		t.Errorf("%d sessions", len(all))
	}
	must(t, w.Revoke(t.Context(), s, first.Session.ID))
	if _, err := w.Session(t.Context(), first.Token); !errors.Is(err, login.ErrNoSession) {
		t.Error(err)
	}
	trail, err := w.Trail(t.Context(), s)
	must(t, err)
	if len(trail) != 4 || trail[0].What != "registered" || trail[3].What != "session revoked" {
		t.Errorf("%+v", trail)
	}
}
