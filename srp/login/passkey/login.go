package passkey

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/kith-kt/kith/srp/login"
)

// A state is what is remembered between the two steps of a login.
type state struct {
	Challenge []byte `json:"challenge"`
	Second    bool   `json:"second"` // after a password
}

// Begin begins a login by a passkey alone. It is the same for everybody.
func (s *Service) Begin(ctx context.Context, from login.Requester) (*Challenge, error) {
	options, kept, err := s.ask(nil, false)
	if err != nil {
		return nil, err
	}
	handshake, err := s.config.Accounts.BeginPasskey(ctx, from, kept)
	if err != nil {
		return nil, err
	}
	return &Challenge{handshake, options}, nil
}

// BeginSecond goes on with a login that waits for its second factor: handshake is
// that of its Grant, and is used up.
func (s *Service) BeginSecond(ctx context.Context, from login.Requester, handshake string) (*Challenge, error) {
	var options []byte
	next, err := s.config.Accounts.AskPasskey(ctx, from, handshake, func(p *login.Passkeys) (kept []byte, err error) {
		all, err := parse(p.Blob)
		if err != nil {
			return nil, err
		}
		options, kept, err = s.ask(all, true)
		return kept, err
	})
	if err != nil {
		return nil, err
	}
	return &Challenge{next, options}, nil
}

// ask returns what a browser is asked, and what is remembered of it.
func (s *Service) ask(all keys, second bool) (options, kept []byte, err error) {
	challenge, err := s.challenge()
	if err != nil {
		return nil, nil, err
	}
	o := protocol.PublicKeyCredentialRequestOptions{
		Challenge: challenge, RelyingPartyID: s.config.ID, AllowedCredentials: all.descriptors(),
		UserVerification: verification(second), Timeout: int(time.Minute.Milliseconds()),
	}
	if options, err = json.Marshal(o); err != nil {
		return nil, nil, err
	}
	kept, err = json.Marshal(state{challenge, second})
	return options, kept, err
}

// verification is what the authenticator is to know of the person before it signs.
func verification(second bool) protocol.UserVerificationRequirement {
	if second {
		return protocol.VerificationDiscouraged
	}
	return protocol.VerificationRequired
}

// Finish ends a login by what the browser answered, and grants a session. Whatever
// is wrong is login.ErrDenied, or login.ErrMalformed if no browser sends it.
func (s *Service) Finish(ctx context.Context, from login.Requester, handshake string, response []byte) (*login.Grant, error) {
	if len(response) > MaxResponse {
		return nil, fmt.Errorf("%w: too long", login.ErrMalformed)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return nil, fmt.Errorf("%w: not an AuthenticationResponseJSON", login.ErrMalformed)
	}
	handle := parsed.Response.UserHandle
	if len(handle) == 0 {
		handle = nil // a second factor may leave it out
	}
	return s.config.Accounts.FinishPasskey(ctx, from, handshake, handle, func(kept []byte, p *login.Passkeys) ([]byte, error) {
		var st state
		if err := json.Unmarshal(kept, &st); err != nil {
			return nil, err
		}
		all, err := parse(p.Blob)
		if err != nil {
			return nil, err
		}
		return s.verify(&user{handle: p.Handle, keys: all}, &st, parsed)
	})
}

// verify checks an assertion (WebAuthn Level 3, "Verifying an Authentication
// Assertion"), and returns the keys with the new counter.
func (s *Service) verify(u *user, st *state, parsed *protocol.ParsedCredentialAssertionData) ([]byte, error) {
	session := webauthn.SessionData{
		Challenge: base64.RawURLEncoding.EncodeToString(st.Challenge), RelyingPartyID: s.config.ID,
		UserVerification: verification(st.Second),
	}
	var c *webauthn.Credential
	var err error
	if st.Second {
		session.UserID = u.handle
		c, err = s.party.ValidateLogin(u, session, parsed)
	} else {
		_, c, err = s.party.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			if !bytes.Equal(handle, u.handle) {
				return nil, login.ErrDenied
			}
			return u, nil
		}, session, parsed)
	}
	if err != nil {
		return nil, login.ErrDenied
	}
	i := slices.IndexFunc(u.keys, func(k key) bool { return bytes.Equal(k.ID, c.ID) })
	if i < 0 {
		return nil, login.ErrDenied
	}
	if c.Authenticator.CloneWarning {
		return nil, login.ErrCopied
	}
	u.keys[i].Count = c.Authenticator.SignCount
	u.keys[i].Used = s.config.Now().UTC().Truncate(time.Second)
	return u.keys.marshal()
}
