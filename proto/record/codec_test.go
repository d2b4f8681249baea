package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// slowEncode writes a record down from the package comment, field by field.
func slowEncode(r *Record) []byte {
	var b bytes.Buffer
	num := func(size int, v uint64) {
		var x [8]byte
		binary.BigEndian.PutUint64(x[:], v)
		b.Write(x[8-size:])
	}
	opaque := func(size int, v []byte) { num(size, uint64(len(v))); b.Write(v) }
	optional := func(p bool, v []byte) {
		if p {
			b.WriteByte(1)
			b.Write(v)
		} else {
			b.WriteByte(0)
		}
	}
	key := func(k *Key) {
		if k == nil {
			optional(false, nil)
		} else {
			optional(true, k[:])
		}
	}
	opaque(1, []byte("kith account record 1"))
	opaque(1, []byte(r.Domain))
	opaque(1, []byte(r.Label))
	num(4, uint64(r.Version))
	if r.Previous != nil {
		optional(true, r.Previous[:])
	} else {
		optional(false, nil)
	}
	num(1, uint64(r.Kind))
	key(r.Account)
	num(1, uint64(len(r.Devices)))
	for _, d := range r.Devices {
		opaque(1, d.ID)
		opaque(1, []byte(d.Name))
		b.Write(d.SignatureKey[:])
		if d.MLS == nil {
			optional(false, nil)
			continue
		}
		b.WriteByte(1)
		num(2, uint64(d.MLS.CipherSuite))
		opaque(2, d.MLS.SignatureKey)
	}
	num(1, uint64(len(r.Keys)))
	for _, k := range r.Keys {
		num(2, uint64(k.Type))
		opaque(3, k.Data)
	}
	key(r.Recovery)
	if r.MovedTo == "" {
		optional(false, nil)
	} else {
		b.WriteByte(1)
		opaque(1, []byte(r.MovedTo))
	}
	for _, s := range []*Signature{r.AccountSignature, r.PreviousSignature} {
		if s == nil {
			optional(false, nil)
		} else {
			optional(true, s[:])
		}
	}
	return b.Bytes()
}

func TestEncodeParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRecord(t)
		b, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if want := slowEncode(r); !bytes.Equal(b, want) {
			t.Fatalf("encoding %x, the comment says %x", b, want)
		}
		back, err := Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := back.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("parse then encode is not the identity: %v", err)
		}
		if r.Kind != Imported && !back.VerifyAccount() {
			t.Fatal("the account signature is lost")
		}
		// Every truncation, and every added byte, is refused.
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, err := Parse(b[:cut]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut to %d bytes: %v", cut, err)
		}
		if _, err := Parse(append(bytes.Clone(b), 0)); !errors.Is(err, ErrMalformed) {
			t.Fatalf("with a byte more: %v", err)
		}
		// Whatever is changed, no signature holds any more, or it does not parse.
		flipped := bytes.Clone(b)
		flipped[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if f, err := Parse(flipped); err == nil && f.VerifyAccount() && (f.PreviousSignature == nil || f.VerifyPrevious(KeyOf(person("before")))) {
			t.Fatal("a changed record verifies")
		}
	})
}

func TestParseRefuses(t *testing.T) {
	base := func() *Record {
		return &Record{Domain: testDomain, Label: testLabel, Kind: Claimed, Account: keyPtr("a"), AccountSignature: &Signature{}}
	}
	many := make([]Device, 256)
	for i := range many {
		many[i].ID = []byte{byte(i), byte(i >> 8)}
	}
	for name, change := range map[string]func(*Record){
		"empty domain":              func(r *Record) { r.Domain = "" },
		"empty label":               func(r *Record) { r.Label = "" },
		"invalid UTF-8":             func(r *Record) { r.Label = "a\xff" },
		"control character":         func(r *Record) { r.Label = "a\x1b[1m" },
		"direction mark":            func(r *Record) { r.Devices = []Device{{ID: []byte("1"), Name: "a\u202eb"}} },
		"zero width":                func(r *Record) { r.MovedTo = "a\u200bb" },
		"previous at version 0":     func(r *Record) { r.Previous = &Hash{} },
		"kind 0":                    func(r *Record) { r.Kind = 0 },
		"kind 6":                    func(r *Record) { r.Kind = 6 },
		"imported with account":     func(r *Record) { r.Kind = Imported },
		"claim without account":     func(r *Record) { r.Account = nil },
		"claim without signature":   func(r *Record) { r.AccountSignature = nil },
		"imported with signature":   func(r *Record) { r.Kind, r.Account = Imported, nil },
		"imported, previous signed": func(r *Record) { *r = Record{Domain: "d", Label: "l", Kind: Imported, PreviousSignature: &Signature{}} },
		"imported with device":      func(r *Record) { *r = Record{Domain: "d", Label: "l", Kind: Imported, Devices: many[:1]} },
		"closed with keys":          func(r *Record) { r.Kind, r.Keys = Closed, []PublishedKey{ageKey("x")} },
		"device twice":              func(r *Record) { r.Devices = []Device{many[3], many[3]} },
		"device without id":         func(r *Record) { r.Devices = []Device{{}} },
		"long device id":            func(r *Record) { r.Devices = []Device{{ID: make([]byte, 65)}} },
		"empty MLS key":             func(r *Record) { r.Devices = []Device{{ID: []byte("1"), MLS: &MLSKey{}}} },
		"key twice":                 func(r *Record) { r.Keys = []PublishedKey{ageKey("x"), ageKey("x")} },
		"empty key":                 func(r *Record) { r.Keys = []PublishedKey{{Type: Age}} },
		"moved to itself":           func(r *Record) { r.MovedTo = r.Label },
	} {
		r := base()
		change(r)
		if _, err := r.Encode(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: Encode: %v", name, err)
		}
		if _, err := Parse(slowEncode(r)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: Parse: %v", name, err)
		}
	}
	if _, err := Parse(slowEncode(base())); err != nil {
		t.Fatalf("the base itself: %v", err)
	}
	r := base()
	r.Devices = many
	if _, err := r.Encode(); !errors.Is(err, ErrInvalid) {
		t.Errorf("256 devices: %v", err)
	}
	other := bytes.Replace(slowEncode(base()), []byte("record 1"), []byte("record 2"), 1)
	if _, err := Parse(other); !errors.Is(err, ErrMalformed) {
		t.Errorf("another context: %v", err)
	}
	// The presence octet of previous: 2 is not a boolean.
	two := slowEncode(base())
	two[1+len(Context)+1+len(testDomain)+1+len(testLabel)+4] = 2
	if _, err := Parse(two); !errors.Is(err, ErrMalformed) {
		t.Errorf("presence octet 2: %v", err)
	}
}

// A record of exactly 1 MiB is accepted, one byte more is not.
func TestSizeBound(t *testing.T) {
	r := &Record{Domain: testDomain, Label: testLabel, Kind: Imported, Keys: []PublishedKey{{Age, []byte("x")}}}
	r.Keys[0].Data = make([]byte, MaxSize-len(slowEncode(r))+1)
	b, err := r.Encode()
	if err != nil || len(b) != MaxSize {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
	if _, err := Parse(b); err != nil {
		t.Fatal(err)
	}
	r.Keys[0].Data = append(r.Keys[0].Data, 0)
	if _, err := r.Encode(); !errors.Is(err, ErrInvalid) {
		t.Fatalf("above the bound: %v", err)
	}
	if _, err := Parse(slowEncode(r)); !errors.Is(err, ErrMalformed) {
		t.Fatalf("above the bound: %v", err)
	}
}

func TestKeyTypes(t *testing.T) {
	for _, k := range []KeyType{OpenPGP, SSH, Age, Minisign, X509, WireGuard, 0x8001, 0xffff} {
		if back, err := ParseKeyType(k.String()); err != nil || back != k {
			t.Errorf("%v: %v %v", k, back, err)
		}
	}
	for _, s := range []string{"", "pgp", "type-0x0000", "type-0x0001", "type-0xZZZZ", "type-0x00fF", "OPENPGP"} {
		if k, err := ParseKeyType(s); err == nil {
			t.Errorf("%q is taken for %v", s, k)
		}
	}
	for _, k := range []PublishedKey{{OpenPGP, []byte{0x99, 0, 1, 4}}, {SSH, []byte("ssh-ed25519 AAAA")}, {Age, []byte("AGE-SECRET-KEY-1")},
		{Minisign, make([]byte, 42)}, {WireGuard, make([]byte, 31)}, {0, []byte("x")}} {
		if k.Check() == nil {
			t.Errorf("%v key %q passes", k.Type, k.Data)
		}
	}
	if err := ageKey("qqqq").Check(); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"a", "b"} {
		b, err := NewClaim(testDomain, testLabel, nil, Content{
			Keys: []PublishedKey{ageKey(name)}, Recovery: keyPtr("r"),
			Devices: []Device{{ID: []byte("1"), Name: strings.Repeat(name, 3), MLS: &MLSKey{1, []byte("k")}}},
		}, person(name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	imported, err := NewImported(testDomain, testLabel, &Link{Version: 4}, []PublishedKey{ageKey("x")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(imported)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || r != nil {
				t.Fatalf("%v, %v", r, err)
			}
			return
		}
		again, err := r.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("parse then encode is not the identity: %v", err)
		}
		if back, err := Parse(again); err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("encode then parse is not the identity: %v", err)
		}
		for _, k := range r.Keys {
			_, _, _ = k.Fingerprint(), k.Text(), k.Check()
		}
		Next(State{}, Place{r.Domain, r.Label, r.Version}, b)
		r.View(b)
	})
}
