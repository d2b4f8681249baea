package opaque

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"testing"

	"github.com/cloudflare/circl/group"
	"pgregory.net/rapid"
)

// The reference below is RFC 9807 and RFC 9497 from their prose, with HKDF, the
// OPRF and hash-to-scalar written out: of the package it uses nothing, of circl the
// group only.

func refExpand(prk []byte, info string, n int) []byte {
	var out, t []byte
	for i := byte(1); len(out) < n; i++ {
		m := hmac.New(sha512.New, prk)
		m.Write(append(append(bytes.Clone(t), info...), i))
		t = m.Sum(nil)
		out = append(out, t...)
	}
	return out[:n]
}

func refMAC(key []byte, parts ...string) []byte {
	m := hmac.New(sha512.New, key)
	for _, p := range parts {
		m.Write([]byte(p))
	}
	return m.Sum(nil)
}

func refExtract(ikm string) []byte { return refMAC(make([]byte, 64), ikm) } // an empty salt is one of zeros

func two(n int) string { return string([]byte{byte(n >> 8), byte(n)}) }

func refEncode(x interface{ MarshalBinary() ([]byte, error) }) string {
	b, err := x.MarshalBinary()
	if err != nil {
		panic(err)
	}
	return string(b)
}

const refOPRF = "OPRFV1-\x00-ristretto255-SHA512"

// refDeriveKeyPair is DeriveKeyPair of RFC 9497, section 3.2.1.
func refDeriveKeyPair(seed []byte, info string) group.Scalar {
	for counter := byte(0); ; counter++ {
		input := append(append(bytes.Clone(seed), two(len(info))+info...), counter)
		if k := group.Ristretto255.HashToScalar(input, []byte("DeriveKeyPair"+refOPRF)); !k.IsZero() {
			return k
		}
	}
}

func refPublic(k group.Scalar) group.Element { return group.Ristretto255.NewElement().MulGen(k) }

// refEvaluate is the output of the OPRF, by who knows key and input (RFC 9497,
// "Evaluate").
func refEvaluate(key group.Scalar, password []byte) []byte {
	e := group.Ristretto255.HashToElement(password, []byte("HashToGroup-"+refOPRF))
	issued := refEncode(group.Ristretto255.NewElement().Mul(e, key))
	sum := sha512.Sum512([]byte(two(len(password)) + string(password) + two(len(issued)) + issued + "Finalize"))
	return sum[:]
}

// refServer is what a server with this seed would have of a password, and what its
// owner would learn.
type refServer struct {
	seed, password   []byte
	client, server   string
	randomized       []byte
	record, exported []byte
}

func (r *refServer) run(nonce []byte, serverPublic string, id string) {
	key := refDeriveKeyPair(refExpand(r.seed, id+"OprfKey", 32), "OPAQUE-DeriveKeyPair")
	y := refEvaluate(key, r.password)
	r.randomized = refExtract(string(y) + string(y)) // Stretch is the identity
	n := string(nonce)
	private := refDeriveKeyPair(refExpand(r.randomized, n+"PrivateKey", 32), "OPAQUE-DeriveDiffieHellmanKeyPair")
	public := refEncode(refPublic(private))
	server, client := r.server, r.client
	tag := refMAC(refExpand(r.randomized, n+"AuthKey", 64), n, serverPublic, two(len(server)), server, two(len(client)), client)
	r.record = []byte(public + string(refExpand(r.randomized, "MaskingKey", 64)) + n + string(tag))
	r.exported = refExpand(r.randomized, n+"ExportKey", 64)
}

// keys is the key schedule of a login, from the server's side.
func (r *refServer) keys(context string, ke1, ke2, private, share []byte) (serverMAC, clientMAC, session []byte) {
	scalarOf := func(b []byte) group.Scalar {
		s := group.Ristretto255.NewScalar()
		if err := s.UnmarshalBinary(b); err != nil {
			panic(err)
		}
		return s
	}
	dh := func(k group.Scalar, b []byte) string {
		e := group.Ristretto255.NewElement()
		if err := e.UnmarshalBinary(b); err != nil {
			panic(err)
		}
		return refEncode(group.Ristretto255.NewElement().Mul(e, k))
	}
	inner := string(ke2[:len(ke2)-64])
	preamble := "OPAQUEv1-" + two(len(context)) + context + two(len(r.client)) + r.client + string(ke1) + two(len(r.server)) + r.server + inner
	own, long := scalarOf(share), scalarOf(private)
	theirs := ke1[64:96]
	prk := refExtract(dh(own, theirs) + dh(long, theirs) + dh(own, r.record[:32]))
	label := func(secret []byte, name string, transcript []byte) []byte {
		name = "OPAQUE-" + name
		return refExpand(secret, two(64)+string([]byte{byte(len(name))})+name+string([]byte{byte(len(transcript))})+string(transcript), 64)
	}
	sum := sha512.Sum512([]byte(preamble))
	handshake := label(prk, "HandshakeSecret", sum[:])
	session = label(prk, "SessionKey", sum[:])
	serverMAC = refMAC(label(handshake, "ServerMAC", nil), string(sum[:]))
	both := sha512.Sum512([]byte(preamble + string(serverMAC)))
	return serverMAC, refMAC(label(handshake, "ClientMAC", nil), string(both[:])), session
}

// TestAgainstReference holds registrations and logins against the reference.
func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string, lo, hi int) []byte { return rapid.SliceOfN(rapid.Byte(), lo, hi).Draw(t, what) }
		fail := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		seed, password, id := draw("seed", Nh, Nh), draw("password", 0, 50), draw("credential", 0, 20)
		o := Options{Context: draw("context", 0, 30), Identities: Identities{Client: draw("client", 0, 20), Server: draw("server", 0, 20)}}
		server, err := NewServer(seed, o.Context)
		fail(err)
		registration, request, err := Register(password, o, rand.Reader)
		fail(err)
		response, err := server.Register(request, id)
		fail(err)
		nonce := draw("envelope nonce", Nn, Nn)
		record, exported, err := registration.Finalize(response, bytes.NewReader(nonce))
		fail(err)
		r := &refServer{seed: seed, password: password, client: string(o.Client), server: string(o.Server)}
		r.run(nonce, string(server.PublicKey()), string(id))
		if !bytes.Equal(record, r.record) || !bytes.Equal(exported, r.exported) {
			t.Fatalf("record %x, not %x", record, r.record)
		}
		login, ke1, err := NewLogin(password, o, rand.Reader)
		fail(err)
		shareSeed := draw("key share seed", Nseed, Nseed)
		fresh := append(draw("nonces", 2*Nn, 2*Nn), shareSeed...)
		h, ke2, err := server.Login(ke1, record, id, o.Identities, bytes.NewReader(fresh))
		fail(err)
		share := refDeriveKeyPair(shareSeed, "OPAQUE-DeriveDiffieHellmanKeyPair")
		pad := refExpand(r.record[32:96], string(fresh[:32])+"CredentialResponsePad", 128)
		for i, b := range append(bytes.Clone(server.PublicKey()), r.record[96:]...) {
			pad[i] ^= b
		}
		if !bytes.Equal(ke2[32:64], fresh[:32]) || !bytes.Equal(ke2[64:192], pad) || string(ke2[224:256]) != refEncode(refPublic(share)) {
			t.Fatal("KE2 differs")
		}
		serverMAC, clientMAC, session := r.keys(string(o.Context), ke1, ke2, []byte(refEncode(server.private)), []byte(refEncode(share)))
		ke3, got, export, err := login.Finish(ke2)
		fail(err)
		theirs, err := h.Finish(ke3)
		fail(err)
		if !bytes.Equal(ke2[256:], serverMAC) || !bytes.Equal(ke3, clientMAC) || !bytes.Equal(got, session) || !bytes.Equal(theirs, session) || !bytes.Equal(export, r.exported) {
			t.Fatal("the key schedule differs")
		}
	})
}
