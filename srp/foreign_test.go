package srp

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// foreignVectors are what fast-srp-hap 2.0.4 and jsrp 0.2.4 compute of the inputs of
// RFC 5054, appendix B. V, A and B stand as their SHA-256.
var foreignVectors = []struct {
	name                 string
	p                    *Profile
	v, a, b, key, m1, m2 string
}{
	{
		"hap-2048-sha256", HAP(Group2048(), crypto.SHA256),
		"7b59594243b1ba2b5a35226c173b52bde2a00dc63fb64ab2a25cec7dfbc3bd25",
		"3fc7ca7ea0f9b2d929a752b4c67203e9e5cc9490cd98b0b9b6f373a09e45ef6b",
		"c55cb3c61ad6111529c32cf33bf04d3319e51461bd5ed5faa8e079707d772790",
		"899f35b485d44d577957e87cfdd48343d97ea2e0c3e8620594e0b8da9ce5da98",
		"7b1867ca8cc93ab5a9e40a5fd504b28f757a41b5cc5ac7de7ac1078130601c42",
		"91385641bf84309d0321b32ae665d508de8dba72342030d0a5bf46a2f05a53ca",
	},
	{
		"hap-3072-sha512", HAP(Group3072(), crypto.SHA512),
		"a9cdc6509abe15bf6c7d76d360dc6c4eee008095013e191011395de78063c2a7",
		"71f46d1d2c9ec34bdc2f84272e74d959c24c07326f1e7c5313a525fcac3c2b98",
		"930e77f7b16c5897a77e5765ebb01501e0ca8f0e986032d71149b759d6f2e071",
		"5cbc219db052138ee1148c71cd4498963d682549ce91ca24f098468f06015beb6af245c2093f98c3651bca83ab8cab2b580bbf02184fefdf26142f73df95ac50",
		"5f7c14ab57ed0e94fd1d78c6b4dd09ed7e340b7e05d419a9fd760f6b35e523d1310777a1ae1d2826f596f3a85116cc457c7c964d4f44ded5559da818c88b617f",
		"2fa0e81f5cb73b88fa0964270f321dd641f2227a5d805c40f1bfe96aaf6a19ffce8e23287965a39eab9d5a02215f89e128177ed2c4f103e655a045531bcbf7ad",
	},
	{
		"short-2048-sha256", Short(Group2048(), crypto.SHA256),
		"7b59594243b1ba2b5a35226c173b52bde2a00dc63fb64ab2a25cec7dfbc3bd25",
		"3fc7ca7ea0f9b2d929a752b4c67203e9e5cc9490cd98b0b9b6f373a09e45ef6b",
		"c55cb3c61ad6111529c32cf33bf04d3319e51461bd5ed5faa8e079707d772790",
		"899f35b485d44d577957e87cfdd48343d97ea2e0c3e8620594e0b8da9ce5da98",
		"507902b3df2a25b913172233ae10634acd7d6cb739e72caa60f67e951d656805",
		"923ca47b9b7f1ecd04d76215cff523a38c42edd7187e65eda10e6f480f370dd7",
	},
	{
		"short-4096-sha256", Short(Group4096(), crypto.SHA256),
		"e6444cfb14a382937f51240e0702ce3e6c145f8dde00371f95b55ca39a1e5449",
		"b651f6d802b28cac9f17a290ebb396782af9b4ea08b03b53c14794114cf72707",
		"e7e616e3cbca92cf1b170221a68341bad03242b9dd7a9611e40abe5e6f81a3e9",
		"46eb48bfcb2e112c1033b37127238ee4e5e6b83d9ee2f93ec0cd26215ed0866d",
		"201306949376c76207a740572d89aafc6c038603fa14f14fbc5d59ccdb26e17d",
		"a591a2444c0c863865960d184eb3390bd601f975ae44db2ca925e639097e18fd",
	},
}

// TestForeignProfiles compares both sides with what others compute.
func TestForeignProfiles(t *testing.T) {
	name, password := []byte("alice"), []byte("password123")
	salt := unhex(t, "BEB25379 D1A8581E B5A72767 3A2441EE")
	a := unhex(t, "60975527 035CF2AD 1989806F 0407210B C81EDC04 E2762A56 AFD529DD DA2D4393")
	b := unhex(t, "E487CB59 D31AC550 471E81F0 0F6928E0 1DDA08E9 74A004F4 9E61F5D1 05284D20")
	for _, f := range foreignVectors {
		if f.p.Name != f.name {
			t.Errorf("%s calls itself %s", f.name, f.p.Name)
		}
		same := func(what string, got []byte, want string) {
			t.Helper()
			if hex.EncodeToString(got) != want {
				t.Errorf("%s: %s is %x", f.name, what, got)
			}
		}
		hashed := func(what string, got []byte, want string) {
			t.Helper()
			sum := sha256.Sum256(got)
			same("the hash of "+what, sum[:], want)
		}
		v := f.p.Verifier(name, salt, password)
		hashed("v", v, f.v)
		client, err := f.p.NewClient(name, bytes.NewReader(a))
		must(t, err)
		hashed("A", client.A(), f.a)
		e, err := f.p.NewEphemeral(bytes.NewReader(b))
		must(t, err)
		server, err := e.NewServer(name, salt, v)
		must(t, err)
		hashed("B", server.B(), f.b)
		m1, err := client.Answer(salt, server.B(), password)
		must(t, err)
		same("M1", m1, f.m1)
		m2, key, err := server.Verify(client.A(), m1)
		must(t, err)
		same("M2", m2, f.m2)
		same("K", key, f.key)
		if got, err := client.Confirm(m2); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}
