package wire

// Vectors are where a peer's claim could size an allocation. So count refuses
// a number of elements that the rest of the input cannot hold, and only what
// it has let through reaches make.

// count reads the number of elements of a vector in width bytes (1, 2 or 4),
// each of which takes at least minSize bytes.
func (r *reader) count(field string, width, minSize int) int {
	start := r.off
	var n uint64
	switch width {
	case 1:
		n = uint64(r.uint8(field))
	case 2:
		n = uint64(r.uint16(field))
	case 4:
		n = uint64(r.uint32(field))
	}
	if n*uint64(minSize) > uint64(r.remaining()) {
		left := r.remaining()
		r.off = start
		r.fail(field, "%d elements need %d bytes, %d remain", n, n*uint64(minSize), left)
		return 0
	}
	return int(n)
}

// opaque reads a vector of bytes, which aliases the input; nil if it is empty.
func (r *reader) opaque(field string, width int) []byte {
	n := r.count(field, width, 1)
	if n == 0 {
		return nil
	}
	return r.next(field, n)
}

func (r *reader) opaque8(field string) []byte  { return r.opaque(field, 1) }
func (r *reader) opaque16(field string) []byte { return r.opaque(field, 2) }
func (r *reader) opaque32(field string) []byte { return r.opaque(field, 4) }

// hashes reads a vector of node values.
func (r *reader) hashes(field string, width int) []HashValue {
	n := r.count(field, width, HashSize)
	if n == 0 {
		return nil
	}
	if n > len(r.hashRoom) {
		// All other vectors of hashes will fit too: one allocation a message,
		// never larger than what is left to read.
		r.hashRoom = make([]HashValue, r.remaining()/HashSize)
	}
	v := r.hashRoom[:n:n]
	r.hashRoom = r.hashRoom[n:]
	for i, b := 0, r.next(field, n*HashSize); i < n; i++ {
		v[i] = HashValue(b[i*HashSize:])
	}
	return v
}

// searchResults makes room for n results. The proofs of one message share
// allocations of a few dozen.
func (r *reader) searchResults(n int) []PrefixSearchResult {
	if n == 0 {
		return nil
	}
	if n > len(r.resultRoom) {
		const some = 32
		r.resultRoom = make([]PrefixSearchResult, max(n, min(some, r.remaining()/minSearchResult)))
	}
	v := r.resultRoom[:n:n]
	r.resultRoom = r.resultRoom[n:]
	return v
}

// vector makes room for n elements; nil if there are none.
func vector[T any](n int) []T {
	if n == 0 {
		return nil
	}
	return make([]T, n)
}

// The fewest bytes that one element of a vector takes in any format.
const (
	sizePrefixLeaf     = VRFOutputSize + HashSize
	minSearchResult    = 1 + 1                   // result_type, depth
	minPrefixProof     = 1 + 2                   // two empty vectors
	minLadderStep      = VRFProofSizeEd25519 + 1 // proof, presence
	minMonitorMapEntry = 8 + 4
	minLabelValue      = 4
	minUpdateValue     = 4
	minUpdateInfo      = OpeningSize
)
