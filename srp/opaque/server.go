package opaque

import (
	"crypto/hmac"
	"fmt"
	"io"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"
)

// A Server has the long-term secrets of a server: the seed of all OPRF keys, and a
// key pair. It is safe for concurrent use.
type Server struct {
	seed    []byte // oprf_seed
	private group.Scalar
	public  []byte
	fake    []byte // record
	context []byte
}

// NewServer returns the server of a seed of Nh octets, which is secret and must
// never change. Its key pair, and the record that it shows for names without one,
// are derived from the seed.
func NewServer(seed, context []byte) (*Server, error) {
	if len(seed) != Nh {
		return nil, fmt.Errorf("%w: seed of %d octets", ErrInput, len(seed))
	}
	private, public, err := deriveKeyPair(expand(seed, Nseed, []byte("kith server key")))
	if err != nil {
		return nil, err
	}
	_, nobody, err := deriveKeyPair(expand(seed, Nseed, []byte("kith fake client key")))
	if err != nil {
		return nil, err
	}
	fake := join(nobody, expand(seed, Nh, []byte("kith fake masking key")), make([]byte, envelopeSize))
	return newServer(seed, private, public, fake, context)
}

func newServer(seed []byte, private group.Scalar, public, fake, context []byte) (*Server, error) {
	if len(context) > maxIdentity {
		return nil, fmt.Errorf("%w: context too long", ErrInput)
	}
	return &Server{seed, private, public, fake, context}, nil
}

// PublicKey returns the server's public key, of Npk octets.
func (s *Server) PublicKey() []byte { return s.public }

// evaluate is the OPRF under the key of a credential.
func (s *Server) evaluate(blinded, credential []byte) ([]byte, error) {
	e, err := element(blinded)
	if err != nil {
		return nil, err
	}
	key, err := oprf.DeriveKey(suite, oprf.BaseMode, expand(s.seed, Nok, credential, []byte("OprfKey")), []byte("OPAQUE-DeriveKeyPair"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInput, err)
	}
	out, err := oprf.NewServer(suite, key).Evaluate(&oprf.EvaluationRequest{Elements: []oprf.Blinded{e}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return octets(out.Elements[0]), nil
}

// Register answers a RegistrationRequest for a credential with a
// RegistrationResponse. credential names it: no two may share a name.
func (s *Server) Register(request, credential []byte) (response []byte, err error) {
	if len(request) != RequestSize {
		return nil, fmt.Errorf("%w: RegistrationRequest of %d octets", ErrMessage, len(request))
	}
	evaluated, err := s.evaluate(request, credential)
	if err != nil {
		return nil, err
	}
	return join(evaluated, s.public), nil
}

// CheckRecord checks the form of a RegistrationRecord that a client sent.
func CheckRecord(record []byte) error {
	if len(record) != RecordSize {
		return fmt.Errorf("%w: RegistrationRecord of %d octets", ErrMessage, len(record))
	}
	_, err := element(record[:Npk])
	return err
}

// A Handshake is a login as the server sees it, between KE2 and KE3. It is used
// once.
type Handshake struct {
	clientMAC []byte
	session   []byte
	fake      bool
}

// Login answers KE1 with KE2. A nil record is that of a name nobody has: the
// answer looks and costs the same, and no KE3 will hold ("Client Enumeration").
// rand gives Nn + Nn + Nseed octets.
func (s *Server) Login(ke1, record, credential []byte, i Identities, rand io.Reader) (*Handshake, []byte, error) {
	fresh := make([]byte, Nn+Nn+Nseed)
	if _, err := io.ReadFull(rand, fresh); err != nil {
		return nil, nil, err
	}
	return s.login(ke1, record, credential, i, fresh[:Nn], fresh[Nn:2*Nn], fresh[2*Nn:])
}

func (s *Server) login(ke1, record, credential []byte, i Identities, maskingNonce, nonce, seed []byte) (*Handshake, []byte, error) {
	if len(ke1) != KE1Size {
		return nil, nil, fmt.Errorf("%w: KE1 of %d octets", ErrMessage, len(ke1))
	}
	if err := i.check(); err != nil {
		return nil, nil, err
	}
	h := &Handshake{fake: record == nil}
	if h.fake {
		record = s.fake
	}
	if err := CheckRecord(record); err != nil {
		return nil, nil, err
	}
	clientKey, masking, envelope := record[:Npk], record[Npk:Npk+Nh], record[Npk+Nh:]
	client, err := element(clientKey)
	if err != nil {
		return nil, nil, err
	}
	clientShare, err := element(ke1[Noe+Nn:])
	if err != nil {
		return nil, nil, err
	}
	evaluated, err := s.evaluate(ke1[:Noe], credential)
	if err != nil {
		return nil, nil, err
	}
	secret, share, err := deriveKeyPair(seed)
	if err != nil {
		return nil, nil, err
	}
	start := join(evaluated, maskingNonce, mask(masking, maskingNonce, join(s.public, envelope)), nonce, share)
	ikm := join(diffieHellman(secret, clientShare), diffieHellman(s.private, clientShare), diffieHellman(secret, client))
	d := deriveKeys(ikm, preamble(s.context, i.or(clientKey, s.public), ke1, start))
	h.clientMAC, h.session = d.clientMAC, d.session
	return h, join(start, d.serverMAC), nil
}

// Finish takes KE3, and returns the session key, or ErrAuthentication.
func (h *Handshake) Finish(ke3 []byte) (sessionKey []byte, err error) {
	if h.session == nil {
		return nil, ErrOrder
	}
	session := h.session
	h.session = nil
	if !hmac.Equal(ke3, h.clientMAC) || h.fake {
		return nil, ErrAuthentication
	}
	return session, nil
}
