package directory

import (
	"encoding/binary"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/kith-kt/kith/proto/suite"
	"github.com/kith-kt/kith/proto/vrf"
	"github.com/kith-kt/kith/proto/wire"
)

// A vrfProof is the VRF's work on one label-version pair, whether or not that
// version exists. It never changes, so it is never stale.
type vrfProof struct {
	output wire.VRFOutput
	size   uint8
	proof  [vrf.P256ProofSize]byte // the first size bytes
}

// A proofCache keeps VRF proofs: proving costs some hundred microseconds, the
// rest of a search a few tens. It is bounded, and safe for concurrent use.
type proofCache struct {
	key   vrf.PrivateKey
	cache *lru.Cache[string, vrfProof]
}

func newProofCache(key vrf.PrivateKey, entries int) (*proofCache, error) {
	cache, err := lru.New[string, vrfProof](entries)
	if err != nil {
		return nil, err
	}
	return &proofCache{key, cache}, nil
}

// get returns the proof for a version of label, computing it if need be.
func (c *proofCache) get(label []byte, version uint32) vrfProof {
	var buf [wire.MaxLabelSize + 4]byte
	key := string(binary.BigEndian.AppendUint32(append(buf[:0], label...), version))
	if p, ok := c.cache.Get(key); ok {
		return p
	}
	output, proof := c.key.Prove(suite.VRFInput(label, version))
	p := vrfProof{output: output, size: uint8(len(proof))}
	copy(p.proof[:], proof)
	c.cache.Add(key, p)
	return p
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
