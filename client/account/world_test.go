package account

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/opaque"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A fake is an account service with room for one account. twist may change every
// answer before it is sent.
type fake struct {
	t      testing.TB
	url    string
	opaque *opaque.Server
	twist  func(path string, answer any) any

	mu       sync.Mutex
	account  *auth.Registration
	server   *srp.Server
	a        []byte
	recovery bool
	keys     *opaque.Handshake
	upgrade  bool
	needs    []string
	sent     bytes.Buffer // what the client sent
	paths    []string
}

const token = "kith_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{t: t}
	var err error
	f.opaque, err = opaque.NewServer(make([]byte, opaque.Nseed+32), []byte(opaqueContext))
	must(t, err)
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

func (f *fake) client() *Client {
	f.t.Helper()
	c, err := New(f.url, Options{})
	must(f.t, err)
	f.t.Cleanup(c.Close)
	return c
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	path := strings.TrimPrefix(r.URL.Path, auth.Root)
	fmt.Fprintf(&f.sent, "%s %s %v\n%s\n", r.Method, r.URL, r.Header, b)
	f.paths = append(f.paths, r.Method+" "+path)
	answer, status := f.answer(path, b)
	if f.twist != nil {
		if answer = f.twist(path, answer); answer != nil {
			status = http.StatusOK
		}
	}
	switch v := answer.(type) {
	case func(http.ResponseWriter, *http.Request):
		v(w, r)
	case nil:
		if status != http.StatusOK {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"title":"no","detail":%q}`, r.Header.Get("Authorization"))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
}

func decode[Q any](b []byte) *Q {
	q := new(Q)
	if err := auth.Decode(bytes.NewReader(b), q); err != nil {
		panic(err)
	}
	return q
}

func (f *fake) grant() *auth.Grant {
	return &auth.Grant{Token: token, Device: "device", Session: &auth.Session{ID: "id", Name: "alice"}, Backup: f.account.Backup, Upgrade: f.upgrade}
}

func (f *fake) answer(path string, b []byte) (any, int) {
	switch path {
	case "/accounts":
		f.account = decode[auth.Registration](b)
		return f.grant(), http.StatusCreated
	case "/login/srp":
		q := decode[auth.SRPStart](b)
		e, err := srp.Kith3072().NewEphemeral(rand.Reader)
		must(f.t, err)
		c := &f.account.Password
		if f.recovery = q.Recovery; q.Recovery {
			c = f.account.Recovery
		}
		f.server, err = e.NewServer([]byte("alice"), c.Salt, c.Verifier)
		must(f.t, err)
		f.a = q.A
		return &auth.SRPChallenge{Handshake: "h", Profile: "kith-3072-sha256-argon2id", KDF: c.KDF, Salt: c.Salt, B: f.server.B()}, 200
	case "/login/srp/h":
		return f.proved(decode[auth.SRPFinish](b).M1, func(m2 []byte) any {
			g := f.grant()
			if g.M2 = m2; f.needs != nil {
				*g = auth.Grant{M2: m2, Needs: f.needs, Handshake: "second"}
			}
			return g
		})
	case "/login/totp/second":
		if decode[auth.Code](b).Code != "123456" {
			return nil, http.StatusForbidden
		}
		return f.grant(), 200
	case "/opaque":
		response, err := f.opaque.Register(decode[auth.OPAQUERequest](b).Request, []byte("alice"))
		must(f.t, err)
		return &auth.OPAQUEResponse{Response: response}, 200
	case "/login/opaque":
		h, ke2, err := f.opaque.Login(decode[auth.OPAQUEStart](b).KE1, f.account.Password.Record, []byte("alice"), opaqueOptions(&Person{Name: "alice", Domain: "example.org"}).Identities, rand.Reader)
		must(f.t, err)
		f.keys = h
		return &auth.OPAQUEChallenge{Handshake: "o", KE2: ke2}, 200
	case "/login/opaque/o":
		if _, err := f.keys.Finish(decode[auth.OPAQUEFinish](b).KE3); err != nil {
			return nil, http.StatusForbidden
		}
		return f.grant(), 200
	case "/password", "/recovery":
		q := decode[auth.Change](b)
		if q.Proof.Protocol == OPAQUE {
			if _, err := f.keys.Finish(q.Proof.Message); err != nil {
				return nil, http.StatusForbidden
			}
			return f.changed(q, nil), 200
		}
		return f.proved(q.Proof.Message, func(m2 []byte) any { return f.changed(q, m2) })
	case "/recovery/spare":
		return f.proved(decode[auth.ProofOnly](b).Proof.Message, func(m2 []byte) any { return &auth.Spare{M2: m2, Spare: f.account.Spare} })
	case "/account":
		q := decode[auth.ProofOnly](b)
		return f.proved(q.Proof.Message, func([]byte) any { return nil })
	}
	return nil, http.StatusNotFound
}

func (f *fake) proved(m1 []byte, then func(m2 []byte) any) (any, int) {
	m2, _, err := f.server.Verify(f.a, m1)
	if err != nil {
		return nil, http.StatusForbidden
	}
	return then(m2), 200
}

func (f *fake) changed(q *auth.Change, m2 []byte) *auth.Grant {
	f.account.Password, f.account.Backup, f.upgrade = q.Password, q.Backup, false
	if q.Recovery != nil {
		f.account.Recovery, f.account.Spare = q.Recovery, q.Spare
	}
	g := f.grant()
	g.M2 = m2
	return g
}

var alice = Person{Name: "alice", Domain: "example.org"}

func password(s string) Password { return Password(s) }

// registered is a fake with the account of alice: the password "right", the backup "the account key".
func registered(t testing.TB, protocol string) (*fake, *Client, *Code) {
	t.Helper()
	f := newFake(t)
	c := f.client()
	code, err := NewCode(rand.Reader)
	must(t, err)
	g, err := c.Register(t.Context(), &Registration{Person: alice, Password: password("right"), Protocol: protocol, Backup: []byte("the account key"), Recovery: code})
	must(t, err)
	if g.Token != token || g.Device != "device" {
		t.Fatal("another grant")
	}
	return f, c, code
}

func (f *fake) login(c *Client, secret, protocol string) (*Grant, error) {
	return c.Login(context.Background(), &Login{Person: alice, Password: password(secret), Protocol: protocol})
}
