package suite

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/kith-kt/kith/proto/wire"
)

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

var plain = wire.Format{Suite: wire.KT_128_SHA256_Ed25519, Mode: wire.ContactMonitoring}
var managed = wire.Format{Suite: wire.KT_128_SHA256_Ed25519, Mode: wire.ThirdPartyManagement}

// The answers were computed with Python's hmac module over bytes laid out by hand.
func TestCommitmentKnownAnswer(t *testing.T) {
	opening := wire.Opening(unhex(t, "000102030405060708090a0b0c0d0e0f"))
	update := &wire.UpdateValue{Value: []byte("hello"), Suffix: wire.UpdateSuffix{Signature: []byte{0xaa, 0xbb}}}
	for _, c := range []struct {
		f    wire.Format
		want string
	}{
		{plain, "e15ef2bae898dbca3d0b097cc6d8e8b7a38f9f3274b2c4b5830a4aa59500347c"},
		{managed, "c0069b192704b46cc05f0ac186c004481517b067484f03a508f645d2cdee1e53"},
	} {
		got, err := Commit([]byte("alice@example.org"), 7, update, &opening, c.f)
		if err != nil {
			t.Fatal(err)
		}
		wantHex(t, "commitment", got[:], c.want)
	}
}

// TestCommitmentIsHMACOfCommitmentValue holds Commit against RFC 2104 as the
// standard library has it, around the size where it allocates.
func TestCommitmentIsHMACOfCommitmentValue(t *testing.T) {
	kc := unhex(t, "d821f8790d97709796b4d7903357c3f5")
	rapid.Check(t, func(t *rapid.T) {
		value := wire.CommitmentValue{
			Label:   rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "label"),
			Version: rapid.Uint32().Draw(t, "version"),
			Update: wire.UpdateValue{
				Value:  bytes.Repeat([]byte{7}, rapid.IntRange(0, 2*smallCommitment).Draw(t, "size")),
				Suffix: wire.UpdateSuffix{Signature: rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "signature")},
			},
		}
		copy(value.Opening[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "opening"))
		for _, f := range []wire.Format{plain, managed} {
			m, err := value.Append(nil, f)
			if err != nil {
				t.Fatal(err)
			}
			want := hmac.New(sha256.New, kc)
			want.Write(m)
			got, err := Commit(value.Label, value.Version, &value.Update, &value.Opening, f)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got[:], want.Sum(nil)) {
				t.Fatalf("commitment %x, HMAC %x", got, want.Sum(nil))
			}
		}
	})
}

func TestCommitmentDependsOnEveryField(t *testing.T) {
	commit := func(label string, version uint32, value string, opening byte) wire.HashValue {
		got, err := Commit([]byte(label), version, &wire.UpdateValue{Value: []byte(value)}, &wire.Opening{opening}, plain)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	seen := map[wire.HashValue]bool{
		commit("a", 1, "b", 0): true,
		commit("b", 1, "b", 0): true,
		commit("a", 2, "b", 0): true,
		commit("a", 1, "c", 0): true,
		commit("a", 1, "b", 1): true,
		commit("ab", 1, "", 0): true, // no sliding of bytes between fields
		commit("", 1, "ab", 0): true,
	}
	if len(seen) != 7 {
		t.Errorf("%d commitments, not 7", len(seen))
	}
}

func TestCommitmentRefusesOverlongLabel(t *testing.T) {
	_, err := Commit(make([]byte, 256), 0, &wire.UpdateValue{}, &wire.Opening{}, plain)
	if !errors.Is(err, wire.ErrUnencodable) {
		t.Error(err)
	}
}

func TestCommitDoesNotAllocate(t *testing.T) {
	label, opening := []byte("alice@example.org"), wire.Opening{}
	update := &wire.UpdateValue{Value: make([]byte, 800)}
	n := testing.AllocsPerRun(100, func() {
		if _, err := Commit(label, 1, update, &opening, plain); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCommit(b *testing.B) {
	label, opening := []byte("alice@example.org"), wire.Opening{}
	update := &wire.UpdateValue{Value: make([]byte, 64)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Commit(label, 1, update, &opening, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func TestVRFInputIsItsStructure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "label")
		version := rapid.Uint32().Draw(t, "version")
		want, err := (&wire.VRFInput{Label: label, Version: version}).Append(nil, plain)
		if err != nil {
			t.Fatal(err)
		}
		if got := VRFInput(label, version); !bytes.Equal(got, want) {
			t.Fatalf("VRFInput %x, want %x", got, want)
		}
		if got := AppendVRFInput([]byte{1, 2}, label, version); !bytes.Equal(got, append([]byte{1, 2}, want...)) {
			t.Fatalf("AppendVRFInput %x", got)
		}
	})
	wantHex(t, "VRFInput", VRFInput([]byte("bob"), 0x01020304), "03626f6201020304")
	defer func() {
		if recover() == nil {
			t.Error("a label of 256 bytes was taken")
		}
	}()
	VRFInput(make([]byte, 256), 0)
}
