package srp

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"errors"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// profiles are those that programs use.
func profiles() []*Profile {
	return []*Profile{RFC5054(Group2048(), crypto.SHA256), LEAP1024(), Kith3072()}
}

// A login is both sides of one, before anything was sent.
type login struct {
	t      testing.TB
	p      *Profile
	salt   []byte
	client *Client
	server *Server
}

func begin(t testing.TB, p *Profile, random io.Reader, registered string) *login {
	t.Helper()
	l := &login{t: t, p: p, salt: make([]byte, 16)}
	_, err := io.ReadFull(random, l.salt)
	must(t, err)
	l.client, err = p.NewClient([]byte("alice"), random)
	must(t, err)
	e, err := p.NewEphemeral(random)
	must(t, err)
	l.server, err = e.NewServer([]byte("alice"), l.salt, p.Verifier([]byte("alice"), l.salt, []byte(registered)))
	must(t, err)
	return l
}

func (l *login) run(password string) (client, server []byte, err error) {
	l.t.Helper()
	m1, err := l.client.Answer(l.salt, l.p.Secret.of(l.server.B()), []byte(password))
	must(l.t, err)
	m2, server, err := l.server.Verify(l.p.Secret.of(l.client.A()), m1)
	if err != nil {
		return nil, nil, err
	}
	client, err = l.client.Confirm(m2)
	return client, server, err
}

// TestThousandLogins: of a thousand random logins for each profile, none fails.
// Leading zeros, which one in 256 numbers has, are where implementations break.
func TestThousandLogins(t *testing.T) {
	for _, p := range profiles() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			n, zeros := 1000, 0
			if testing.Short() || p.Group.Bits > 2048 {
				n = 100
			}
			random := mrand.NewChaCha8([32]byte{byte(p.Group.Bits >> 8)})
			for i := range n {
				l := begin(t, p, random, "correct horse")
				if l.client.A()[0] == 0 || l.server.B()[0] == 0 {
					zeros++
				}
				client, server, err := l.run("correct horse")
				if err != nil || !bytes.Equal(client, server) || len(client) != p.Hash.Size() {
					t.Fatalf("login %d: %v", i, err)
				}
			}
			if n == 1000 && zeros == 0 {
				t.Error("no number had a leading zero: nothing was tried")
			}
		})
	}
}

// TestLeadingZeros looks for logins in which A, B or S has a leading zero, and
// holds each against the reference.
func TestLeadingZeros(t *testing.T) {
	for _, p := range []*Profile{RFC5054(Group1024(), crypto.SHA256), LEAP1024()} {
		random := mrand.NewChaCha8([32]byte{1})
		g := p.Group
		found := map[string]bool{}
		for i := 0; len(found) < 3; i++ {
			if i == 20000 {
				t.Fatalf("%s: only %v found", p.Name, found)
			}
			a, b, salt := make([]byte, ephemeralSize), make([]byte, ephemeralSize), make([]byte, 8)
			for _, b := range [][]byte{a, b, salt} {
				_, err := io.ReadFull(random, b)
				must(t, err)
			}
			r := &reference{
				p: p, n: new(big.Int).SetBytes(g.n), g: new(big.Int).SetBytes(g.g),
				a: new(big.Int).SetBytes(a), b: new(big.Int).SetBytes(b), name: []byte("alice"), salt: salt,
			}
			A, B, key, _, _ := r.run([]byte("p"))
			short := false
			for what, x := range map[string]*big.Int{"A": A, "B": B, "S": r.s} {
				if x.BitLen() <= g.Bits-8 && !found[what] {
					found[what], short = true, true
				}
			}
			if !short {
				continue
			}
			l := begin(t, p, io.MultiReader(bytes.NewReader(salt), bytes.NewReader(make([]byte, 8)), bytes.NewReader(a), bytes.NewReader(b)), "p")
			l.salt = salt
			var err error
			l.server, err = (&Ephemeral{p, b, g.power(b)}).NewServer([]byte("alice"), salt, p.Verifier([]byte("alice"), salt, []byte("p")))
			must(t, err)
			client, server, err := l.run("p")
			if err != nil || !bytes.Equal(client, key) || !bytes.Equal(server, key) {
				t.Fatalf("%s: %v: K %x and %x, not %x", p.Name, err, client, server, key)
			}
		}
	}
}

// TestWrongPassword: neither side gets a key, and the server says no M2.
func TestWrongPassword(t *testing.T) {
	for _, p := range profiles() {
		l := begin(t, p, rand.Reader, "right")
		if c, s, err := l.run("wrong"); !errors.Is(err, ErrProof) || c != nil || s != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

// TestServerWithoutVerifier: who does not know the verifier cannot say M2.
func TestServerWithoutVerifier(t *testing.T) {
	for _, p := range profiles() {
		l := begin(t, p, rand.Reader, "right")
		m1, err := l.client.Answer(l.salt, l.server.B(), []byte("right"))
		must(t, err)
		for _, m2 := range [][]byte{nil, {}, m1, make([]byte, p.Hash.Size()), p.sum(l.client.A(), m1, make([]byte, p.Hash.Size()))} {
			c := *l.client
			if key, err := c.Confirm(m2); !errors.Is(err, ErrProof) || key != nil {
				t.Errorf("%s: %x: %v", p.Name, m2, err)
			}
		}
	}
}

// unacceptable are public values that no honest party sends.
func unacceptable(g *Group) map[string][]byte {
	n := new(big.Int).SetBytes(g.n)
	beyond := new(big.Int).Add(n, big.NewInt(7))
	return map[string][]byte{
		"nothing": nil, "zero": {0}, "zero, padded": make([]byte, g.Size()),
		"N": g.n, "2N": new(big.Int).Lsh(n, 1).Bytes(), "3N": new(big.Int).Mul(n, big.NewInt(3)).Bytes(),
		"beyond N": beyond.Bytes(), "all ones": bytes.Repeat([]byte{0xff}, g.Size()),
		"a zero too many": append(make([]byte, 1), bytes.Repeat([]byte{1}, g.Size())...),
		"long":            bytes.Repeat([]byte{1}, g.Size()*64),
	}
}

// TestMUSTAbortOnUnacceptablePublicValues: A and B that are 0 mod N would make the
// secret known to everybody (RFC 5054, "SRP-6a": the server MUST abort if A % N is
// 0, the client if B % N is).
func TestMUSTAbortOnUnacceptablePublicValues(t *testing.T) {
	for _, p := range profiles() {
		for what, value := range unacceptable(p.Group) {
			l := begin(t, p, rand.Reader, "right")
			if m1, err := l.client.Answer(l.salt, value, []byte("right")); !errors.Is(err, ErrPublic) || m1 != nil {
				t.Errorf("%s: B is %s: %v", p.Name, what, err)
			}
			// With S = 0, everybody can compute the proof.
			_, m1, _ := p.proofs([]byte("alice"), l.salt, pad(p, value), l.server.B(), make([]byte, p.Group.Size()))
			if m2, key, err := l.server.Verify(value, m1); !errors.Is(err, ErrPublic) || m2 != nil || key != nil {
				t.Errorf("%s: A is %s: %v", p.Name, what, err)
			}
		}
	}
}

func pad(p *Profile, b []byte) []byte {
	n := new(big.Int).SetBytes(b)
	return n.Mod(n, new(big.Int).SetBytes(p.Group.n)).FillBytes(make([]byte, p.Group.Size()))
}

// TestMUSTAbortOnZeroScrambler: with u = 0 the password does not enter S.
func TestMUSTAbortOnZeroScrambler(t *testing.T) {
	p := RFC5054(Group1024(), crypto.SHA256)
	l := begin(t, p, rand.Reader, "right")
	if _, err := p.scrambler(make([]byte, 32)); !errors.Is(err, ErrPublic) {
		t.Errorf("u = 0: %v", err)
	}
	if u, err := p.u(l.client.A(), l.server.B()); err != nil || len(u) != 32 {
		t.Errorf("%x, %v", u, err)
	}
}

// TestStepsInOrder: each step is taken once, in its order.
func TestStepsInOrder(t *testing.T) {
	p := LEAP1024()
	l := begin(t, p, rand.Reader, "right")
	if _, err := l.client.Confirm(nil); !errors.Is(err, ErrOrder) {
		t.Errorf("M2 before M1: %v", err)
	}
	m1, err := l.client.Answer(l.salt, l.server.B(), []byte("right"))
	must(t, err)
	if _, err := l.client.Answer(l.salt, l.server.B(), []byte("wrong")); !errors.Is(err, ErrOrder) {
		t.Errorf("a second answer with one a: %v", err)
	}
	if _, _, err := l.server.Verify(l.client.A(), make([]byte, 32)); !errors.Is(err, ErrProof) {
		t.Errorf("a guess: %v", err)
	}
	if _, _, err := l.server.Verify(l.client.A(), m1); !errors.Is(err, ErrOrder) {
		t.Errorf("a second guess with one b: %v", err)
	}
	e, err := p.NewEphemeral(rand.Reader)
	must(t, err)
	v := p.Verifier([]byte("alice"), l.salt, []byte("right"))
	_, err = e.NewServer([]byte("alice"), l.salt, v)
	must(t, err)
	if _, err := e.NewServer([]byte("alice"), l.salt, v); !errors.Is(err, ErrOrder) {
		t.Errorf("an ephemeral used twice: %v", err)
	}
	c := begin(t, p, rand.Reader, "right")
	if _, err := c.client.Answer(c.salt, nil, []byte("right")); !errors.Is(err, ErrPublic) {
		t.Error(err)
	}
	if _, err := c.client.Answer(c.salt, c.server.B(), []byte("right")); !errors.Is(err, ErrOrder) {
		t.Errorf("after a bad B: %v", err)
	}
}

// TestReplayAndMixing: proofs are of one name, salt, A and B.
func TestReplayAndMixing(t *testing.T) {
	p := LEAP1024()
	one, two := begin(t, p, rand.Reader, "right"), begin(t, p, rand.Reader, "right")
	m1, err := one.client.Answer(one.salt, one.server.B(), []byte("right"))
	must(t, err)
	if _, _, err := two.server.Verify(one.client.A(), m1); !errors.Is(err, ErrProof) {
		t.Errorf("a proof for another login: %v", err)
	}
	e, err := p.NewEphemeral(rand.Reader)
	must(t, err)
	bob, err := e.NewServer([]byte("bob"), one.salt, p.Verifier([]byte("alice"), one.salt, []byte("right")))
	must(t, err)
	c, err := p.NewClient([]byte("alice"), rand.Reader)
	must(t, err)
	m1, err = c.Answer(one.salt, bob.B(), []byte("right"))
	must(t, err)
	if _, _, err := bob.Verify(c.A(), m1); !errors.Is(err, ErrProof) {
		t.Errorf("alice's proof for bob: %v", err)
	}
}

// TestVerifiers: what is no number of the group is no verifier.
func TestVerifiers(t *testing.T) {
	p := LEAP1024()
	for what, v := range unacceptable(p.Group) {
		e, err := p.NewEphemeral(rand.Reader)
		must(t, err)
		if _, err := e.NewServer([]byte("alice"), nil, v); !errors.Is(err, ErrVerifier) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestExponent holds a + u·x against math/big.
func TestExponent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string) []byte { return rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, what) }
		a, u, x := draw("a"), draw("u"), draw("x")
		want := new(big.Int).Mul(new(big.Int).SetBytes(u), new(big.Int).SetBytes(x))
		want.Add(want, new(big.Int).SetBytes(a))
		if got := new(big.Int).SetBytes(exponent(a, u, x)); got.Cmp(want) != 0 {
			t.Fatalf("%x, not %x", got, want)
		}
	})
}

// TestRandomnessThatEnds is an error, not a login.
func TestRandomnessThatEnds(t *testing.T) {
	p := LEAP1024()
	if _, err := p.NewClient(nil, bytes.NewReader(make([]byte, ephemeralSize-1))); err == nil {
		t.Error("a client")
	}
	if _, err := p.NewEphemeral(bytes.NewReader(nil)); err == nil {
		t.Error("an ephemeral")
	}
}

func BenchmarkLogin(b *testing.B) {
	for _, p := range append(profiles(), RFC5054(Group4096(), crypto.SHA256)) {
		salt := make([]byte, 16)
		v := p.Verifier([]byte("alice"), salt, []byte("right"))
		b.Run(p.Name+"/server", func(b *testing.B) {
			c, err := p.NewClient([]byte("alice"), rand.Reader)
			must(b, err)
			for b.Loop() {
				b.StopTimer()
				e, err := p.NewEphemeral(rand.Reader) // made beforehand
				must(b, err)
				b.StartTimer()
				s, err := e.NewServer([]byte("alice"), salt, v)
				must(b, err)
				_, _, _ = s.Verify(c.A(), nil)
			}
		})
		b.Run(p.Name+"/client", func(b *testing.B) {
			e, err := p.NewEphemeral(rand.Reader)
			must(b, err)
			s, err := e.NewServer([]byte("alice"), salt, v)
			must(b, err)
			for b.Loop() {
				c, err := p.NewClient([]byte("alice"), rand.Reader)
				must(b, err)
				_, err = c.Answer(salt, s.B(), []byte("right"))
				must(b, err)
			}
		})
	}
}
