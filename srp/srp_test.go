package srp

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// groups are all of them, with what names them.
var groups = map[int]func() *Group{
	1024: Group1024, 1536: Group1536, 2048: Group2048, 3072: Group3072,
	4096: Group4096, 6144: Group6144, 8192: Group8192,
}

// TestGroups: every N is a safe prime of its length, and g a primitive root.
func TestGroups(t *testing.T) {
	for bits, group := range groups {
		if testing.Short() && bits > 2048 {
			continue
		}
		g := group()
		n, one := new(big.Int).SetBytes(g.n), big.NewInt(1)
		half := new(big.Int).Rsh(n, 1)
		if n.BitLen() != bits || g.Bits != bits || g.Size() != bits/8 || !n.ProbablyPrime(0) || !half.ProbablyPrime(0) {
			t.Errorf("%d: not a safe prime of that length", bits)
		}
		root := new(big.Int).Exp(new(big.Int).SetBytes(g.g), half, n)
		if root.Add(root, one).Cmp(n) != 0 {
			t.Errorf("%d: not a primitive root", bits)
		}
	}
}

// TestRFC5054Vectors is appendix B.
func TestRFC5054Vectors(t *testing.T) {
	name, password := []byte("alice"), []byte("password123")
	salt := unhex(t, "BEB25379 D1A8581E B5A72767 3A2441EE")
	a := unhex(t, "60975527 035CF2AD 1989806F 0407210B C81EDC04 E2762A56 AFD529DD DA2D4393")
	b := unhex(t, "E487CB59 D31AC550 471E81F0 0F6928E0 1DDA08E9 74A004F4 9E61F5D1 05284D20")
	p := RFC5054(Group1024(), crypto.SHA1)
	same := func(what string, got []byte, want string) {
		t.Helper()
		if !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s is %X", what, got)
		}
	}
	same("k", p.k(), "7556AA04 5AEF2CDD 07ABAF0F 665C3E81 8913186F")
	same("x", p.x(name, salt, password), "94B7555A ABE9127C C58CCF49 93DB6CF8 4D16C124")
	v := p.Verifier(name, salt, password)
	same("v", v, `7E273DE8 696FFC4F 4E337D05 B4B375BE B0DDE156 9E8FA00A 9886D812
		9BADA1F1 822223CA 1A605B53 0E379BA4 729FDC59 F105B478 7E5186F5
		C671085A 1447B52A 48CF1970 B4FB6F84 00BBF4CE BFBB1681 52E08AB5
		EA53D15C 1AFF87B2 B9DA6E04 E058AD51 CC72BFC9 033B564E 26480D78
		E955A5E2 9E7AB245 DB2BE315 E2099AFB`)
	client, err := p.NewClient(name, bytes.NewReader(a))
	must(t, err)
	same("A", client.A(), `61D5E490 F6F1B795 47B0704C 436F523D D0E560F0 C64115BB 72557EC4
		4352E890 3211C046 92272D8B 2D1A5358 A2CF1B6E 0BFCF99F 921530EC
		8E393561 79EAE45E 42BA92AE ACED8251 71E1E8B9 AF6D9C03 E1327F44
		BE087EF0 6530E69F 66615261 EEF54073 CA11CF58 58F0EDFD FE15EFEA
		B349EF5D 76988A36 72FAC47B 0769447B`)
	e, err := p.NewEphemeral(bytes.NewReader(b))
	must(t, err)
	server, err := e.NewServer(name, salt, v)
	must(t, err)
	same("B", server.B(), `BD0C6151 2C692C0C B6D041FA 01BB152D 4916A1E7 7AF46AE1 05393011
		BAF38964 DC46A067 0DD125B9 5A981652 236F99D9 B681CBF8 7837EC99
		6C6DA044 53728610 D0C6DDB5 8B318885 D7D82C7F 8DEB75CE 7BD4FBAA
		37089E6F 9C6059F3 88838E7A 00030B33 1EB76840 910440B1 B27AAEAE
		EB4012B7 D7665238 A8E3FB00 4B117B58`)
	u, err := p.u(client.A(), server.B())
	must(t, err)
	same("u", u, "CE38B959 3487DA98 554ED47D 70A7AE5F 462EF019")
	secret := unhex(t, `B0DC82BA BCF30674 AE450C02 87745E79 90A3381F 63B387AA F271A10D
		233861E3 59B48220 F7C4693C 9AE12B0A 6F67809F 0876E2D0 13800D6C
		41BB59B6 D5979B5C 00A172B4 A2A5903A 0BDCAF8A 709585EB 2AFAFA8F
		3499B200 210DCC1F 10EB3394 3CD67FC8 8A2F39A4 BE5BEC4E C0A3212D
		C346D7E4 74B29EDE 8A469FFE CA686E5A`)
	m1, err := client.Answer(salt, server.B(), password)
	must(t, err)
	m2, key, err := server.Verify(client.A(), m1)
	must(t, err)
	same("K", key, hex.EncodeToString(p.sum(secret)))
	if got, err := client.Confirm(m2); err != nil || !bytes.Equal(got, key) {
		t.Errorf("the client has %x, %v", got, err)
	}
}

// A reference is one login in math/big, written from RFC 5054 without a look at
// what stands beside it: everything it needs is in the profile's fields.
type reference struct {
	p             *Profile
	n, g, a, b, v *big.Int
	name, salt    []byte
	x, s          *big.Int
}

func (r *reference) h(parts ...[]byte) []byte {
	h := r.p.Hash.New()
	h.Write(bytes.Join(parts, nil))
	return h.Sum(nil)
}

func (r *reference) octets(x *big.Int, o Octets) []byte {
	if o == Padded {
		return x.FillBytes(make([]byte, (r.n.BitLen()+7)/8))
	}
	return x.Bytes()
}

func (r *reference) run(password []byte) (A, B *big.Int, key, m1, m2 []byte) {
	number := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	name := r.name
	if r.p.Anonymous {
		name = nil
	}
	r.x = number(r.h(r.salt, r.h([]byte(string(name)+":"+string(password)))))
	r.v = new(big.Int).Exp(r.g, r.x, r.n)
	k := number(r.h(r.n.Bytes(), r.octets(r.g, r.p.MultiplierG)))
	A = new(big.Int).Exp(r.g, r.a, r.n)
	B = new(big.Int).Mul(k, r.v)
	B.Add(B, new(big.Int).Exp(r.g, r.b, r.n)).Mod(B, r.n)
	u := number(r.h(r.octets(A, r.p.Scrambler), r.octets(B, r.p.Scrambler)))
	S := new(big.Int).Exp(r.v, u, r.n)
	S.Mul(S, A).Exp(S, r.b, r.n)
	r.s = S
	key = r.h(r.octets(S, r.p.Secret))
	pa, pb := r.octets(A, r.p.ProofPublic), r.octets(B, r.p.ProofPublic)
	if r.p.Proof == ProofShort {
		m1 = r.h(pa, pb, key)
	} else {
		hn, hg := r.h(r.n.Bytes()), r.h(r.octets(r.g, r.p.ProofG))
		for i := range hn {
			hn[i] ^= hg[i]
		}
		m1 = r.h(hn, r.h(r.name), r.salt, pa, pb, key)
	}
	return A, B, key, m1, r.h(pa, m1, key)
}

// TestAgainstReference runs logins under profiles of every combination of rules.
func TestAgainstReference(t *testing.T) {
	octets := rapid.SampledFrom([]Octets{Padded, Minimal})
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.SampledFrom([]*Group{Group1024(), Group1536()}).Draw(t, "group")
		p := &Profile{
			Name: "drawn", Group: g,
			Hash:        rapid.SampledFrom([]crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA512}).Draw(t, "hash"),
			MultiplierG: octets.Draw(t, "g"), Scrambler: octets.Draw(t, "u"), Secret: octets.Draw(t, "S"),
			ProofG: octets.Draw(t, "proof g"), ProofPublic: octets.Draw(t, "proof"),
			Proof:     rapid.SampledFrom([]Proof{ProofRFC2945, ProofShort}).Draw(t, "form"),
			Anonymous: rapid.Bool().Draw(t, "anonymous"),
		}
		draw := func(what string, lo, hi int) []byte { return rapid.SliceOfN(rapid.Byte(), lo, hi).Draw(t, what) }
		name, salt, password := draw("I", 0, 20), draw("s", 0, 32), draw("P", 0, 40)
		a, b := draw("a", ephemeralSize, ephemeralSize), draw("b", ephemeralSize, ephemeralSize)
		r := &reference{
			p: p, n: new(big.Int).SetBytes(g.n), g: new(big.Int).SetBytes(g.g),
			a: new(big.Int).SetBytes(a), b: new(big.Int).SetBytes(b), name: name, salt: salt,
		}
		A, B, key, m1, m2 := r.run(password)
		if A.Sign() == 0 || B.Sign() == 0 {
			t.Skip("no honest party sends it")
		}
		client, err := p.NewClient(name, bytes.NewReader(a))
		must2(t, err)
		e, err := p.NewEphemeral(bytes.NewReader(b))
		must2(t, err)
		server, err := e.NewServer(name, salt, p.Verifier(name, salt, password))
		must2(t, err)
		if new(big.Int).SetBytes(client.A()).Cmp(A) != 0 || new(big.Int).SetBytes(server.B()).Cmp(B) != 0 {
			t.Fatal("A or B differs")
		}
		wire := octets.Draw(t, "on the way")
		gotM1, err := client.Answer(salt, wire.of(server.B()), password)
		must2(t, err)
		gotM2, gotKey, err := server.Verify(wire.of(client.A()), gotM1)
		must2(t, err)
		clientKey, err := client.Confirm(gotM2)
		must2(t, err)
		if !bytes.Equal(gotM1, m1) || !bytes.Equal(gotM2, m2) || !bytes.Equal(gotKey, key) || !bytes.Equal(clientKey, key) {
			t.Fatalf("M1 %x for %x, M2 %x for %x, K %x for %x", gotM1, m1, gotM2, m2, gotKey, key)
		}
	})
}

func must2(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
