package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/kith-kt/kith/client"
	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/client/keyring"
	"github.com/kith-kt/kith/client/remote"
	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/provider"
	"github.com/kith-kt/kith/proto/record"
)

// A demoPerson is somebody with a keyring on disk and the client that everybody
// embeds.
type demoPerson struct {
	name   string
	ring   *keyring.Ring
	remote *remote.Remote
	log    *client.Log
	client *client.Client
	token  string // for the person's own label

	password account.Password // of the account, if there is one
}

// newDemoPerson makes an empty keyring and pins the provider, with the policy that
// its document asks for.
func newDemoPerson(ctx context.Context, dir, name, address string) (*demoPerson, error) {
	p := &demoPerson{name: name}
	home, err := keyring.OpenHome(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	if p.remote, err = remote.New(address, remote.Options{}); err != nil {
		return nil, err
	}
	document, err := p.remote.Provider(ctx)
	if err != nil {
		return nil, err
	}
	pinned, err := provider.Open(document, demoDomain, time.Now(), time.Minute)
	if err != nil {
		return nil, err
	}
	inForce, err := keyring.Combine(pinned.Document, nil, nil)
	if err != nil {
		return nil, err
	}
	auditLog, err := checkpoint.NewVerifier(pinned.Document.AuditLog.Key)
	if err != nil {
		return nil, err
	}
	config, err := pinned.Document.Config()
	if err != nil {
		return nil, err
	}
	if p.log, err = client.NewLog(*config); err != nil {
		return nil, err
	}
	if p.ring, err = home.Open(ctx, demoDomain); err != nil {
		return nil, err
	}
	if err := p.ring.SetProvider(document); err != nil {
		return nil, err
	}
	state, err := p.ring.State(p.log)
	if err != nil {
		return nil, err
	}
	p.client = client.New(client.Config{
		Service: p.remote, State: state, Store: p.ring, Domain: demoDomain, Provider: document,
		Policy: inForce.Policy(), Binder: p.remote, AuditLog: auditLog,
		Token: func(string) string { return p.token },
	})
	return p, nil
}

func (p *demoPerson) close() {
	p.remote.Close()
	p.ring.Close()
}

// publish gives the person's own label a new version with one key. The account
// key signs it; the first time, it is made.
func (p *demoPerson) publish(ctx context.Context, label string, key record.PublishedKey) (*client.Published, error) {
	account, err := p.ring.Account(label)
	if err != nil {
		if account, err = keyring.NewAccount(label, rand.Reader); err != nil {
			return nil, err
		}
		if err := p.ring.SaveAccount(account); err != nil {
			return nil, err
		}
	}
	if p.client.State().Owned(label) == nil {
		if _, err := p.client.Own(ctx, label); err != nil {
			return nil, err
		}
	}
	content := record.Content{Keys: []record.PublishedKey{key}}
	return p.client.Publish(ctx, label, func(last *client.Found) ([]byte, error) {
		if last == nil {
			return record.NewClaim(demoDomain, label, nil, content, account.Key())
		}
		link := record.LinkOf(last.Version, last.Value)
		return record.NewOwner(demoDomain, label, link, content, account.Key(), account.Key())
	})
}

// newSSHKey makes an SSH public key and forgets its secret half.
func newSSHKey() (record.PublishedKey, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return record.PublishedKey{}, err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return record.PublishedKey{}, fmt.Errorf("make an SSH key: %w", err)
	}
	return record.PublishedKey{Type: record.SSH, Data: key.Marshal()}, nil
}
