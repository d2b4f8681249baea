package account

import (
	"context"
	"crypto/hkdf"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unsafe"

	"golang.org/x/crypto/argon2"

	"github.com/kith-kt/kith/srp"
	"github.com/kith-kt/kith/srp/auth"
	"github.com/kith-kt/kith/srp/legacy"
	"github.com/kith-kt/kith/srp/opaque"
)

// Password protocols.
const (
	SRP    = "srp" // the default
	OPAQUE = "opaque"
)

// A Password is what a person typed. Whoever made it wipes it; what libraries copy
// of it meanwhile, the garbage collector frees.
type Password []byte

// Wipe overwrites the password.
func (p Password) Wipe() { clear(p) }

// Format keeps a password out of whatever is printed.
func (Password) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(password)") }

// text is the password without a copy that could not be wiped. It must not outlive
// the call it is made for.
func (p Password) text() string { return unsafe.String(unsafe.SliceData(p), len(p)) }

// A stretcher stretches one password, and remembers the result for the next proof
// in the same flow: that costs a second.
type stretcher struct {
	password Password
	legacy   bool // recipes of older providers are followed

	kdf     string
	auth    []byte       // the P of SRP
	secrets *srp.Secrets // nil for a recipe
}

func (s *stretcher) wipe() {
	clear(s.auth)
	s.kdf, s.auth = "", nil
}

// stretch follows kdf, which a server sent.
func (s *stretcher) stretch(kdf string) error {
	if s.auth != nil && s.kdf == kdf {
		return nil
	}
	s.wipe()
	k, err := srp.ParseArgon2id(kdf)
	if err != nil {
		return s.follow(kdf)
	}
	if s.secrets, err = k.Derive(s.password.text()); err != nil { // after Check
		return err
	}
	s.kdf, s.auth = kdf, append([]byte(nil), s.secrets.Auth[:]...)
	return nil
}

// follow follows the recipe of an older provider, if that was asked for.
func (s *stretcher) follow(kdf string) error {
	recipe, err := legacy.Parse(kdf)
	if err != nil {
		return fmt.Errorf("%w: unknown", srp.ErrKDF)
	}
	if !s.legacy {
		return ErrLegacy
	}
	hash, err := recipe.Hash(s.password.text())
	if err != nil {
		return fmt.Errorf("%w: the old recipe cannot be followed", srp.ErrKDF)
	}
	s.kdf, s.auth, s.secrets = kdf, hash, nil
	return nil
}

// credential makes what the service keeps of a new password, and what it unlocks.
func (c *Client) credential(ctx context.Context, p *Person, protocol string, password Password) (*auth.Credential, *srp.Secrets, error) {
	switch protocol {
	case SRP, "":
		return c.verifier(password)
	case OPAQUE:
		return c.record(ctx, p, password)
	}
	return nil, nil, fmt.Errorf("account: %w: protocol %.20q", ErrRefused, protocol)
}

func (c *Client) verifier(password Password) (*auth.Credential, *srp.Secrets, error) {
	k := *c.options.KDF
	k.Salt = make([]byte, srp.MinSalt)
	salt := make([]byte, srp.MinSalt)
	for _, b := range [][]byte{k.Salt, salt} {
		if _, err := io.ReadFull(c.options.Rand, b); err != nil {
			return nil, nil, fmt.Errorf("account: %w", err)
		}
	}
	secrets, err := k.Derive(password.text())
	if err != nil {
		return nil, nil, err
	}
	p := srp.Kith3072()
	return &auth.Credential{Protocol: SRP, Profile: p.Name, KDF: k.String(), Salt: salt, Verifier: p.Verifier(nil, salt, secrets.Auth[:])}, secrets, nil
}

// opaqueContext is bound into every OPAQUE login.
const opaqueContext = "kith opaque 1"

// opaqueOptions are agreed on beforehand, so that no server can ask for less.
func opaqueOptions(p *Person) opaque.Options {
	return opaque.Options{
		Identities: opaque.Identities{Client: []byte(p.Name), Server: []byte(p.Domain)},
		Context:    []byte(opaqueContext),
		Stretch: func(in []byte) ([]byte, error) {
			return argon2.IDKey(in, make([]byte, 16), srp.MinTime, srp.MinMemory, 4, opaque.Nh), nil
		},
	}
}

// record registers a password by OPAQUE.
func (c *Client) record(ctx context.Context, p *Person, password Password) (*auth.Credential, *srp.Secrets, error) {
	normal, err := srp.Normalise(password.text())
	if err != nil {
		return nil, nil, err
	}
	defer clear(normal)
	r, request, err := opaque.Register(normal, opaqueOptions(p), c.options.Rand)
	if err != nil {
		return nil, nil, fmt.Errorf("account: %w", err)
	}
	var response auth.OPAQUEResponse
	if err := c.call(ctx, http.MethodPost, "/opaque", "", auth.OPAQUERequest{Name: p.Name, Request: request}, &response); err != nil {
		return nil, nil, err
	}
	record, export, err := r.Finalize(response.Response, c.options.Rand)
	if err != nil {
		return nil, nil, fmt.Errorf("account: %w: %w", ErrForeign, err)
	}
	return &auth.Credential{Protocol: OPAQUE, Record: record}, unlocking(export), nil
}

// unlocking makes of an export key what unlocks a backup. Auth stays zero.
func unlocking(export []byte) *srp.Secrets {
	defer clear(export)
	b, err := hkdf.Expand(sha512.New, export, "kith unlock 1", 32)
	if err != nil {
		panic("account: " + err.Error())
	}
	s := new(srp.Secrets)
	copy(s.Unlock[:], b)
	clear(b)
	return s
}

// A proof is a password proved to a server, all but the last step.
type proof struct {
	auth.Proof
	confirm func(m2 []byte) error // checks that the server knows the account too
	secrets *srp.Secrets          // nil: an old recipe
}

// prove proves what s stretches.
func (c *Client) prove(ctx context.Context, p *Person, protocol string, s *stretcher, recovery bool) (*proof, error) {
	switch protocol {
	case SRP, "":
		return c.proveSRP(ctx, p, s, recovery)
	case OPAQUE:
		return c.proveOPAQUE(ctx, p, s)
	}
	return nil, fmt.Errorf("account: %w: protocol %.20q", ErrRefused, protocol)
}

func (c *Client) proveSRP(ctx context.Context, p *Person, s *stretcher, recovery bool) (*proof, error) {
	profile := srp.Kith3072()
	client, err := profile.NewClient([]byte(p.Name), c.options.Rand)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	var challenge auth.SRPChallenge
	start := auth.SRPStart{Name: p.Name, Profile: profile.Name, A: client.A(), Device: p.Device, Recovery: recovery}
	if err := c.call(ctx, http.MethodPost, "/login/srp", "", start, &challenge); err != nil {
		return nil, err
	}
	if challenge.Profile != profile.Name {
		return nil, fmt.Errorf("account: %w: profile %.40q", ErrForeign, challenge.Profile)
	}
	if err := checkHandshake(challenge.Handshake); err != nil {
		return nil, err
	}
	if err := s.stretch(challenge.KDF); err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	m1, err := client.Answer(challenge.Salt, challenge.B, s.auth)
	if err != nil {
		return nil, fmt.Errorf("account: %w: %w", ErrServer, err)
	}
	return &proof{
		Proof: auth.Proof{Protocol: SRP, Handshake: challenge.Handshake, Message: m1}, secrets: s.secrets,
		confirm: func(m2 []byte) error {
			if _, err := client.Confirm(m2); err != nil {
				return fmt.Errorf("account: %w: %w", ErrServer, err)
			}
			return nil
		},
	}, nil
}

func (c *Client) proveOPAQUE(ctx context.Context, p *Person, s *stretcher) (*proof, error) {
	normal, err := srp.Normalise(s.password.text())
	if err != nil {
		return nil, err
	}
	defer clear(normal)
	login, ke1, err := opaque.NewLogin(normal, opaqueOptions(p), c.options.Rand)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	var challenge auth.OPAQUEChallenge
	if err := c.call(ctx, http.MethodPost, "/login/opaque", "", auth.OPAQUEStart{Name: p.Name, KE1: ke1, Device: p.Device}, &challenge); err != nil {
		return nil, err
	}
	if err := checkHandshake(challenge.Handshake); err != nil {
		return nil, err
	}
	ke3, _, export, err := login.Finish(challenge.KE2)
	switch {
	case errors.Is(err, opaque.ErrAuthentication): // a wrong password, or another server: nobody can tell
		return nil, fmt.Errorf("account: %w", ErrDenied)
	case err != nil:
		return nil, fmt.Errorf("account: %w: %w", ErrForeign, err)
	}
	return &proof{
		Proof: auth.Proof{Protocol: OPAQUE, Handshake: challenge.Handshake, Message: ke3}, secrets: unlocking(export),
		confirm: func([]byte) error { return nil }, // KE2 did
	}, nil
}

// checkHandshake checks that a handshake's name can stand in a path.
func checkHandshake(id string) error {
	if id == "" || len(id) > 256 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return fmt.Errorf("account: %w: name of a handshake", ErrForeign)
	}
	return nil
}
