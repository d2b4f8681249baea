package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"filippo.io/mldsa"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	formats "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"
)

// testCosigner makes the cosigner of a seed of 32 times the same byte.
func testCosigner(t testing.TB, name string, seed byte) (*Cosigner, *Witness) {
	t.Helper()
	skey, vkey, err := GenerateCosigner(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)), name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCosigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name() != name || c.VerifierKey() != vkey {
		t.Fatalf("cosigner %q with key %q, want %q", c.Name(), c.VerifierKey(), vkey)
	}
	w, err := NewWitness(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

// testLattice makes an ML-DSA-44 cosigner with the code of neither this package nor
// the one it uses.
type testLattice struct {
	name string
	key  *mldsa.PrivateKey
}

func newLattice(t testing.TB, name string, seed byte) (*testLattice, *Witness) {
	t.Helper()
	key, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), bytes.Repeat([]byte{seed}, mldsa.PrivateKeySize))
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWitness(encodeVerifierKey(name, algMLDSA44, key.PublicKey().Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return &testLattice{name, key}, w
}

// line cosigns, as the text of tlog-cosignature has it.
func (l *testLattice) line(t testing.TB, c Checkpoint, at uint64) []byte {
	t.Helper()
	var msg []byte
	msg = append(msg, "subtree/v1\n\x00"...)
	msg = append(append(msg, byte(len(l.name))), l.name...)
	msg = binary.BigEndian.AppendUint64(msg, at)
	msg = append(append(msg, byte(len(c.Origin))), c.Origin...)
	msg = binary.BigEndian.AppendUint64(msg, 0)
	msg = binary.BigEndian.AppendUint64(msg, c.Size)
	msg = append(msg, c.Root[:]...)
	sig, err := l.key.Sign(nil, msg, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := keyID(l.name, algMLDSA44, l.key.PublicKey().Bytes())
	blob := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, id), at)
	return []byte(linePrefix + l.name + " " + base64.StdEncoding.EncodeToString(append(blob, sig...)) + "\n")
}

// cosigned signs a checkpoint and has cosigners sign it too.
func cosigned(t testing.TB, signer *Signer, size uint64, root Hash, lines ...[]byte) []byte {
	t.Helper()
	msg, err := signer.Sign(size, root)
	if err == nil {
		msg, err = AddCosignatures(msg, lines...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func mustCosign(t testing.TB, c *Cosigner, cp Checkpoint, at uint64) []byte {
	t.Helper()
	line, err := c.Cosign(cp.Text(), at)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func mustOpen(t testing.TB, v *Verifier, msg []byte) *Signed {
	t.Helper()
	s, err := v.Open(msg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var testCheckpoint = Checkpoint{testOrigin, 12, Hash{9, 31: 1}}

// TestCosignatureExample is that of the text of tlog-cosignature, whose cosigner
// has not published its key: what can be checked is how it parses.
func TestCosignatureExample(t *testing.T) {
	const example = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" +
		"— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n" +
		"— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
	lines := strings.SplitAfter(example, "\n")
	l, err := parseCosignature([]byte(lines[5]))
	if err != nil || l.name != "witness.example.com/w1" || l.id != 0x8d66cf3f || !l.cosignature() {
		t.Fatalf("%+v, %v", l, err)
	}
	at, raw, err := splitCosignature(note.Signature{Name: l.name, Hash: l.id, Base64: strings.Fields(lines[5])[2]})
	if err != nil || at != 1679315147 || len(raw) != ed25519.SignatureSize {
		t.Fatalf("time %d, %d bytes, %v", at, len(raw), err)
	}
	text := strings.Join(lines[:3], "")
	want := "cosignature/v1\ntime 1679315147\n" + text
	if got := string(cosignedText(text, at)); got != want {
		t.Errorf("signed message %q, want %q", got, want)
	}
}

// TestKeyIDIsThatOfTheText computes key IDs as tlog-cosignature writes them down:
// SHA-256(<name> || "\n" || 0x04 || key)[:4]. The vectors come from
// transparency-dev/formats.
func TestKeyIDIsThatOfTheText(t *testing.T) {
	_, w := testCosigner(t, "witness.example.org/w1", 3)
	v, err := formats.NewVerifierForCosignatureV1(w.Key())
	if err != nil || v.KeyHash() != w.id || v.Name() != w.Name() {
		t.Errorf("%v, ID %08x, want %08x", err, w.id, v.KeyHash())
	}
	_, pq := newLattice(t, "witness.example.org/pq", 3)
	v, err = formats.NewVerifierForCosignatureV1(pq.Key())
	if err != nil || v.KeyHash() != pq.id {
		t.Errorf("%v, ID %08x, want %08x", err, pq.id, v.KeyHash())
	}
}

// TestInteropOwnCosignaturesVerifyElsewhere: another implementation takes the
// checkpoint with all its cosignatures.
func TestInteropOwnCosignaturesVerifyElsewhere(t *testing.T) {
	signer, _ := testKey(t, 7)
	c, w := testCosigner(t, "witness.example.org/w1", 1)
	pq, wpq := newLattice(t, "witness.example.org/pq", 2)
	msg := cosigned(t, signer, 12, testCheckpoint.Root, mustCosign(t, c, testCheckpoint, 1_790_000_000), pq.line(t, testCheckpoint, 1_790_000_001))
	log, err := note.NewVerifier(signer.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	v1, err := formats.NewVerifierForCosignatureV1(w.Key())
	if err != nil {
		t.Fatal(err)
	}
	v2, err := formats.NewVerifierForCosignatureV1(wpq.Key())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(msg, note.VerifierList(log, v1, v2))
	if err != nil || len(n.Sigs) != 3 || len(n.UnverifiedSigs) != 0 {
		t.Fatalf("%+v, %v", n, err)
	}
	at, err := formats.CoSigV1Timestamp(n.Sigs[1])
	if err != nil || at.Unix() != 1_790_000_000 {
		t.Errorf("time %v, %v", at, err)
	}
}

// TestInteropForeignCosignaturesVerifyHere: cosignatures of another implementation,
// of both algorithms, count.
func TestInteropForeignCosignaturesVerifyHere(t *testing.T) {
	signer, verifier := testKey(t, 7)
	skey, _, err := GenerateCosigner(bytes.NewReader(bytes.Repeat([]byte{5}, 32)), "witness.example.org/w5")
	if err != nil {
		t.Fatal(err)
	}
	pqSecret, pqPublic, err := formats.GenerateMLDSAKey("witness.example.org/pq")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := signer.Sign(12, testCheckpoint.Root)
	if err != nil {
		t.Fatal(err)
	}
	log, err := note.NewVerifier(signer.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	var vkeys []string
	for _, secret := range []string{skey, pqSecret} {
		s, err := formats.NewSignerForCosignatureV1(secret)
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(msg, note.VerifierList(log))
		if err != nil {
			t.Fatal(err)
		}
		if msg, err = note.Sign(n, s); err != nil {
			t.Fatal(err)
		}
	}
	c, err := NewCosigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	vkeys = append(vkeys, c.VerifierKey(), pqPublic)
	q, err := NewQuorum(2, vkeys...)
	if err != nil {
		t.Fatal(err)
	}
	have, err := q.Check(mustOpen(t, verifier, msg), 1, math.MaxInt64)
	if err != nil || len(have) != 2 || have[0].Name != c.Name() || have[0].Time == 0 || have[1].Time == 0 {
		t.Errorf("%+v, %v", have, err)
	}
}

// TestLatticeImplementationsAgree: signatures of circl verify too.
func TestLatticeImplementationsAgree(t *testing.T) {
	public, secret := mldsa44.NewKeyFromSeed(&[32]byte{4})
	w, err := NewWitness(encodeVerifierKey("w", algMLDSA44, public.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, mldsa44.SignatureSize)
	if err := mldsa44.SignTo(secret, cosignedTree("w", testCheckpoint, 77), nil, false, sig); err != nil {
		t.Fatal(err)
	}
	blob := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, w.id), 77)
	line := note.Signature{Name: "w", Hash: w.id, Base64: base64.StdEncoding.EncodeToString(append(blob, sig...))}
	if at, err := w.Verify(testCheckpoint, line); err != nil || at != 77 {
		t.Fatal(at, err)
	}
	for what, other := range map[string]Checkpoint{
		"size":   {testOrigin, 13, testCheckpoint.Root},
		"root":   {testOrigin, 12, Hash{}},
		"origin": {testOrigin + "2", 12, testCheckpoint.Root},
	} {
		if _, err := w.Verify(other, line); !errors.Is(err, ErrCosignature) {
			t.Errorf("another %s: %v", what, err)
		}
	}
	renamed := *w
	renamed.name, renamed.id = "v", keyID("v", algMLDSA44, w.public)
	binary.BigEndian.PutUint32(blob, renamed.id)
	line = note.Signature{Name: "v", Hash: renamed.id, Base64: base64.StdEncoding.EncodeToString(append(blob, sig...))}
	if _, err := renamed.Verify(testCheckpoint, line); !errors.Is(err, ErrCosignature) {
		t.Errorf("another name: %v", err)
	}
}

// TestCosignatureIsOverItsTextAndTime changes each.
func TestCosignatureIsOverItsTextAndTime(t *testing.T) {
	c, w := testCosigner(t, "w1", 1)
	rapid.Check(t, func(rt *rapid.T) {
		cp := Checkpoint{testOrigin, rapid.Uint64Range(0, MaxSize).Draw(rt, "size"), Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "root"))}
		at := rapid.Uint64Range(0, math.MaxInt64).Draw(rt, "time")
		l, err := parseCosignature(mustCosign(t, c, cp, at))
		if err != nil {
			rt.Fatal(err)
		}
		sig := note.Signature{Name: l.name, Hash: l.id, Base64: strings.Fields(string(l.text))[2]}
		if got, err := w.Verify(cp, sig); err != nil || got != at {
			rt.Fatal(got, err)
		}
		blob, _ := base64.StdEncoding.DecodeString(sig.Base64)
		blob[rapid.IntRange(0, len(blob)-1).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		bent := sig
		bent.Base64 = base64.StdEncoding.EncodeToString(blob)
		other := cp
		other.Root[rapid.IntRange(0, 31).Draw(rt, "at")] ^= 1
		for what, err := range map[string]error{
			"bent":  second(w.Verify(cp, bent)),
			"other": second(w.Verify(other, sig)),
		} {
			if !errors.Is(err, ErrCosignature) {
				rt.Fatal(what, err)
			}
		}
	})
	if _, err := c.Cosign(testCheckpoint.Text(), 1<<63); err == nil {
		t.Error("a time above 2^63-1 was signed")
	}
	if _, err := c.Cosign("any text\n", 1); !errors.Is(err, ErrMalformed) {
		t.Error("what is no checkpoint was signed:", err)
	}
}

func second[T any](_ T, err error) error { return err }

// crooked signs something else, or nothing.
type crooked struct {
	seedSigner
	sig []byte
}

func (c crooked) Sign([]byte) ([]byte, error) { return c.sig, nil }

func TestRemoteSignerIsChecked(t *testing.T) {
	key := seedSigner(ed25519.NewKeyFromSeed(make([]byte, 32)))
	other, _ := key.Sign([]byte("something else"))
	for _, sig := range [][]byte{nil, other, other[:63]} {
		c, err := CosignerOf("w1", crooked{key, sig})
		if err != nil {
			t.Fatal(err)
		}
		if line, err := c.Cosign(testCheckpoint.Text(), 1); err == nil {
			t.Errorf("%q", line)
		}
	}
	c, err := CosignerOf("w1", key)
	if err != nil {
		t.Fatal(err)
	}
	mustCosign(t, c, testCheckpoint, 1)
}

// TestKeysOfTheOtherKindAreRefused: the key of a log is no cosigner's, the key of a
// cosigner no log's, and an ID must be that of the key.
func TestKeysOfTheOtherKindAreRefused(t *testing.T) {
	logSecret, logPublic, err := GenerateKey(bytes.NewReader(make([]byte, 32)), "w1")
	if err != nil {
		t.Fatal(err)
	}
	secret, public, err := GenerateCosigner(bytes.NewReader(make([]byte, 32)), "w1")
	if err != nil {
		t.Fatal(err)
	}
	bend := func(s string) string { // the ID
		i := strings.Index(s, "w1+") + 3
		return s[:i] + map[bool]string{true: "1", false: "0"}[s[i] == '0'] + s[i+1:]
	}
	for what, err := range map[string]error{
		"log key as witness":         second(NewWitness(logPublic)),
		"log key as cosigner":        second(NewCosigner(logSecret)),
		"cosigner key as log":        second(NewVerifier(public)),
		"cosigner key as signer":     second(NewSigner(secret)),
		"public as secret":           second(NewCosigner(public)),
		"secret as public":           second(NewWitness(secret)),
		"another ID":                 second(NewWitness(bend(public))),
		"another ID of a secret key": second(NewCosigner(bend(secret))),
		"cut":                        second(NewWitness(public[:len(public)-4])),
		"upper-case ID":              second(NewWitness("w1+" + strings.ToUpper(public[3:11]) + public[11:])),
		"name with a space":          second(NewWitness("w 1" + public[2:])),
		"huge":                       second(NewWitness(public + strings.Repeat("A", 4000))),
		"empty":                      second(NewWitness("")),
	} {
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzNewWitness(f *testing.F) {
	_, w := testCosigner(f, "w1", 1)
	f.Add(w.Key())
	_, pq := newLattice(f, "pq", 1)
	f.Add(pq.Key())
	f.Fuzz(func(t *testing.T, vkey string) {
		w, err := NewWitness(vkey)
		if err == nil && (w.Key() != vkey || encodeVerifierKey(w.name, w.alg, w.public) != vkey) {
			t.Fatalf("%q was taken for %+v", vkey, w)
		}
	})
}
