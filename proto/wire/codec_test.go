package wire_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
	"pgregory.net/rapid"
)

// eachContext runs fn for every structure in every format.
func eachContext(t *testing.T, fn func(t *testing.T, c codec, ctx refContext)) {
	for _, c := range codecs {
		t.Run(c.String(), func(t *testing.T) {
			for _, ctx := range c.contexts() {
				fn(t, c, ctx)
			}
		})
	}
}

// TestCodecMatchesReference compares the codec with the schema: both write the
// same bytes and read the same value, and writing follows what is there.
func TestCodecMatchesReference(t *testing.T) {
	eachContext(t, func(t *testing.T, c codec, ctx refContext) {
		rapid.Check(t, func(t *rapid.T) {
			x := c.fresh()
			generate(x, ctx, rapidChooser{t})
			want, err := refEncode(x, ctx)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.append(x, []byte("before"), ctx.Format)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got[:6], []byte("before")) || !bytes.Equal(got[6:], want.b) {
				t.Fatalf("Append:   %x\nreference %x", got[6:], want.b)
			}
			back, err := c.parse(want.b, ctx.Format)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if !reflect.DeepEqual(back, x) {
				t.Fatalf("Parse:   %+v\nreference %+v", back, x)
			}
		})
	})
}

// TestMutationsMatchReference changes encodings anywhere: codec and reference
// agree on what is still a message, and which.
func TestMutationsMatchReference(t *testing.T) {
	eachContext(t, func(t *testing.T, c codec, ctx refContext) {
		rapid.Check(t, func(t *rapid.T) {
			x := c.fresh()
			generate(x, ctx, rapidChooser{t})
			enc, err := refEncode(x, ctx)
			if err != nil {
				t.Fatal(err)
			}
			b := enc.b
			for range rapid.IntRange(1, 3).Draw(t, "mutations") {
				if len(b) == 0 {
					break
				}
				at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
				if len(enc.marks) > 0 && rapid.Bool().Draw(t, "mark") {
					at = min(rapid.SampledFrom(enc.marks).Draw(t, "which").off, len(b)-1)
				}
				switch rapid.IntRange(0, 2).Draw(t, "how") {
				case 0:
					b[at] = rapid.Byte().Draw(t, "octet")
				case 1:
					b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
				case 2:
					b = append(b[:at:at], b[at+1:]...)
				}
			}
			checkAgainstReference(t, c, ctx, b)
		})
	})
}

// checkAgainstReference holds for any b at all.
func checkAgainstReference(t interface{ Fatalf(string, ...any) }, c codec, ctx refContext, b []byte) {
	want := c.fresh()
	refErr := refDecode(want, b, ctx)
	got, err := c.parse(b, ctx.Format)
	switch {
	case (err == nil) != (refErr == nil):
		t.Fatalf("%v %+v: Parse: %v, reference: %v\n%x", c, ctx, err, refErr, b)
	case err != nil:
		if !errors.Is(err, wire.ErrMalformed) || got != nil {
			t.Fatalf("%v: (%v, %v) is not ErrMalformed", c, got, err)
		}
		return
	case !reflect.DeepEqual(got, want):
		t.Fatalf("%v %+v: Parse   %+v\nreference %+v", c, ctx, got, want)
	}
	again, err := c.append(got, nil, ctx.Format)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("%v %+v: parsed %x\nappended %x, %v", c, ctx, b, again, err)
	}
}

// TestTruncationIsMalformed cuts every encoding short at every offset, and
// lengthens it by one octet.
func TestTruncationIsMalformed(t *testing.T) {
	eachContext(t, func(t *testing.T, c codec, ctx refContext) {
		for seed := range uint64(4) {
			x := c.fresh()
			generate(x, ctx, &counting{seed: seed, elements: 2})
			b, err := c.append(x, nil, ctx.Format)
			if err != nil {
				t.Fatal(err)
			}
			for n := range b {
				// A copy of the exact length, so that reading beyond it would show.
				if _, err := c.parse(bytes.Clone(b[:n]), ctx.Format); !errors.Is(err, wire.ErrMalformed) {
					t.Fatalf("%+v: %d of %d bytes: %v", ctx, n, len(b), err)
				}
			}
			if _, err := c.parse(append(b, 0), ctx.Format); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("%+v: one octet too many: %v", ctx, err)
			}
		}
	})
}

// TestPresenceOctetOtherThan0Or1MustBeRejected: "Optional Values".
func TestPresenceOctetOtherThan0Or1MustBeRejected(t *testing.T) { everyMark(t, markPresence) }

// TestReservedAndUnknownEnumValuesAreRejected tries every other octet.
func TestReservedAndUnknownEnumValuesAreRejected(t *testing.T) { everyMark(t, markEnum) }

func everyMark(t *testing.T, kind markKind) {
	tried := 0
	eachContext(t, func(t *testing.T, c codec, ctx refContext) {
		for seed := range uint64(4) {
			x := c.fresh()
			generate(x, ctx, &counting{seed: seed, elements: 2})
			enc, err := refEncode(x, ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range enc.marks {
				if m.kind != kind {
					continue
				}
				last := m.off + m.width - 1
				for octet := range 256 {
					v := uint64(octet)
					if kind == markPresence && v < 2 || kind == markEnum && m.e.names[v] != "" {
						continue
					}
					b := bytes.Clone(enc.b)
					b[last] = byte(octet)
					_, err := c.parse(b, ctx.Format)
					if !errors.Is(err, wire.ErrMalformed) {
						t.Fatalf("%+v: %s is %d: %v", ctx, m.path, octet, err)
					}
					// Nothing else is at fault, so that field is named.
					if name := m.path[strings.LastIndexByte(m.path, '.')+1:]; !strings.Contains(err.Error(), name+" at byte") {
						t.Fatalf("%+v: %s is %d: %v", ctx, m.path, octet, err)
					}
					tried++
				}
			}
		}
	})
	if tried == 0 {
		t.Error("nothing tried")
	}
}
