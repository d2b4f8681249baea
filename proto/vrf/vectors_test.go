package vrf

import (
	"bytes"
	"encoding/hex"
	"testing"

	"filippo.io/edwards25519"
	"filippo.io/nistec"
)

// A vector is one example of RFC 9381, appendix B.
type vector struct {
	name                                  string
	sk, pk, alpha, h, k, u, v, proof, out string // hexadecimal
}

// "ECVRF-P256-SHA256-TAI"
var vectorsP256 = []vector{{
	name:  "Example 10",
	sk:    "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
	pk:    "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
	alpha: "73616d706c65",
	h:     "0272a877532e9ac193aff4401234266f59900a4a9e3fc3cfc6a4b7e467a15d06d4",
	k:     "0d90591273453d2dc67312d39914e3a93e194ab47a58cd598886897076986f77",
	u:     "02bb6a034f67643c6183c10f8b41dc4babf88bff154b674e377d90bde009c21672",
	v:     "02893ebee7af9a0faa6da810da8a91f9d50e1dc071240c9706726820ff919e8394",
	proof: "035b5c726e8c0e2c488a107c600578ee75cb702343c153cb1eb8dec77f4b5071b4a53f0a46f018bc2c56e58d383f2305e0975972c26feea0eb122fe7893c15af376b33edf7de17c6ea056d4d82de6bc02f",
	out:   "a3ad7b0ef73d8fc6655053ea22f9bede8c743f08bbed3d38821f0e16474b505e",
}, {
	name:  "Example 11",
	sk:    "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
	pk:    "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
	alpha: "74657374",
	h:     "02173119b4fff5e6f8afed4868a29fe8920f1b54c2cf89cc7b301d0d473de6b974",
	k:     "5852353a868bdce26938cde1826723e58bf8cb06dd2fed475213ea6f3b12e961",
	u:     "022779a2cafcb65414c4a04a4b4d2adf4c50395f57995e89e6de823250d91bc48e",
	v:     "033b4a14731672e82339f03b45ff6b5b13dee7ada38c9bf1d6f8f61e2ce5921119",
	proof: "034dac60aba508ba0c01aa9be80377ebd7562c4a52d74722e0abae7dc3080ddb56c19e067b15a8a8174905b13617804534214f935b94c2287f797e393eb0816969d864f37625b443f30f1a5a33f2b3c854",
	out:   "a284f94ceec2ff4b3794629da7cbafa49121972671b466cab4ce170aa365f26d",
}, {
	name:  "Example 12",
	sk:    "2ca1411a41b17b24cc8c3b089cfd033f1920202a6c0de8abb97df1498d50d2c8",
	pk:    "03596375e6ce57e0f20294fc46bdfcfd19a39f8161b58695b3ec5b3d16427c274d",
	alpha: "4578616d706c65207573696e67204543445341206b65792066726f6d20417070656e646978204c2e342e32206f6620414e53492e58392d36322d32303035",
	h:     "0258055c26c4b01d01c00fb57567955f7d39cd6f6e85fd37c58f696cc6b7aa761d",
	k:     "5689e2e08e1110b4dda293ac21667eac6db5de4a46a519c73d533f69be2f4da3",
	u:     "020f465cd0ec74d2e23af0abde4c07e866ae4e5138bded5dd1196b8843f380db84",
	v:     "036cb6f811428fc4904370b86c488f60c280fa5b496d2f34ff8772f60ed24b2d1d",
	proof: "03d03398bf53aa23831d7d1b2937e005fb0062cbefa06796579f2a1fc7e7b8c667d091c00b0f5c3619d10ecea44363b5a599cadc5b2957e223fec62e81f7b4825fc799a771a3d7334b9186bdbee87316b1",
	out:   "90871e06da5caa39a3c61578ebb844de8635e27ac0b13e829997d0d95dd98c19",
}}

// "ECVRF-EDWARDS25519-SHA512-TAI"; k is before its reduction by the group order.
var vectorsEd25519 = []vector{{
	name:  "Example 16",
	sk:    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	pk:    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
	alpha: "",
	h:     "91bbed02a99461df1ad4c6564a5f5d829d0b90cfc7903e7a5797bd658abf3318",
	k:     "7100f3d9eadb6dc4743b029736ff283f5be494128df128df2817106f345b8594b6d6da2d6fb0b4c0257eb337675d96eab49cf39e66cc2c9547c2bf8b2a6afae4",
	u:     "aef27c725be964c6a9bf4c45ca8e35df258c1878b838f37d9975523f09034071",
	v:     "5016572f71466c646c119443455d6cb9b952f07d060ec8286d678615d55f954f",
	proof: "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
	out:   "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae",
}, {
	name:  "Example 17",
	sk:    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	pk:    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	alpha: "72",
	h:     "5b659fc3d4e9263fd9a4ed1d022d75eaacc20df5e09f9ea937502396598dc551",
	k:     "42589bbf0c485c3c91c1621bb4bfe04aed7be76ee48f9b00793b2342acb9c167cab856f9f9d4febc311330c20b0a8afd3743d05433e8be8d32522ecdc16cc5ce",
	u:     "1dcb0a4821a2c48bf53548228b7f170962988f6d12f5439f31987ef41f034ab3",
	v:     "fd03c0bf498c752161bae4719105a074630a2aa5f200ff7b3995f7bfb1513423",
	proof: "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92a465301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02",
	out:   "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031",
}, {
	name:  "Example 18",
	sk:    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	pk:    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
	alpha: "af82",
	h:     "bf4339376f5542811de615e3313d2b36f6f53c0acfebb482159711201192576a",
	k:     "38b868c335ccda94a088428cbf3ec8bc7955bfaffe1f3bd2aa2c59fc31a0febc59d0e1af3715773ce11b3bbdd7aba8e3505d4b9de6f7e4a96e67e0d6bb6d6c3a",
	u:     "2bae73e15a64042fcebf062abe7e432b2eca6744f3e8265bc38e009cd577ecd5",
	v:     "88cba1cb0d4f9b649d9a86026b69de076724a93a65c349c988954f0961c5d506",
	proof: "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f9ea3c0e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e",
	out:   "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c452118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f",
}}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantHex(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s = %x, want %s", what, got, want)
	}
}

func TestRFC9381VectorsP256(t *testing.T) {
	for _, v := range vectorsP256 {
		t.Run(v.name, func(t *testing.T) {
			key, err := NewP256PrivateKey(unhex(t, v.sk))
			if err != nil {
				t.Fatal(err)
			}
			k := key.(*p256PrivateKey)
			alpha := unhex(t, v.alpha)
			wantHex(t, "PK", k.Public().Bytes(), v.pk)
			var h, u, vv nistec.P256Point
			encoded := k.public.hashToCurve(&h, alpha)
			wantHex(t, "H", encoded[:], v.h)
			wantHex(t, "H, encoded again", h.BytesCompressed(), v.h)
			nonce := k.nonce(encoded[:])
			wantHex(t, "k", nonce, v.k)
			if _, err := u.ScalarBaseMult(nonce); err != nil {
				t.Fatal(err)
			}
			multP256(&vv, &h, nonce)
			wantHex(t, "U", u.BytesCompressed(), v.u)
			wantHex(t, "V", vv.BytesCompressed(), v.v)

			out, proof := key.Prove(alpha)
			wantHex(t, "pi", proof, v.proof)
			wantHex(t, "beta of Prove", out[:], v.out)
			out = key.Evaluate(alpha)
			wantHex(t, "beta of Evaluate", out[:], v.out)
			if out, err = key.Output(unhex(t, v.proof)); err != nil {
				t.Error(err)
			}
			wantHex(t, "beta of Output", out[:], v.out)
			public, err := ParseP256PublicKey(unhex(t, v.pk))
			if err != nil {
				t.Fatal(err)
			}
			if out, err = public.Verify(alpha, unhex(t, v.proof)); err != nil {
				t.Error(err)
			}
			wantHex(t, "beta of Verify", out[:], v.out)
		})
	}
}

func TestRFC9381VectorsEd25519(t *testing.T) {
	for _, v := range vectorsEd25519 {
		t.Run(v.name, func(t *testing.T) {
			key, err := NewEd25519PrivateKey(unhex(t, v.sk))
			if err != nil {
				t.Fatal(err)
			}
			k := key.(*ed25519PrivateKey)
			alpha := unhex(t, v.alpha)
			wantHex(t, "PK", k.Public().Bytes(), v.pk)
			var h, u, vv edwards25519.Point
			k.public.hashToCurve(&h, alpha)
			wantHex(t, "H", h.Bytes(), v.h)
			nonce := k.nonce((*[32]byte)(h.Bytes()))
			want, err := edwards25519.NewScalar().SetUniformBytes(unhex(t, v.k))
			if err != nil {
				t.Fatal(err)
			}
			if nonce.Equal(want) != 1 {
				t.Errorf("k = %x, want %x", nonce.Bytes(), want.Bytes())
			}
			wantHex(t, "U", u.ScalarBaseMult(nonce).Bytes(), v.u)
			wantHex(t, "V", vv.ScalarMult(nonce, &h).Bytes(), v.v)

			out, proof := k.prove(alpha)
			wantHex(t, "pi", proof, v.proof)
			wantHex(t, "beta of prove", out[:], v.out)
			out = k.evaluate(alpha)
			wantHex(t, "beta of evaluate", out[:], v.out)
			if out, err = proofToHashEd25519(unhex(t, v.proof)); err != nil {
				t.Error(err)
			}
			wantHex(t, "beta of proofToHash", out[:], v.out)
			public, err := ParseEd25519PublicKey(unhex(t, v.pk))
			if err != nil {
				t.Fatal(err)
			}
			if out, err = public.(*ed25519PublicKey).verify(alpha, unhex(t, v.proof)); err != nil {
				t.Error(err)
			}
			wantHex(t, "beta of verify", out[:], v.out)
		})
	}
}

// "KT Cipher Suites": the output of ECVRF-EDWARDS25519-SHA512-TAI is truncated
// to 32 bytes, that of ECVRF-P256-SHA256-TAI is taken whole.
func TestEd25519OutputTruncatedTo32Bytes(t *testing.T) {
	v := vectorsEd25519[0]
	key, err := NewEd25519PrivateKey(unhex(t, v.sk))
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, v.out)[:32]
	evaluated := key.Evaluate(nil)
	proved, proof := key.Prove(nil)
	output, err := key.Output(proof)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := key.Public().Verify(nil, proof)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range [][]byte{evaluated[:], proved[:], output[:], verified[:]} {
		if !bytes.Equal(got, want) {
			t.Errorf("output %x, want %x", got, want)
		}
	}
}
