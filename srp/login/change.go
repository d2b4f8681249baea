package login

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"
)

// A Proof is a password proved again, for what a stolen session must not be
// enough for. Handshake was begun for the session's own name.
type Proof struct {
	Protocol  string // "srp" or "opaque"
	Handshake string
	Message   []byte // M1 or KE3
}

// prove checks a proof of a name's password, or recovery code.
func (s *Service) prove(ctx context.Context, from Requester, p *Proof, purpose For) (*handshake, []byte, error) {
	switch {
	case p.Protocol == stepSRP:
		return s.proveSRP(ctx, from, p.Handshake, p.Message, purpose.Recovery)
	case p.Protocol == stepOPAQUE && !purpose.Recovery:
		h, err := s.proveOPAQUE(from, p.Handshake, p.Message)
		return h, nil, err
	}
	return nil, nil, malformed("protocol")
}

// A Change is a new password, with what it seals.
type Change struct {
	Password Credential
	Backup   []byte
	// Recovery and Spare replace the recovery code and its backup; nil: they stay.
	Recovery *Credential
	Spare    []byte
}

// ChangePassword replaces every password of an account. All sessions end; the one
// that asked goes on under a new token. It is one transaction: a login that was
// under way with the old password does not end well.
func (s *Service) ChangePassword(ctx context.Context, from Requester, of *Session, p *Proof, c *Change) (*Grant, error) {
	h, m2, err := s.prove(ctx, from, p, For{})
	if err != nil {
		return nil, err
	}
	if h.name != of.Name {
		return nil, ErrDenied
	}
	return s.replace(ctx, replacement{h, of, m2, c, "password changed", "password"})
}

// Recover replaces a forgotten password, for who knows the recovery code. The
// code is used up: a new one comes with the change. Second factors, passkeys and
// devices are forgotten too: they may be what was lost, or what somebody else put
// there.
func (s *Service) Recover(ctx context.Context, from Requester, p *Proof, c *Change) (*Grant, error) {
	if c.Recovery == nil {
		return nil, malformed("a new recovery code is needed")
	}
	h, m2, err := s.prove(ctx, from, p, For{Recovery: true})
	if err != nil {
		return nil, err
	}
	return s.replace(ctx, replacement{h, nil, m2, c, "recovered", "recovery code"})
}

// Spare returns the backup that the recovery code opens, for who has proved to
// know the code. Another handshake is needed to go on with Recover. The owner reads of
// it: who has found the code may stop here.
func (s *Service) Spare(ctx context.Context, from Requester, p *Proof) (m2, spare []byte, err error) {
	h, m2, err := s.prove(ctx, from, p, For{Recovery: true})
	if err != nil {
		return nil, nil, err
	}
	err = s.config.Store.Update(ctx, func(w Writer) error {
		if _, err := s.current(w, h); err != nil {
			return err
		}
		if spare, err = s.blob(w, h.name, blobSpare); err != nil {
			return err
		}
		return s.note(w, h.name, Event{What: "backup read", How: "recovery code"})
	})
	if err != nil {
		return nil, nil, err
	}
	return m2, spare, nil
}

// A replacement is a change of password whose right is proved.
type replacement struct {
	h    *handshake
	of   *Session // nil: by the recovery code
	m2   []byte
	c    *Change
	what string // for the trail
	how  string // of the session that follows
}

func (s *Service) replace(ctx context.Context, p replacement) (*Grant, error) {
	c, h := p.c, p.h
	if len(c.Backup) > MaxBackup || len(c.Spare) > MaxBackup || c.Recovery == nil && c.Spare != nil {
		return nil, malformed("backup")
	}
	password, err := s.store(h.name, &c.Password, For{})
	if err != nil {
		return nil, err
	}
	var recovery *credential
	if c.Recovery != nil {
		if recovery, err = s.store(h.name, c.Recovery, For{Recovery: true}); err != nil {
			return nil, err
		}
	}
	var g *Grant
	if err := s.config.Store.Update(ctx, func(w Writer) error {
		a, err := s.current(w, h)
		if err != nil {
			return err
		}
		if p.of != nil {
			if _, err := s.of(w, p.of); err != nil {
				return err
			}
		}
		before := *a
		a.Passwords = map[string]*credential{c.Password.Protocol: password}
		if err := s.putBlob(w, a.Name, blobBackup, c.Backup); err != nil {
			return err
		}
		if recovery != nil {
			a.Recovery = recovery
			if err := s.putBlob(w, a.Name, blobSpare, c.Spare); err != nil {
				return err
			}
		}
		if p.of == nil {
			a.TOTP = nil
			if err := errors.Join(s.putPasskeys(w, a, &Passkeys{}), eraseAll(w, Devices, owned(a.Name))); err != nil {
				return err
			}
		} else if a.TOTP != nil {
			a.TOTP.Wrong = map[string]wrong{} // who guessed knew the old password
		}
		a.Generation++
		a.Changed = s.config.Now().UTC().Truncate(time.Second)
		if err := s.recount(w, []*account{&before}, []*account{a}); err != nil {
			return err
		}
		if _, err := s.endAll(w, a.Name, ""); err != nil {
			return err
		}
		if err := s.note(w, a.Name, Event{What: p.what}); err != nil {
			return err
		}
		next := *h
		next.account, next.legacy = a.Generation, false
		g, err = s.open(w, a, &next, p.how)
		return err
	}); err != nil {
		return nil, err
	}
	g.M2 = p.m2
	return g, s.reshape(ctx)
}

// SetBackup replaces the backup of the account key, after the owner changed it. The
// session must be Fresh, or else it is ErrStale: a stolen one could do away with the
// only copy.
func (s *Service) SetBackup(ctx context.Context, of *Session, backup []byte) error {
	if len(backup) > MaxBackup {
		return malformed("backup")
	}
	return s.edit(ctx, of, func(w Writer, a *account) error {
		if !s.isFresh(of) {
			return ErrStale
		}
		if err := s.putBlob(w, a.Name, blobBackup, backup); err != nil {
			return err
		}
		return s.note(w, a.Name, Event{What: "backup stored", Session: of.ID})
	})
}

// edit changes an account for one of its sessions.
func (s *Service) edit(ctx context.Context, of *Session, f func(w Writer, a *account) error) error {
	return s.config.Store.Update(ctx, func(w Writer) error {
		a, err := s.of(w, of)
		if err != nil {
			return err
		}
		if err := f(w, a); err != nil {
			return err
		}
		return putAccount(w, a)
	})
}

// Fresh is how old a session may be that stands for a proof, with protocols that
// know no other.
const Fresh = 10 * time.Minute

// isFresh reports whether a session is Fresh. One from the future is not: the clock
// went back.
func (s *Service) isFresh(of *Session) bool {
	age := s.config.Now().Sub(of.Created)
	return age <= Fresh && age >= -Fresh
}

// fresh is the handshake that a session stands for, if the password was proved for
// it a short time ago, by a profile whose clients can do no better. Accounts of the
// default profile prove their password: a stolen session is not enough for them.
func (s *Service) fresh(ctx context.Context, from Requester, of *Session) (*handshake, error) {
	if !strings.HasPrefix(of.How, "password") || !s.isFresh(of) {
		return nil, ErrStale
	}
	return &handshake{name: of.Name, from: from, account: of.Generation}, s.config.Store.View(ctx, func(r Reader) error {
		a, err := s.of(r, of)
		if err != nil {
			return err
		}
		if c := a.Passwords[stepSRP]; c == nil || c.Profile == DefaultProfile {
			return ErrStale
		}
		return nil
	})
}

// ChangePasswordFresh is ChangePassword for protocols that cannot prove a password
// again: the session must be Fresh.
func (s *Service) ChangePasswordFresh(ctx context.Context, from Requester, of *Session, c *Change) (*Grant, error) {
	h, err := s.fresh(ctx, from, of)
	if err != nil {
		return nil, err
	}
	return s.replace(ctx, replacement{h, of, nil, c, "password changed", "password"})
}

// DeleteFresh is Delete for protocols that cannot prove a password again: the
// session must be Fresh.
func (s *Service) DeleteFresh(ctx context.Context, from Requester, of *Session) error {
	h, err := s.fresh(ctx, from, of)
	if err != nil {
		return err
	}
	return s.remove(ctx, h, of)
}

// Delete ends an account, for who proves its password: verifiers, backups and
// sessions are erased, its name is not given out for a while, and its label gets a
// closed record. If that cannot be published, the account stays as it is.
func (s *Service) Delete(ctx context.Context, from Requester, of *Session, p *Proof) error {
	h, _, err := s.prove(ctx, from, p, For{})
	if err != nil {
		return err
	}
	if h.name != of.Name {
		return ErrDenied
	}
	return s.remove(ctx, h, of)
}

// remove can be done again if it did not come to its end: the label is closed
// first, and the account goes last.
func (s *Service) remove(ctx context.Context, h *handshake, of *Session) error {
	check := func(r Reader) (*account, error) {
		if of != nil { // or else the operator
			if _, err := s.of(r, of); err != nil {
				return nil, err
			}
		}
		return s.current(r, h)
	}
	// A proof that came too late must not close the label.
	if err := s.config.Store.View(ctx, func(r Reader) error {
		_, err := check(r)
		return err
	}); err != nil {
		return err
	}
	if s.config.Closer != nil {
		if err := s.config.Closer.Close(ctx, h.name); err != nil {
			return err
		}
	}
	var until time.Time // never
	if s.config.Quarantine > 0 {
		until = s.config.Now().UTC().Add(s.config.Quarantine).Truncate(time.Second)
	}
	if err := s.config.Store.Update(ctx, func(w Writer) error {
		a, err := check(w)
		if err != nil {
			return err
		}
		if _, err := s.endAll(w, h.name, ""); err != nil {
			return err
		}
		if err := s.recount(w, []*account{a}, nil); err != nil {
			return err
		}
		for _, what := range blobs {
			if err := s.putBlob(w, h.name, what, nil); err != nil {
				return err
			}
		}
		if err := errors.Join(
			eraseAll(w, Trail, owned(h.name)), eraseAll(w, Devices, owned(h.name)), w.Delete(Handles, s.userHandle(a)),
			w.Delete(Accounts, []byte(h.name)),
		); err != nil {
			return err
		}
		return put(w, Former, []byte(h.name), until)
	}); err != nil {
		return err
	}
	return s.reshape(ctx)
}

// eraseAll deletes the keys with a prefix.
func eraseAll(w Writer, t Table, prefix []byte) error {
	var keys [][]byte
	if err := w.Each(t, prefix, func(k, _ []byte) error {
		keys = append(keys, bytes.Clone(k))
		return nil
	}); err != nil {
		return err
	}
	for _, k := range keys {
		if err := w.Delete(t, k); err != nil {
			return err
		}
	}
	return nil
}
