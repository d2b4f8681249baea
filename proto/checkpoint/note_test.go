package checkpoint

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"
)

const testOrigin = "kt.example.org/log"

// testKey makes the key of a seed of 32 times the same byte.
func testKey(t testing.TB, seed byte) (*Signer, *Verifier) {
	t.Helper()
	skey, vkey, err := GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)), testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	if signer.VerifierKey() != vkey || signer.Origin() != testOrigin {
		t.Fatalf("signer of %q has the key %q, want %q", signer.Origin(), signer.VerifierKey(), vkey)
	}
	verifier, err := NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

// TestPublishedExamples are those of the C2SP texts.
func TestPublishedExamples(t *testing.T) {
	const text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	c, err := ParseText(text)
	if err != nil || c.Origin != "example.com/behind-the-sofa" || c.Size != 20852163 || c.Text() != text {
		t.Errorf("%+v, %v", c, err)
	}
	verifier, err := NewVerifier("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
	if err != nil || verifier.Origin() != "example.com/foo" {
		t.Fatal(err)
	}
	// The example note is not a checkpoint, but its signature is good.
	const example = "This is an example message.\n\n" +
		"— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
	if _, err := verifier.Open([]byte(example)); !errors.Is(err, ErrMalformed) || errors.Is(err, ErrSignature) {
		t.Errorf("%v", err)
	}
}

func TestGoldenCheckpoint(t *testing.T) {
	signer, verifier := testKey(t, 7)
	msg, err := signer.Sign(3, Hash{31: 1})
	if err != nil {
		t.Fatal(err)
	}
	const wantKey = "kt.example.org/log+1a8392f6+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
	const want = "kt.example.org/log\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=\n\n" +
		"— kt.example.org/log GoOS9gusrQj9blzn18JqOA3JOSZHdetIQf7froUIGwF1roBpdFIL69+UQbor98RDI5QUQwOxrIYawsobW+fK6K7DhAE=\n"
	if signer.VerifierKey() != wantKey {
		t.Errorf("verifier key %q", signer.VerifierKey())
	}
	if string(msg) != want {
		t.Errorf("checkpoint %q", msg)
	}
	signed, err := verifier.Open(msg)
	if err != nil || signed.Checkpoint != (Checkpoint{testOrigin, 3, Hash{31: 1}}) || len(signed.Others) != 0 {
		t.Errorf("%+v, %v", signed, err)
	}
	stray := strings.Replace(want, "AE=\n", "AF=\n", 2) // the same bytes, differently
	stray = strings.Replace(stray, "AF=\n", "AE=\n", 1)
	if _, err := verifier.Open([]byte(stray)); stray == want || !errors.Is(err, ErrMalformed) {
		t.Errorf("stray bits: %v", err)
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	signer, verifier := testKey(t, 7)
	rapid.Check(t, func(t *rapid.T) {
		want := Checkpoint{testOrigin, rapid.Uint64Range(0, MaxSize).Draw(t, "size"), fill[Hash](t, "root")}
		if got, err := ParseText(want.Text()); err != nil || got != want {
			t.Fatalf("%+v, %v", got, err)
		}
		msg, err := signer.Sign(want.Size, want.Root)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := verifier.Open(msg)
		if err != nil || signed.Checkpoint != want {
			t.Fatalf("%+v, %v", signed, err)
		}
		// One changed byte is noticed, wherever it is.
		at := rapid.IntRange(0, len(msg)-1).Draw(t, "at")
		msg[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := verifier.Open(msg); err == nil {
			t.Fatalf("byte %d of %q can be changed", at, msg)
		}
	})
}

func TestMalformedTexts(t *testing.T) {
	const root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
	if _, err := ParseText("a\n1\n" + root + "\n"); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a", maxOrigin)
	if _, err := ParseText(long + "\n1\n" + root + "\n"); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty":              "",
		"no last newline":    "a\n1\n" + root,
		"no origin":          "\n1\n" + root + "\n",
		"long origin":        long + "a\n1\n" + root + "\n",
		"space in origin":    "a b\n1\n" + root + "\n",
		"wide space":         "a\u2003b\n1\n" + root + "\n",
		"plus in origin":     "a+b\n1\n" + root + "\n",
		"control character":  "a\x01\n1\n" + root + "\n",
		"not UTF-8":          "a\xff\n1\n" + root + "\n",
		"leading zero":       "a\n01\n" + root + "\n",
		"sign":               "a\n+1\n" + root + "\n",
		"minus":              "a\n-1\n" + root + "\n",
		"no size":            "a\n\n" + root + "\n",
		"hexadecimal":        "a\n0x1\n" + root + "\n",
		"too large":          "a\n4611686018427387905\n" + root + "\n",
		"overflow":           "a\n18446744073709551616\n" + root + "\n",
		"short root":         "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
		"no padding":         "a\n1\n" + strings.TrimSuffix(root, "=") + "\n",
		"stray bits":         "a\n1\n" + strings.TrimSuffix(root, "I=") + "J=\n",
		"base64url":          "a\n1\n" + strings.Replace(root, "/", "_", 1) + "\n",
		"carriage return":    "a\n1\n" + root + "\r\n",
		"extension line":     "a\n1\n" + root + "\nmore\n",
		"empty line":         "a\n1\n" + root + "\n\n",
		"two lines":          "a\n1\n",
		"leading empty line": "\na\n1\n" + root + "\n",
	} {
		if c, err := ParseText(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestSignaturesAreRequired(t *testing.T) {
	signer, verifier := testKey(t, 7)
	msg, err := signer.Sign(9, Hash{})
	if err != nil {
		t.Fatal(err)
	}
	_, stranger := testKey(t, 8) // same origin, another key
	if _, err := stranger.Open(msg); !errors.Is(err, ErrSignature) {
		t.Errorf("a checkpoint signed by another key: %v", err)
	}
	forged := bytes.Replace(msg, []byte("\n9\n"), []byte("\n8\n"), 1)
	if _, err := verifier.Open(forged); !errors.Is(err, ErrSignature) {
		t.Errorf("a checkpoint of another size: %v", err)
	}
	unsigned, _, _ := bytes.Cut(msg, []byte("\n\n"))
	if _, err := verifier.Open(append(unsigned, '\n')); !errors.Is(err, ErrMalformed) {
		t.Errorf("no signature: %v", err)
	}
	if _, err := signer.Sign(MaxSize+1, Hash{}); err == nil {
		t.Error("signed an impossible size")
	}
}

// TestOriginIsTheKeysName signs the checkpoint of one log with the key of another.
func TestOriginIsTheKeysName(t *testing.T) {
	skey, vkey, err := GenerateKey(bytes.NewReader(make([]byte, 32)), "other.example.org")
	if err != nil {
		t.Fatal(err)
	}
	other, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := note.Sign(&note.Note{Text: Checkpoint{testOrigin, 1, Hash{}}.Text()}, other)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Open(msg); !errors.Is(err, ErrMalformed) {
		t.Errorf("%v", err)
	}
}

// TestUnknownSignaturesAreIgnored is "clients MUST ignore unknown signatures": a
// witness has cosigned.
func TestUnknownSignaturesAreIgnored(t *testing.T) {
	signer, verifier := testKey(t, 7)
	skey, _, err := note.GenerateKey(bytes.NewReader(make([]byte, 64)), "witness.example.org")
	if err != nil {
		t.Fatal(err)
	}
	witness, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	text := Checkpoint{testOrigin, 5, Hash{1}}.Text()
	msg, err := note.Sign(&note.Note{Text: text}, witness, signer.note)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := verifier.Open(msg)
	if err != nil || len(signed.Others) != 1 || signed.Others[0].Name != "witness.example.org" {
		t.Errorf("%+v, %v", signed, err)
	}
	alone, err := note.Sign(&note.Note{Text: text}, witness)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Open(alone); !errors.Is(err, ErrSignature) {
		t.Errorf("signed by a witness alone: %v", err)
	}
}

// TestNotesAreBounded is "Verifiers SHOULD apply a maximum limit to the number of
// signatures in a note [...] but MUST accept at least up to 16 signatures.
// Remember that post-quantum signatures can be up to nearly 5kB in size."
func TestNotesAreBounded(t *testing.T) {
	signer, verifier := testKey(t, 7)
	msg, err := signer.Sign(5, Hash{1})
	if err != nil {
		t.Fatal(err)
	}
	cosigned := func(n int) []byte {
		b := bytes.Clone(msg)
		for i := range n {
			signature := bytes.Repeat([]byte{byte(i)}, 5000)
			b = append(b, "— witness.example.org "+base64.StdEncoding.EncodeToString(signature)+"\n"...)
		}
		return b
	}
	signed, err := verifier.Open(cosigned(15))
	if err != nil || len(signed.Others) != 15 {
		t.Errorf("16 signatures: %v", err)
	}
	if _, err := verifier.Open(cosigned(20)); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d bytes: %v", len(cosigned(20)), err)
	}
}

func TestKeysAreChecked(t *testing.T) {
	for _, origin := range []string{"", "a b", "a+b", "a\nb", strings.Repeat("a", maxOrigin+1)} {
		if _, _, err := GenerateKey(bytes.NewReader(make([]byte, 32)), origin); !errors.Is(err, ErrMalformed) {
			t.Errorf("origin %q: %v", origin, err)
		}
	}
	if _, _, err := GenerateKey(bytes.NewReader(make([]byte, 31)), "a"); err == nil {
		t.Error("a key from 31 bytes")
	}
	skey, vkey, err := GenerateKey(bytes.NewReader(make([]byte, 32)), "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", vkey, skey[:len(skey)-4], strings.Replace(skey, "+a+", "+b+", 1)} {
		if _, err := NewSigner(bad); !errors.Is(err, ErrKey) {
			t.Errorf("signer key %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", skey, vkey[:len(vkey)-4], "b" + vkey[1:]} {
		if _, err := NewVerifier(bad); !errors.Is(err, ErrKey) {
			t.Errorf("verifier key %q: %v", bad, err)
		}
	}
	// Every seed makes a key that works, whatever its base64 looks like.
	for seed := range 256 {
		testKey(t, byte(seed))
	}
}

func FuzzParseText(f *testing.F) {
	f.Add(Checkpoint{testOrigin, 70_000, Hash{1, 2, 3}}.Text())
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseText(text)
		if err == nil && c.Text() != text {
			t.Fatalf("%q was taken for %+v", text, c)
		}
	})
}

func FuzzOpen(f *testing.F) {
	signer, verifier := testKey(f, 7)
	msg, err := signer.Sign(12, Hash{9})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(msg)
	text, _, _ := bytes.Cut(msg, []byte("\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := verifier.Open(b); err == nil && !bytes.HasPrefix(b, append(bytes.Clone(text), "\n\n"...)) {
			t.Fatalf("%q was accepted", b)
		}
	})
}
