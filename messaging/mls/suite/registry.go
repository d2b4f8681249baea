package suite

import (
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/hpke"

	circl "github.com/cloudflare/circl/hpke"
)

// The two tables of "MLS Cipher Suites" (17.1), and the first two lines of those
// of the draft with ML-KEM. Its code points are not assigned.
func registry() map[ID]*Suite {
	x25519 := hpke.DHKEM(ecdh.X25519())
	byID := make(map[ID]*Suite)
	for _, s := range []*Suite{
		{X25519_AES128GCM_SHA256_Ed25519, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
			sha2_256, aes128gcm, &standardKEM{x25519, hpke.HKDFSHA256(), hpke.AES128GCM(), 32}, ed25519Scheme{}},
		{P256_AES128GCM_SHA256_P256, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
			sha2_256, aes128gcm, &standardKEM{hpke.DHKEM(ecdh.P256()), hpke.HKDFSHA256(), hpke.AES128GCM(), 32}, ecdsaScheme{elliptic.P256(), sha2_256}},
		{X25519_CHACHA20POLY1305_SHA256_Ed25519, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
			sha2_256, chacha20poly1305Alg, &standardKEM{x25519, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), 32}, ed25519Scheme{}},
		{X448_AES256GCM_SHA512_Ed448, "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448",
			sha2_512, aes256gcm, &x448KEM{circl.AEAD_AES256GCM}, ed448Scheme{}},
		{P521_AES256GCM_SHA512_P521, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521",
			sha2_512, aes256gcm, &standardKEM{hpke.DHKEM(ecdh.P521()), hpke.HKDFSHA512(), hpke.AES256GCM(), 66}, ecdsaScheme{elliptic.P521(), sha2_512}},
		{X448_CHACHA20POLY1305_SHA512_Ed448, "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448",
			sha2_512, chacha20poly1305Alg, &x448KEM{circl.AEAD_ChaCha20Poly1305}, ed448Scheme{}},
		{P384_AES256GCM_SHA384_P384, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
			sha2_384, aes256gcm, &standardKEM{hpke.DHKEM(ecdh.P384()), hpke.HKDFSHA384(), hpke.AES256GCM(), 48}, ecdsaScheme{elliptic.P384(), sha2_384}},
		{MLKEM768X25519_AES128GCM_SHA256_Ed25519, "MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519",
			sha2_256, aes128gcm, &standardKEM{hpke.MLKEM768X25519(), hpke.HKDFSHA256(), hpke.AES128GCM(), 32}, ed25519Scheme{}},
		{MLKEM768X25519_AES256GCM_SHA384_Ed25519, "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519",
			sha2_384, aes256gcm, &standardKEM{hpke.MLKEM768X25519(), hpke.HKDFSHA384(), hpke.AES256GCM(), 32}, ed25519Scheme{}},
	} {
		byID[s.id] = s
	}
	return byID
}
