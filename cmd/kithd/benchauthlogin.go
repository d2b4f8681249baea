package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/login"
	"github.com/kith-kt/kith/srp/login/embedded"
	aka "github.com/kith-kt/kith/srp/opaque"
)

const benchDomain = "bench.example"

// benchSecret stands for what Argon2id makes of a password: that is the client's work.
var (
	benchSecret = []byte("a secret of 32 octets, not longer")
	benchSalt   = []byte("sixteen octets!!")
)

// benchAccounts are accounts in a file in a temporary folder.
type benchAccounts struct {
	dir   string
	store *embedded.Store
	key   *login.Key
	n     int
	turns int // counts logins, so that they go round all accounts
}

// opaqueAccounts is how many accounts prove their password by OPAQUE; all do by SRP.
const opaqueAccounts = 50

func benchName(i int) string { return fmt.Sprintf("%08x.user", uint32(i)*2654435761) }

func opaqueName(i int) string { return fmt.Sprintf("opaque%d", i) }

// benchNetwork is the network of a person.
func benchNetwork(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
}

// openBenchAccounts registers n accounts.
func openBenchAccounts(ctx context.Context, dir string, n int) (a *benchAccounts, err error) {
	a = &benchAccounts{n: n}
	if a.dir, err = os.MkdirTemp(dir, "accounts"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	secret := make([]byte, login.KeySize)
	rand.Read(secret)
	if a.key, err = login.NewKey(secret); err != nil {
		return nil, err
	}
	if a.store, err = embedded.Open(filepath.Join(a.dir, "accounts.db")); err != nil {
		return nil, err
	}
	kdf := login.DefaultKDF
	kdf.Salt = benchSalt
	password := login.Credential{
		Protocol: "srp", KDF: kdf.String(), Salt: benchSalt, Verifier: srp.Kith3072().Verifier(nil, benchSalt, benchSecret),
	}
	const together = 5000 // in one transaction
	for i := 0; i < n; i += together {
		if err := a.store.Update(ctx, func(w login.Writer) error {
			s, err := a.service(within{w}, rand.Reader)
			for j := i; j < min(i+together, n) && err == nil; j++ {
				_, err = s.Register(ctx, login.Requester{Network: benchNetwork(j)}, &login.Registration{Name: benchName(j), Password: password})
			}
			return err
		}); err != nil {
			return nil, err
		}
	}
	return a, a.store.Update(ctx, func(w login.Writer) error {
		s, err := a.service(within{w}, rand.Reader)
		for i := 0; i < opaqueAccounts && err == nil; i++ {
			err = registerOPAQUE(ctx, s, i)
		}
		return err
	})
}

func opaqueOptions(name string) aka.Options {
	return aka.Options{Context: []byte("kith opaque 1"), Identities: aka.Identities{Client: []byte(name), Server: []byte(benchDomain)}}
}

func registerOPAQUE(ctx context.Context, s *login.Service, i int) error {
	name, from := opaqueName(i), login.Requester{Network: benchNetwork(i)}
	client, request, err := aka.Register(benchSecret, opaqueOptions(name), rand.Reader)
	if err != nil {
		return err
	}
	response, err := s.RegisterOPAQUE(ctx, from, name, request)
	if err != nil {
		return err
	}
	record, _, err := client.Finalize(response, rand.Reader)
	if err != nil {
		return err
	}
	_, err = s.Register(ctx, from, &login.Registration{Name: name, Password: login.Credential{Protocol: "opaque", Record: record}})
	return err
}

// service returns a new service of the accounts: nothing waits in it, and nobody is
// throttled yet.
func (a *benchAccounts) service(store login.Store, random io.Reader) (*login.Service, error) {
	return login.New(login.Config{
		Store: store, Key: a.key, Domain: benchDomain, Rand: random,
		Concurrent: min(2, runtime.NumCPU()),
		Canonical:  func(name string) (string, error) { return name, nil },
	})
}

// close deletes the accounts.
func (a *benchAccounts) close() error {
	var err error
	if a.store != nil {
		err = a.store.Close()
	}
	return errors.Join(err, os.RemoveAll(a.dir))
}

// next returns the number of an account, and goes round them in no order.
func (a *benchAccounts) next() int {
	a.turns++
	return int(uint64(a.turns) * 40503 % uint64(a.n))
}

// srp logs people in, of whom the server knows nothing but the account. The cost is
// the server's, for both steps.
func (a *benchAccounts) srp(ctx context.Context, s *login.Service, n int) (cost time.Duration, err error) {
	for range n {
		i := a.next()
		from := login.Requester{Network: benchNetwork(i)}
		client, err := srp.Kith3072().NewClient([]byte(benchName(i)), rand.Reader)
		if err != nil {
			return 0, err
		}
		began := cpuTime()
		c, err := s.BeginSRP(ctx, from, benchName(i), "", client.A(), login.For{})
		cost += cpuTime() - began
		if err != nil {
			return 0, err
		}
		m1, err := client.Answer(c.Salt, c.B, benchSecret)
		if err != nil {
			return 0, err
		}
		began = cpuTime()
		g, err := s.FinishSRP(ctx, from, c.Handshake, m1)
		cost += cpuTime() - began
		if err != nil {
			return 0, err
		}
		if _, err := client.Confirm(g.M2); err != nil {
			return 0, err
		}
	}
	return cost / time.Duration(n), nil
}

// opaque is srp by the other protocol.
func (a *benchAccounts) opaque(ctx context.Context, s *login.Service, n int) (cost time.Duration, err error) {
	for i := range n {
		name, from := opaqueName(i%opaqueAccounts), login.Requester{Network: benchNetwork(i)}
		client, ke1, err := aka.NewLogin(benchSecret, opaqueOptions(name), rand.Reader)
		if err != nil {
			return 0, err
		}
		began := cpuTime()
		c, err := s.BeginOPAQUE(ctx, from, name, ke1)
		cost += cpuTime() - began
		if err != nil {
			return 0, err
		}
		ke3, _, _, err := client.Finish(c.KE2)
		if err != nil {
			return 0, err
		}
		began = cpuTime()
		_, err = s.FinishOPAQUE(ctx, from, c.Handshake, ke3)
		cost += cpuTime() - began
		if err != nil {
			return 0, err
		}
	}
	return cost / time.Duration(n), nil
}

// A wellReader counts what making ephemerals reads, and says when it was enough.
type wellReader struct {
	left   atomic.Int64
	enough chan struct{}
}

func (r *wellReader) Read(b []byte) (int, error) {
	if r.left.Add(-1) == 0 {
		close(r.enough)
	}
	return rand.Read(b)
}

// ready returns a service that has at least n ephemerals in store.
func (a *benchAccounts) ready(ctx context.Context, n int) (*login.Service, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r := &wellReader{enough: make(chan struct{})}
	s, err := a.service(a.store, r)
	if err != nil {
		return nil, err
	}
	r.left.Store(int64(n) + 1) // the last one's read says that the n before it are in store
	done := make(chan error, 1)
	running, halt := context.WithCancel(ctx)
	go func() { done <- s.Run(running) }()
	select {
	case <-r.enough:
	case <-ctx.Done():
		err = fmt.Errorf("%d ephemerals were not made: %w", n, context.Cause(ctx))
	}
	halt()
	return s, errors.Join(err, <-done)
}

// within is a Store of one transaction.
type within struct{ w login.Writer }

func (s within) View(_ context.Context, f func(login.Reader) error) error   { return f(s.w) }
func (s within) Update(_ context.Context, f func(login.Writer) error) error { return f(s.w) }
func (s within) Close() error                                               { return nil }

// costs measures what logins take of the server's processors, and whether it
// depends on the number of accounts.
func (b *authBench) costs(few, many *benchAccounts) error {
	b.say("logging in")
	power, err := exponentiation()
	if err != nil {
		return err
	}
	ephemeral := work{10, func() error {
		for range 10 {
			if _, err := srp.Kith3072().NewEphemeral(rand.Reader); err != nil {
				return err
			}
		}
		return nil
	}}
	n := b.scale.logins
	logins := func(a *benchAccounts) turn {
		return func() (time.Duration, error) {
			s, err := a.ready(b.ctx, n)
			if err != nil {
				return 0, err
			}
			return a.srp(b.ctx, s, n)
		}
	}
	opaques := func(a *benchAccounts) turn {
		return func() (time.Duration, error) {
			s, err := a.service(a.store, rand.Reader)
			if err != nil {
				return 0, err
			}
			return a.opaque(b.ctx, s, n)
		}
	}
	const (
		atPower, atMultiplication, atPrepare, atSRP, atSRPFew, atOPAQUE, atOPAQUEFew = 0, 1, 2, 3, 4, 5, 6
	)
	costs, ratio, err := inTurn(b.ctx, b.scale.rounds, power, multiplication(), ephemeral.cost, logins(many), logins(few), opaques(many), opaques(few))
	if err != nil {
		return err
	}
	r := &b.report
	r.Note("floor: one power modulo 3072 bits, exponent of 256", millis(costs[atPower]), "ms")
	r.Note("floor: one ristretto255 multiplication", millis(costs[atMultiplication]), "ms")
	r.AtMost("login, default profile: both steps, ephemeral made before", millis(costs[atSRP]), 10, "ms of CPU")
	r.Note("login, default profile: the ephemeral", millis(costs[atPrepare]), "ms of CPU")
	r.AtMost("login, default profile: all of it", millis(costs[atSRP]+costs[atPrepare]), 10, "ms of CPU")
	r.Note("login, default profile: both steps", ratio(atSRP, atPower), "× power")
	r.AtMost("login, OPAQUE: both steps", millis(costs[atOPAQUE]), 1, "ms of CPU")
	r.Note("login, OPAQUE: both steps", ratio(atOPAQUE, atMultiplication), "× multiplication")
	of := fmt.Sprintf("%d accounts", b.scale.many)
	r.AtMost("login, default profile, "+of, ratio(atSRP, atSRPFew), 1.1, fmt.Sprintf("× that of %d", b.scale.few))
	r.Note("login, OPAQUE, "+of, ratio(atOPAQUE, atOPAQUEFew), fmt.Sprintf("× that of %d", b.scale.few))
	return nil
}
