package opaque

import (
	"crypto/hmac"
	"fmt"
	"io"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"
)

// Options are what a client and its server have agreed on.
type Options struct {
	Identities
	Context []byte // at most 65535 octets
	// Stretch makes guesses expensive: the KSF ("Configurations"), such as
	// Argon2id. nil: the identity, for a password that was stretched before.
	Stretch func(in []byte) ([]byte, error)
}

func (o *Options) check() error {
	if len(o.Context) > maxIdentity {
		return fmt.Errorf("%w: context too long", ErrInput)
	}
	return o.Identities.check()
}

// A Registration is a client's, between its two messages.
type Registration struct {
	o     Options
	blind *blind
}

// Register begins a registration, and returns the RegistrationRequest.
func Register(password []byte, o Options, rand io.Reader) (*Registration, []byte, error) {
	return register(password, o, group.Ristretto255.RandomNonZeroScalar(rand))
}

func register(password []byte, o Options, scalar group.Scalar) (*Registration, []byte, error) {
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	b, request, err := newBlind(password, scalar)
	if err != nil {
		return nil, nil, err
	}
	return &Registration{o, b}, request, nil
}

// Finalize takes the RegistrationResponse. It returns the RegistrationRecord for
// the server to keep, and the export key, which only the password gives again.
// rand gives Nn octets.
func (r *Registration) Finalize(response []byte, rand io.Reader) (record, exportKey []byte, err error) {
	if len(response) != ResponseSize {
		return nil, nil, fmt.Errorf("%w: RegistrationResponse of %d octets", ErrMessage, len(response))
	}
	serverKey := response[Noe:]
	if _, err := element(serverKey); err != nil {
		return nil, nil, err
	}
	randomized, err := r.blind.finalize(response[:Noe], &r.o)
	if err != nil {
		return nil, nil, err
	}
	nonce := make([]byte, Nn)
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, nil, err
	}
	o, err := open(randomized, nonce, serverKey, r.o.Identities)
	if err != nil {
		return nil, nil, err
	}
	return join(o.public, maskingKey(randomized), nonce, o.tag), o.exportKey, nil
}

// A Login is a client's, between its two messages. It is used once.
type Login struct {
	o      Options
	blind  *blind
	secret group.Scalar // of the key share
	ke1    []byte
}

// NewLogin begins a login, and returns KE1.
func NewLogin(password []byte, o Options, rand io.Reader) (*Login, []byte, error) {
	scalar := group.Ristretto255.RandomNonZeroScalar(rand)
	fresh := make([]byte, Nn+Nseed)
	if _, err := io.ReadFull(rand, fresh); err != nil {
		return nil, nil, err
	}
	return newLogin(password, o, scalar, fresh[:Nn], fresh[Nn:])
}

func newLogin(password []byte, o Options, scalar group.Scalar, nonce, seed []byte) (*Login, []byte, error) {
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	b, request, err := newBlind(password, scalar)
	if err != nil {
		return nil, nil, err
	}
	secret, share, err := deriveKeyPair(seed)
	if err != nil {
		return nil, nil, err
	}
	l := &Login{o, b, secret, join(request, nonce, share)}
	return l, l.ke1, nil
}

// Finish takes KE2, and returns KE3, the session key and the export key. It is
// ErrAuthentication if the password is wrong or the server is not the one that
// registered it: which of the two cannot be told.
func (l *Login) Finish(ke2 []byte) (ke3, sessionKey, exportKey []byte, err error) {
	if l.blind == nil {
		return nil, nil, nil, ErrOrder
	}
	b := l.blind
	l.blind = nil
	if len(ke2) != KE2Size {
		return nil, nil, nil, fmt.Errorf("%w: KE2 of %d octets", ErrMessage, len(ke2))
	}
	randomized, err := b.finalize(ke2[:Noe], &l.o)
	if err != nil {
		return nil, nil, nil, err
	}
	shown := mask(maskingKey(randomized), ke2[Noe:Noe+Nn], ke2[Noe+Nn:credentialResponseSize])
	serverKey, envelope := shown[:Npk], shown[Npk:]
	o, err := recoverEnvelope(randomized, serverKey, envelope, l.o.Identities)
	if err != nil {
		return nil, nil, nil, err
	}
	server, err := element(serverKey)
	if err != nil {
		return nil, nil, nil, err
	}
	start := ke2[:KE2Size-Nm]
	share, err := element(start[len(start)-Npk:])
	if err != nil {
		return nil, nil, nil, err
	}
	ikm := join(diffieHellman(l.secret, share), diffieHellman(l.secret, server), diffieHellman(o.private, share))
	d := deriveKeys(ikm, preamble(l.o.Context, l.o.or(o.public, serverKey), l.ke1, start))
	if !hmac.Equal(d.serverMAC, ke2[len(start):]) {
		return nil, nil, nil, ErrAuthentication
	}
	return d.clientMAC, d.session, o.exportKey, nil
}

// A blind is a password on its way through the OPRF.
type blind struct {
	client oprf.Client
	data   *oprf.FinalizeData
}

func newBlind(password []byte, scalar group.Scalar) (*blind, []byte, error) {
	b := &blind{client: oprf.NewClient(suite)}
	data, request, err := b.client.DeterministicBlind([][]byte{password}, []oprf.Blind{scalar})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrInput, err)
	}
	b.data = data
	return b, octets(request.Elements[0]), nil
}

// finalize returns randomized_password.
func (b *blind) finalize(evaluated []byte, o *Options) ([]byte, error) {
	e, err := element(evaluated)
	if err != nil {
		return nil, err
	}
	out, err := b.client.Finalize(b.data, &oprf.Evaluation{Elements: []oprf.Evaluated{e}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	stretched := out[0]
	if o.Stretch != nil {
		if stretched, err = o.Stretch(out[0]); err != nil {
			return nil, err
		}
	}
	return extract(out[0], stretched), nil
}
