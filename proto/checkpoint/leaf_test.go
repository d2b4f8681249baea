package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// anyBytes fills a fixed array of any kind.
func fill[T ~[32]byte](t *rapid.T, name string) (out T) {
	b := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, name)
	for i := range out {
		out[i] = b[i]
	}
	return out
}

func anyLeaf(t *rapid.T) Leaf {
	return Leaf{
		Position:      rapid.Uint64().Draw(t, "position"),
		Timestamp:     rapid.Uint64().Draw(t, "timestamp"),
		PrefixRoot:    fill[[32]byte](t, "prefix root"),
		Root:          fill[[32]byte](t, "root"),
		Configuration: fill[Digest](t, "configuration"),
		UpdateSize:    rapid.Uint32().Draw(t, "update size"),
		Update:        fill[Digest](t, "update"),
	}
}

// goldenLeaf has a different value in every field.
var goldenLeaf = Leaf{
	Position:      0x0102030405060708,
	Timestamp:     0x1112131415161718,
	PrefixRoot:    [32]byte{0: 0x21, 31: 0x2f},
	Root:          [32]byte{0: 0x31, 31: 0x3f},
	Configuration: Digest{0: 0x41, 31: 0x4f},
	UpdateSize:    0x51525354,
	Update:        Digest{0: 0x61, 31: 0x6f},
}

const goldenLeafHex = "01" + "0102030405060708" + "1112131415161718" +
	"210000000000000000000000000000000000000000000000000000000000002f" +
	"310000000000000000000000000000000000000000000000000000000000003f" +
	"410000000000000000000000000000000000000000000000000000000000004f" +
	"51525354" +
	"610000000000000000000000000000000000000000000000000000000000006f"

func TestLeafEncoding(t *testing.T) {
	want, err := hex.DecodeString(goldenLeafHex)
	if err != nil || len(want) != LeafSize {
		t.Fatalf("%d bytes, %v", len(want), err)
	}
	if got := goldenLeaf.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("encoded as %x", got)
	}
	// RFC 6962, section 2.1: MTH({d(0)}) = SHA-256(0x00 || d(0)).
	if goldenLeaf.Hash() != Hash(sha256.Sum256(append([]byte{0}, want...))) {
		t.Error("wrong leaf hash")
	}
	entry := goldenLeaf.LogEntry()
	if entry.Timestamp != goldenLeaf.Timestamp || entry.PrefixTree != goldenLeaf.PrefixRoot {
		t.Error("wrong log entry")
	}
}

func TestLeafRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaf := anyLeaf(t)
		got, err := ParseLeaf(leaf.Append(nil))
		if err != nil || got != leaf {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

func TestMalformedLeaves(t *testing.T) {
	b := goldenLeaf.Append(nil)
	for _, bad := range [][]byte{nil, b[:LeafSize-1], append(bytes.Clone(b), 0), append([]byte{2}, b[1:]...), append([]byte{0}, b[1:]...)} {
		if _, err := ParseLeaf(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes, format %x: %v", len(bad), bad[:min(1, len(bad))], err)
		}
	}
}

func FuzzParseLeaf(f *testing.F) {
	f.Add(goldenLeaf.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		leaf, err := ParseLeaf(b)
		if err == nil && !bytes.Equal(leaf.Append(nil), b) {
			t.Fatalf("%x is not the encoding of what it means", b)
		}
	})
}

// A testLog is an audit log in memory, as sumdb/tlog stores one.
type testLog struct {
	leaves []Leaf
	hashes []Hash
}

func (l *testLog) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, at := range indexes {
		out[i] = l.hashes[at]
	}
	return out, nil
}

func newTestLog(t testing.TB, size uint64, seed byte) *testLog {
	t.Helper()
	l := new(testLog)
	for i := range size {
		leaf := Leaf{Position: i, Timestamp: 1000 * i, Root: sha256.Sum256([]byte{seed, byte(i), byte(i >> 8)})}
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), leaf.Hash(), l)
		if err != nil {
			t.Fatal(err)
		}
		l.leaves = append(l.leaves, leaf)
		l.hashes = append(l.hashes, hashes...)
	}
	return l
}

func (l *testLog) at(t testing.TB, size uint64) Checkpoint {
	t.Helper()
	root, err := tlog.TreeHash(int64(size), l)
	if err != nil {
		t.Fatal(err)
	}
	return Checkpoint{"kt.example.org/log", size, root}
}
