package login

import (
	"bytes"
	"testing"
)

// FuzzShape: what is stored of shapes is read in one form only, and draws a
// derivation of the same shape.
func FuzzShape(f *testing.F) {
	f.Add("kith-3072-sha256-argon2id password 16 $argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("kith-3072-sha256-argon2id password 16 $2b$04$......................")
	f.Add("kith-3072-sha256-argon2id recovery 64 $scrypt$ln=10,r=8,p=1,l=32$AAAAAAAAAAA")
	f.Add("leap-1024-sha256 password 8 ")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseShape(s)
		if err != nil {
			return
		}
		if h.String() != s {
			t.Fatalf("%q is read as %q", s, h)
		}
		kdf, err := h.kdf(func(n int) []byte { return bytes.Repeat([]byte{7}, n) })
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		again, err := shapeOf(&credential{Profile: h.profile, KDF: kdf, Salt: make([]byte, h.salt)}, For{Recovery: h.recovery})
		if err != nil {
			t.Fatalf("%q draws %q: %v", s, kdf, err)
		}
		if twice, err := again.kdf(zeros); err != nil || twice != again.recipe {
			t.Fatalf("%q draws %q, of shape %q: %v", s, kdf, again, err)
		}
	})
}

// FuzzAccount: what a damaged database has for an account is an error, not a panic.
func FuzzAccount(f *testing.F) {
	f.Add([]byte(`{"name":"alice","generation":7,"passwords":{"srp":{"kdf":"x","sealed":"AAAA"}},"totp":{"sealed":"","wrong":{"device":{"count":3}}}}`))
	f.Add([]byte(`{"passwords":{"srp":null}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAccount(b)
		if err != nil {
			return
		}
		_ = a.factors()
		for _, purpose := range []For{{}, {Recovery: true}} {
			for _, protocol := range []string{stepSRP, stepOPAQUE} {
				if c := a.credential(protocol, purpose); c != nil {
					_, _ = shapeOf(c, purpose)
				}
			}
		}
	})
}

// FuzzOpen: nothing opens that was not sealed, whatever its length.
func FuzzOpen(f *testing.F) {
	k, err := NewKey(make([]byte, KeySize))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, "verifier alice")
	f.Add(make([]byte, 40), "verifier alice")
	f.Fuzz(func(t *testing.T, sealed []byte, place string) {
		if b, err := k.Open(place, sealed); err == nil {
			t.Fatalf("%x opens to %x", sealed, b)
		}
	})
}
