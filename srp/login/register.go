package login

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Registration is a new account, as its owner's client made it.
type Registration struct {
	Name     string
	Password Credential
	Backup   []byte // sealed by the password, at most MaxBackup octets; nil: none
	// Recovery is made of the recovery code; nil: there is none, and a forgotten
	// password cannot be replaced.
	Recovery *Credential
	Spare    []byte // the backup, sealed by the recovery code
	Invite   string // where registration needs one
}

// Register makes an account, and grants its first session. That a name is taken
// cannot be hidden from who tries to register it; ErrTaken comes after the
// invitation was found good, and the attempts of one network are counted.
func (s *Service) Register(ctx context.Context, from Requester, r *Registration) (*Grant, error) {
	name, err := s.name(r.Name)
	if err != nil {
		return nil, err
	}
	if s.config.Closed {
		return nil, fmt.Errorf("%w: registration is closed", ErrInvite)
	}
	if len(r.Backup) > MaxBackup || len(r.Spare) > MaxBackup || r.Recovery == nil && r.Spare != nil {
		return nil, malformed("backup")
	}
	if _, err := s.throttle.charge(s.config.Now(), joins("register", from.Network)); err != nil {
		return nil, err
	}
	password, err := s.store(name, &r.Password, For{})
	if err != nil {
		return nil, err
	}
	now := s.config.Now().UTC()
	generation, err := s.newGeneration()
	if err != nil {
		return nil, err
	}
	a := &account{
		Name: name, Created: now, Changed: now.Truncate(time.Second), Generation: generation,
		Passwords: map[string]*credential{r.Password.Protocol: password},
	}
	if r.Recovery != nil {
		if a.Recovery, err = s.store(name, r.Recovery, For{Recovery: true}); err != nil {
			return nil, err
		}
	}
	var g *Grant
	if err := s.config.Store.Update(ctx, func(w Writer) error {
		named, err := s.invited(w, r.Invite, name, now)
		if err != nil {
			return err
		}
		if err := s.vacant(w, name, named, now); err != nil {
			return err
		}
		if err := putAccount(w, a); err != nil {
			return err
		}
		if err := s.recount(w, nil, []*account{a}); err != nil {
			return err
		}
		if err := errors.Join(s.putBlob(w, name, blobBackup, r.Backup), s.putBlob(w, name, blobSpare, r.Spare)); err != nil {
			return err
		}
		if err := s.note(w, name, Event{What: "registered"}); err != nil {
			return err
		}
		g, err = s.open(w, a, &handshake{name: name, from: Requester{Network: from.Network}, account: generation}, "password")
		return err
	}); err != nil {
		return nil, err
	}
	return g, s.reshape(ctx)
}

// vacant reports ErrTaken for a name that cannot be given out. A name that the
// operator chose may be a reserved one.
func (s *Service) vacant(r Reader, name string, chosen bool, now time.Time) error {
	if !chosen && s.config.Reserved != nil && s.config.Reserved(name) {
		return ErrTaken
	}
	if _, err := r.Get(Accounts, []byte(name)); err == nil {
		return ErrTaken
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	b, err := r.Get(Former, []byte(name))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var until time.Time
	if err := json.Unmarshal(b, &until); err != nil {
		return fmt.Errorf("login: stored name: %w", err)
	}
	if until.IsZero() || now.Before(until) {
		return ErrTaken
	}
	return nil
}

const invitePrefix = "kith-invite-"

// An invitation lets so many people register, until a time.
type invitation struct {
	Left    int       `json:"left"`
	Expires time.Time `json:"expires"`
	Name    string    `json:"name,omitempty"` // which it is for, also if it is reserved
}

// Invite makes an invitation for n registrations, good for a time.
func (s *Service) Invite(ctx context.Context, n int, life time.Duration) (code string, err error) {
	return s.invite(ctx, invitation{Left: n}, life)
}

// InviteName makes an invitation for one name, good for a time: also for one that
// is reserved, where the operator knows whose it is. It counts wherever there is
// registration.
func (s *Service) InviteName(ctx context.Context, given string, life time.Duration) (code string, err error) {
	name, err := s.name(given)
	if err != nil {
		return "", err
	}
	return s.invite(ctx, invitation{Left: 1, Name: name}, life)
}

func (s *Service) invite(ctx context.Context, i invitation, life time.Duration) (code string, err error) {
	if i.Left < 1 || life <= 0 {
		return "", malformed("invitation for %d", i.Left)
	}
	secret := make([]byte, 16)
	if _, err := io.ReadFull(s.config.Rand, secret); err != nil {
		return "", err
	}
	code = invitePrefix + base64.RawURLEncoding.EncodeToString(secret)
	key := sha256.Sum256([]byte(code))
	i.Expires = s.config.Now().UTC().Add(life).Truncate(time.Second)
	return code, s.config.Store.Update(ctx, func(w Writer) error { return put(w, Invites, key[:], i) })
}

// invited uses an invitation up, where one is needed or shown, and reports whether
// it is for this very name.
func (s *Service) invited(w Writer, code, name string, now time.Time) (named bool, err error) {
	if code == "" && !s.config.Invites {
		return false, nil
	}
	if !strings.HasPrefix(code, invitePrefix) {
		return false, ErrInvite
	}
	key := sha256.Sum256([]byte(code))
	b, err := w.Get(Invites, key[:])
	if errors.Is(err, ErrNotFound) {
		return false, ErrInvite
	}
	if err != nil {
		return false, err
	}
	var i invitation
	if err := json.Unmarshal(b, &i); err != nil {
		return false, fmt.Errorf("login: stored invitation: %w", err)
	}
	if !now.Before(i.Expires) || i.Name != "" && i.Name != name {
		return false, ErrInvite
	}
	if i.Left--; i.Left < 1 {
		return i.Name != "", w.Delete(Invites, key[:])
	}
	return false, put(w, Invites, key[:], i)
}
