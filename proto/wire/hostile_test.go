package wire_test

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// allocated returns the bytes that fn allocates.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostileCountsDoNotAllocate claims the most elements in every vector of
// every structure, and ends the message there.
func TestHostileCountsDoNotAllocate(t *testing.T) {
	eachContext(t, func(t *testing.T, c codec, ctx refContext) {
		x := c.fresh()
		generate(x, ctx, &counting{seed: 1, elements: 1})
		enc, err := refEncode(x, ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range enc.marks {
			if m.kind != markCount {
				continue
			}
			b := append(enc.b[:m.off:m.off], bytes.Repeat([]byte{0xff}, m.width)...)
			got := allocated(func() { _, err = c.parse(b, ctx.Format) })
			if !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%+v: %s: %v", ctx, m.path, err)
			}
			// 64-fold: a search result of 2 bytes takes 66. And a little for the error.
			if limit := uint64(64*len(b) + 16<<10); got > limit {
				t.Errorf("%+v: %s: %d bytes allocated for %d", ctx, m.path, got, len(b))
			}
		}
	})
}

// TestDecodingIsBoundedByInput gives the densest message there is: as many
// prefix proofs of as many two-byte results as fit.
func TestDecodingIsBoundedByInput(t *testing.T) {
	x := &wire.CombinedTreeProof{PrefixProofs: make([]wire.PrefixProof, 255)}
	for i := range x.PrefixProofs {
		x.PrefixProofs[i].Results = make([]wire.PrefixSearchResult, 255)
		for j := range x.PrefixProofs[i].Results {
			x.PrefixProofs[i].Results[j].ResultType = wire.Inclusion
		}
	}
	b, err := x.Append(nil, benchFormat)
	if err != nil {
		t.Fatal(err)
	}
	if got := allocated(func() { _, err = wire.ParseCombinedTreeProof(b, benchFormat) }); err != nil || got > uint64(40*len(b)) {
		t.Errorf("%d bytes allocated for %d, %v", got, len(b), err)
	}
}

// TestDecodingAllocatesLittle keeps a search response at a handful of allocations.
func TestDecodingAllocatesLittle(t *testing.T) {
	b, err := typicalSearch().Append(nil, benchFormat)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { wire.ParseSearchResponse(b, benchFormat, false) }); n > 10 {
		t.Errorf("%v allocations", n)
	}
	x, buf := typicalSearch(), make([]byte, 0, 2*len(b))
	if n := testing.AllocsPerRun(100, func() { x.Append(buf, benchFormat) }); n != 0 {
		t.Errorf("%v allocations to encode", n)
	}
}

// TestErrorsNameTheField shows what an error says.
func TestErrorsNameTheField(t *testing.T) {
	b, err := typicalSearch().Append(nil, benchFormat)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte{2, 1, 17, 2}) // the first prefix proof's results
	b[at+3] = 9
	_, err = wire.ParseSearchResponse(b, benchFormat, false)
	const want = "search_response.search.prefix_proofs[0].results[1].result_type at byte "
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwithout %q", err, want)
	}
}

// TestVectorsOfOneMessageDoNotOverlap appends to what was decoded: vectors
// share allocations, and must not grow into each other.
func TestVectorsOfOneMessageDoNotOverlap(t *testing.T) {
	b, err := typicalSearch().Append(nil, benchFormat)
	if err != nil {
		t.Fatal(err)
	}
	x, err := wire.ParseSearchResponse(b, benchFormat, false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range x.Search.PrefixProofs {
		p := &x.Search.PrefixProofs[i]
		_ = append(p.Elements, wire.HashValue{1})
		_ = append(p.Results, wire.PrefixSearchResult{ResultType: 7})
	}
	_ = append(x.Value.Value, 1)
	_ = append(x.FullTreeHead.TreeHead.Signature, 1)
	if again, err := x.Append(nil, benchFormat); err != nil || !bytes.Equal(again, b) {
		t.Errorf("decoded value changed, %v", err)
	}
}
