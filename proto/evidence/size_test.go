package evidence

import (
	"errors"
	"slices"
	"testing"

	"github.com/kith-kt/kith/proto/checkpoint"
	"github.com/kith-kt/kith/proto/wire"
)

// TestSize: with a provider document of 4 KiB that all of 16 root keys signed, in a
// log of 2^40 entries, and with searches as deep as the prefix tree can be, every
// kind fits. An update and an answer may be as large as there is room for.
func TestSize(t *testing.T) {
	included := Included{Leaf: make([]byte, checkpoint.LeafSize), Proof: make([]checkpoint.Hash, 40)}
	lookup := Lookup{Result: wire.PrefixSearchResult{ResultType: wire.NonInclusionLeaf, Depth: 255}, Elements: make([]wire.HashValue, 255)}
	head := SignedHead{Signature: make([]byte, 80)}
	document := Document{Payload: make([]byte, 4096), Signatures: make([]RootSignature, 16)}
	for _, body := range []Body{
		&TwoHeadsBody{head, head},
		&TwoCheckpointsBody{},
		&TwoLeavesBody{LeafA: included, LeafB: included},
		&HeadAndLeafBody{Head: head, Leaf: included},
		&TwoDocumentsBody{[]Document{document, document}},
		&BadLeafBody{Leaf: Included{Leaf: make([]byte, 50_000), Proof: included.Proof}},
		&BadTimestampsBody{Earlier: included, Later: included},
		&EarlyRemovalBody{Before: &included, Added: included, Removed: included, Bound: &included, InBefore: &lookup, InAdded: lookup, InRemoved: lookup},
		&BadUpdateBody{Before: &included, Leaf: included, Update: make([]byte, 50_000)},
		&BadUpdateBody{Before: &included, Leaf: included},
		&BadRootBody{Before: &included, Leaf: included, Subtrees: make([]wire.HashValue, 40)},
		&HeadsDivergeBody{head, head, make([]wire.HashValue, 80)},
		&CheckpointsDivergeBody{Proof: make([]checkpoint.Hash, 42)},
		&Statement{Observer: make([]byte, 32), Name: "auditor.example", Items: []Item{
			ItemCheckpoint{}, ItemLeaf{Leaf: included}, ItemCheckpoint{}, ItemServed{Path: "log/updates", Data: make([]byte, 48_000)}, ItemText{string(make([]byte, 1024))},
		}},
	} {
		b, err := (&Evidence{Kind: body.kind(), Document: document, Body: body}).Append(nil)
		if err != nil {
			t.Errorf("%s: %v", body.kind(), err)
		}
		t.Logf("%-16s %d bytes", body.kind(), len(b))
	}
	for _, body := range []Body{
		&BadUpdateBody{Before: &included, Leaf: included, Update: make([]byte, 65_000)},
		&Statement{Observer: make([]byte, 32), Items: []Item{ItemSaved{make([]byte, 70_000)}}},
	} {
		if _, err := (&Evidence{Kind: body.kind(), Document: document, Body: body}).Append(nil); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", body.kind(), err)
		}
	}
}

// TestBounds: what counts more than there may be is neither written nor read, and
// nothing is made room for that is not there.
func TestBounds(t *testing.T) {
	document := Document{Payload: []byte("{}")}
	for _, body := range []Body{
		&TwoHeadsBody{A: SignedHead{Signature: make([]byte, 256)}},
		&TwoLeavesBody{LeafA: Included{Proof: make([]checkpoint.Hash, 65)}},
		&BadRootBody{Subtrees: make([]wire.HashValue, 65)},
		&HeadsDivergeBody{Elements: make([]wire.HashValue, 193)},
		&TwoDocumentsBody{make([]Document, 3)},
		&TwoDocumentsBody{[]Document{{Signatures: make([]RootSignature, 17)}}},
		&EarlyRemovalBody{InAdded: Lookup{Result: wire.PrefixSearchResult{ResultType: wire.Inclusion, Depth: 3}}},
		&EarlyRemovalBody{InBefore: new(Lookup)},
		&Statement{Observer: make([]byte, 31)},
		&Statement{Observer: make([]byte, 32), Items: slices.Repeat([]Item{ItemText{"x"}}, 17)},
		&Statement{Observer: make([]byte, 32), Name: string(make([]byte, 256))},
		&Statement{Observer: make([]byte, 32), Items: []Item{ItemText{string(make([]byte, 1025))}}},
	} {
		if _, err := (&Evidence{Kind: body.kind(), Document: document, Body: body}).Append(nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("%T: %v", body, err)
		}
	}
	e := &Evidence{Kind: TwoHeads, Document: document, Body: new(TwoCheckpointsBody)}
	if _, err := e.Append(nil); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if _, err := e.Verify(); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	for _, file := range []string{"", Magic, Magic + "\x01", "kith-evidence 2\n", string(make([]byte, MaxSize+1))} {
		if _, err := Parse([]byte(file)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.20q: %v", file, err)
		}
		if len(file) >= len(Magic) {
			if _, err := Parse(mended(append([]byte(file), make([]byte, 32)...))); !errors.Is(err, ErrMalformed) {
				t.Errorf("%.20q: %v", file, err)
			}
		}
	}
}
