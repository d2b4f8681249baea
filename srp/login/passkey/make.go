package passkey

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/login"
)

// MaxResponse bounds what a browser sends of an authenticator, in octets.
const MaxResponse = 32 << 10

// A Challenge is what a browser is to do.
type Challenge struct {
	Handshake string // names it for the next step
	// Options are WebAuthn's, as JSON: PublicKeyCredentialRequestOptionsJSON or
	// PublicKeyCredentialCreationOptionsJSON.
	Options json.RawMessage
}

// algorithms are those that a passkey may have, best first.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// BeginMake begins to make a passkey for the account of a session.
func (s *Service) BeginMake(ctx context.Context, from login.Requester, of *login.Session) (*Challenge, error) {
	return s.beginMake(ctx, &ticket{kind: kindMake, of: *of, network: from.Network})
}

func (s *Service) beginMake(ctx context.Context, t *ticket) (*Challenge, error) {
	u, _, err := s.user(ctx, &t.of)
	if err != nil {
		return nil, err
	}
	if err := s.fresh(&t.of); err != nil {
		return nil, err
	}
	if len(u.keys) >= MaxKeys {
		return nil, fmt.Errorf("%w: an account has at most %d passkeys", login.ErrMalformed, MaxKeys)
	}
	if t.challenge, err = s.challenge(); err != nil {
		return nil, err
	}
	creation, _, err := s.party.BeginRegistration(u,
		webauthn.WithCredentialParameters(algorithms),
		webauthn.WithExclusions(u.keys.descriptors()),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationPreferred,
		}),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge, o.Timeout = t.challenge, int(s.config.Life.Milliseconds())
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("passkey: %w", err)
	}
	options, err := json.Marshal(creation.Response)
	if err != nil {
		return nil, err
	}
	handshake, err := s.tickets.add(t, s.config.Now(), s.config.Rand)
	return &Challenge{handshake, options}, err
}

// Make keeps the passkey that a browser made. The session must still be good, and
// Fresh; name is for its owner to know it by.
func (s *Service) Make(ctx context.Context, from login.Requester, of *login.Session, handshake, name string, response []byte) (*auth.Passkey, error) {
	t, err := s.tickets.get(handshake, kindMake, from.Network, s.config.Now(), true)
	if err != nil {
		return nil, err
	}
	if t.link != "" || t.of.ID != of.ID || t.of.Name != of.Name {
		return nil, login.ErrDenied
	}
	return s.make(ctx, t, name, response)
}

func (s *Service) make(ctx context.Context, t *ticket, name string, response []byte) (*auth.Passkey, error) {
	now := s.config.Now()
	name, err := checkName(name, now)
	if err != nil {
		return nil, err
	}
	u, _, err := s.user(ctx, &t.of)
	if err != nil {
		return nil, err
	}
	made, err := s.verifyMade(u, t.challenge, response)
	if err != nil {
		return nil, err
	}
	made.Name, made.Created = name, now.UTC().Truncate(1e9)
	err = s.edit(ctx, &t.of, "passkey added", func(p *login.Passkeys, all keys) (keys, error) {
		if !bytes.Equal(p.Handle, u.handle) {
			return nil, login.ErrDenied
		}
		if len(all) >= MaxKeys || slices.ContainsFunc(all, func(k key) bool { return bytes.Equal(k.ID, made.ID) }) {
			return nil, fmt.Errorf("%w: this passkey is there, or too many are", login.ErrMalformed)
		}
		return append(all, *made), nil
	})
	if err != nil {
		return nil, err
	}
	m := made.message()
	return &m, nil
}

// verifyMade checks what an authenticator made (WebAuthn Level 3, "Registering a New
// Credential"), and returns what is kept of it.
func (s *Service) verifyMade(u *user, challenge, response []byte) (*key, error) {
	if len(response) > MaxResponse {
		return nil, fmt.Errorf("%w: too long", login.ErrMalformed)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, fmt.Errorf("%w: not a RegistrationResponseJSON", login.ErrMalformed)
	}
	// Nothing was asked for that would need another format: less to parse.
	if f := parsed.Response.AttestationObject.Format; f != "none" && f != "packed" {
		return nil, fmt.Errorf("%w: attestation that was not asked for", login.ErrMalformed)
	}
	if a := parsed.Response.AttestationObject.AuthData.AttData; len(a.CredentialPublicKey) > maxPublic || len(a.CredentialID) > maxID {
		return nil, fmt.Errorf("%w: key or id too long", login.ErrMalformed)
	}
	c, err := s.party.CreateCredential(u, webauthn.SessionData{
		Challenge: base64.RawURLEncoding.EncodeToString(challenge), RelyingPartyID: s.config.ID, UserID: u.handle,
		UserVerification: protocol.VerificationPreferred, CredParams: algorithms,
	}, parsed)
	if err != nil {
		return nil, login.ErrDenied
	}
	return &key{ID: c.ID, Public: c.PublicKey, Count: c.Authenticator.SignCount, Synced: c.Flags.BackupEligible}, nil
}

// fresh is an error where a session is too old to make a passkey: better before a
// person touches the authenticator than after. EditPasskeys looks again.
func (s *Service) fresh(of *login.Session) error {
	if s.config.Now().Sub(of.Created) > login.Fresh {
		return login.ErrStale
	}
	return nil
}

// user returns a session's account as the library wants it.
func (s *Service) user(ctx context.Context, of *login.Session) (*user, *login.Passkeys, error) {
	p, err := s.config.Accounts.Passkeys(ctx, of)
	if err != nil {
		return nil, nil, err
	}
	all, err := parse(p.Blob)
	return &user{p.Handle, of.Name, all}, p, err
}

// edit replaces the keys of an account.
func (s *Service) edit(ctx context.Context, of *login.Session, what string, do func(p *login.Passkeys, all keys) (keys, error)) error {
	return s.config.Accounts.EditPasskeys(ctx, of, what, func(p *login.Passkeys) error {
		all, err := parse(p.Blob)
		if err != nil {
			return err
		}
		if all, err = do(p, all); err != nil {
			return err
		}
		p.Blob, err = all.marshal()
		p.Second = p.Second && len(all) > 0
		return err
	})
}
