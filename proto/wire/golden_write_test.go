package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"testing"
)

// writeGolden makes the vectors from the reference, not from the codec.
func writeGolden(t *testing.T) {
	files := map[string]*goldenFile{}
	for _, c := range codecs {
		g := files[c.name]
		if g == nil {
			g = &goldenFile{Structure: c.name, Draft: "draft-ietf-keytrans-protocol, commit 526cc8a"}
			files[c.name] = g
		}
		var encodings []string // of the format-independent cases, to leave repetitions out
		for i, ctx := range c.contexts() {
			for _, k := range goldenCases {
				addGolden(t, g, c, ctx, k.comment, k.chooser, i == 0, &encodings)
			}
		}
	}
	for name, g := range files {
		text, err := json.MarshalIndent(g, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goldenPath(name), append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var goldenCases = []struct {
	comment string
	chooser counting
}{
	{"vectors empty, optional values absent", counting{seed: 0, none: true}},
	{"one element in every vector", counting{seed: 1, elements: 1}},
	{"two elements in every vector", counting{seed: 2, elements: 2}},
	{"three elements in every vector, largest integers", counting{seed: 4, elements: 3, largest: true}},
}

func addGolden(t *testing.T, g *goldenFile, c codec, ctx refContext, comment string, ch counting, negatives bool, seen *[]string) {
	x := c.fresh()
	generate(x, ctx, &ch)
	enc, err := refEncode(x, ctx)
	if err != nil {
		t.Fatal(err)
	}
	text := hex.EncodeToString(enc.b)
	for _, s := range *seen {
		if s == text {
			return // does not depend on the format
		}
	}
	*seen = append(*seen, text)
	g.Valid = append(g.Valid, goldenValid{comment, formatOf(c, ctx), toJSON(x, ctx), text})
	if negatives && (ch.elements == 1 || len(g.Invalid) == 0) {
		addNegatives(t, g, c, ctx, enc)
	}
}

var indexRE = regexp.MustCompile(`\[\d+\]`)

// addNegatives spoils an encoding in every way there is to spoil it once.
func addNegatives(t *testing.T, g *goldenFile, c codec, ctx refContext, enc *refEncoder) {
	add := func(b []byte, reason string, args ...any) {
		if refDecode(c.fresh(), b, ctx) == nil {
			return // another message, but a message
		}
		g.Invalid = append(g.Invalid, goldenInvalid{fmt.Sprintf(reason, args...), formatOf(c, ctx), hex.EncodeToString(b)})
	}
	add(append(bytes.Clone(enc.b), 0), "one octet after the end")
	if n := len(enc.b); n > 0 {
		add(enc.b[:n-1], "the last octet is missing")
		add(nil, "empty")
	}
	spoil := func(m mark, n uint64, reason string) {
		b := bytes.Clone(enc.b)
		for i := range m.width {
			b[m.off+i] = byte(n >> (8 * (m.width - 1 - i)))
		}
		add(b, "%s: %s", m.path, reason)
	}
	seen := map[string]bool{}
	for _, m := range enc.marks {
		if path := indexRE.ReplaceAllString(m.path, ""); seen[path] {
			continue
		} else {
			seen[path] = true
		}
		switch m.kind {
		case markPresence:
			spoil(m, 2, "presence octet 2")
		case markEnum:
			spoil(m, 0, "reserved value 0")
			spoil(m, uint64(len(m.e.names)+1), "unknown value")
		case markCount:
			spoil(m, 1<<(8*m.width)-1, "more elements than the input holds")
		}
	}
}
