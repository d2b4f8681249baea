package prefixtree

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kith-kt/kith/proto/wire"
)

// The benchmarks run on a tree of random VRF outputs, published 255 an entry:
//
//	go test -run '^$' -bench . ./proto/prefixtree
//
// A tree of 1M leaves takes a few seconds and 600 MB to grow; it is grown once.

type randomLog struct {
	pages   memory
	bytes   int
	leaves  int
	rng     *rand.ChaCha8
	builder Builder
}

func (l *randomLog) draw(n int) []wire.PrefixLeaf {
	leaves := make([]wire.PrefixLeaf, n)
	for i := range leaves {
		l.rng.Read(leaves[i].VRFOutput[:])
		l.rng.Read(leaves[i].Commitment[:])
	}
	SortLeaves(leaves)
	return leaves
}

func (l *randomLog) grow(leaves int) {
	for l.leaves < leaves {
		added := l.draw(min(MaxChanges, leaves-l.leaves))
		page, _, err := l.builder.Apply(l.pages, uint64(len(l.pages)), added, nil, nil)
		if err != nil {
			panic(err)
		}
		l.pages = append(l.pages, page)
		l.bytes += len(page)
		l.leaves += len(added)
	}
}

var benchLog = &randomLog{rng: rand.NewChaCha8([32]byte{1})}

var benchSizes = []int{10_000, 100_000, 1_000_000}

func benchSized(b *testing.B, f func(b *testing.B, l *randomLog)) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			if testing.Short() && size > 100_000 {
				b.Skip("long")
			}
			l := benchLog
			if l.leaves > size {
				l = &randomLog{rng: rand.NewChaCha8([32]byte{1})}
			}
			l.grow(size)
			f(b, l)
		})
	}
}

// One operation is one leaf of a 255-change entry, proof included.
func BenchmarkApply(b *testing.B) {
	benchSized(b, func(b *testing.B, l *randomLog) {
		var proof wire.PrefixProof
		batches := make([][]wire.PrefixLeaf, 64)
		for i := range batches {
			batches[i] = l.draw(MaxChanges)
		}
		b.ReportAllocs()
		pageBytes, leaves := 0, 0
		for i := 0; b.Loop(); i++ {
			if i%MaxChanges != 0 {
				continue
			}
			page, _, err := l.builder.Apply(l.pages, uint64(len(l.pages)), batches[i/MaxChanges%len(batches)], nil, &proof)
			if err != nil {
				b.Fatal(err)
			}
			pageBytes += len(page)
			leaves += MaxChanges
		}
		b.ReportMetric(float64(pageBytes)/float64(leaves), "B/leaf-here")
		b.ReportMetric(float64(l.bytes)/float64(l.leaves), "B/leaf-overall")
	})
}

// One operation is an entry of one change.
func BenchmarkApplyOne(b *testing.B) {
	benchSized(b, func(b *testing.B, l *randomLog) {
		leaves := make([][]wire.PrefixLeaf, 1024)
		for i := range leaves {
			leaves[i] = l.draw(1)
		}
		b.ReportAllocs()
		pageBytes, n := 0, 0
		for ; b.Loop(); n++ {
			page, _, err := l.builder.Apply(l.pages, uint64(len(l.pages)), leaves[n%len(leaves)], nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			pageBytes += len(page)
		}
		b.ReportMetric(float64(pageBytes)/float64(n), "B/page")
	})
}

// One operation is a search of one present key with its proof.
func BenchmarkSearch(b *testing.B) {
	benchSized(b, func(b *testing.B, l *randomLog) {
		var keys []wire.VRFOutput
		for i := range 8192 {
			p, _ := loadPage(l.pages, uint64(i*7919%len(l.pages)))
			_, leaves, _ := p.header()
			k, _ := p.leaf(leafBase + uint16(i%leaves))
			keys = append(keys, *k)
		}
		s := NewSearch(nil, 0)
		b.ReportAllocs()
		nodes, n := 0, 0
		for ; b.Loop(); n++ {
			s.Reset(l.pages, uint64(len(l.pages)-1))
			if _, ok, err := s.Lookup(keys[n%len(keys)]); err != nil || !ok {
				b.Fatal(ok, err)
			}
			proof, err := s.Proof()
			if err != nil {
				b.Fatal(err)
			}
			nodes += 2*len(proof.Elements) + 1
		}
		b.ReportMetric(float64(nodes)/float64(n), "nodes/op")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(nodes), "ns/node")
	})
}

// One operation is the verification of one key's proof.
func BenchmarkEvaluate(b *testing.B) {
	benchSized(b, func(b *testing.B, l *randomLog) {
		p, _ := loadPage(l.pages, 0)
		k, c := p.leaf(leafBase)
		s := NewSearch(l.pages, uint64(len(l.pages)-1))
		s.Lookup(*k)
		proof, _ := s.Proof()
		keys := []wire.VRFOutput{*k}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Evaluate(keys, func(int) *wire.HashValue { return c }, &proof); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// One operation is one leaf of a 255-change entry.
func BenchmarkEvaluateUpdate(b *testing.B) {
	benchSized(b, func(b *testing.B, l *randomLog) {
		updates := make([]*wire.AuditorUpdate, 64)
		for i := range updates {
			u := &wire.AuditorUpdate{Added: l.draw(MaxChanges)}
			if _, _, err := l.builder.Apply(l.pages, uint64(len(l.pages)), u.Added, nil, &u.Proof); err != nil {
				b.Fatal(err)
			}
			updates[i] = u
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%MaxChanges != 0 {
				continue
			}
			if _, _, err := EvaluateUpdate(updates[i/MaxChanges%len(updates)]); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
	})
}

// One operation is one leaf of a 255-change entry, given back from its page.
func BenchmarkUpdate(b *testing.B) {
	benchSized(b, func(b *testing.B, l *randomLog) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%MaxChanges != 0 {
				continue
			}
			pos := len(l.pages) - 2 - i/MaxChanges%min(30, len(l.pages)-2)
			if _, err := Update(l.pages, uint64(pos), 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The hash of one parent: the floor of all of the above.
func BenchmarkParent(b *testing.B) {
	var pre preimage
	var v, sibling wire.HashValue
	binary.BigEndian.PutUint64(sibling[:], 1)
	b.ReportAllocs()
	for b.Loop() {
		pre.parent(&v, &v, &sibling)
	}
}
