package record

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"pgregory.net/rapid"
)

const (
	testDomain = "example.org"
	testLabel  = "ann@example.org"
)

// person returns a private key that depends on the name alone.
func person(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func keyPtr(name string) *Key {
	k := KeyOf(person(name))
	return &k
}

func must(t testing.TB) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func ageKey(s string) PublishedKey { return PublishedKey{Age, []byte("age1" + s)} }

func genKey(t *rapid.T, name string) *Key {
	if !rapid.Bool().Draw(t, name+" present") {
		return nil
	}
	return keyPtr(rapid.StringN(1, 8, 8).Draw(t, name))
}

func genName(min, max int) *rapid.Generator[string] {
	return rapid.StringMatching(`[a-zà-ö0-9@.+ -]*`).Filter(func(s string) bool { return len(s) >= min && len(s) <= max })
}

// genRecord draws a record that Encode takes, signed by whoever.
func genRecord(t *rapid.T) *Record {
	r := &Record{
		Domain:  genName(1, 255).Draw(t, "domain"),
		Label:   genName(1, 255).Draw(t, "label"),
		Version: rapid.Uint32().Draw(t, "version"),
		Kind:    Kind(rapid.IntRange(int(Imported), int(Closed)).Draw(t, "kind")),
	}
	if r.Version > 0 && rapid.Bool().Draw(t, "linked") {
		h := HashOf([]byte(r.Label))
		r.Previous = &h
	}
	if m := genName(0, 60).Draw(t, "moved to"); m != r.Label {
		r.MovedTo = m
	}
	if r.Kind != Closed {
		for i := range rapid.IntRange(0, 5).Draw(t, "keys") {
			data := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "data")
			r.Keys = append(r.Keys, PublishedKey{KeyType(rapid.Uint16().Draw(t, "type")), append(data, byte(i))})
		}
	}
	if r.Kind != Closed && r.Kind != Imported {
		r.Recovery = genKey(t, "recovery")
		for i := range rapid.IntRange(0, 4).Draw(t, "devices") {
			d := Device{
				ID:           append(rapid.SliceOfN(rapid.Byte(), 0, 63).Draw(t, "id"), byte(i)),
				Name:         genName(0, 255).Draw(t, "name"),
				SignatureKey: *keyPtr("device"),
			}
			if rapid.Bool().Draw(t, "mls") {
				d.MLS = &MLSKey{rapid.Uint16().Draw(t, "suite"), rapid.SliceOfN(rapid.Byte(), 1, 70).Draw(t, "mls key")}
			}
			r.Devices = append(r.Devices, d)
		}
	}
	if r.Kind != Imported {
		previous := person("before")
		if rapid.Bool().Draw(t, "same key") {
			previous = person("account")
		}
		if err := r.Sign(person("account"), previous); err != nil {
			t.Fatal(err)
		}
	}
	return r
}
