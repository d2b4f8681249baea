package login

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	tokenPrefix = "kith_"
	tokenSize   = 32 // octets of randomness
	// usedEvery is how exactly a session knows when it was used last.
	usedEvery = time.Minute
	// maxSessions bounds the sessions of one name; the oldest ends first.
	maxSessions = 64
)

// A Session is one login that is still good.
type Session struct {
	ID      string    `json:"id"` // names it; it opens nothing
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used"` // to the minute
	Expires time.Time `json:"expires"`
	How     string    `json:"how"` // "password", "device key", "passkey", with "+ totp" and the like

	Generation uint64 `json:"generation"` // of the account
}

// A Grant is what a login brings.
type Grant struct {
	M2 []byte // proves the server, for SRP

	// Token is the session's secret; "" while Needs is not empty.
	Token   string
	Session *Session
	// Device is the secret by which this device is known from now on: a new one at
	// every login, in place of the one before.
	Device string
	// Backup is what the client stored, sealed; Upgrade says that the password is
	// still proved by a hash of before, and is to be set again.
	Backup  []byte
	Upgrade bool

	// Needs lists second factors of which one is still to be shown, under the name
	// of Handshake: "totp", "passkey".
	Needs     []string
	Handshake string
}

// grant ends a login whose proof held: with a session, or with the demand for a
// second factor.
func (s *Service) grant(ctx context.Context, h *handshake, how string) (*Grant, error) {
	var g *Grant
	var needs []string
	err := s.config.Store.Update(ctx, func(w Writer) error {
		g, needs = nil, nil
		a, err := s.current(w, h)
		if err != nil {
			return err
		}
		if h.how == "" { // not after a second factor
			if needs = a.factors(); len(needs) > 0 && how != "passkey" {
				return nil
			}
		}
		g, err = s.open(w, a, h, how)
		return err
	})
	if err != nil {
		return nil, err
	}
	if g == nil {
		next := *h
		next.kind, next.how = stepFactor, how
		id, err := s.pending.add(&next, s.config.Now(), s.config.Rand)
		return &Grant{Needs: needs, Handshake: id}, err
	}
	return g, nil
}

// current returns the account of a handshake, unless its credentials have changed
// since it began.
func (s *Service) current(r Reader, h *handshake) (*account, error) {
	a, err := getAccount(r, h.name)
	if errors.Is(err, ErrNotFound) || err == nil && (h.account == 0 || a.Generation != h.account) {
		return nil, ErrDenied
	}
	return a, err
}

// factors lists the second factors of an account.
func (a *account) factors() (all []string) {
	if a.TOTP != nil && a.TOTP.Confirmed {
		all = append(all, "totp")
	}
	if a.PasskeySecond {
		all = append(all, "passkey")
	}
	return all
}

// open opens a session.
func (s *Service) open(w Writer, a *account, h *handshake, how string) (*Grant, error) {
	now := s.config.Now().UTC().Truncate(time.Second)
	secret := make([]byte, tokenSize+8+tokenSize)
	if _, err := io.ReadFull(s.config.Rand, secret); err != nil {
		return nil, err
	}
	g := &Grant{
		Token:   tokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:tokenSize]),
		Upgrade: h.legacy,
		Device:  base64.RawURLEncoding.EncodeToString(secret[tokenSize+8:]),
		Session: &Session{
			ID: base64.RawURLEncoding.EncodeToString(secret[tokenSize : tokenSize+8]), Name: a.Name,
			Created: now, Used: now, Expires: now.Add(min(s.config.Idle, s.config.Absolute)), How: how, Generation: a.Generation,
		},
	}
	var err error
	if g.Backup, err = s.blob(w, a.Name, blobBackup); err != nil {
		return nil, err
	}
	if err := s.remember(w, a.Name, h.from.Device, g.Device); err != nil {
		return nil, err
	}
	if err := putAccount(w, a); err != nil {
		return nil, err
	}
	sessions, err := s.list(w, a.Name)
	if err != nil {
		return nil, err
	}
	for len(sessions) >= maxSessions {
		if err := s.end(w, sessions[0].key, &sessions[0].Session); err != nil {
			return nil, err
		}
		sessions = sessions[1:]
	}
	key := sha256.Sum256([]byte(g.Token))
	if err := put(w, Sessions, key[:], g.Session); err != nil {
		return nil, err
	}
	if err := w.Put(Owners, append(owned(a.Name), g.Session.ID...), key[:]); err != nil {
		return nil, err
	}
	return g, s.note(w, a.Name, Event{What: "login", How: how, Session: g.Session.ID})
}

// A stored session is one with its key.
type stored struct {
	Session
	key []byte
}

// list returns the sessions of a name that are still good, oldest first.
func (s *Service) list(r Reader, name string) (all []stored, err error) {
	err = r.Each(Owners, owned(name), func(_, key []byte) error {
		one, err := s.read(r, key)
		if errors.Is(err, ErrNoSession) {
			return nil
		}
		if err == nil {
			all = append(all, stored{*one, bytes.Clone(key)})
		}
		return err
	})
	slices.SortFunc(all, func(a, b stored) int { return a.Created.Compare(b.Created) })
	return all, err
}

// read returns the session under a key, if it is good.
func (s *Service) read(r Reader, key []byte) (*Session, error) {
	b, err := r.Get(Sessions, key)
	if errors.Is(err, ErrNotFound) {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, err
	}
	one := new(Session)
	if err := json.Unmarshal(b, one); err != nil {
		return nil, fmt.Errorf("login: stored session: %w", err)
	}
	if !s.good(one, s.config.Now()) {
		return nil, ErrNoSession
	}
	return one, nil
}

// good reports whether a session is not over.
func (s *Service) good(one *Session, now time.Time) bool {
	return now.Before(one.Expires) && now.Before(one.Created.Add(s.config.Absolute))
}

// of returns the account of a session, or ErrNoSession if that has ended since it
// was asked for.
func (s *Service) of(r Reader, of *Session) (*account, error) {
	a, err := getAccount(r, of.Name)
	if errors.Is(err, ErrNotFound) || err == nil && a.Generation != of.Generation {
		return nil, ErrNoSession
	}
	if err != nil {
		return nil, err
	}
	if _, err := r.Get(Owners, append(owned(of.Name), of.ID...)); errors.Is(err, ErrNotFound) {
		return nil, ErrNoSession
	} else if err != nil {
		return nil, err
	}
	return a, nil
}

// end forgets a session.
func (s *Service) end(w Writer, key []byte, one *Session) error {
	if err := w.Delete(Sessions, key); err != nil {
		return err
	}
	return w.Delete(Owners, append(owned(one.Name), one.ID...))
}

// endAll forgets every session of a name but one.
func (s *Service) endAll(w Writer, name, but string) (ended int, err error) {
	type entry struct{ index, key []byte }
	var all []entry
	if err := w.Each(Owners, owned(name), func(k, v []byte) error {
		if string(k[len(owned(name)):]) != but {
			all = append(all, entry{bytes.Clone(k), bytes.Clone(v)})
		}
		return nil
	}); err != nil {
		return 0, err
	}
	for _, e := range all {
		if err := errors.Join(w.Delete(Sessions, e.key), w.Delete(Owners, e.index)); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// IsToken reports whether a bearer token has the form of a session's.
func IsToken(token string) bool {
	return strings.HasPrefix(token, tokenPrefix) && len(token) == len(tokenPrefix)+base64.RawURLEncoding.EncodedLen(tokenSize)
}

// Session returns the session of a token, or ErrNoSession, and notes that it was
// used.
func (s *Service) Session(ctx context.Context, token string) (*Session, error) {
	if !IsToken(token) {
		return nil, ErrNoSession
	}
	key := sha256.Sum256([]byte(token))
	var one *Session
	err := s.config.Store.View(ctx, func(r Reader) (err error) {
		if one, err = s.read(r, key[:]); err != nil {
			return err
		}
		a, err := getAccount(r, one.Name)
		if errors.Is(err, ErrNotFound) || err == nil && a.Generation != one.Generation {
			return ErrNoSession
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	now := s.config.Now().UTC()
	if now.Sub(one.Used) < usedEvery {
		return one, nil
	}
	err = s.config.Store.Update(ctx, func(w Writer) error {
		again, err := s.read(w, key[:])
		if err != nil {
			return err
		}
		again.Used = now.Truncate(time.Second)
		again.Expires = earlier(again.Used.Add(s.config.Idle), again.Created.Add(s.config.Absolute))
		one = again
		return put(w, Sessions, key[:], again)
	})
	return one, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Sessions lists the sessions of a name, oldest first.
func (s *Service) Sessions(ctx context.Context, of *Session) (all []Session, err error) {
	err = s.config.Store.View(ctx, func(r Reader) error {
		if _, err := s.of(r, of); err != nil {
			return err
		}
		list, err := s.list(r, of.Name)
		for _, one := range list {
			all = append(all, one.Session)
		}
		return err
	})
	return all, err
}

// Revoke ends one session of the name of another. It is ErrNoSession if there is
// none of that id.
func (s *Service) Revoke(ctx context.Context, of *Session, id string) error {
	return s.config.Store.Update(ctx, func(w Writer) error {
		if _, err := s.of(w, of); err != nil {
			return err
		}
		key, err := w.Get(Owners, append(owned(of.Name), id...))
		if errors.Is(err, ErrNotFound) {
			return ErrNoSession
		}
		if err != nil {
			return err
		}
		what := "session revoked"
		if id == of.ID {
			what = "logout"
		}
		if err := s.end(w, bytes.Clone(key), &Session{ID: id, Name: of.Name}); err != nil {
			return err
		}
		return s.note(w, of.Name, Event{What: what, Session: id})
	})
}

// RevokeAll ends every session of a name, but the one that asks if keep.
func (s *Service) RevokeAll(ctx context.Context, of *Session, keep bool) (ended int, err error) {
	but := ""
	if keep {
		but = of.ID
	}
	err = s.config.Store.Update(ctx, func(w Writer) error {
		if _, err := s.of(w, of); err != nil {
			return err
		}
		if ended, err = s.endAll(w, of.Name, but); err != nil {
			return err
		}
		return s.note(w, of.Name, Event{What: "sessions revoked", Session: of.ID})
	})
	return ended, err
}
