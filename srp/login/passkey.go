package login

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
)

// MaxPasskeys bounds what is kept of the passkeys of one account, in octets.
const MaxPasskeys = 64 << 10

// maxState bounds what is kept of a ceremony between its two steps, in octets.
const maxState = 4 << 10

// handleSize is the length of a user handle, in octets (WebAuthn: at most 64).
const handleSize = 32

// A Passkeys is what package passkey keeps for one account. The service knows
// nothing of WebAuthn: it seals Blob under its Key, and demands a second factor.
type Passkeys struct {
	// Handle is the user handle: always the same for an account, and of no use to
	// find out its name. It is there before the first passkey is.
	Handle []byte
	// Blob is at most MaxPasskeys octets; nil: there are no passkeys.
	Blob []byte
	// Second says that a password alone is not enough any more.
	Second bool
}

// Passkeys returns what is kept of the passkeys of a session's account.
func (s *Service) Passkeys(ctx context.Context, of *Session) (p *Passkeys, err error) {
	err = s.config.Store.View(ctx, func(r Reader) error {
		a, err := s.of(r, of)
		if err == nil {
			p, err = s.passkeys(r, a)
		}
		return err
	})
	return p, err
}

// EditPasskeys replaces Blob and Second of a session's account by what edit makes
// of them, in one transaction. A new passkey opens the account for good, so the
// session must be Fresh, or else it is ErrStale. what is noted for the owner to
// read, such as "passkey added".
func (s *Service) EditPasskeys(ctx context.Context, of *Session, what string, edit func(p *Passkeys) error) error {
	return s.edit(ctx, of, func(w Writer, a *account) error {
		if !s.isFresh(of) {
			return ErrStale
		}
		p, err := s.passkeys(w, a)
		if err != nil {
			return err
		}
		if err := edit(p); err != nil {
			return err
		}
		if len(p.Blob) > MaxPasskeys || p.Blob == nil && p.Second {
			return malformed("passkeys")
		}
		if err := s.putPasskeys(w, a, p); err != nil {
			return err
		}
		return s.note(w, a.Name, Event{What: what, Session: of.ID})
	})
}

// BeginPasskey begins a login by a passkey alone. Nobody says a name: the
// authenticator knows it. state, at most 4 KiB, is kept until FinishPasskey.
func (s *Service) BeginPasskey(ctx context.Context, from Requester, state []byte) (id string, err error) {
	if len(state) > maxState {
		return "", malformed("state")
	}
	return s.pending.add(&handshake{kind: stepPasskey, from: from, challenge: bytes.Clone(state)}, s.config.Now(), s.config.Rand)
}

// AskPasskey goes on with a login that waits for its second factor (Grant.Needs):
// ask gets the passkeys of the account, and returns the state that is kept until
// FinishPasskey. The old handshake is used up, and next takes its place. ErrDenied
// if a passkey is not what the login waits for.
func (s *Service) AskPasskey(ctx context.Context, from Requester, handshake string, ask func(p *Passkeys) (state []byte, err error)) (next string, err error) {
	h, err := s.pending.take(handshake, stepFactor, from, s.config.Now())
	if err != nil {
		return "", err
	}
	var p *Passkeys
	err = s.config.Store.View(ctx, func(r Reader) error {
		a, err := s.current(r, h)
		if err != nil {
			return err
		}
		if !a.PasskeySecond {
			return ErrDenied
		}
		p, err = s.passkeys(r, a)
		return err
	})
	if err != nil {
		return "", err
	}
	state, err := ask(p)
	if err != nil {
		return "", err
	}
	if len(state) > maxState {
		return "", malformed("state")
	}
	again := *h
	again.kind, again.challenge = stepPasskey, bytes.Clone(state)
	return s.pending.add(&again, s.config.Now(), s.config.Rand)
}

// FinishPasskey ends what BeginPasskey or AskPasskey began. handle is the user
// handle of the assertion; nil where the login had a name before. check verifies
// the assertion and returns what Blob becomes (its counters have changed); any
// error of its is ErrDenied to the caller. It may be called again, if somebody else
// logs in at the same moment.
//
// A passkey alone is as good as two factors: check must have seen that the user was
// verified.
func (s *Service) FinishPasskey(ctx context.Context, from Requester, handshake string, handle []byte, check func(state []byte, p *Passkeys) (blob []byte, err error)) (*Grant, error) {
	h, err := s.pending.take(handshake, stepPasskey, from, s.config.Now())
	if err != nil {
		return nil, err
	}
	for range 4 {
		g, err := s.finishPasskey(ctx, h, handle, check)
		if !errors.Is(err, errChanged) {
			return g, err
		}
	}
	return nil, ErrBusy
}

// ErrCopied is what a check returns for a passkey whose counter did not rise, so
// that there may be two of it: its owner reads of it. It is an ErrDenied.
var ErrCopied = fmt.Errorf("%w: the counter of the passkey did not rise", ErrDenied)

// errChanged is an assertion that was checked against what is not there any more.
var errChanged = errors.New("passkeys have changed meanwhile")

func (s *Service) finishPasskey(ctx context.Context, h *handshake, handle []byte, check func(state []byte, p *Passkeys) ([]byte, error)) (*Grant, error) {
	alone := h.name == ""
	now := *h
	var p *Passkeys
	err := s.config.Store.View(ctx, func(r Reader) error {
		if alone {
			name, err := r.Get(Handles, handle)
			if err != nil {
				return denyAbsent(err)
			}
			now.name = string(name)
			a, err := getAccount(r, now.name)
			if err != nil {
				return denyAbsent(err)
			}
			now.account = a.Generation
		}
		a, err := s.current(r, &now)
		if err != nil {
			return err
		}
		p, err = s.passkeys(r, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	if p.Blob == nil || handle != nil && !bytes.Equal(handle, p.Handle) {
		return nil, ErrDenied
	}
	seen := bytes.Clone(p.Blob)
	var blob []byte
	copied := false
	if err := s.gate.run(ctx, h.line(lineSecond), func() error {
		blob, err = check(bytes.Clone(h.challenge), p)
		copied = errors.Is(err, ErrCopied)
		if err != nil || blob == nil || len(blob) > MaxPasskeys {
			return ErrDenied
		}
		return nil
	}); copied {
		return nil, s.noteCopied(ctx, &now)
	} else if err != nil {
		return nil, err
	}
	how := "passkey"
	if !alone {
		how = h.how + " + passkey"
	}
	var g *Grant
	err = s.config.Store.Update(ctx, func(w Writer) error {
		a, err := s.current(w, &now)
		if err != nil {
			return err
		}
		again, err := s.passkeys(w, a)
		if err != nil {
			return err
		}
		if !bytes.Equal(again.Blob, seen) {
			return errChanged
		}
		again.Blob = blob
		if err := s.putPasskeys(w, a, again); err != nil {
			return err
		}
		g, err = s.open(w, a, &now, how)
		return err
	})
	return g, err
}

// noteCopied tells the owner of an account, and refuses the login.
func (s *Service) noteCopied(ctx context.Context, h *handshake) error {
	err := s.config.Store.Update(ctx, func(w Writer) error {
		if _, err := s.current(w, h); err != nil {
			return err
		}
		return s.note(w, h.name, Event{What: "passkey refused: its counter did not rise, there may be a copy"})
	})
	if err != nil {
		return err
	}
	return ErrDenied
}

// denyAbsent is ErrDenied for what is not there.
func denyAbsent(err error) error {
	if errors.Is(err, ErrNotFound) {
		return ErrDenied
	}
	return err
}

// userHandle returns the handle of an account. Who registers a name again later
// gets another.
func (s *Service) userHandle(a *account) []byte {
	return s.config.Key.decoy("user handle", strconv.FormatInt(a.Created.UnixNano(), 10)+" "+a.Name, handleSize)
}

func (s *Service) passkeys(r Reader, a *account) (*Passkeys, error) {
	blob, err := s.blob(r, a.Name, blobPasskeys)
	return &Passkeys{Handle: s.userHandle(a), Blob: blob, Second: a.PasskeySecond}, err
}

// putPasskeys stores p. The account itself is the caller's to put.
func (s *Service) putPasskeys(w Writer, a *account, p *Passkeys) error {
	a.PasskeySecond = p.Second
	if err := s.putBlob(w, a.Name, blobPasskeys, p.Blob); err != nil {
		return err
	}
	if p.Blob == nil {
		return w.Delete(Handles, s.userHandle(a))
	}
	return w.Put(Handles, s.userHandle(a), []byte(a.Name))
}
