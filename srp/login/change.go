package login

import (
	"context"
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
	return s.replace(ctx, h, m2, c, "password changed", "password")
}

// Recover replaces a forgotten password, for who knows the recovery code. The
// code is used up: a new one comes with the change.
func (s *Service) Recover(ctx context.Context, from Requester, p *Proof, c *Change) (*Grant, error) {
	if c.Recovery == nil {
		return nil, malformed("a new recovery code is needed")
	}
	h, m2, err := s.prove(ctx, from, p, For{Recovery: true})
	if err != nil {
		return nil, err
	}
	return s.replace(ctx, h, m2, c, "recovered", "recovery code")
}

// Spare returns the backup that the recovery code opens, for who has proved to
// know the code, and a new handshake to go on with Recover is still needed.
func (s *Service) Spare(ctx context.Context, from Requester, p *Proof) (m2, spare []byte, err error) {
	h, m2, err := s.prove(ctx, from, p, For{Recovery: true})
	if err != nil {
		return nil, nil, err
	}
	err = s.config.Store.View(ctx, func(r Reader) error {
		a, err := s.current(r, h)
		if err == nil {
			spare = append([]byte(nil), a.Spare...)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return m2, spare, nil
}

func (s *Service) replace(ctx context.Context, h *handshake, m2 []byte, c *Change, what, how string) (*Grant, error) {
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
	err = s.config.Store.Update(ctx, func(w Writer) error {
		a, err := s.current(w, h)
		if err != nil {
			return err
		}
		a.Passwords = map[string]*credential{c.Password.Protocol: password}
		a.Backup = c.Backup
		if recovery != nil {
			a.Recovery, a.Spare = recovery, c.Spare
		}
		a.Generation++
		a.Changed = s.config.Now().UTC().Truncate(time.Second)
		if _, err := s.endAll(w, a.Name, ""); err != nil {
			return err
		}
		if err := s.note(w, a.Name, Event{What: what}); err != nil {
			return err
		}
		next := *h
		next.account, next.legacy = a.Generation, false
		g, err = s.open(w, a, &next, how)
		return err
	})
	if err != nil {
		return nil, err
	}
	g.M2 = m2
	return g, nil
}

// SetBackup replaces the backup of the account key, after the owner changed it.
func (s *Service) SetBackup(ctx context.Context, of *Session, backup []byte) error {
	if len(backup) > MaxBackup {
		return malformed("backup")
	}
	return s.edit(ctx, of, func(w Writer, a *account) error {
		a.Backup = backup
		return s.note(w, a.Name, Event{What: "backup stored", Session: of.ID})
	})
}

// edit changes an account for one of its sessions.
func (s *Service) edit(ctx context.Context, of *Session, f func(w Writer, a *account) error) error {
	return s.config.Store.Update(ctx, func(w Writer) error {
		a, err := getAccount(w, of.Name)
		if err != nil {
			return err
		}
		if a.Generation != of.Generation {
			return ErrNoSession
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

// fresh is the handshake that a session stands for, if the password was proved for
// it a short time ago.
func (s *Service) fresh(from Requester, of *Session) (*handshake, error) {
	if of.How != "password" || s.config.Now().Sub(of.Created) > Fresh {
		return nil, ErrDenied
	}
	return &handshake{name: of.Name, from: from, account: of.Generation}, nil
}

// ChangePasswordFresh is ChangePassword for protocols that cannot prove a password
// again: the session must be Fresh.
func (s *Service) ChangePasswordFresh(ctx context.Context, from Requester, of *Session, c *Change) (*Grant, error) {
	h, err := s.fresh(from, of)
	if err != nil {
		return nil, err
	}
	return s.replace(ctx, h, nil, c, "password changed", "password")
}

// DeleteFresh is Delete for protocols that cannot prove a password again: the
// session must be Fresh.
func (s *Service) DeleteFresh(ctx context.Context, from Requester, of *Session) error {
	h, err := s.fresh(from, of)
	if err != nil {
		return err
	}
	return s.remove(ctx, h)
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
	return s.remove(ctx, h)
}

func (s *Service) remove(ctx context.Context, h *handshake) error {
	if s.config.Closer != nil {
		if err := s.config.Closer.Close(ctx, h.name); err != nil {
			return err
		}
	}
	var until time.Time // never
	if s.config.Quarantine > 0 {
		until = s.config.Now().UTC().Add(s.config.Quarantine).Truncate(time.Second)
	}
	return s.config.Store.Update(ctx, func(w Writer) error {
		if _, err := s.current(w, h); err != nil {
			return err
		}
		if _, err := s.endAll(w, h.name, ""); err != nil {
			return err
		}
		if err := s.forget(w, h.name); err != nil {
			return err
		}
		if err := w.Delete(Accounts, []byte(h.name)); err != nil {
			return err
		}
		return put(w, Former, []byte(h.name), until)
	})
}
