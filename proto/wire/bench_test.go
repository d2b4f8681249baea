package wire_test

import (
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

var benchFormat = wire.Format{Suite: wire.KT_128_SHA256_Ed25519, Mode: wire.ThirdPartyAuditing}

// typicalSearch is about as large as the answer to a first search among 1,000 entries.
func typicalSearch() *wire.SearchResponse {
	version := uint32(0)
	x := &wire.SearchResponse{
		FullTreeHead: wire.FullTreeHead{
			HeadType:        wire.HeadUpdated,
			TreeHead:        wire.TreeHead{TreeSize: 1000, Signature: spin(1, 64)},
			AuditorTreeHead: &wire.AuditorTreeHead{Timestamp: 1, TreeSize: 990, Signature: spin(2, 64)},
		},
		Version: &version,
		Value:   wire.UpdateValue{Value: spin(3, 64)},
	}
	for range 2 {
		x.BinaryLadder = append(x.BinaryLadder, wire.BinaryLadderStep{Proof: spin(4, 80), Commitment: new(wire.HashValue)})
	}
	x.Search.Timestamps = make([]uint64, 10)
	x.Search.PrefixRoots = make([]wire.HashValue, 4)
	x.Search.Inclusion.Elements = make([]wire.HashValue, 12)
	for range 6 {
		p := wire.PrefixProof{Elements: make([]wire.HashValue, 20)}
		p.Results = append(p.Results, wire.PrefixSearchResult{ResultType: wire.Inclusion, Depth: 17},
			wire.PrefixSearchResult{ResultType: wire.NonInclusionLeaf, Depth: 16})
		x.Search.PrefixProofs = append(x.Search.PrefixProofs, p)
	}
	return x
}

func BenchmarkAppendSearchResponse(b *testing.B) {
	x := typicalSearch()
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = x.Append(buf[:0], benchFormat); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
}

func BenchmarkParseSearchResponse(b *testing.B) {
	buf, err := typicalSearch().Append(nil, benchFormat)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.ParseSearchResponse(buf, benchFormat, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendCommitmentValue(b *testing.B) {
	x := wire.CommitmentValue{Label: spin(1, 20), Update: wire.UpdateValue{Value: spin(2, 64)}}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = x.Append(buf[:0], benchFormat)
	}
}
