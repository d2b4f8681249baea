package keyfile

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/kith-kt/kith/proto/record"
)

var (
	born = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now  = born.AddDate(0, 6, 0)
)

func at(t time.Time) *packet.Config {
	return &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, DefaultHash: crypto.SHA256, Time: func() time.Time { return t }}
}

// entity makes a key with an encryption subkey and user ids "Name <address>".
func entity(t testing.TB, config *packet.Config, addresses ...string) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Name", "", addresses[0], config)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses[1:] {
		if err := e.AddUserId("Name", "", a, config); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func serialize(t testing.TB, e *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// cut returns the packets of a keyring.
func cut(t testing.TB, b []byte) []rawPacket {
	t.Helper()
	f := &framer{r: newReader(b)}
	var out []rawPacket
	for {
		p, err := f.next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
}

func paste(packets []rawPacket) []byte {
	var b []byte
	for _, p := range packets {
		b = append(b, p.raw...)
	}
	return b
}

// newPacket frames a body as an old-format packet where it can, as PGP did.
func newPacket(tag byte, body []byte) []byte {
	if tag > 15 {
		return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 255}, uint32(len(body))), body...)
	}
	head := []byte{0x80 | tag<<2 | 2, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(head[1:], uint32(len(body)))
	return append(head, body...)
}

func sigBytes(t testing.TB, sig *packet.Signature) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := sig.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// cert makes a signature of e over one of its user ids.
func cert(t testing.TB, e *openpgp.Entity, id string, kind packet.SignatureType, when time.Time, change func(*packet.Signature)) []byte {
	t.Helper()
	sig := &packet.Signature{
		Version: 4, SigType: kind, PubKeyAlgo: e.PrimaryKey.PubKeyAlgo, Hash: crypto.SHA256, CreationTime: when,
		IssuerKeyId: &e.PrimaryKey.KeyId, IssuerFingerprint: e.PrimaryKey.Fingerprint, FlagsValid: true, FlagCertify: true,
	}
	if change != nil {
		change(sig)
	}
	if err := sig.SignUserId(id, e.PrimaryKey, e.PrivateKey, at(when)); err != nil {
		t.Fatal(err)
	}
	return sigBytes(t, sig)
}

// insert puts bytes after a user id of a serialized key and its signature.
func insert(t testing.TB, key []byte, id string, extra []byte) []byte {
	t.Helper()
	ps := cut(t, key)
	i := slices.IndexFunc(ps, func(p rawPacket) bool { return p.tag == tagUserID && string(p.body) == id })
	return append(append(paste(ps[:i+2]), extra...), paste(ps[i+2:])...)
}

func collect(t testing.TB, b []byte) *Collection {
	t.Helper()
	c, err := Collect(OpenPGP(bytes.NewReader(b), now))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func labels(c *Collection) []string {
	var l []string
	for _, i := range c.Items {
		l = append(l, i.Label)
	}
	return l
}

func TestStripped(t *testing.T) {
	e := entity(t, at(born), "Ann@Example.org", "ann@work.example", "ann@home.example")
	if err := e.AddSigningSubkey(at(born)); err != nil {
		t.Fatal(err)
	}
	friend := entity(t, at(born), "friend@example.org")
	for id := range e.Identities {
		if err := e.SignIdentity(id, friend, at(born)); err != nil {
			t.Fatal(err)
		}
	}
	key := serialize(t, e)
	photo := newPacket(tagUserAttribute, []byte("\x05\x01face"))
	key = append(key, photo...)
	c := collect(t, key)
	if got := labels(c); !slices.Equal(got, []string{"ann@example.org", "ann@home.example", "ann@work.example"}) || len(c.Skipped) != 0 {
		t.Fatalf("%v, skipped %v", got, c.Skipped)
	}
	whole := cut(t, key)
	for _, it := range c.Items {
		data := it.Keys[0].Data
		el, err := openpgp.ReadKeyRing(bytes.NewReader(data))
		if err != nil || len(el) != 1 {
			t.Fatalf("%s: %v", it.Label, err)
		}
		s := el[0]
		if !bytes.Equal(s.PrimaryKey.Fingerprint, e.PrimaryKey.Fingerprint) || len(s.Subkeys) != 2 || len(s.Identities) != 1 {
			t.Errorf("%s: %d subkeys, %d user ids", it.Label, len(s.Subkeys), len(s.Identities))
		}
		for _, id := range s.Identities {
			if !strings.EqualFold(id.UserId.Email, it.Label) || len(id.Signatures) != 1 || id.SelfSignature == nil {
				t.Errorf("%s: user id %q with %d signatures", it.Label, id.Name, len(id.Signatures))
			}
		}
		if it.Keys[0].Fingerprint() != record.PublishedKey.Fingerprint(it.Keys[0]) || it.Keys[0].Check() != nil {
			t.Errorf("%s: not a published key", it.Label)
		}
		// One address does not reveal another, and every packet is the file's.
		for _, other := range []string{"example.org", "home.example", "work.example"} {
			if !strings.HasSuffix(it.Label, other) && bytes.Contains(data, []byte(other)) {
				t.Errorf("%s reveals %s", it.Label, other)
			}
		}
		if bytes.Contains(data, []byte("face")) || bytes.Contains(data, friend.PrimaryKey.Fingerprint) {
			t.Errorf("%s keeps an attribute or a friend's signature", it.Label)
		}
		for _, p := range cut(t, data) {
			if !slices.ContainsFunc(whole, func(w rawPacket) bool { return bytes.Equal(w.raw, p.raw) }) {
				t.Errorf("%s: a packet that is not in the file", it.Label)
			}
		}
	}
}

func TestSkipped(t *testing.T) {
	const id, work = "Name <ann@example.org>", "Name <ann@work.example>"
	primary, secondary := true, false
	e := entity(t, at(born), "ann@example.org", "ann@work.example")
	key := serialize(t, e)
	lifetime := uint32(3600)

	revoked := entity(t, at(born), "ann@example.org")
	if err := revoked.RevokeKey(packet.KeyCompromised, "lost", at(born)); err != nil {
		t.Fatal(err)
	}
	expired := at(born)
	expired.KeyLifetimeSecs = 3600
	unsigned := cut(t, key)
	for i := range unsigned {
		if unsigned[i].tag == tagSignature {
			unsigned[i].raw = bytes.Clone(unsigned[i].raw)
			unsigned[i].raw[len(unsigned[i].raw)-1] ^= 1
		}
	}
	var private bytes.Buffer
	if err := e.SerializePrivateWithoutSigning(&private, nil); err != nil {
		t.Fatal(err)
	}
	v3 := newPacket(tagPublicKey, append([]byte{3, 0, 0, 0, 1, 0, 0, 1}, make([]byte, 20)...))
	algorithm99 := newPacket(tagPublicKey, append([]byte{4, 0, 0, 0, 1, 99}, make([]byte, 20)...))
	unreadable := newPacket(tagSignature, []byte{4, 0x20, 99, 8, 0, 0, 0, 0, 0, 0})
	ps := cut(t, key)

	for name, c := range map[string]struct {
		in     []byte
		labels []string
		why    []Reason
	}{
		"revoked":               {serialize(t, revoked), nil, []Reason{Revoked}},
		"expired":               {serialize(t, entity(t, expired, "ann@example.org")), nil, []Reason{Expired}},
		"from the future":       {serialize(t, entity(t, at(now.Add(time.Hour)), "ann@example.org")), nil, []Reason{NotYet}},
		"bad signatures":        {paste(unsigned), nil, []Reason{Unverified}},
		"no user id":            {ps[0].raw, nil, []Reason{NoAddress}},
		"private":               {private.Bytes(), nil, []Reason{Secret}},
		"version 3":             {v3, nil, []Reason{Unsupported}},
		"unknown algorithm":     {algorithm99, nil, []Reason{Unsupported}},
		"unreadable revocation": {slices.Concat(ps[0].raw, unreadable, paste(ps[1:])), nil, []Reason{Unsupported}},
		"no address":            {serialize(t, entity(t, at(born), "")), nil, []Reason{NoAddress}},
		"address without form":  {serialize(t, entity(t, at(born), "änn@example.org")), nil, []Reason{BadLabel}},
		"user id revoked": {insert(t, key, id, cert(t, e, id, packet.SigTypeCertificationRevocation, born.Add(time.Hour), nil)),
			[]string{"ann@work.example"}, []Reason{Revoked}},
		"user id revoked in the same second": {insert(t, key, id, cert(t, e, id, packet.SigTypeCertificationRevocation, born, nil)),
			[]string{"ann@work.example"}, []Reason{Revoked}},
		"user id revoked and signed anew": {insert(t, key, id, slices.Concat(
			cert(t, e, id, packet.SigTypeCertificationRevocation, born.Add(time.Hour), nil),
			cert(t, e, id, packet.SigTypePositiveCert, born.Add(2*time.Hour), nil))),
			[]string{"ann@example.org", "ann@work.example"}, nil},
		"user id revoked by a stranger": {insert(t, key, id, cert(t, entity(t, at(born), "x@example.org"), id, packet.SigTypeCertificationRevocation, born.Add(time.Hour), nil)),
			[]string{"ann@example.org", "ann@work.example"}, nil},
		"user id whose newest signature lets the key expire": {
			insert(t, insert(t, key, id, cert(t, e, id, packet.SigTypePositiveCert, born.Add(time.Hour),
				func(s *packet.Signature) { s.KeyLifetimeSecs, s.IsPrimaryId = &lifetime, &secondary })),
				work, cert(t, e, work, packet.SigTypePositiveCert, born.Add(time.Minute),
					func(s *packet.Signature) { s.IsPrimaryId = &primary })),
			[]string{"ann@work.example"}, []Reason{Expired}},
		"primary user id whose newest signature lets the key expire": {
			insert(t, insert(t, key, id, cert(t, e, id, packet.SigTypePositiveCert, born.Add(time.Minute),
				func(s *packet.Signature) { s.KeyLifetimeSecs, s.IsPrimaryId = &lifetime, &primary })),
				work, cert(t, e, work, packet.SigTypePositiveCert, born.Add(time.Hour), nil)),
			nil, []Reason{Expired}},
		"expired newest signature over a good older one": {insert(t, key, id, cert(t, e, id, packet.SigTypePositiveCert, born.Add(time.Hour),
			func(s *packet.Signature) { s.SigLifetimeSecs = &lifetime })),
			[]string{"ann@example.org", "ann@work.example"}, nil},
		"packets before the key": {slices.Concat(ps[1].raw, ps[2].raw, key), []string{"ann@example.org", "ann@work.example"}, []Reason{Malformed}},
	} {
		// A broken key does not stop the ones around it.
		before, after := entity(t, at(born), "before@example.net"), entity(t, at(born), "after@example.net")
		in := slices.Concat(c.in, serialize(t, after))
		want := append([]string{"after@example.net"}, c.labels...)
		if name != "packets before the key" {
			in = append(serialize(t, before), in...)
			want = append(want, "before@example.net")
		}
		slices.Sort(want)
		got := collect(t, in)
		if !slices.Equal(labels(got), want) {
			t.Errorf("%s: labels %v, want %v (%v)", name, labels(got), want, got.Skipped)
		}
		var why []Reason
		for _, s := range got.Skipped {
			why = append(why, s.Skipped)
			if s.Where == "" {
				t.Errorf("%s: skipped nowhere", name)
			}
		}
		if !slices.Equal(why, c.why) {
			t.Errorf("%s: skipped %v, want %v", name, got.Skipped, c.why)
		}
	}
}

// A key that another key may revoke, and says it does.
func TestDesignatedRevoker(t *testing.T) {
	e, revoker := entity(t, at(born), "ann@example.org"), entity(t, at(born), "bob@example.org")
	ps := cut(t, serialize(t, e))
	// The other's revocation alone is a stranger's word.
	sig := &packet.Signature{Version: 4, SigType: packet.SigTypeKeyRevocation, PubKeyAlgo: revoker.PrimaryKey.PubKeyAlgo, Hash: crypto.SHA256,
		CreationTime: born, IssuerKeyId: &revoker.PrimaryKey.KeyId}
	if err := sig.RevokeKey(e.PrimaryKey, revoker.PrivateKey, at(born)); err != nil {
		t.Fatal(err)
	}
	stranger := slices.Concat(ps[0].raw, sigBytes(t, sig), paste(ps[1:]))
	if c := collect(t, stranger); len(c.Items) != 1 {
		t.Fatalf("a stranger revoked a key: %v", c.Skipped)
	}
	// go-crypto cannot write the subpacket, so the judgement is asked directly.
	fpr := revoker.PrimaryKey.Fingerprint
	hashed := append([]byte{23, 12, 0x80, 22}, fpr...)
	suffix := append([]byte{4, 0x1f, 22, 8, 0, byte(len(hashed))}, hashed...)
	direct := signature{parsed: &packet.Signature{Version: 4, HashSuffix: append(suffix, 4, 0xff, 0, 0, 0, byte(len(suffix)))}}
	j := &judgement{c: &certificate{revokers: []uint64{revoker.PrimaryKey.KeyId}}}
	if id, ok := j.designated(direct); !ok || id != revoker.PrimaryKey.KeyId {
		t.Error("a designated revoker is not heeded")
	}
	j.c.revokers = []uint64{1}
	if _, ok := j.designated(direct); ok {
		t.Error("a stranger is heeded")
	}
}

func TestSubkeys(t *testing.T) {
	e := entity(t, at(born), "ann@example.org")
	if err := e.AddSigningSubkey(at(born)); err != nil {
		t.Fatal(err)
	}
	if err := e.RevokeSubkey(&e.Subkeys[0], packet.KeySuperseded, "", at(born)); err != nil {
		t.Fatal(err)
	}
	key := serialize(t, e)
	el, err := openpgp.ReadKeyRing(bytes.NewReader(collect(t, key).Items[0].Keys[0].Data))
	if err != nil || len(el[0].Subkeys) != 2 || len(el[0].Subkeys[0].Revocations) != 1 {
		t.Fatalf("a revoked subkey lost its revocation: %v", err)
	}
	// A subkey bound by a bad signature, and one bound by another key, go.
	other := cut(t, serialize(t, entity(t, at(born), "bob@example.org")))
	i := slices.IndexFunc(other, func(p rawPacket) bool { return p.tag == tagPublicSubkey })
	el, err = openpgp.ReadKeyRing(bytes.NewReader(collect(t, append(bytes.Clone(key), paste(other[i:])...)).Items[0].Keys[0].Data))
	if err != nil || len(el[0].Subkeys) != 2 {
		t.Fatalf("a foreign subkey stayed: %v", err)
	}
	// So does a signing subkey that did not sign back.
	var binding *packet.Signature
	for _, s := range e.Subkeys {
		if s.Sig.FlagSign {
			binding = s.Sig
			binding.EmbeddedSignature = nil
			if err := binding.SignKey(s.PublicKey, e.PrivateKey, at(born)); err != nil {
				t.Fatal(err)
			}
		}
	}
	el, err = openpgp.ReadKeyRing(bytes.NewReader(collect(t, serialize(t, e)).Items[0].Keys[0].Data))
	if err != nil || len(el[0].Subkeys) != 1 {
		t.Fatalf("a subkey without cross-signature stayed: %v", err)
	}
}

// A subkey of an algorithm we cannot read is kept when the primary key binds
// it, so that a reader that knows the algorithm finds it; not one for signing.
func TestUnreadableSubkey(t *testing.T) {
	for _, signs := range []bool{false, true} {
		e := entity(t, at(born), "ann@example.org")
		body := append([]byte{4, 0, 0, 0, 1, 99}, make([]byte, 20)...)
		sig := &packet.Signature{Version: 4, SigType: packet.SigTypeSubkeyBinding, PubKeyAlgo: e.PrimaryKey.PubKeyAlgo, Hash: crypto.SHA256,
			CreationTime: born, IssuerKeyId: &e.PrimaryKey.KeyId, FlagsValid: true, FlagSign: signs}
		h, err := sig.PrepareSign(at(born))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.PrimaryKey.SerializeForHash(h); err != nil {
			t.Fatal(err)
		}
		h.Write([]byte{0x99, 0, byte(len(body))})
		h.Write(body)
		if err := sig.Sign(h, e.PrivateKey, at(born)); err != nil {
			t.Fatal(err)
		}
		subkey := newPacket(tagPublicSubkey, body)
		bound := slices.Concat(serialize(t, e), subkey, sigBytes(t, sig))
		if got := bytes.Contains(collect(t, bound).Items[0].Keys[0].Data, subkey); got == signs {
			t.Errorf("signs %v: kept %v", signs, got)
		}
		body[25] ^= 1
		moved := slices.Concat(serialize(t, e), newPacket(tagPublicSubkey, body), sigBytes(t, sig))
		if bytes.Contains(collect(t, moved).Items[0].Keys[0].Data, body) {
			t.Error("a subkey that was not bound is kept")
		}
	}
}

func TestSeveralKeysOfOneAddress(t *testing.T) {
	a, b := serialize(t, entity(t, at(born), "ann@example.org")), serialize(t, entity(t, at(born), "ANN@example.org"))
	one, two := collect(t, slices.Concat(a, b)), collect(t, slices.Concat(b, a, b))
	if len(one.Items) != 1 || len(one.Items[0].Keys) != 2 {
		t.Fatalf("%v", one)
	}
	for i := range one.Items[0].Keys {
		if !bytes.Equal(one.Items[0].Keys[i].Data, two.Items[0].Keys[i].Data) {
			t.Error("the order of the file matters")
		}
	}
	if two.Reasons()[Duplicate] != 1 {
		t.Errorf("%v", two.Skipped)
	}
	// Two user ids of one key with one address are one entry with both.
	e := entity(t, at(born), "ann@example.org")
	if err := e.AddUserId("Ann Other", "", "Ann@Example.ORG", at(born)); err != nil {
		t.Fatal(err)
	}
	c := collect(t, serialize(t, e))
	el, err := openpgp.ReadKeyRing(bytes.NewReader(c.Items[0].Keys[0].Data))
	if err != nil || len(c.Items) != 1 || len(c.Items[0].Keys) != 1 || len(el[0].Identities) != 2 {
		t.Errorf("%v %v", c, err)
	}
}

func armored(t testing.TB, b []byte, kind string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := armor.Encode(&out, kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(b)
	w.Close()
	out.WriteString("\n")
	return out.Bytes()
}

func TestArmored(t *testing.T) {
	a, b := serialize(t, entity(t, at(born), "ann@example.org")), serialize(t, entity(t, at(born), "bob@example.org"))
	var private bytes.Buffer
	if err := entity(t, at(born), "eve@example.org").SerializePrivateWithoutSigning(&private, nil); err != nil {
		t.Fatal(err)
	}
	block := openpgp.PublicKeyType
	c := collect(t, slices.Concat([]byte("\n"), armored(t, a, block), armored(t, private.Bytes(), openpgp.PrivateKeyType),
		[]byte("words between\n"), armored(t, a[:len(a)-7], block), armored(t, b, block)))
	if got := labels(c); !slices.Equal(got, []string{"ann@example.org", "bob@example.org"}) {
		t.Errorf("%v, skipped %v", got, c.Skipped)
	}
	if r := c.Reasons(); r[Secret] != 1 || r[Malformed] != 1 || len(c.Skipped) != 2 {
		t.Errorf("%v", c.Skipped)
	}
}

func TestUnreadable(t *testing.T) {
	key := serialize(t, entity(t, at(born), "ann@example.org"))
	for name, in := range map[string][]byte{
		"empty":              nil,
		"white space":        []byte(" \n\t"),
		"text":               []byte("hello\n"),
		"half an armor":      []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"),
		"truncated":          key[:len(key)-1],
		"garbage after":      append(bytes.Clone(key), 0x01),
		"indeterminate":      append(bytes.Clone(key), 0x80|6<<2|3),
		"partial":            append(bytes.Clone(key), 0xc6, 0xe1, 0, 0),
		"claims 4 GiB":       append(bytes.Clone(key), 0xc6, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3),
		"header without end": append(bytes.Clone(key), 0xc6, 0xff, 0xff),
	} {
		if _, err := Collect(OpenPGP(bytes.NewReader(in), now)); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("disk on fire")
	if _, err := Collect(OpenPGP(io.MultiReader(bytes.NewReader(key), errReader{broken}), now)); !errors.Is(err, ErrUnreadable) || !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if _, err := Collect(Read("gpg", nil, now)); !errors.Is(err, ErrUnreadable) {
		t.Errorf("%v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// Packets and keys above the bounds cost the key, not the file.
func TestTooLarge(t *testing.T) {
	key := serialize(t, entity(t, at(born), "ann@example.org"))
	ps := cut(t, key)
	huge := newPacket(tagUserAttribute, make([]byte, MaxPacket+1))
	if c := collect(t, slices.Concat(key, huge, huge)); len(c.Items) != 1 || len(c.Skipped) != 0 {
		t.Errorf("a large photo: %v", c.Skipped)
	}
	if c := collect(t, slices.Concat(newPacket(tagPublicKey, make([]byte, MaxPacket+1)), paste(ps[1:]), key)); len(c.Items) != 1 || c.Reasons()[TooLarge] != 1 {
		t.Errorf("a large key: %v", c.Skipped)
	}
	many := bytes.Clone(key)
	for range MaxPackets {
		many = append(many, newPacket(tagUserID, []byte("x@example.org"))...)
	}
	if c := collect(t, append(many, key...)); len(c.Items) != 1 || c.Reasons()[TooLarge] != 1 {
		t.Errorf("many user ids: %v", c.Skipped)
	}
}

func TestStopsWhenAsked(t *testing.T) {
	key := serialize(t, entity(t, at(born), "ann@example.org", "ann@work.example"))
	n := 0
	for range OpenPGP(bytes.NewReader(slices.Concat(key, key)), now) {
		n++
		break
	}
	if n != 1 {
		t.Fatal(n)
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{
		"Ann <ann@example.org>":          "ann@example.org",
		"<ann@example.org>":              "ann@example.org",
		"ann@example.org":                "ann@example.org",
		" Ann (a <b) <ann@example.org> ": "ann@example.org",
		"Ann <ann@example.org> (old)":    "",
		"Ann ann@example.org":            "",
		"Ann <ann>":                      "",
		"Ann":                            "",
		">":                              "",
		"":                               "",
	} {
		got, ok := address(in)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q %v", in, got, ok)
		}
	}
}

func FuzzOpenPGP(f *testing.F) {
	key := serialize(f, entity(f, at(born), "ann@example.org"))
	f.Add(key)
	f.Add(armored(f, key, openpgp.PublicKeyType))
	f.Fuzz(func(t *testing.T, b []byte) { check(t, Read(FormatOpenPGP, bytes.NewReader(b), now)) })
}
