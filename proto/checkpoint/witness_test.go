package checkpoint

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// addCheckpointExample is the request of the text of tlog-witness.
const addCheckpointExample = `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
`

func TestAddCheckpointExample(t *testing.T) {
	a, err := ParseAddCheckpoint([]byte(addCheckpointExample))
	if err != nil || a.Old != 20852014 || len(a.Proof) != 4 || !strings.HasPrefix(string(a.Checkpoint), "example.com/behind-the-sofa\n20852163\n") {
		t.Fatalf("%+v, %v", a, err)
	}
	if a.Proof[3].String() != "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=" {
		t.Error(a.Proof[3])
	}
	if b, err := a.Append(nil); err != nil || string(b) != addCheckpointExample {
		t.Errorf("%q, %v", b, err)
	}
}

// TestAddCheckpointIsOneForm goes through what the text forbids.
func TestAddCheckpointIsOneForm(t *testing.T) {
	const rest = "\n\ntext"
	hash := Hash{}.String() + "\n"
	for what, body := range map[string]string{
		"nothing":                "",
		"no old size":            "text\n\ntext",
		"leading zero":           "old 01" + rest,
		"sign":                   "old +1" + rest,
		"hexadecimal":            "old 0x1" + rest,
		"two spaces":             "old  1" + rest,
		"carriage return":        "old 1\r" + rest,
		"too large":              "old 9223372036854775807" + rest,
		"endless":                "old " + strings.Repeat("1", 1000) + rest,
		"no blank line":          "old 1\n",
		"nothing after it":       "old 1\n\n",
		"half a hash":            "old 1\nAAAA\n\ntext",
		"64 hashes":              "old 1\n" + strings.Repeat(hash, 64) + "\ntext",
		"stray bits":             "old 1\n" + strings.Replace(hash, "A=", "B=", 1) + "\ntext",
		"a line break in base64": "old 1\n" + hash[:20] + "\r" + hash[20:] + "\ntext",
		"a checkpoint too long":  "old 1\n\n" + strings.Repeat("x", MaxNote+1),
		"a body too long":        "old 1\n" + strings.Repeat(hash, 63) + "\n" + strings.Repeat("x", MaxNote+100),
	} {
		if a, err := ParseAddCheckpoint([]byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", what, a, err)
		}
	}
	if a, err := ParseAddCheckpoint([]byte("old 0\n" + strings.Repeat(hash, 63) + "\ntext")); err != nil || len(a.Proof) != 63 {
		t.Error(a, err)
	}
	for what, a := range map[string]AddCheckpoint{
		"size":          {Old: MaxSize + 1, Checkpoint: []byte("text")},
		"proof":         {Proof: make([]Hash, 64), Checkpoint: []byte("text")},
		"no checkpoint": {},
		"checkpoint":    {Checkpoint: make([]byte, MaxNote+1)},
	} {
		if b, err := a.Append(nil); err == nil {
			t.Errorf("%s: %d bytes", what, len(b))
		}
	}
	largest := AddCheckpoint{Old: MaxSize, Proof: make([]Hash, 63), Checkpoint: make([]byte, MaxNote)}
	if b, err := largest.Append(nil); err != nil || len(b) > MaxAddCheckpoint {
		t.Error(len(b), err)
	} else if _, err := ParseAddCheckpoint(b); err != nil {
		t.Error(err)
	}
}

// TestAddCheckpointProves: what a log asks with is what a witness checks.
func TestAddCheckpointProves(t *testing.T) {
	log := newTestLog(t, 70, 1)
	signer, verifier := testKey(t, 7)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.Uint64Range(1, 70).Draw(rt, "newer")
		m := rapid.Uint64Range(0, n).Draw(rt, "older")
		var proof []Hash
		if m > 0 && m < n {
			tree, err := tlog.ProveTree(int64(n), int64(m), log)
			if err != nil {
				rt.Fatal(err)
			}
			proof = []Hash(tree)
		}
		a := AddCheckpoint{m, proof, cosigned(t, signer, n, log.at(t, n).Root)}
		body, err := a.Append([]byte("before"))
		if err != nil {
			rt.Fatal(err)
		}
		got, err := ParseAddCheckpoint(body[len("before"):])
		if err != nil || got.Old != m || !slices.Equal(got.Proof, proof) || !bytes.Equal(got.Checkpoint, a.Checkpoint) {
			rt.Fatalf("%+v, %v", got, err)
		}
		if err := CheckConsistency(log.at(t, m), mustOpen(t, verifier, got.Checkpoint).Checkpoint, got.Proof); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestSizeOfA409(t *testing.T) {
	for _, size := range []uint64{0, 1, 20852014, MaxSize} {
		if got, err := ParseSize(AppendSize(nil, size)); err != nil || got != size {
			t.Error(size, got, err)
		}
	}
	for _, body := range []string{"", "\n", "1", "01\n", "1\n\n", "-1\n", "1 \n", "4611686018427387905\n", "99999999999999999999999\n", "1\r\n"} {
		if got, err := ParseSize([]byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %d, %v", body, got, err)
		}
	}
}

func FuzzParseAddCheckpoint(f *testing.F) {
	f.Add([]byte(addCheckpointExample))
	f.Add([]byte("old 0\n\ntext"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAddCheckpoint(b)
		if err != nil {
			return
		}
		if again, err := a.Append(nil); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q: %q, %v", b, again, err)
		}
	})
}
