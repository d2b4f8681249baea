package wire

// Append appends the encoding of x to b.
func (x *CombinedTreeProof) Append(b []byte, f Format) ([]byte, error) {
	w := writer{b: b, f: f}
	x.encode(&w)
	return w.done(b)
}

// ParseCombinedTreeProof decodes b exactly.
func ParseCombinedTreeProof(b []byte, f Format) (*CombinedTreeProof, error) {
	x, r := new(CombinedTreeProof), newReader("combined_tree_proof", b, f)
	x.decode(&r)
	return finish(&r, x)
}

func (x *CombinedTreeProof) encode(w *writer) {
	w.count8("timestamps", len(x.Timestamps))
	for _, t := range x.Timestamps {
		w.uint64(t)
	}
	w.count8("prefix_proofs", len(x.PrefixProofs))
	for i := range x.PrefixProofs {
		x.PrefixProofs[i].encode(w)
	}
	w.count8("prefix_roots", len(x.PrefixRoots))
	w.hashes(x.PrefixRoots)
	x.Inclusion.encode(w)
}

func (x *CombinedTreeProof) decode(r *reader) {
	x.Timestamps = vector[uint64](r.count("timestamps", 1, 8))
	for i := range x.Timestamps {
		x.Timestamps[i] = r.uint64("timestamps")
	}
	x.PrefixProofs = vector[PrefixProof](r.count("prefix_proofs", 1, minPrefixProof))
	for i := 0; i < len(x.PrefixProofs) && r.ok(); i++ {
		r.enterAt("prefix_proofs", i)
		x.PrefixProofs[i].decode(r)
		r.leave()
	}
	x.PrefixRoots = r.hashes("prefix_roots", 1)
	r.enter("inclusion")
	x.Inclusion.decode(r)
	r.leave()
}
