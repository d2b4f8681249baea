package evidence

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/kith-kt/kith/proto/checkpoint"
)

// mended puts the right checksum under a changed file.
func mended(b []byte) []byte {
	content := b[:len(b)-sha256.Size]
	sum := sha256.Sum256(content)
	return append(content[:len(content):len(content)], sum[:]...)
}

// TestChangedBytes: a file with any byte changed does not parse. With its checksum
// mended it is refused as well, or says the same of the same provider.
func TestChangedBytes(t *testing.T) {
	masks := []byte{0x01}
	if os.Getenv("KITH_SOAK") != "" {
		masks = []byte{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}
	}
	exceptions := map[string]int{}
	for name, e := range specimens(t) {
		if testing.Short() && strings.HasPrefix(name, "stated-") {
			continue
		}
		file, err := e.Append(nil)
		must(t, err)
		want, err := e.Verify()
		must(t, err)
		for i := range file {
			for _, mask := range masks {
				b := bytes.Clone(file)
				b[i] ^= mask
				if _, err := Parse(b); !errors.Is(err, ErrMalformed) {
					t.Fatalf("%s: byte %d changed: %v", name, i, err)
				}
				if i >= len(file)-sha256.Size {
					continue
				}
				// All specimens have one document: one of them has all of it changed.
				if in := i > len(Magic)+3 && i < len(Magic)+3+len(e.Document.Payload); in && name != "two-heads" && len(masks) == 1 && i%16 != 0 {
					continue
				}
				changed, err := Parse(mended(b))
				if err != nil {
					continue
				}
				if again, err := changed.Append(nil); err != nil || !bytes.Equal(again, mended(b)) {
					t.Fatalf("%s: byte %d changed: another encoding, %v", name, i, err)
				}
				v, err := changed.Verify()
				if err != nil {
					continue
				}
				exceptions[name]++
				if v.Domain != want.Domain || v.Fingerprint != want.Fingerprint || v.Kind != want.Kind || v.Proved != want.Proved || v.Entry != want.Entry {
					t.Errorf("%s: byte %d changed: %+v", name, i, v)
				}
			}
		}
	}
	if len(exceptions) > 0 {
		t.Errorf("changed bytes that change nothing: %v", exceptions)
	}
}

// TestDetached: an update that leaves no room lies beside the file; it must be the
// one that the leaf commits to.
func TestDetached(t *testing.T) {
	h := newHost(t, testDomain, ed)
	b := h.book().grow(1, 100)
	for range 60 {
		b.add(b.last()+1, b.fresh(255), nil)
	}
	b.lie = func(leaf *checkpoint.Leaf, _ *[]byte) { leaf.PrefixRoot[0] ^= 1 }
	b.add(b.last(), b.fresh(255), nil)
	update := b.updates[b.size()-1]
	if len(update) < MaxSize {
		t.Fatalf("an update of %d bytes is too small", len(update))
	}
	e, err := NewEntry(h.document, b.entry())
	must(t, err)
	if !bytes.Equal(e.Detached, update) {
		t.Error("the update is not detached")
	}
	file, err := e.Append(nil)
	must(t, err)
	again, err := Parse(file)
	must(t, err)
	if _, err := again.Verify(); !errors.Is(err, ErrMissing) {
		t.Errorf("without the update: %v", err)
	}
	again.Detached = update
	v, err := again.Verify()
	must(t, err)
	if v.Kind != BadUpdate || v.Entry != b.size()-1 {
		t.Errorf("%+v", v)
	}
	for i := 0; i < len(update); i += 97 {
		again.Detached = bytes.Clone(update)
		again.Detached[i] ^= 1
		if _, err := again.Verify(); !errors.Is(err, ErrInvalid) {
			t.Fatalf("byte %d of the update changed: %v", i, err)
		}
	}
	again.Detached = append(bytes.Clone(update), 0)
	if _, err := again.Verify(); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

// TestDetachedLeaf: something that is far too large for a leaf convicts as well.
func TestDetachedLeaf(t *testing.T) {
	h := newHost(t, testDomain, ed)
	b := h.book().grow(3, 100)
	b.raw = bytes.Repeat([]byte("long"), 1<<14)[:checkpoint.MaxEntry]
	b.add(b.last(), nil, nil)
	e, err := NewEntry(h.document, b.entry())
	must(t, err)
	file, err := e.Append(nil)
	must(t, err)
	again, err := Parse(file)
	must(t, err)
	if _, err := again.Verify(); !errors.Is(err, ErrMissing) {
		t.Errorf("without the leaf: %v", err)
	}
	again.Detached = e.Detached
	if v, err := again.Verify(); err != nil || v.Kind != BadLeaf || v.Entry != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	again.Detached = e.Detached[1:]
	if _, err := again.Verify(); !errors.Is(err, ErrInvalid) {
		t.Errorf("with another: %v", err)
	}
	again.Body.(*BadLeafBody).Leaf.Hash[0] ^= 1
	if _, err := again.Verify(); !errors.Is(err, ErrInvalid) {
		t.Errorf("with another hash: %v", err)
	}
}

// FuzzParse: what parses is written as it was; nothing that the seeds do not contain
// verifies against their provider, unless it says the same.
func FuzzParse(f *testing.F) {
	verdicts := map[string]bool{}
	for _, e := range specimens(f) {
		file, err := e.Append(nil)
		must(f, err)
		f.Add(file[:len(file)-sha256.Size])
		v, err := e.Verify()
		must(f, err)
		verdicts[v.Text] = true
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		sum := sha256.Sum256(content)
		file := append(bytes.Clone(content), sum[:]...)
		e, err := Parse(file)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := e.Append(nil)
		if err != nil || !bytes.Equal(again, file) {
			t.Fatalf("%x was written as %x, %v", file, again, err)
		}
		v, err := e.Verify()
		if err != nil {
			return
		}
		_ = v.Lines()
		if v.Domain == testDomain && !verdicts[v.Text] {
			t.Fatalf("new evidence: %s", v.Text)
		}
	})
}
