package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/label"
	"github.com/kith-kt/kith/proto/problem"
	"github.com/kith-kt/kith/proto/provider"
)

const (
	lockWait = 30 * time.Second // for another kith process to end
	skew     = 5 * time.Minute  // by which this clock may be slow when a provider document is read
)

// A session is one command's work with one provider. No other process works in
// the provider's folder meanwhile.
type session struct {
	p        *program
	home     *keyring.Home
	ring     *keyring.Ring
	envelope []byte // the pinned provider document
	pinned   *provider.Pinned
	log      *client.Log
	auditLog *checkpoint.Verifier
	remote   *remote.Remote
	client   *client.Client
	inForce  *keyring.InForce     // what the policy files and the document demand
	adjust   func(*client.Policy) // what this command demands besides

	token      string // from the command line, for tokenLabel
	tokenLabel string
}

func (p *program) openHome() (*keyring.Home, error) {
	dir, err := keyring.DefaultDir(p.getenv)
	if err != nil {
		return nil, err
	}
	return keyring.OpenHome(dir)
}

// open opens the keyring of the provider that is meant.
func (p *program) open(ctx context.Context) (*session, error) {
	return p.openWith(ctx, enforcing)
}

// enforcing is for commands that do not only look: they act on what was let through.
func enforcing(policy *client.Policy) { policy.Setting = client.Enforce }

// openWith lets a command adjust the policy in force.
func (p *program) openWith(ctx context.Context, adjust func(*client.Policy)) (*session, error) {
	home, err := p.openHome()
	if err != nil {
		return nil, err
	}
	domain := p.provider
	if domain == "" {
		if domain, err = home.Default(); err != nil {
			return nil, err
		}
	} else if domains, err := home.Domains(); err != nil {
		return nil, err
	} else if !slices.Contains(domains, domain) {
		return nil, usage(fmt.Errorf("the provider %q is not in the keyring", domain), "run: kith use URL")
	}
	s := &session{p: p, home: home, adjust: adjust}
	if s.ring, err = p.lock(ctx, home, domain); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// lock opens a provider's folder, and waits a while for other processes.
func (p *program) lock(ctx context.Context, home *keyring.Home, domain string) (*keyring.Ring, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	return home.Open(ctx, domain)
}

// load reads the provider's folder and prepares to ask.
func (s *session) load() error {
	var err error
	if s.envelope, err = s.ring.Provider(); err != nil {
		return err
	}
	if s.pinned, err = provider.Reopen(s.envelope); err != nil {
		return damagedPin(s.ring, err)
	}
	config, err := s.pinned.Document.Config()
	if err != nil {
		return err
	}
	if s.log, err = client.NewLog(*config); err != nil {
		return err
	}
	if s.auditLog, err = checkpoint.NewVerifier(s.pinned.Document.AuditLog.Key); err != nil {
		return err
	}
	if err := s.loadPolicy(); err != nil {
		return err
	}
	state, err := s.ring.State(s.log)
	if err != nil {
		return err
	}
	address, err := s.ring.Address()
	if err != nil {
		return err
	}
	if address == "" {
		address = s.pinned.Document.Addresses[0]
	}
	if s.remote, err = remote.New(address, remote.Options{}); err != nil {
		return err
	}
	s.client = client.New(s.config(state, s.ring))
	return nil
}

// loadPolicy reads the policy files.
func (s *session) loadPolicy() error {
	own, err := s.ring.Policy()
	if err != nil {
		return err
	}
	all, err := s.home.Policy()
	if err != nil {
		return err
	}
	s.inForce, err = keyring.Combine(s.pinned.Document, own, all)
	return err
}

// damagedPin is a pinned provider document that cannot be read.
func damagedPin(ring *keyring.Ring, err error) error {
	return failed("put back a good copy; to trust this provider anew instead, remove the whole folder "+ring.Dir(),
		"the pinned provider document cannot be read: %w", err)
}

// config is how a client of this session works. With a nil store it keeps nothing.
func (s *session) config(state *client.State, store client.Store) client.Config {
	policy := s.inForce.Policy()
	policy.Opaque = s.p.opaque
	s.adjust(&policy)
	var former []checkpoint.Digest
	for _, digest := range s.pinned.Document.Configurations() {
		former = append(former, digest)
	}
	return client.Config{
		Service: s.remote, State: state, Store: store, Now: s.p.now, Policy: policy,
		Binder: s.remote, AuditLog: s.auditLog, Former: former,
		Domain: s.ring.Domain(), Provider: s.envelope, Token: s.tokenFor,
	}
}

func (s *session) close() {
	if s.remote != nil {
		s.remote.Close()
	}
	s.ring.Close()
}

// tokenFor returns the bearer token for a label: the one given now, that of a
// session at the account service, the one of the account, or the one for lookups.
func (s *session) tokenFor(name string) string {
	if s.token != "" && name == s.tokenLabel {
		return s.token
	}
	if name != "" {
		if l, err := s.ring.Login(name); err == nil && l.Token != "" {
			return l.Token
		}
		if a, err := s.ring.Account(name); err == nil && a.Token != "" {
			return a.Token
		}
	}
	token, err := s.ring.Token()
	if err != nil {
		return ""
	}
	return token
}

// fresh refuses to ask a provider whose document has run out, after trying to
// get a newer one.
func (s *session) fresh(ctx context.Context) error {
	if s.pinned.Document.CheckTime(s.p.now(), skew) == nil {
		return nil
	}
	if _, err := s.follow(ctx, false); err != nil && !errors.Is(err, problem.ErrUnavailable) {
		return err
	}
	return s.pinned.Document.CheckTime(s.p.now(), skew)
}

// online opens the keyring of the provider that is meant, does work that asks
// it, and keeps the evidence when it misbehaves.
func (p *program) online(ctx context.Context, work func(*session) error) error {
	return p.onlineWith(ctx, enforcing, work)
}

// onlineWith is online with an adjusted policy. A log that was caught is not asked.
func (p *program) onlineWith(ctx context.Context, adjust func(*client.Policy), work func(*session) error) error {
	return p.onlineIf(ctx, adjust, (*session).refused, work)
}

// canonical brings a label that a person typed to its one form, and says so if
// that changed it.
func (p *program) canonical(typed string) (string, error) {
	if p.opaque {
		return typed, nil
	}
	name, err := label.Canonical(typed)
	if err != nil {
		return "", err
	}
	if name != typed && label.Display(name) != typed {
		p.say("note: %q is read as %s", typed, label.Display(name))
	}
	return name, nil
}
