package opaque

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"pgregory.net/rapid"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A vector is one of RFC 9807, "Test Vectors".
type vector struct {
	Config        map[string]string
	Inputs        map[string]string
	Intermediates map[string]string
	Outputs       map[string]string
}

func (v *vector) get(t *testing.T, name string) []byte {
	t.Helper()
	for _, m := range []map[string]string{v.Config, v.Inputs, v.Intermediates, v.Outputs} {
		if s, ok := m[name]; ok {
			b, err := hex.DecodeString(s)
			must(t, err)
			return b
		}
	}
	return nil
}

// TestRFC9807Vectors runs the vectors of ristretto255: two logins, and one for a
// name that nobody has.
func TestRFC9807Vectors(t *testing.T) {
	b, err := os.ReadFile("testdata/rfc9807.json")
	must(t, err)
	var vectors []*vector
	must(t, json.Unmarshal(b, &vectors))
	real, fake := 0, 0
	for _, v := range vectors {
		private, err := scalar(v.get(t, "server_private_key"))
		must(t, err)
		same := func(name string, got []byte) {
			t.Helper()
			if want := v.get(t, name); len(want) == 0 || !bytes.Equal(got, want) {
				t.Errorf("%s is %x, not %x", name, got, want)
			}
		}
		o := Options{Context: v.get(t, "Context"), Identities: Identities{Client: v.get(t, "client_identity"), Server: v.get(t, "server_identity")}}
		credential := v.get(t, "credential_identifier")
		pretended := join(v.get(t, "client_public_key"), v.get(t, "masking_key"), make([]byte, envelopeSize))
		server, err := newServer(v.get(t, "oprf_seed"), private, v.get(t, "server_public_key"), pretended, o.Context)
		must(t, err)
		login := func(ke1, record []byte) (*Handshake, []byte) {
			h, ke2, err := server.login(ke1, record, credential, o.Identities, v.get(t, "masking_nonce"), v.get(t, "server_nonce"), v.get(t, "server_keyshare_seed"))
			must(t, err)
			same("KE2", ke2)
			return h, ke2
		}
		if v.Config["Fake"] == "True" {
			h, _ := login(v.get(t, "KE1"), nil)
			if _, err := h.Finish(h.clientMAC); !errors.Is(err, ErrAuthentication) {
				t.Errorf("somebody logs in as nobody: %v", err)
			}
			fake++
			continue
		}
		blind, err := scalar(v.get(t, "blind_registration"))
		must(t, err)
		r, request, err := register(v.get(t, "password"), o, blind)
		must(t, err)
		same("registration_request", request)
		response, err := server.Register(request, credential)
		must(t, err)
		same("registration_response", response)
		record, exportKey, err := r.Finalize(response, bytes.NewReader(v.get(t, "envelope_nonce")))
		must(t, err)
		same("registration_upload", record)
		same("export_key", exportKey)
		blind, err = scalar(v.get(t, "blind_login"))
		must(t, err)
		l, ke1, err := newLogin(v.get(t, "password"), o, blind, v.get(t, "client_nonce"), v.get(t, "client_keyshare_seed"))
		must(t, err)
		same("KE1", ke1)
		h, ke2 := login(ke1, record)
		ke3, session, exportKey, err := l.Finish(ke2)
		must(t, err)
		same("KE3", ke3)
		same("session_key", session)
		same("export_key", exportKey)
		session, err = h.Finish(ke3)
		must(t, err)
		same("session_key", session)
		real++
	}
	if real != 2 || fake != 1 {
		t.Errorf("%d logins and %d fakes", real, fake)
	}
}

// A person is registered at a server.
type person struct {
	server   *Server
	o        Options
	record   []byte
	export   []byte
	password []byte
}

func (p *person) login(password []byte, record []byte) (client, server, export []byte, err error) {
	l, ke1, err := NewLogin(password, p.o, rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	h, ke2, err := p.server.Login(ke1, record, []byte("id"), p.o.Identities, rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	ke3, client, export, err := l.Finish(ke2)
	if err != nil {
		return nil, nil, nil, err
	}
	server, err = h.Finish(ke3)
	return client, server, export, err
}

func enrol(t interface {
	Helper()
	Fatal(...any)
}, seed byte, password []byte, o Options) *person {
	t.Helper()
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	server, err := NewServer(bytes.Repeat([]byte{seed}, Nh), o.Context)
	fail(err)
	r, request, err := Register(password, o, rand.Reader)
	fail(err)
	response, err := server.Register(request, []byte("id"))
	fail(err)
	record, export, err := r.Finalize(response, rand.Reader)
	fail(err)
	fail(CheckRecord(record))
	return &person{server, o, record, export, password}
}

// TestLogins: who knows the password gets in, with the keys of the registration;
// nobody else does, whatever differs.
func TestLogins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string) []byte { return rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, what) }
		o := Options{Context: draw("context"), Identities: Identities{Client: draw("client"), Server: draw("server")}}
		p := enrol(t, 1, draw("password"), o)
		client, server, export, err := p.login(p.password, p.record)
		if err != nil || !bytes.Equal(client, server) || !bytes.Equal(export, p.export) || len(client) != Nx {
			t.Fatal(err)
		}
		wrong := append(bytes.Clone(p.password), 0)
		if client, server, _, err := p.login(wrong, p.record); !errors.Is(err, ErrAuthentication) || client != nil || server != nil {
			t.Fatalf("wrong password: %v", err)
		}
		if _, _, _, err := p.login(p.password, nil); !errors.Is(err, ErrAuthentication) {
			t.Fatalf("nobody's record: %v", err)
		}
		other := enrol(t, 2, p.password, o)
		mixed := &person{other.server, o, p.record, nil, nil}
		if _, _, _, err := mixed.login(p.password, p.record); !errors.Is(err, ErrAuthentication) {
			t.Fatalf("another server: %v", err)
		}
		changed := *p
		switch rapid.IntRange(0, 2).Draw(t, "what differs") {
		case 0:
			changed.o.Context = append(bytes.Clone(o.Context), 1)
		case 1:
			changed.o.Client = append(bytes.Clone(o.Client), 1)
		case 2:
			changed.o.Server = append(bytes.Clone(o.Server), 1)
		}
		l, ke1, err := NewLogin(p.password, changed.o, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		_, ke2, err := p.server.Login(ke1, p.record, []byte("id"), o.Identities, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := l.Finish(ke2); !errors.Is(err, ErrAuthentication) {
			t.Fatalf("another context or identity: %v", err)
		}
	})
}

// TestEveryBit: no bit of a message can be changed.
func TestEveryBit(t *testing.T) {
	p := enrol(t, 1, []byte("password"), Options{})
	step := 1
	if testing.Short() {
		step = 37
	}
	for bit := 0; bit < 8*KE2Size; bit += step {
		l, ke1, err := NewLogin(p.password, p.o, rand.Reader)
		must(t, err)
		_, ke2, err := p.server.Login(ke1, p.record, []byte("id"), p.o.Identities, rand.Reader)
		must(t, err)
		ke2[bit/8] ^= 1 << (bit % 8)
		if _, session, _, err := l.Finish(ke2); err == nil || session != nil {
			t.Fatalf("bit %d of KE2: taken", bit)
		}
	}
	for bit := 0; bit < 8*KE1Size; bit += step {
		l, ke1, err := NewLogin(p.password, p.o, rand.Reader)
		must(t, err)
		changed := bytes.Clone(ke1)
		changed[bit/8] ^= 1 << (bit % 8)
		_, ke2, err := p.server.Login(changed, p.record, []byte("id"), p.o.Identities, rand.Reader)
		if err != nil {
			continue // not a message any more
		}
		if _, session, _, err := l.Finish(ke2); err == nil || session != nil {
			t.Fatalf("bit %d of KE1: taken", bit)
		}
	}
	for bit := 0; bit < 8*KE3Size; bit += step {
		h := &Handshake{clientMAC: make([]byte, KE3Size), session: []byte{1}}
		ke3 := make([]byte, KE3Size)
		ke3[bit/8] ^= 1 << (bit % 8)
		if session, err := h.Finish(ke3); !errors.Is(err, ErrAuthentication) || session != nil {
			t.Fatalf("bit %d of KE3: %v", bit, err)
		}
	}
}

// TestUnacceptableElements: the identity, and what is no element, is refused
// wherever a peer can send it ("Input Validation").
func TestUnacceptableElements(t *testing.T) {
	p := enrol(t, 1, []byte("password"), Options{})
	_, ke1, err := NewLogin(p.password, p.o, rand.Reader)
	must(t, err)
	for what, bad := range map[string][]byte{"identity": make([]byte, Noe), "no element": bytes.Repeat([]byte{0xff}, Noe), "not canonical": append(bytes.Repeat([]byte{0xff}, 31), 0x7f)} {
		check := func(where string, err error) {
			t.Helper()
			if !errors.Is(err, ErrMessage) {
				t.Errorf("%s in %s: %v", what, where, err)
			}
		}
		_, err := p.server.Register(bad, nil)
		check("RegistrationRequest", err)
		for _, at := range []int{0, Noe + Nn} {
			changed := bytes.Clone(ke1)
			copy(changed[at:], bad)
			_, _, err = p.server.Login(changed, p.record, nil, Identities{}, rand.Reader)
			check("KE1", err)
		}
		check("RegistrationRecord", CheckRecord(append(bytes.Clone(bad), p.record[Npk:]...)))
		for _, at := range []int{0, Noe} {
			r, request, err := Register(p.password, p.o, rand.Reader)
			must(t, err)
			response, err := p.server.Register(request, nil)
			must(t, err)
			copy(response[at:], bad)
			_, _, err = r.Finalize(response, rand.Reader)
			check("RegistrationResponse", err)
		}
		l, ke1, err := NewLogin(p.password, p.o, rand.Reader)
		must(t, err)
		_, ke2, err := p.server.Login(ke1, p.record, []byte("id"), Identities{}, rand.Reader)
		must(t, err)
		copy(ke2, bad)
		_, _, _, err = l.Finish(ke2)
		check("KE2", err)
	}
}

// TestLengths: messages of other lengths are refused, and none panics.
func TestLengths(t *testing.T) {
	p := enrol(t, 1, []byte("password"), Options{})
	for n := range KE2Size + 40 {
		b := bytes.Repeat([]byte{7}, n)
		if _, err := p.server.Register(b, nil); n != RequestSize && !errors.Is(err, ErrMessage) {
			t.Errorf("request of %d: %v", n, err)
		}
		if _, _, err := p.server.Login(b, nil, nil, Identities{}, rand.Reader); !errors.Is(err, ErrMessage) && n != KE1Size {
			t.Errorf("KE1 of %d: %v", n, err)
		}
		if err := CheckRecord(b); !errors.Is(err, ErrMessage) && n != RecordSize {
			t.Errorf("record of %d: %v", n, err)
		}
		l, _, err := NewLogin(p.password, p.o, rand.Reader)
		must(t, err)
		if _, _, _, err := l.Finish(b); err == nil {
			t.Errorf("KE2 of %d is taken", n)
		}
		if h := (&Handshake{clientMAC: make([]byte, KE3Size), session: []byte{1}}); n != KE3Size {
			if _, err := h.Finish(b); !errors.Is(err, ErrAuthentication) {
				t.Errorf("KE3 of %d: %v", n, err)
			}
		}
	}
}

// TestOnce: no step is taken twice.
func TestOnce(t *testing.T) {
	p := enrol(t, 1, []byte("password"), Options{})
	l, ke1, err := NewLogin(p.password, p.o, rand.Reader)
	must(t, err)
	h, ke2, err := p.server.Login(ke1, p.record, []byte("id"), p.o.Identities, rand.Reader)
	must(t, err)
	ke3, _, _, err := l.Finish(ke2)
	must(t, err)
	if _, _, _, err := l.Finish(ke2); !errors.Is(err, ErrOrder) {
		t.Error(err)
	}
	_, err = h.Finish(ke3)
	must(t, err)
	if _, err := h.Finish(ke3); !errors.Is(err, ErrOrder) {
		t.Error(err)
	}
}

// TestNobodyLooksLikeSomebody: for a name without a record the evaluated element
// is the same every time, as it is for a name with one, and all the rest is fresh.
func TestNobodyLooksLikeSomebody(t *testing.T) {
	p := enrol(t, 1, []byte("password"), Options{})
	_, ke1, err := NewLogin(p.password, p.o, rand.Reader)
	must(t, err)
	for _, record := range [][]byte{p.record, nil} {
		_, one, err := p.server.Login(ke1, record, []byte("id"), Identities{}, rand.Reader)
		must(t, err)
		_, two, err := p.server.Login(ke1, record, []byte("id"), Identities{}, rand.Reader)
		must(t, err)
		if len(one) != KE2Size || !bytes.Equal(one[:Noe], two[:Noe]) || bytes.Equal(one[Noe:Noe+Nn], two[Noe:Noe+Nn]) || bytes.Equal(one[Noe+Nn:credentialResponseSize], two[Noe+Nn:credentialResponseSize]) {
			t.Error("an answer gives away whether there is a record")
		}
	}
}

// TestStretch: the function is used, on the way in and out.
func TestStretch(t *testing.T) {
	calls := 0
	o := Options{Stretch: func(in []byte) ([]byte, error) { calls++; return append([]byte("stretched"), in...), nil }}
	p := enrol(t, 1, []byte("password"), o)
	_, _, _, err := p.login(p.password, p.record)
	must(t, err)
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
	p.o.Stretch = nil
	if _, _, _, err := p.login(p.password, p.record); !errors.Is(err, ErrAuthentication) {
		t.Error(err)
	}
}

func BenchmarkServerLogin(b *testing.B) {
	p := enrol(b, 1, []byte("password"), Options{})
	_, ke1, err := NewLogin(p.password, p.o, rand.Reader)
	must(b, err)
	for b.Loop() {
		if _, _, err := p.server.Login(ke1, p.record, []byte("id"), Identities{}, rand.Reader); err != nil {
			b.Fatal(err)
		}
	}
}
