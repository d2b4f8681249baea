package suite_test

import (
	"testing"

	circl "github.com/cloudflare/circl/hpke"
)

func circlDerive(t *testing.T, ikm []byte) (pub, priv []byte) {
	t.Helper()
	pk, sk := circl.KEM_X448_HKDF_SHA512.Scheme().DeriveKeyPair(ikm)
	pub, err := pk.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	priv, err = sk.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return pub, priv
}
