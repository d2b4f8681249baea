package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"

	"filippo.io/age"
	"filippo.io/age/agessh"

	"github.com/kith-kt/kith/client/account"
	"github.com/kith-kt/kith/directory"
	"github.com/kith-kt/kith/directory/operator"
	"github.com/kith-kt/kith/proto/record"
	"github.com/kith-kt/kith/srp/login"
)

// accountLabels is what an account service learns from the log, and does there, of
// the labels of its accounts.
type accountLabels struct {
	names accountNames
	op    *operator.Operator
}

var (
	_ login.DeviceKeys = (*accountLabels)(nil)
	_ login.Sealer     = (*accountLabels)(nil)
	_ login.Closer     = (*accountLabels)(nil)
)

// standing reads the newest record of a name's label.
func (l *accountLabels) standing(name string) (*standing, error) {
	snap, err := l.op.Sequencer().Snapshot()
	if err != nil {
		return nil, err
	}
	defer snap.Release()
	return standingOf(snap, l.names.label(name), opaque(l.op))
}

// reserved reports whether a name cannot be had by who comes first: an official one,
// or one whose label is somebody's already. Whose account could update a label would
// be believed to be that person. What cannot be read is taken for somebody's.
func (l *accountLabels) reserved(name string) bool {
	if isOfficial(name) {
		return true
	}
	s, err := l.standing(name)
	return err != nil || s.greatest != nil && (s.record == nil || s.record.Kind != record.Closed)
}

// DeviceKeys implements login.DeviceKeys. What is not in the newest record was
// revoked.
func (l *accountLabels) DeviceKeys(_ context.Context, name string) (keys []ed25519.PublicKey, err error) {
	s, err := l.standing(name)
	if err != nil || s.record == nil || s.record.Kind == record.Closed {
		return nil, err
	}
	for _, d := range s.record.Devices {
		if d.SignatureKey.Valid() { // under another one a signature proves nothing
			keys = append(keys, d.SignatureKey[:])
		}
	}
	return keys, nil
}

const (
	// maxSealed bounds the keys that one nonce is sealed to.
	maxSealed = 8
	// maxSSHKey bounds an SSH key that is sealed to, in octets: RSA of 8192 bits.
	// What is sealed is computed for strangers.
	maxSSHKey = 1100
)

// Seal implements login.Sealer, as a binary age file. What it holds says for which
// login it is (account.SealedMessage), so that nobody is made to open something else,
// and to say what was in it.
func (l *accountLabels) Seal(_ context.Context, name string, nonce []byte) ([]byte, error) {
	s, err := l.standing(name)
	if err != nil {
		return nil, err
	}
	var to []age.Recipient
	if s.record != nil && s.record.Kind != record.Closed {
		to = sealable(s.record.Keys)
	}
	if len(to) == 0 { // to nobody, so that asking does not tell who has no key
		nobody, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, err
		}
		to = append(to, nobody.Recipient())
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(account.SealedMessage(l.names.domain, name, nonce)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

// sealable returns the keys of a record that age seals to.
func sealable(keys []record.PublishedKey) (to []age.Recipient) {
	for _, k := range keys {
		var r age.Recipient
		var err error
		switch {
		case len(to) == maxSealed:
			return to
		case k.Type == record.Age:
			r, err = age.ParseX25519Recipient(string(k.Data))
		case k.Type == record.SSH && len(k.Data) <= maxSSHKey:
			r, err = agessh.ParseRecipient(k.Text())
		default:
			continue
		}
		if err == nil { // what cannot be sealed to is of no use here
			to = append(to, r)
		}
	}
	return to
}

// Close implements login.Closer. A person's own client has published the closed
// record before, signed by the account key, and then there is nothing to do. Where it
// has not (the key is lost, or the operator ends the account), the provider publishes
// one: it cannot sign it as the holder, so it makes a key for this once and forgets
// it. Everybody who knew the account key sees that somebody else did it, and is
// stopped; and nobody can go on from it, so that who has the name next is a new
// person to all. The label's tokens end too: they are the former holder's.
func (l *accountLabels) Close(ctx context.Context, name string) error {
	if err := l.closeLabel(ctx, name); err != nil {
		return err
	}
	tokens, err := l.op.Tokens().List([]byte(l.names.label(name)))
	for _, t := range tokens {
		err = errors.Join(err, l.op.Tokens().Revoke(ctx, t.ID))
	}
	return err
}

func (l *accountLabels) closeLabel(ctx context.Context, name string) error {
	for {
		s, err := l.standing(name)
		if err != nil || s.greatest == nil || s.record != nil && s.record.Kind == record.Closed {
			return err
		}
		if s.record == nil && s.value != nil {
			return errors.New("the label holds no account record")
		}
		_, once, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		label := l.names.label(name)
		value, err := record.NewClosed(l.names.domain, label, *s.link(), "", once)
		if err != nil {
			return err
		}
		_, err = l.op.Sequencer().Submit(ctx, &directory.Update{Label: []byte(label), Greatest: s.greatest, Values: [][]byte{value}})
		if _, stale := errors.AsType[*directory.StaleError](err); stale {
			continue // somebody was faster
		}
		if err != nil {
			return fmt.Errorf("close a label: %w", err)
		}
		return nil
	}
}
