package directory

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

// A vrfProof is the VRF's work on one label-version pair, whether or not that
// version exists. It never changes, so it is never stale. Deriving the output
// from the proof takes as long as a warm search's other lookups, so it is kept.
type vrfProof struct {
	output wire.VRFOutput
	size   uint8
	proof  [vrf.P256ProofSize]byte // the first size bytes
}

// A proofCache keeps VRF proofs: proving costs some hundred microseconds, the
// rest of a search a few tens. It is bounded, and safe for concurrent use.
type proofCache struct {
	key    vrf.PrivateKey
	shards [proofShards]proofShard
}

// proofShards is enough for a few dozen cores seldom to meet.
const proofShards = 64

// A proofShard forgets by second chance: the hand goes round, and takes the first
// slot that was not used since it last came by. Nothing in it is a pointer, so
// the garbage collector passes it by.
type proofShard struct {
	mu    sync.Mutex
	index map[proofID]uint32 // into slots
	slots []proofSlot
	hand  int
	limit int // of slots
}

type proofSlot struct {
	id    proofID
	used  bool
	proof vrfProof
}

// A proofID is the beginning of a hash of a version and a label: enough that
// nobody finds two labels with the same one.
type proofID [20]byte

func newProofCache(key vrf.PrivateKey, proofs int) *proofCache {
	c := &proofCache{key: key}
	for i := range c.shards {
		c.shards[i].limit = proofs/proofShards + 1
		c.shards[i].index = map[proofID]uint32{}
	}
	return c
}

// get returns the proof for a version of label, computing it if need be.
func (c *proofCache) get(label []byte, version uint32) vrfProof {
	var buf [4 + wire.MaxLabelSize]byte
	binary.BigEndian.PutUint32(buf[:], version)
	hash := sha256.Sum256(append(buf[:4], label...))
	id := proofID(hash[:])
	shard := &c.shards[hash[31]%proofShards]
	if p, ok := shard.get(&id); ok {
		return p
	}
	output, proof := c.key.Prove(suite.VRFInput(label, version))
	p := vrfProof{output: output, size: uint8(len(proof))}
	copy(p.proof[:], proof)
	shard.add(&id, &p)
	return p
}

func (s *proofShard) get(id *proofID) (vrfProof, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.index[*id]
	if !ok {
		return vrfProof{}, false
	}
	s.slots[i].used = true
	return s.slots[i].proof, true
}

func (s *proofShard) add(id *proofID, p *vrfProof) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.index[*id]; ok {
		return // somebody else was faster
	}
	slot := proofSlot{id: *id, proof: *p}
	if len(s.slots) < s.limit {
		s.index[*id] = uint32(len(s.slots))
		s.slots = append(s.slots, slot)
		return
	}
	for s.slots[s.hand].used {
		s.slots[s.hand].used = false
		s.hand = (s.hand + 1) % s.limit
	}
	delete(s.index, s.slots[s.hand].id)
	s.index[*id] = uint32(s.hand)
	s.slots[s.hand] = slot
	s.hand = (s.hand + 1) % s.limit
}

// A labelProofs is the part of the cache that one answer uses.
type labelProofs struct {
	cache    *proofCache
	label    []byte
	versions []uint32
	proofs   []vrfProof
}

func (l *labelProofs) get(version uint32) *vrfProof {
	for i, v := range l.versions {
		if v == version {
			return &l.proofs[i]
		}
	}
	l.versions = append(l.versions, version)
	l.proofs = append(l.proofs, l.cache.get(l.label, version))
	return &l.proofs[len(l.proofs)-1]
}

func (l *labelProofs) output(version uint32) (wire.VRFOutput, error) {
	return l.get(version).output, nil
}
