package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/client/keyring"
)

// signUp has Alice and Bob make accounts. Alice logs in again, as from another
// device: her session is what lets her publish.
func (d *demo) signUp(ctx context.Context) error {
	d.chapter("Alice and Bob sign up")
	service, err := account.New(d.provider.address, account.Options{})
	if err != nil {
		return err
	}
	defer service.Close()
	began := time.Now()
	if err := d.bob.register(ctx, service, "bob"); err != nil {
		return err
	}
	if err := d.alice.register(ctx, service, "alice"); err != nil {
		return err
	}
	d.outcome.Accounts = 2
	d.say("Each chooses a password, and the server sees neither of them, not even now: it gets a number with which it can tell who knows the password, and a backup of the account key that only the password opens. Stretching two passwords took %s.", time.Since(began).Round(10*time.Millisecond))

	wrong := account.Login{Person: demoAccount("alice"), Password: account.Password("correct horse")}
	if _, err := service.Login(ctx, &wrong); !errors.Is(err, account.ErrDenied) {
		return fmt.Errorf("a wrong password: %w", errors.Join(err, errDemo))
	}
	d.item("✗", "Somebody tries a password for Alice. Refused: the server says no more than that.")
	if err := d.alice.login(ctx, service, "alice"); err != nil {
		return err
	}
	d.item("✓", "Alice logs in on a new device. The server proved itself back before her client believed a word of it, and her password opened the backup: her account key is there again.")
	d.outcome.Verified++
	return nil
}

func demoAccount(name string) account.Person { return account.Person{Name: name, Domain: demoDomain} }

// register makes the person an account, with a backup of a new account key.
func (p *demoPerson) register(ctx context.Context, service *account.Client, name string) error {
	who := demoAccount(name)
	key, err := keyring.NewAccount(who.Label(), rand.Reader)
	if err != nil {
		return err
	}
	if err := p.ring.SaveAccount(key); err != nil {
		return err
	}
	p.password = account.Password(rand.Text())
	grant, err := service.Register(ctx, &account.Registration{Person: who, Password: p.password, Backup: key.Seed})
	if err != nil {
		return err
	}
	p.token = grant.Token
	return nil
}

// login logs in, and holds the backup against the account key.
func (p *demoPerson) login(ctx context.Context, service *account.Client, name string) error {
	who := demoAccount(name)
	grant, err := service.Login(ctx, &account.Login{Person: who, Password: p.password})
	if err != nil {
		return err
	}
	defer grant.Wipe()
	backup, err := grant.Open(&who)
	if err != nil {
		return err
	}
	key, err := p.ring.Account(who.Label())
	if err != nil {
		return err
	}
	if !bytes.Equal(backup, key.Seed) {
		return errors.New("the backup is not the account key")
	}
	p.token = grant.Token
	return nil
}
