package account

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh/agent"
	"pgregory.net/rapid"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/legacy"
)

func opened(t testing.TB, g *Grant) string {
	t.Helper()
	b, err := g.Open(&alice)
	must(t, err)
	return string(b)
}

// TestLife is all that a person does with an account, with both protocols.
func TestLife(t *testing.T) {
	for _, protocol := range []string{SRP, OPAQUE} {
		t.Run(protocol, func(t *testing.T) {
			f, c, code := registered(t, protocol)
			g, err := f.login(c, "right", protocol)
			must(t, err)
			if opened(t, g) != "the account key" || g.Token != token {
				t.Error("another backup or token")
			}
			if _, err := f.login(c, "wrong", protocol); !errors.Is(err, ErrDenied) {
				t.Errorf("a wrong password: %v", err)
			}
			l := &Login{Person: alice, Password: password("right"), Protocol: protocol}
			g, err = c.ChangePassword(t.Context(), l, &Renewal{Password: password("new"), Protocol: protocol})
			must(t, err)
			if opened(t, g) != "the account key" {
				t.Error("the backup was lost")
			}
			if _, err := f.login(c, "right", protocol); !errors.Is(err, ErrDenied) {
				t.Errorf("the old password: %v", err)
			}
			next, err := NewCode(rand.Reader)
			must(t, err)
			g, err = c.Recover(t.Context(), &alice, code, func(b []byte) (*Renewal, error) {
				if string(b) != "the account key" {
					t.Errorf("recovered %q", b)
				}
				return &Renewal{Password: password("third"), Protocol: protocol, Recovery: next}, nil
			})
			must(t, err)
			if opened(t, g) != "the account key" {
				t.Error("the backup was lost")
			}
			if _, err := c.Recover(t.Context(), &alice, code, nil); !errors.Is(err, ErrDenied) {
				t.Errorf("a used code: %v", err)
			}
			if protocol == SRP {
				must(t, c.Delete(t.Context(), &Login{Person: alice, Password: password("third")}, nil))
			}
			for _, secret := range []string{"right", "third", "the account key", code.Text(), string(code.password())} {
				if bytes.Contains(f.sent.Bytes(), []byte(secret+`"`)) || bytes.Contains(f.sent.Bytes(), []byte(`"`+secret)) {
					t.Errorf("the server saw a secret")
				}
			}
		})
	}
}

// TestNormalised: what looks the same on two keyboards is the same.
func TestNormalised(t *testing.T) {
	for _, protocol := range []string{SRP, OPAQUE} {
		f := newFake(t)
		c := f.client()
		_, err := c.Register(t.Context(), &Registration{Person: alice, Password: password("\u00e5ngstr\u00f6m"), Protocol: protocol})
		must(t, err)
		_, err = f.login(c, "a\u030angstro\u0308m", protocol)
		must(t, err)
	}
}

// TestServerLies: a server that cannot prove itself gets nothing and is not believed.
func TestServerLies(t *testing.T) {
	twist := func(match string, change func(answer any) any) func(string, any) any {
		return func(path string, answer any) any {
			if path == match && answer != nil {
				return change(answer)
			}
			return answer
		}
	}
	challenge := func(change func(*auth.SRPChallenge)) func(string, any) any {
		return twist("/login/srp", func(a any) any { change(a.(*auth.SRPChallenge)); return a })
	}
	n := make([]byte, 384)
	f, client, _ := registered(t, SRP)
	for name, c := range map[string]struct {
		twist func(string, any) any
		want  error
	}{
		"no M2":              {twist("/login/srp/h", func(a any) any { a.(*auth.Grant).M2 = nil; return a }), ErrServer},
		"another M2":         {twist("/login/srp/h", func(a any) any { a.(*auth.Grant).M2[0] ^= 1; return a }), ErrServer},
		"a factor before M2": {twist("/login/srp/h", func(any) any { return &auth.Grant{Needs: []string{"totp"}, Handshake: "second"} }), ErrServer},
		"B = 0":              {challenge(func(c *auth.SRPChallenge) { c.B = n }), srp.ErrPublic},
		"weak":               {challenge(func(c *auth.SRPChallenge) { c.KDF = "$argon2id$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg" }), srp.ErrKDF},
		"costly":             {challenge(func(c *auth.SRPChallenge) { c.KDF = "$argon2id$v=19$m=4294967295,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg" }), srp.ErrKDF},
		"no derivation":      {challenge(func(c *auth.SRPChallenge) { c.KDF = "" }), srp.ErrKDF},
		"an old hash":        {challenge(func(c *auth.SRPChallenge) { c.KDF = "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg" }), ErrLegacy},
		"a small group":      {challenge(func(c *auth.SRPChallenge) { c.Profile = "leap-1024-sha256" }), ErrForeign},
		"another path":       {challenge(func(c *auth.SRPChallenge) { c.Handshake = "../../account" }), ErrForeign},
		"no session":         {twist("/login/srp/h", func(a any) any { a.(*auth.Grant).Session = nil; return a }), ErrForeign},
		"a token in two":     {twist("/login/srp/h", func(a any) any { a.(*auth.Grant).Token = "a\r\nCookie: b"; return a }), ErrForeign},
		"another person's backup": {twist("/login/srp/h", func(a any) any {
			s := new(srp.Secrets)
			b, err := s.Seal("bob@example.org", []byte("x"), rand.Reader)
			must(t, err)
			a.(*auth.Grant).Backup = b
			return a
		}), srp.ErrBackup},
	} {
		t.Run(name, func(t *testing.T) {
			f.twist, f.paths = c.twist, nil
			asked := false
			g, err := client.Login(t.Context(), &Login{Person: alice, Password: password("right"), Factor: func(context.Context, []string) (string, error) {
				asked = true
				return "123456", nil
			}})
			if err == nil {
				_, err = g.Open(&alice)
			} else if g != nil {
				t.Error("a grant beside the error")
			}
			if name == "another path" && len(f.paths) != 1 {
				t.Errorf("it went there: %v", f.paths)
			}
			if !errors.Is(err, c.want) || asked {
				t.Errorf("%v, want %v; code asked for: %v", err, c.want, asked)
			}
		})
	}
}

// TestChangeNeedsServer: the new password's verifier goes to no server that has not
// proved itself.
func TestChangeNeedsServer(t *testing.T) {
	f, c, code := registered(t, SRP)
	f.twist = func(path string, answer any) any {
		switch a := answer.(type) {
		case *auth.Grant:
			a.M2 = nil
		case *auth.Spare:
			a.M2 = nil
		}
		return answer
	}
	l := &Login{Person: alice, Password: password("right")}
	if _, err := c.ChangePassword(t.Context(), l, &Renewal{Password: password("new")}); !errors.Is(err, ErrServer) {
		t.Error(err)
	}
	if _, err := c.Recover(t.Context(), &alice, code, func([]byte) (*Renewal, error) { panic("believed") }); !errors.Is(err, ErrServer) {
		t.Error(err)
	}
	if err := c.Delete(t.Context(), l, func(*Grant) error { panic("believed") }); !errors.Is(err, ErrServer) {
		t.Error(err)
	}
	for _, path := range f.paths {
		if path == "PUT /password" || path == "POST /recovery" || path == "DELETE /account" {
			t.Errorf("it was asked: %s", path)
		}
	}
}

// TestReplay: an answer of an earlier login proves nothing.
func TestReplay(t *testing.T) {
	f, c, _ := registered(t, SRP)
	var challenge *auth.SRPChallenge
	var grant *auth.Grant
	f.twist = func(_ string, answer any) any {
		switch a := answer.(type) {
		case *auth.SRPChallenge:
			challenge = a
		case *auth.Grant:
			grant = a
		}
		return answer
	}
	_, err := f.login(c, "right", SRP)
	must(t, err)
	f.twist = func(path string, answer any) any {
		if path == "/login/srp" {
			return challenge
		}
		return grant
	}
	if _, err := f.login(c, "right", SRP); !errors.Is(err, ErrServer) {
		t.Error(err)
	}
}

// TestUpgrade: the hash of an older provider is followed only if that was asked for,
// and replaced at once.
func TestUpgrade(t *testing.T) {
	f := newFake(t)
	c := f.client()
	recipe, _, err := legacy.Split("$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$" + "TQqxc3HGpGvQxy5WM+UVKzNN8F1Bn9SpP9uS4N2bYaQ")
	must(t, err)
	hash, err := recipe.Hash("old one")
	must(t, err)
	salt := []byte("sixteen octets!!")
	f.account = &auth.Registration{Password: auth.Credential{KDF: recipe.String(), Salt: salt, Verifier: srp.Kith3072().Verifier(nil, salt, hash)}}
	f.upgrade = true
	if _, err := f.login(c, "old one", SRP); !errors.Is(err, ErrLegacy) {
		t.Fatal(err)
	}
	g, err := c.Login(t.Context(), &Login{Person: alice, Password: password("old one"), Legacy: true})
	must(t, err)
	if !g.Upgraded || g.Secrets == nil || !strings.HasPrefix(f.account.Password.KDF, "$argon2id$") {
		t.Error("the old hash is still there")
	}
	_, err = f.login(c, "old one", SRP)
	must(t, err)
}

// TestSecondFactor asks for a code, of a server that has proved itself.
func TestSecondFactor(t *testing.T) {
	f, c, _ := registered(t, SRP)
	l := &Login{Person: alice, Password: password("right")}
	f.needs = []string{"totp"}
	if _, err := c.Login(t.Context(), l); !errors.Is(err, ErrFactor) {
		t.Error(err)
	}
	l.Factor = func(context.Context, []string) (string, error) { return "000000", nil }
	if _, err := c.Login(t.Context(), l); !errors.Is(err, ErrDenied) {
		t.Error(err)
	}
	l.Factor = func(context.Context, []string) (string, error) { return "123456", nil }
	g, err := c.Login(t.Context(), l)
	must(t, err)
	if opened(t, g) != "the account key" {
		t.Error("no backup")
	}
	f.needs = []string{"passkey"}
	if _, err := c.Login(t.Context(), l); !errors.Is(err, ErrFactor) {
		t.Error(err)
	}
}

// TestBounds: no answer is too long, too late or from elsewhere.
func TestBounds(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it went elsewhere") }))
	defer elsewhere.Close()
	f := newFake(t)
	c, err := New(f.url, Options{Timeout: time.Second})
	must(t, err)
	written := 0
	pour := func(w http.ResponseWriter) {
		for {
			n, err := io.WriteString(w, strings.Repeat(" ", 1<<16))
			if written += n; err != nil {
				return
			}
		}
	}
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			pour(w)
		},
		"endless problem": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			pour(w)
		},
		"never": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"again": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		},
		"html": func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "<html>") },
	} {
		t.Run(name, func(t *testing.T) {
			f.twist = func(string, any) any { return answer }
			begun := time.Now()
			_, err := c.Sessions(t.Context(), token)
			if err == nil || time.Since(begun) > 10*time.Second {
				t.Errorf("%v after %s", err, time.Since(begun))
			}
			f.mu.Lock() // it has ended
			defer f.mu.Unlock()
			if written > 32<<20 {
				t.Errorf("%d octets were taken", written)
			}
			written = 0
		})
	}
	if _, err := New("http://kt.example.org", Options{}); err == nil {
		t.Error("plain http to another machine")
	}
}

// TestProblems: every way to decline has its error, which never shows the token.
func TestProblems(t *testing.T) {
	status := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"title":"\u001b[31mred","detail":%q}`, r.Header.Get("Authorization"))
	}))
	defer s.Close()
	c, err := New(s.URL, Options{})
	must(t, err)
	for code, want := range map[int]error{400: ErrMalformed, 401: ErrSession, 403: ErrDenied, 404: ErrNone, 409: ErrTaken, 422: ErrRefused, 429: ErrThrottled, 500: ErrUnavailable, 503: ErrUnavailable, 418: ErrForeign} {
		status = code
		_, err := c.Sessions(t.Context(), token)
		if !errors.Is(err, want) || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%d: %q", code, err)
		}
	}
	status = 429
	_, err = c.Trail(t.Context(), token)
	if e, ok := errors.AsType[*ThrottledError](err); !ok || e.After != 7*time.Second {
		t.Error(err)
	}
	status = 403
	if _, err := c.Register(t.Context(), &Registration{Person: alice, Password: password("p")}); !errors.Is(err, ErrInvite) {
		t.Error(err)
	}
	if err := c.Revoke(t.Context(), token, "../account"); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

// TestPrinted: what holds a secret shows none, however it is printed.
func TestPrinted(t *testing.T) {
	code, err := NewCode(rand.Reader)
	must(t, err)
	g := &Grant{Token: token, Secrets: &srp.Secrets{}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(verb+verb+verb, password("hunter2"), code, g)
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") || strings.Contains(text, code.Text()) || strings.Contains(text, token) {
			t.Errorf("%s shows %s", verb, text)
		}
	}
}

// slowCheck is the check as its comment says it: a sum of values times powers of x,
// each product made by repeated addition of shifted values.
func slowCheck(letters string) (sum int) {
	for i, r := range letters {
		v := strings.IndexRune(codeAlphabet, r)
		for range len(letters) - i {
			v *= 2
			if v >= 32 {
				v ^= 32 + 4 + 1
			}
		}
		sum ^= v
	}
	return sum
}

func TestCode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Code
		copy(c[:], rapid.SliceOfN(rapid.Byte(), codeSize, codeSize).Draw(t, "code"))
		text := c.Text()
		for _, typed := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "-", " "), strings.NewReplacer("1", "I", "0", "o").Replace(text)} {
			back, err := ParseCode(typed + "\n")
			if err != nil || *back != c {
				t.Fatalf("%q: %v", typed, err)
			}
		}
		letters := strings.ReplaceAll(text, "-", "")
		if slowCheck(letters[:codeLetters]) != strings.IndexByte(codeAlphabet, letters[codeLetters]) {
			t.Fatal("another check")
		}
		i := rapid.IntRange(0, codeLetters).Draw(t, "place")
		other := codeAlphabet[rapid.IntRange(0, 31).Draw(t, "letter")]
		if other != letters[i] {
			if _, err := ParseCode(letters[:i] + string(other) + letters[i+1:]); !errors.Is(err, ErrCode) {
				t.Fatalf("a wrong letter passed: %v", err)
			}
		}
		j := rapid.IntRange(0, codeLetters).Draw(t, "other place")
		swapped := []byte(letters)
		swapped[i], swapped[j] = swapped[j], swapped[i]
		if _, err := ParseCode(string(swapped)); string(swapped) != letters && !errors.Is(err, ErrCode) {
			t.Fatalf("changed places passed: %v", err)
		}
	})
}

// TestCodeExample is the code in the documentation of Code.
func TestCodeExample(t *testing.T) {
	c, err := ParseCode("9T3K-0M7Q-XWZ5-H2B8-CDVR-4N6P-J0C")
	must(t, err)
	if c.Text() != "9T3K-0M7Q-XWZ5-H2B8-CDVR-4N6P-J0C" {
		t.Error(c.Text())
	}
}

func FuzzCode(f *testing.F) {
	f.Add("0000-0000-0000-0000-0000-0000-000")
	f.Add("9T3K-0M7Q-XWZ5-H2B8-CDVR-4N6P-J0C")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCode(text)
		if err != nil {
			return
		}
		back, err := ParseCode(c.Text())
		if err != nil || *back != *c {
			t.Errorf("%q", text)
		}
	})
}

// challengeOf is what a service wants signed.
func challengeOf(context, domain, name string, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(append(prefix(context, domain, name), make([]byte, nonceSize)...), uint64(at.Unix()))
}

// TestDevice signs a login of this person, here and now, and nothing else.
func TestDevice(t *testing.T) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	now := time.Now()
	keyring := agent.NewKeyring()
	must(t, keyring.Add(agent.AddedKey{PrivateKey: key, Comment: "it"}))
	socket := t.TempDir() + "/agent"
	l, err := net.Listen("unix", socket)
	must(t, err)
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keyring, conn) }()
		}
	}()
	held, err := AgentKeys(t.Context(), socket)
	must(t, err)
	if len(held) != 1 || !bytes.Equal(held[0].Public(), public) {
		t.Fatal("another key")
	}
	for name, c := range map[string]struct {
		message []byte
		want    error
	}{
		"this login":      {challengeOf(deviceContext, "example.org", "alice", now), nil},
		"by label":        {challengeOf(deviceContext, "example.org", "alice@example.org", now), nil},
		"another domain":  {challengeOf(deviceContext, "example.net", "alice", now), ErrChallenge},
		"another person":  {challengeOf(deviceContext, "example.org", "bob", now), ErrChallenge},
		"another context": {challengeOf("SSHSIG", "example.org", "alice", now), ErrChallenge},
		"long ago":        {challengeOf(deviceContext, "example.org", "alice", now.Add(-time.Hour)), ErrChallenge},
		"some day":        {challengeOf(deviceContext, "example.org", "alice", now.Add(time.Hour)), ErrChallenge},
		"with a tail":     {append(challengeOf(deviceContext, "example.org", "alice", now), 0), ErrChallenge},
		"nothing":         {nil, ErrChallenge},
	} {
		for _, k := range []DeviceKey{SoftKey(key), held[0]} {
			f := newFake(t)
			f.account = new(auth.Registration)
			signed := false
			f.twist = func(path string, _ any) any {
				if path == "/login/device" {
					return &auth.DeviceChallenge{Handshake: "d", Message: c.message}
				}
				var q auth.DeviceFinish
				lines := bytes.Split(bytes.TrimSpace(f.sent.Bytes()), []byte("\n"))
				must(t, json.Unmarshal(lines[len(lines)-1], &q))
				signed = ed25519.Verify(ed25519.PublicKey(q.Key), c.message, q.Signature)
				return f.grant()
			}
			_, err := f.client().LoginDevice(t.Context(), &alice, k, nil)
			if !errors.Is(err, c.want) || signed != (c.want == nil) {
				t.Errorf("%s: %v, signed %v", name, err, signed)
			}
		}
	}
}

// TestSealed answers what was sealed for a login, and opens nothing else for anybody.
func TestSealed(t *testing.T) {
	nonce := bytes.Repeat([]byte{7}, nonceSize)
	for name, c := range map[string]struct {
		plain []byte
		want  error
	}{
		"this login":     {SealedMessage("example.org", "alice", nonce), nil},
		"a bare nonce":   {nonce, ErrChallenge},
		"a letter":       {[]byte("dear alice, the key is under the mat"), ErrChallenge},
		"another person": {SealedMessage("example.org", "bob", nonce), ErrChallenge},
		"another domain": {SealedMessage("example.net", "alice", nonce), ErrChallenge},
		"too much":       {SealedMessage("example.org", "alice", append(slices.Clone(nonce), 1)), ErrChallenge},
	} {
		f := newFake(t)
		f.account = new(auth.Registration)
		f.twist = func(path string, _ any) any {
			if path == "/login/sealed" {
				return &auth.SealedChallenge{Handshake: "s", Sealed: []byte("sealed")}
			}
			return f.grant()
		}
		_, err := f.client().LoginSealed(t.Context(), &alice, func([]byte) ([]byte, error) { return c.plain, nil }, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if answered := slices.Contains(f.paths, "POST /login/sealed/s"); answered != (c.want == nil) {
			t.Errorf("%s: answered %v", name, answered)
		}
	}
}

// TestUnmendable: a password that cannot be used is refused before anything is sent.
func TestUnmendable(t *testing.T) {
	f := newFake(t)
	for _, bad := range []string{"", "\xff", strings.Repeat("a", srp.MaxPassword+1), "\x00"} {
		_, err := f.client().Register(t.Context(), &Registration{Person: alice, Password: password(bad)})
		if !errors.Is(err, srp.ErrPassword) || len(f.paths) > 0 {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
