package directory

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

// A countedVRF proves by copying, and counts.
type countedVRF struct {
	vrf.PrivateKey
	mu     sync.Mutex
	proved int
}

func (c *countedVRF) Prove(alpha []byte) (output wire.VRFOutput, proof []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proved++
	copy(output[:], alpha)
	return output, alpha[len(alpha)-5:]
}

func TestProofCacheIsBoundedAndRight(t *testing.T) {
	key := &countedVRF{}
	const room = 4 * proofShards
	cache := newProofCache(key, room)
	check := func(label string, version uint32) {
		t.Helper()
		p := cache.get([]byte(label), version)
		alpha := suite.VRFInput([]byte(label), version)
		var output wire.VRFOutput
		copy(output[:], alpha)
		if p.output != output || string(p.proof[:p.size]) != string(alpha[len(alpha)-5:]) {
			t.Fatalf("proof of another version or label than %q, %d", label, version)
		}
	}
	for round := range 3 {
		for i := range uint32(20 * room) {
			check(fmt.Sprint("label ", i/3), i%3)
			check("asked for again and again", 0)
		}
		kept := 0
		for i := range cache.shards {
			s := &cache.shards[i]
			if len(s.index) != len(s.slots) || len(s.slots) > s.limit {
				t.Fatalf("shard of %d slots, %d of them found, at most %d", len(s.slots), len(s.index), s.limit)
			}
			kept += len(s.slots)
		}
		if kept < room || kept > room+proofShards {
			t.Fatalf("round %d: %d proofs are kept, of %d", round, kept, room)
		}
	}
	before := key.proved
	check("asked for again and again", 0)
	if key.proved != before {
		t.Error("what is in use was forgotten")
	}
}

func TestProofCacheProvesOnce(t *testing.T) {
	key := &countedVRF{}
	cache := newProofCache(key, 1<<12)
	label := func(i int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(i)) }
	for range 2 {
		for i := range 1000 {
			cache.get(label(i), 7)
		}
	}
	if key.proved != 1000 {
		t.Errorf("%d proofs were made of 1000", key.proved)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2000 {
				cache.get(label(i), 7)
			}
		})
	}
	wg.Wait()
}
